"""Inverted lists: their products are exact integers, and their candidates those of the obvious search of the same lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit import index as module
from curatekit.index import lists, nearest
from tests.test_index import clustered, twin, vectors


def unit(x: Any) -> Any:
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return (x / np.where(norms == 0, 1, norms)).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(d=st.integers(1, 900), seed=st.integers(0, 10**6), sparse=st.booleans())
def test_products_of_the_integers_are_exact_and_near_the_cosine(d: int, seed: int, sparse: bool) -> None:
    rng = np.random.default_rng(seed)
    x = unit(rng.normal(size=(12, d)) * (rng.random((12, d)) < (0.1 if sparse else 1)))
    whole = lists.integers(x)
    exact = whole.astype(np.int64) @ whole.astype(np.int64).T
    assert np.abs(exact).max() < 2**24
    order = rng.permutation(d)
    for columns in (order, order[::-1]):
        np.testing.assert_array_equal(whole[:, columns] @ whole[:, columns].T, exact)
    np.testing.assert_allclose(exact / 4095**2, x.astype(np.float64) @ x.T, atol=2 * np.sqrt(d) / 4000 + 2e-3)


def asked_of(x: Any, queries: Any, built: lists.Lists, n: int) -> Any:
    """(m, items) whether an item stands in one of the n lists nearest to the query, by sorting everything."""
    products = queries.astype(np.int64) @ built.centroids.astype(np.int64).T
    near = np.lexsort((np.broadcast_to(np.arange(products.shape[1]), products.shape), -np.maximum(products, 0)))[:, :n]
    of = np.empty(len(x), np.int64)
    of[built.rows] = np.repeat(np.arange(len(built.centroids)), np.diff(built.starts))
    return (near[:, :, None] == of).any(axis=1)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("waiting", [1 << 24, 500])
def test_the_candidates_are_the_best_of_the_lists_that_were_asked(
    own: bool, waiting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "_WAITING", waiting)
    monkeypatch.setattr(lists, "_PRODUCTS", 5000)
    x = clustered(900, 8)
    x[100:160] = x[100]
    x[[5, 700]] = 0
    x = lists.integers(unit(x))
    queries = x if own else lists.integers(unit(vectors(80, 8, seed=5)))
    built = lists.build(x, 0)
    np.testing.assert_array_equal(x[built.rows], built.items)
    products = np.maximum(queries.astype(np.int64) @ x.astype(np.int64).T, 0)
    counts = []
    for n, found in zip(
        (1, 2, 4, 8, 16),
        lists.candidates(built, None if own else queries, 12, 16, advance=counts.append),
        strict=True,
    ):
        asked = asked_of(x, queries, built, n)
        if own:
            asked |= asked.T
            np.fill_diagonal(asked, False)
        for query, got in enumerate(found.tolist()):
            among = np.flatnonzero(asked[query])
            best = among[np.lexsort((among, -products[query, among]))][:12].tolist()
            assert got == best + [-1] * (12 - len(best)), (n, query)
    assert sum(counts) == 16


def test_fewer_bits_for_the_products_where_there_are_many_rows() -> None:
    few, many = lists._Found(1000, 1000, 3, False), lists._Found(1 << 22, 1 << 22, 3, False)
    assert (few.bits, many.bits) == (24, 19)
    queries, items = np.array([4_000_000]), np.arange(4_000_000, 4_000_006)
    products = np.array([[9e6, 1e6, 9.2e6, 8e6, -5.0, 9.1e6]], np.float32)
    many.add(queries, items, products, both=False)
    many.thin()
    assert many.rows()[4_000_000].tolist() == [4_000_002, 4_000_005, 4_000_000]
    assert 9e6 - 2**5 < many.least[4_000_000] <= 9e6


def test_the_same_bytes_for_every_batch_size_and_order_of_addition(monkeypatch: pytest.MonkeyPatch) -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    items = clustered(5000, 24)
    expected = nearest(items, 10, method="approximate")
    assert expected.method == "approximate"
    for threads, size in ((2, 1 << 22), (1, 3000), (2, 777)):
        monkeypatch.setattr(lists, "_PRODUCTS", size)
        monkeypatch.setattr(module, "_BLOCK", size % 1999 + 1)
        with threadpoolctl.threadpool_limits(threads):
            got = nearest(items, 10, method="approximate")
        assert got.rows.tobytes() == expected.rows.tobytes()
        assert got.similarity.tobytes() == expected.similarity.tobytes()


def test_more_lists_are_asked_until_the_recall_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    items = clustered(2500, 24)
    truth = twin(items, 10)[1]
    measured = []
    for goal in (0.95, 0.98, 1.0):
        monkeypatch.setattr(module, "_RECALL_GOAL", goal)
        got = nearest(items, 10, method="approximate")
        assert got.recall >= goal
        # 1,000 of the 2,500 rows tell the recall of all
        assert abs(np.mean(got.similarity >= truth[:, -1:] - 2e-9) - got.recall) < 0.02
        measured.append(got.recall)
    assert measured == sorted(measured)
    assert measured[0] < measured[-1]


def test_many_duplicates_and_zero_vectors_leave_the_lowest_rows() -> None:
    items = clustered(3000, 12)
    items[1000:2000] = items[1000]
    items[2500:2600] = 0
    got = nearest(items, 7, method="approximate")
    rows, similarity = twin(items, 7)
    assert got.method == "approximate"
    assert got.rows[1500].tolist() == list(range(1000, 1007))
    assert got.rows[1000].tolist() == list(range(1001, 1008))
    assert (got.similarity[2500:2600] == 0).all()
    same = (got.rows == rows).all(axis=1)
    np.testing.assert_allclose(got.similarity[same], similarity[same], atol=2e-9)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_all_lists_asked_is_the_exact_search_but_for_the_rounding(data: st.DataObject) -> None:
    d = data.draw(st.integers(1, 4))
    row = st.lists(st.integers(-2, 2), min_size=d, max_size=d)
    items = np.array(data.draw(st.lists(row, min_size=3, max_size=60)), np.float32)
    k = data.draw(st.integers(1, 8))
    own = data.draw(st.booleans())
    queries = items if own else items[: len(items) // 2 + 1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SHARE_OF_LISTS", 1.0)
        patch.setattr(module, "_RECALL_GOAL", 2.0)
        got = nearest(queries, k, None if own else items, method="approximate")
    _, similarity = twin(queries, k, None if own else items)
    # Negative products count as 0 among the candidates, so that which of them come last is not told.
    positive = similarity > 0.01
    np.testing.assert_allclose(got.similarity[positive], similarity[positive], atol=2e-9)
