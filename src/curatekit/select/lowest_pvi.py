"""The rows that are hardest by their label: lowest PVI."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.predict.null import null_prior
from curatekit.predict.probe import fit_probe
from curatekit.scores.pvi import pvi
from curatekit.select import Selection, of_no_specification


def lowest_pvi(
    train_features: Floats,
    train_labels: Ints,
    pool_features: Floats,
    pool_labels: Ints,
    classes: tuple[str, ...],
    C: float,
    k: int,
) -> Selection:
    """Return the k rows of lowest PVI, −log2 p(y) + log2 p(y | x), by the probe and the prior of the training rows.

    No specification is looked at: a row is hard for the model as it is, or its label is wrong. `value` is −PVI, in bits.
    Ethayarajh et al. (2022), "Understanding dataset difficulty with V-usable information".
    """
    probs = fit_probe(train_features, train_labels, len(classes), C=C).pred_probs(pool_features)
    null = np.broadcast_to(null_prior(train_labels, len(classes)), probs.shape)
    bits = pvi(pool_labels, probs, null)
    rows = np.argsort(bits, kind="stable")[:k]
    reason = [f"PVI {value:+.1f} bits".replace("-", "−") for value in bits[rows]]
    return of_no_specification(rows, -bits[rows], reason)
