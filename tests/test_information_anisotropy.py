"""Anisotropy in closed form, against scikit-learn's pairs and principal components."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import cosine_similarity

from curatekit.errors import InputError
from curatekit.information import anisotropy as module
from curatekit.information.anisotropy import anisotropy, anisotropy_by_layer


@given(st.integers(0, 1000), st.integers(2, 40), st.integers(1, 15))
def test_it_equals_all_pairs_and_principal_components(seed: int, n: int, d: int) -> None:
    vectors = np.random.default_rng(seed).normal(1, np.arange(1, d + 1), size=(n, d))
    found = anisotropy(vectors)
    assert found.mean_cosine == pytest.approx(cosine_similarity(vectors)[np.triu_indices(n, 1)].mean(), abs=1e-12)
    shares = np.zeros(d)
    shares[: min(n, d)] = PCA().fit(vectors).explained_variance_ratio_
    np.testing.assert_allclose(found.explained, shares.cumsum()[:10], atol=1e-10)
    positive = shares[shares > 1e-15]
    assert found.effective_rank == pytest.approx(np.exp(-(positive * np.log(positive)).sum()), abs=1e-8)
    assert found.participation_ratio == pytest.approx(1 / (shares**2).sum(), abs=1e-8)


def test_float16_in_chunks_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float16)
    whole = anisotropy(vectors.astype(np.float64))
    monkeypatch.setattr(module, "_CHUNK", 7)
    for one, other in zip(anisotropy(vectors), whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_by_hand() -> None:
    """The four unit directions of a plane: two pairs with cosine −1, four with 0; variance in two directions alike."""
    found = anisotropy(np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]))
    assert found.mean_cosine == pytest.approx(-1 / 3)
    np.testing.assert_allclose(found.explained, [0.5, 1])
    assert (found.effective_rank, found.participation_ratio) == pytest.approx((2, 2))


def test_a_cone_is_told_from_a_ball() -> None:
    ball = np.random.default_rng(0).normal(size=(2000, 20))
    even, cone = anisotropy(ball), anisotropy(ball + 5)
    assert abs(even.mean_cosine) < 0.005
    assert even.effective_rank > 19.5
    assert cone.mean_cosine > 0.9


def test_equal_rows_have_no_variance() -> None:
    found = anisotropy(np.tile(np.random.default_rng(0).normal(size=384).astype(np.float32), (500, 1)))
    assert found.mean_cosine == pytest.approx(1, abs=1e-12)
    assert found.mean_cosine <= 1
    assert (found.effective_rank, found.participation_ratio) == (0, 0)


def test_layers_are_measured_one_by_one() -> None:
    layers = np.random.default_rng(0).normal(size=(30, 12))
    found = anisotropy_by_layer(layers, 4)
    assert [one.mean_cosine for one in found] == [anisotropy(layers[:, at : at + 4]).mean_cosine for at in (0, 4, 8)]


@pytest.mark.parametrize(
    ("vectors", "said"),
    [(np.ones((1, 3)), "at least two"), ([[1.0, 0], [0, 0]], "zero"), ([[1.0, 0], [np.nan, 0]], "not finite")],
)
def test_bad_input_is_one_sentence(vectors, said: str) -> None:
    with pytest.raises(InputError, match=said):
        anisotropy(np.array(vectors))
