"""Rows that are like no others."""

from __future__ import annotations

from curatekit.arrays import Floats
from curatekit.index import Neighbours

BELOW = 0.25


def typicality(neighbours: Neighbours) -> Floats:
    """Return (n,) the mean cosine with the nearest neighbours: low means an outlier.

    cleanlab's score for outliers, exp(-mean distance), has the same order.
    """
    mean: Floats = neighbours.similarity.mean(axis=1)
    return mean
