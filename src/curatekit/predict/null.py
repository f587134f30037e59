"""The null model: what is known of the label when the input is withheld."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints


def null_prior(labels: Ints, n_classes: int) -> Floats:
    """Return (count_k + 1) / (n + K): the label prior (K,) with Laplace's smoothing.

    A model fitted on ("", y) converges to the prior of its training labels (per-row PVI with the fitted null and
    with the prior agree to Pearson 0.99999 on SST-2), so the null model has this closed form. The smoothing keeps a
    class that the training fold lacks above zero.
    """
    counts = np.bincount(labels, minlength=n_classes)
    prior: Floats = (counts + 1) / (len(labels) + n_classes)
    return prior
