"""Pointwise V-usable information."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.probabilities import FLOOR, check_pred_probs
from curatekit.scores.self_confidence import given_probs


def pvi(labels: Ints, pred_probs: Floats, null_probs: Floats) -> Floats:
    """Return PVI(x → y) = −log2 p(y | ∅) + log2 p(y | x) for each row, in bits; low means doubtful.

    labels (n,) hold integers below K; pred_probs (n, K) are out-of-sample probabilities of one predictive family V,
    null_probs (n, K) those of the same family without the input. Negative: the model does better on this row when it
    does not look. A probability below 1e-12 counts as that, so no row costs more than 40 bits. Raises InputError for a
    row that is not a distribution. To find label errors in unequal classes rank by self_confidence instead: rare
    labels get credit from the null here.

    Source: Ethayarajh, Choi & Swayamdipta (2022), Understanding Dataset Difficulty with V-Usable Information,
    ICML, equation 4.
    """
    check_pred_probs(labels, pred_probs)
    check_pred_probs(labels, null_probs)
    given = np.maximum(given_probs(labels, pred_probs), FLOOR)
    null = np.maximum(given_probs(labels, null_probs), FLOOR)
    bits: Floats = np.log2(given) - np.log2(null)
    return bits
