"""Agreement with the neighbours against its loop, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest

from curatekit.errors import InputError
from curatekit.index import Neighbours, nearest
from curatekit.scores.knn_agreement import knn_agreement, knn_probs


def neighbours(rows: object, similarity: object) -> Neighbours:
    return Neighbours(np.asarray(rows), np.asarray(similarity, dtype=float), 1.0, "exact")


def test_it_is_the_weighted_share_of_the_loop() -> None:
    rng = np.random.default_rng(0)
    n, k = 60, 7
    labels = rng.integers(0, 4, n)
    found = neighbours(rng.integers(0, n, (n, k)), rng.uniform(-0.3, 1, (n, k)))
    slow = []
    for i in range(n):
        weights = [max(s, 0.0) for s in found.similarity[i]]
        agreeing = sum(w for w, j in zip(weights, found.rows[i], strict=True) if labels[j] == labels[i])
        slow.append(agreeing / sum(weights))
    np.testing.assert_allclose(knn_agreement(labels, found), slow, rtol=1e-12)
    assert np.all((knn_agreement(labels, found) >= 0) & (knn_agreement(labels, found) <= 1))
    np.testing.assert_allclose(knn_probs(labels, found, 6).sum(axis=1), 1)


def test_without_similarity_all_neighbours_count_the_same() -> None:
    labels = np.array([0, 0, 1])
    found = neighbours([[1, 2], [0, 2], [0, 1]], [[0, 0], [-0.5, -0.1], [0, 0]])
    np.testing.assert_array_equal(knn_agreement(labels, found), [0.5, 0.5, 0.0])


def test_duplicates_vote_and_a_row_does_not_vote_for_itself() -> None:
    vectors = np.array([[1.0, 0], [1, 0], [1, 0], [0, 1], [0.1, 1]])
    labels = np.array([0, 1, 1, 0, 0])
    agreement = knn_agreement(labels, nearest(vectors, 2))
    np.testing.assert_allclose(agreement[:3], [0.0, 0.5, 0.5])


def test_the_given_weights_are_not_changed() -> None:
    found = neighbours([[1], [0]], [[-1.0], [0.5]])
    knn_agreement(np.array([0, 1]), found)
    np.testing.assert_array_equal(found.similarity, [[-1.0], [0.5]])


@pytest.mark.parametrize("shape", [(3, 2), (2, 0)])
def test_neighbours_that_do_not_fit_are_refused(shape: tuple[int, int]) -> None:
    found = neighbours(np.zeros(shape, int), np.ones(shape))
    with pytest.raises(InputError, match="neighbours have shape"):
        knn_agreement(np.array([0, 1]), found)
    with pytest.raises(InputError, match="row 1"):
        knn_agreement(np.array([0, -1]), neighbours([[1], [0]], [[1], [1]]))
