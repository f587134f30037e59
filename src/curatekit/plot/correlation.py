"""How far two values of the same rows agree."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats


def pearson(x: Floats, y: Floats) -> float:
    """Return Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² Σ (y − ȳ)²) of x and y (n,); NaN where one does not vary."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    a, b = x - x.mean(), y - y.mean()
    return float(np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b)))


def spearman(x: Floats, y: Floats) -> float:
    """Return Pearson's correlation of the ranks of x and y (n,), equal values sharing their mean rank."""
    return pearson(_ranks(x), _ranks(y))


def _ranks(values: Floats) -> Floats:
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[which]
    return ranks
