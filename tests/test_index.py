"""`nearest` equals the obvious NumPy search, to the bit, for every batch size and number of threads."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit import index as module
from curatekit.errors import InputError
from curatekit.index import nearest
from curatekit.reporting import reporting
from tests.test_cache import Listener


def twin(queries: Any, k: int, items: Any = None) -> tuple[Any, Any]:
    """All cosines in float64, sorted by (-similarity, row)."""
    own = items is None
    q = np.asarray(queries, np.float32).astype(np.float64)
    x = q if own else np.asarray(items, np.float32).astype(np.float64)
    q_norms, x_norms = (np.sqrt((a * a).sum(1)) for a in (q, x))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.nan_to_num((q @ x.T) / (q_norms[:, None] * x_norms))
    similarity = np.round(cosine, 9) + 0.0
    if own:
        np.fill_diagonal(similarity, -np.inf)
    rows = np.broadcast_to(np.arange(len(x)), similarity.shape)
    order = np.lexsort((rows, -similarity), axis=-1)[:, : min(k, len(x) - own)]
    return order, np.take_along_axis(similarity, order, -1)


def assert_same(got: Any, expected: tuple[Any, Any]) -> None:
    np.testing.assert_array_equal(got.rows, expected[0])
    np.testing.assert_allclose(got.similarity, expected[1], atol=2e-9)


def vectors(n: int, d: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_equals_numpy_on_small_integers_with_all_their_ties(data: st.DataObject) -> None:
    d = data.draw(st.integers(1, 3))
    row = st.lists(st.integers(-2, 2), min_size=d, max_size=d)
    items = np.array(data.draw(st.lists(row, min_size=2, max_size=30)), np.float32)
    k = data.draw(st.integers(1, 35))
    if data.draw(st.booleans()):
        assert_same(nearest(items, k), twin(items, k))
    else:
        queries = np.array(data.draw(st.lists(row, min_size=1, max_size=10)), np.float32)
        assert_same(nearest(queries, k, items), twin(queries, k, items))


@pytest.mark.parametrize("k", [1, 5, 40])
def test_equals_numpy_with_duplicates_and_zero_vectors(k: int) -> None:
    items = vectors(400, 12)
    items[50:130] = items[50]
    items[[7, 300]] = 0
    assert_same(nearest(items, k), twin(items, k))
    assert_same(nearest(items[:60], k, items), twin(items[:60], k, items))


def test_the_scale_of_a_vector_does_not_matter() -> None:
    items = vectors(100, 8)
    scaled = items * np.float32(2.0) ** np.arange(-50, 50)[:, None]
    np.testing.assert_array_equal(nearest(items, 5).rows, nearest(scaled, 5).rows)


def test_k_beyond_the_items_gives_all_of_them_and_no_padding() -> None:
    items = vectors(6, 4)
    assert nearest(items, 50).rows.shape == (6, 5)
    assert nearest(items[:2], 50, items).rows.shape == (2, 6)
    assert nearest(items[:1], 3).rows.shape == (1, 0)
    assert nearest(items[:0], 3, items).rows.shape == (0, 3)
    assert all(row not in near for row, near in enumerate(nearest(items, 50).rows.tolist()))


def test_an_exact_duplicate_is_a_neighbour_and_the_row_itself_is_not() -> None:
    got = nearest(np.array([[1, 0], [1, 0], [0, 1]], np.float32), 1)
    assert got.rows.tolist() == [[1], [0], [0]]
    assert got.similarity.tolist() == [[1.0], [1.0], [0.0]]


def test_the_same_bytes_for_every_batch_size_and_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    # Close vectors, so that float32 sums in another order swap neighbours.
    items = (vectors(1, 32) + 1e-3 * vectors(1500, 32, seed=1)).astype(np.float32)
    expected = nearest(items, 10)
    threads = faiss.omp_get_max_threads()
    try:
        for count in (1, 2):
            faiss.omp_set_num_threads(count)
            for block in (1500, 97, 20):
                monkeypatch.setattr(module, "_BLOCK", block)
                got = nearest(items, 10)
                assert got.rows.tobytes() == expected.rows.tobytes()
                assert got.similarity.tobytes() == expected.similarity.tobytes()
    finally:
        faiss.omp_set_num_threads(threads)
    assert_same(expected, twin(items, 10))


def clustered(n: int, d: int) -> Any:
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(n // 100, d))
    return (centres[rng.integers(0, len(centres), n)] + 0.35 * rng.normal(size=(n, d))).astype(np.float32)


@pytest.mark.parametrize("d", [16, 15])
def test_the_approximate_search_is_audited_and_ranked_exactly(d: int) -> None:
    items = clustered(6000, d)
    got = nearest(items, 10, method="approximate")
    assert got.method == "approximate"
    assert got.recall >= 0.95
    rows, similarity = twin(items, 10)
    assert np.mean(got.similarity >= similarity[:, -1:] - 1e-9) >= 0.94
    assert (got.rows >= 0).all()
    assert (got.rows != np.arange(6000)[:, None]).all()
    same = (got.rows == rows).all(axis=1)
    np.testing.assert_allclose(got.similarity[same], similarity[same], atol=2e-9)
    again = nearest(items, 10, method="approximate")
    np.testing.assert_array_equal(again.rows, got.rows)


def test_vectors_without_structure_fall_back_to_the_exact_search_with_a_note() -> None:
    items, listener = vectors(5000, 64), Listener()
    with reporting(listener):
        got = nearest(items, 10, method="approximate")
    assert got.method == "exact"
    assert got.recall == 1.0
    assert "searched exactly" in listener.notes[-1]
    assert_same(got, twin(items, 10))


def test_auto_is_approximate_above_the_limit_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    items = clustered(3000, 16)
    assert nearest(items, 5).method == "exact"
    monkeypatch.setattr(module, "APPROXIMATE_ABOVE", 2000)
    assert nearest(items, 5).method == "approximate"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_values_that_are_not_finite_are_refused_with_their_row(bad: float) -> None:
    items = vectors(20, 4).astype(np.float64)
    items[13, 2] = bad
    with pytest.raises(InputError, match=r"query row 13 is not finite"):
        nearest(items, 3)
    with pytest.raises(InputError, match=r"item row 13 is not finite"):
        nearest(vectors(5, 4), 3, items)


def test_bad_arguments_are_refused() -> None:
    items = vectors(5, 4)
    with pytest.raises(InputError, match="at least one"):
        nearest(items, 0)
    with pytest.raises(InputError, match="auto, exact or approximate"):
        nearest(items, 1, method="fast")
    with pytest.raises(InputError, match="4 dimensions and the items 3"):
        nearest(items, 1, items[:, :3])
    with pytest.raises(InputError, match="shape"):
        nearest(items[0], 1)
