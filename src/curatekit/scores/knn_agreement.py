"""Agreement of a label with the labels of its nearest neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.probabilities import check_labels
from curatekit.scores.self_confidence import given_probs

if TYPE_CHECKING:
    from curatekit.index import Neighbours


def knn_agreement(labels: Ints, neighbours: Neighbours) -> Floats:
    """Return the similarity-weighted share of each row's neighbours that bear the row's own label, in [0, 1].

    labels (n,) are integers from 0; neighbours hold rows and cosine similarities (n, k), the row itself excluded.
    An exact duplicate is a neighbour of weight 1 like any other. Raises InputError if the shapes do not fit.

    Source: Wilson (1972), Asymptotic Properties of Nearest Neighbor Rules Using Edited Data, with weights.
    """
    check_labels(labels, int(labels.max(initial=0)) + 1)
    return given_probs(labels, knn_probs(labels, neighbours, int(labels.max(initial=0)) + 1))


def knn_probs(labels: Ints, neighbours: Neighbours, n_classes: int) -> Floats:
    """Return the similarity-weighted share of each class among each row's neighbours (n, n_classes).

    Negative similarities weigh nothing; where no neighbour has weight, all count the same.
    """
    check_neighbours(labels, neighbours)
    weight = np.clip(neighbours.similarity, 0.0, None)
    weight[~(weight.sum(axis=1) > 0)] = 1.0
    n = len(labels)
    cell = np.arange(n)[:, None] * n_classes + labels[neighbours.rows]
    total = np.bincount(cell.ravel(), weights=weight.ravel(), minlength=n * n_classes)
    shares: Floats = total.reshape(n, n_classes) / weight.sum(axis=1, keepdims=True)
    return shares


def check_neighbours(labels: Ints, neighbours: Neighbours) -> None:
    """Raise InputError unless there is one neighbour or more for each label."""
    if neighbours.rows.shape[0] != len(labels) or neighbours.rows.shape[1] < 1:
        raise InputError(
            f"neighbours have shape {neighbours.rows.shape}, but there are {len(labels):,} labels. "
            "Compute at least one neighbour for each labelled row."
        )
