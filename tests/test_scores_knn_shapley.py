"""kNN-Shapley against the definition of the Shapley value, the recursion in a loop, and cleanlab's data_valuation."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.artifacts import Artifacts
from curatekit.dataset import from_lists
from curatekit.errors import InputError
from curatekit.index import Neighbours, nearest
from curatekit.registry import load
from curatekit.scores import knn_shapley as module
from curatekit.scores.knn_shapley import knn_shapley


def case(n: int, m: int, k: int = 3, seed: int = 0) -> tuple[Any, Neighbours]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, k, n), nearest(rng.normal(size=(n, 4)), m)


def by_definition(labels: Any, neighbours: Neighbours, k: int) -> Any:
    """The mean over all subsets of the others of what a row adds to the share of k votes for a row's label, summed."""
    n = len(labels)
    total = np.zeros(n)
    for point in range(n):
        others = neighbours.rows[point].tolist()  # by distance

        def utility(members: tuple[int, ...], point: int = point, others: Any = others) -> float:
            voters = [row for row in others if row in members][:k]
            return sum(labels[row] == labels[point] for row in voters) / k

        for row in others:
            rest = [other for other in others if other != row]
            for size in range(n - 1):
                for members in combinations(rest, size):
                    gain = utility((*members, row)) - utility(members)
                    total[row] += gain / (comb(n - 2, size) * (n - 1))
    return total


@pytest.mark.parametrize("k", [1, 2, 4])
def test_with_all_rows_as_neighbours_it_is_the_shapley_value(monkeypatch: pytest.MonkeyPatch, k: int) -> None:
    monkeypatch.setattr(module, "K", k)
    labels, neighbours = case(7, 6, 2)
    np.testing.assert_allclose(knn_shapley(labels, neighbours), by_definition(labels, neighbours, k), atol=1e-12)


def loop(labels: Any, neighbours: Neighbours, k: int) -> Any:
    n, m = neighbours.rows.shape
    total = np.zeros(n)
    for point in range(n):
        near = neighbours.rows[point]
        agrees = (labels[near] == labels[point]).astype(float)
        value = agrees[-1] / m if m == n - 1 else 0.0
        total[near[-1]] += value
        for i in range(m - 1, 0, -1):  # the place from 1, as in the paper
            value += (agrees[i - 1] - agrees[i]) / k * min(k, i) / i
            total[near[i - 1]] += value
    return total


@settings(max_examples=60, deadline=None)
@given(n=st.integers(3, 40), m=st.integers(1, 39), seed=st.integers(0, 1000))
def test_it_is_the_recursion_in_a_loop(n: int, m: int, seed: int) -> None:
    labels, neighbours = case(n, min(m, n - 1), seed=seed)
    expected = loop(labels, neighbours, min(10, neighbours.rows.shape[1]))
    np.testing.assert_allclose(knn_shapley(labels, neighbours), expected, atol=1e-12)


@pytest.mark.parametrize("k", [3, 10])
def test_with_as_many_votes_as_neighbours_it_is_cleanlabs_data_valuation(k: int) -> None:
    data_valuation = pytest.importorskip("cleanlab.data_valuation")
    from scipy.sparse import csr_matrix

    labels, neighbours = case(300, k)
    graph = csr_matrix((1 - neighbours.similarity.ravel(), neighbours.rows.ravel(), np.arange(0, 300 * k + 1, k)))
    expected = data_valuation.data_shapley_knn(labels, knn_graph=graph, k=k)
    values = 0.5 + knn_shapley(labels, Neighbours(neighbours.rows, neighbours.similarity, 1.0, "exact")) / 600
    if k < 10:
        assert module.K == 10  # with fewer neighbours than votes, all of them vote
    np.testing.assert_allclose(values, expected, rtol=1e-12)


def test_a_wrong_label_among_right_ones_is_the_lowest() -> None:
    rng = np.random.default_rng(0)
    vectors = np.concatenate([rng.normal(5, 0.1, (30, 3)), rng.normal((5, -5, 0), 0.1, (30, 3))])
    labels = np.repeat([0, 1], 30)
    labels[11] = 1
    score = knn_shapley(labels, nearest(vectors, 20))
    assert score.argmin() == 11
    assert score[11] < 0 <= np.delete(score, 11).min()


def test_memory_is_that_of_the_neighbours() -> None:
    import tracemalloc

    n, m = 20_000, 5
    rng = np.random.default_rng(0)
    found = Neighbours(rng.integers(0, n, (n, m)), np.ones((n, m)), 1.0, "exact")
    tracemalloc.start()
    try:
        knn_shapley(rng.integers(0, 9, n), found)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * n * m * 10  # cleanlab: 2 · 8 · n², 8,000 times as much


def test_arrays_that_do_not_fit_are_refused() -> None:
    labels, neighbours = case(10, 3)
    with pytest.raises(InputError, match="neighbours have shape"):
        knn_shapley(labels[:9], neighbours)
    with pytest.raises(InputError, match="integers"):
        knn_shapley(labels.astype(float), neighbours)


def test_the_runner_finds_its_artifacts_by_name() -> None:
    labels, neighbours = case(20, 5)
    artifacts = Artifacts(from_lists([f"text {i}" for i in range(20)], [f"c{label}" for label in labels]))
    score = artifacts.call(load("scores", "knn_shapley"), neighbours=neighbours)
    np.testing.assert_array_equal(score, knn_shapley(labels, neighbours))
