"""Metrics of embeddings: against scikit-learn, against loops, and where they are certain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.evaluate.embeddings import recall_at, similarity_correlation, triplet_accuracy, v_measure


def unit(n: int, seed: int, d: int = 4) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    vectors = np.random.default_rng(seed).normal(size=(n, d))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_v_measure_is_1_where_labels_are_clusters_and_low_where_they_are_random() -> None:
    labels = np.repeat([0, 1, 2], 30)
    apart = np.eye(4)[labels] + 0.01 * unit(90, 0)
    assert v_measure(apart, labels) == pytest.approx(1)
    assert v_measure(apart, np.array([5, 7, 9])[labels]) == pytest.approx(1)  # codes do not matter
    assert v_measure(apart, np.random.default_rng(0).integers(0, 3, 90)) < 0.1
    assert v_measure(unit(90, 1), labels, seed=3) == v_measure(unit(90, 1), labels, seed=3)


def test_v_measure_by_hand() -> None:
    """Three clusters of four, one of which holds two labels: h = 1 - H(L|C)/H(L), c = 1 - H(C|L)/H(C)."""
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2])
    where = np.repeat([0, 1, 2], 4)
    h_label = -sum(p * np.log(p) for p in (4 / 12, 6 / 12, 2 / 12))
    h_cluster = np.log(3)
    label_in_cluster = 4 / 12 * np.log(2)  # the third holds two and two
    cluster_in_label = 6 / 12 * -(4 / 6 * np.log(4 / 6) + 2 / 6 * np.log(2 / 6))
    h, c = 1 - label_in_cluster / h_label, 1 - cluster_in_label / h_cluster
    assert v_measure(np.eye(3)[where], labels) == pytest.approx(2 * h * c / (h + c))


@given(st.integers(0, 50))
def test_recall_against_a_loop(seed: int) -> None:
    queries, documents = unit(9, seed), unit(6, seed + 1)
    right = np.random.default_rng(seed).integers(0, 6, 9)
    found = recall_at(queries, documents, right, ks=(1, 3, 6))
    for k, value in found.items():
        hits = 0
        for query, own in zip(queries, right, strict=True):
            nearest = sorted(range(6), key=lambda document: -float(query @ documents[document]))[:k]
            hits += own in nearest
        assert value == pytest.approx(hits / 9)
    assert found[6] == 1


def test_a_tie_counts_against_it() -> None:
    same = np.ones((3, 1))
    assert recall_at(same, same, np.arange(3)) == {1: 0.0, 5: 1.0, 10: 1.0}
    assert triplet_accuracy(same, same, same) == 0


def test_triplets_and_scored_pairs() -> None:
    anchor, positive = unit(50, 0), unit(50, 1)
    cosine = np.array([a @ p for a, p in zip(anchor, positive, strict=True)])
    assert similarity_correlation(anchor, positive, np.exp(cosine)) == pytest.approx(1)  # any order-keeping score
    assert similarity_correlation(anchor, positive, -cosine) == pytest.approx(-1)
    assert similarity_correlation(anchor, positive, np.ones(50)) == 0
    assert triplet_accuracy(anchor, anchor, positive) == 1
    assert triplet_accuracy(anchor, positive, anchor) == 0
