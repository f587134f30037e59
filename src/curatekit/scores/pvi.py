"""Pointwise V-usable information."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.scores.checks import check_pred_probs


def pvi(labels: Ints, pred_probs: Floats, null_probs: Floats) -> Floats:
    """Return PVI(x → y) = −log2 p(y | ∅) + log2 p(y | x) for each row, in bits; low means doubtful.

    labels (n,) hold integers below K; pred_probs (n, K) are out-of-sample probabilities of one predictive family V,
    null_probs (n, K) those of the same family without the input. Negative: the model does better on this row when it
    does not look. −inf where pred_probs gives the label no probability at all. Raises InputError for a row that is
    not a distribution. To find label errors in unequal classes rank by self_confidence instead: rare labels get
    credit from the null here.

    Source: Ethayarajh, Choi & Swayamdipta (2022), Understanding Dataset Difficulty with V-Usable Information,
    ICML, equation 4.
    """
    check_pred_probs(labels, pred_probs)
    check_pred_probs(labels, null_probs)
    rows = np.arange(len(labels))
    with np.errstate(divide="ignore"):
        bits: Floats = np.log2(pred_probs[rows, labels]) - np.log2(null_probs[rows, labels])
    return bits
