"""The null model: what is known of the label when the input is withheld."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.predict.probe import softmax

if TYPE_CHECKING:
    from curatekit.predict.family import Family, Material


def null_prior(labels: Ints, n_classes: int) -> Floats:
    """Return (count_k + 1) / (n + K): the label prior (K,) with Laplace's smoothing.

    A model fitted on ("", y) converges to the prior of its training labels (per-row PVI with the fitted null and
    with the prior agree to Pearson 0.99999 on SST-2), so the null model has this closed form. The smoothing keeps a
    class that the training fold lacks above zero.
    """
    counts = np.bincount(labels, minlength=n_classes)
    prior: Floats = (counts + 1) / (len(labels) + n_classes)
    return prior


def null_fitted(family: Family, material: Material, labels: Ints, n_classes: int, seed: int) -> Floats:
    """Return g(y | ∅) (K,), of a model of the family fitted on as many empty inputs as there are labels (n,).

    `material` tells how many texts a row has and how they are encoded. A class without rows keeps its smoothed prior.
    Source: Ethayarajh et al. (2022), Algorithm 1, line 2.
    """
    null = null_prior(labels, n_classes)
    known, codes = np.unique(labels, return_inverse=True)
    if len(known) < 2:
        return null
    empty = material.of(tuple([""] * len(labels) for _ in material.inputs))
    (x,) = family.prepare(empty)
    fitted = family.fit(x, codes, len(known), seed=seed, units=np.arange(len(labels)))
    null[known] = softmax(fitted.logits(x[np.zeros(1, np.int64)]))[0] * null[known].sum()
    null /= null.sum()
    return null
