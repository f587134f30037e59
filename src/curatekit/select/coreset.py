"""k-centre greedy: rows that leave no row of the pool far from what is trained on."""

from __future__ import annotations

from itertools import islice

import numpy as np

from curatekit.arrays import Floats
from curatekit.select import Selection, of_no_specification
from curatekit.select.lazy import lazy_greedy

_CHUNK = 2_048  # rows of each side that are compared at once: 32 MB of float64


def coreset(train_features: Floats, pool_features: Floats, k: int) -> Selection:
    """Return k rows, one after the other the farthest from the training rows and the rows taken before, in Euclidean distance.

    Neither labels nor a specification are looked at. The greatest distance that is left is at most twice the least possible.
    `value` is the distance. Sener and Savarese (2018), "Active learning for convolutional neural networks: a core-set
    approach", algorithm 1.
    """
    squares = np.einsum("np,np->n", pool_features, pool_features, dtype=np.float64)
    nearest = _nearest_squares(pool_features, squares, train_features)
    compared = np.zeros(len(pool_features), np.int64)
    chosen, chosen_squares = np.empty((k, pool_features.shape[1]), pool_features.dtype), np.empty(k)
    taken: list[int] = []

    def value(row: int) -> float:
        since = slice(compared[row], len(taken))
        squared = squares[row] + chosen_squares[since] - 2.0 * (chosen[since] @ pool_features[row])
        nearest[row] = max(min(nearest[row], float(squared.min())), 0.0)
        compared[row] = len(taken)
        return float(nearest[row])

    distances = np.empty(k)
    for row, squared in islice(lazy_greedy(nearest, value), k):
        chosen[len(taken)], chosen_squares[len(taken)] = pool_features[row], squares[row]
        distances[len(taken)] = np.sqrt(squared)
        taken.append(row)
    reason = [f"{distance:.2f} away from the nearest row that is trained on" for distance in distances]
    return of_no_specification(np.array(taken), distances, reason)


def _nearest_squares(x: Floats, squares: Floats, others: Floats) -> Floats:
    """Return the squared distance of each row to the nearest of the others (n,), of which there is at least one.

    A block of both at a time: memory does not grow with their numbers.
    """
    nearest: Floats = np.full(len(x), np.inf)
    for begin in range(0, len(others), _CHUNK):
        block = others[begin : begin + _CHUNK]
        block_squares = np.einsum("np,np->n", block, block, dtype=np.float64)
        for first in range(0, len(x), _CHUNK):
            rows = slice(first, first + _CHUNK)
            closest = squares[rows] + (block_squares - 2.0 * (x[rows] @ block.T)).min(axis=1)
            np.minimum(nearest[rows], closest, out=nearest[rows])
    np.maximum(nearest, 0.0, out=nearest)
    return nearest
