"""The Jensen–Shannon divergence of classes against SciPy's, and its reference under shuffled labels."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_array
from scipy.spatial.distance import jensenshannon

from curatekit.errors import InputError
from curatekit.information import unigrams
from curatekit.information.unigrams import shuffled_divergence, unigram_divergence


def slow(counts, labels, n_classes: int, alpha: float = 1.0):
    """One pair after the other, by SciPy; its distance is the square root."""
    found = np.full((n_classes, n_classes), np.nan)
    for i in range(n_classes):
        for j in range(n_classes):
            if (labels == i).any() and (labels == j).any():
                p, q = (counts[labels == k].sum(axis=0) + alpha for k in (i, j))
                with np.errstate(invalid="ignore"):  # SciPy takes the root of a rounding below 0
                    found[i, j] = np.nan_to_num(jensenshannon(p, q, 2)) ** 2
    return found


COUNTS = hnp.arrays(np.int32, st.tuples(st.integers(1, 12), st.integers(1, 9)), elements=st.integers(0, 4))


@given(COUNTS, st.integers(0, 99), st.sampled_from([0.01, 1.0, 5.0]))
def test_it_equals_scipy(counts, seed: int, alpha: float) -> None:
    labels = np.random.default_rng(seed).integers(4, size=len(counts))
    fast = unigram_divergence(csr_array(counts), labels, 4, alpha=alpha)
    np.testing.assert_allclose(fast, slow(counts, labels, 4, alpha), atol=1e-12)


def test_many_classes_in_small_blocks_equal_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    counts, labels = rng.poisson(0.2, size=(200, 60)), rng.integers(40, size=200)
    monkeypatch.setattr(unigrams, "_AT_ONCE", 100)
    np.testing.assert_allclose(unigram_divergence(csr_array(counts), labels, 40), slow(counts, labels, 40), atol=1e-12)


def test_by_hand() -> None:
    """p = (2/3, 1/3), q = (1/3, 2/3): H((p + q)/2) = 1 and H(p) = H(q) = log2 3 − 2/3."""
    divergence = unigram_divergence(csr_array(np.eye(2, dtype=int)), np.array([0, 1]), 2)
    expected = 1 - (np.log2(3) - 2 / 3)
    np.testing.assert_allclose(divergence, [[0, expected], [expected, 0]], atol=1e-15)


def test_no_common_word_is_one_bit_when_smoothing_fades() -> None:
    divergence = unigram_divergence(csr_array([[5, 0], [0, 5]]), np.array([0, 1]), 2, alpha=1e-9)
    assert divergence[0, 1] == pytest.approx(1, abs=1e-6)


def test_a_class_without_a_row_has_none() -> None:
    divergence = unigram_divergence(csr_array([[1, 0], [0, 1]]), np.array([0, 2]), 3)
    assert np.isnan(divergence[1]).all()
    assert np.isnan(divergence[:, 1]).all()
    assert np.isfinite(divergence[0, 2])


@given(COUNTS, st.integers(0, 99))
def test_order_of_rows_words_and_classes_does_not_matter(counts, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=len(counts))
    rows, words, names = rng.permutation(len(counts)), rng.permutation(counts.shape[1]), rng.permutation(3)
    plain = unigram_divergence(csr_array(counts), labels, 3)
    moved = unigram_divergence(csr_array(counts[rows][:, words]), names[labels[rows]], 3)
    np.testing.assert_allclose(moved[np.ix_(names, names)], plain, atol=1e-12)


def test_the_shuffled_mean_is_that_of_all_divisions() -> None:
    rng = np.random.default_rng(1)
    counts = rng.poisson(1, size=(10, 7))
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 2, 2, 2])
    exact = []
    for chosen in combinations(range(7), 3):
        divided = np.where(np.isin(np.arange(7), chosen), 0, 1)
        exact.append(slow(counts[:7], divided, 2)[0, 1])
    observed = slow(counts[:7], labels[:7], 2)[0, 1]
    found = shuffled_divergence(csr_array(counts), labels, np.array([[0, 1]]), n_shuffles=4000)
    assert found.mean[0] == pytest.approx(np.mean(exact), abs=4 * np.std(exact) / np.sqrt(4000))
    assert found.p_value[0] == pytest.approx(np.mean(np.array(exact) >= observed - 1e-12), abs=0.03)


def test_words_that_neither_class_holds_count_as_in_the_whole() -> None:
    """The smoothing is over the words of all classes; two rows can be divided in one way alone, up to their order."""
    counts, labels = csr_array([[2, 0, 1, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 3, 3]]), np.array([0, 1, 2])
    found = shuffled_divergence(counts, labels, np.array([[0, 1]]), n_shuffles=20)
    assert found.mean[0] == pytest.approx(unigram_divergence(counts, labels, 3)[0, 1], abs=1e-12)
    assert found.p_value[0] == 1


def test_a_pair_follows_the_seed_and_not_the_other_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    counts, labels = csr_array(rng.poisson(0.3, size=(60, 30))), rng.integers(3, size=60)
    one = shuffled_divergence(counts, labels, np.array([[0, 2]]), seed=5)
    many = shuffled_divergence(counts, labels, np.array([[0, 1], [0, 2]]), seed=5)
    assert many.mean[1] == one.mean[0]
    assert shuffled_divergence(counts, labels, np.array([[0, 2]]), seed=6).mean != one.mean


def test_chance_is_told_from_difference() -> None:
    """Texts of bursts of one word: under independence p is at most 0.05 in about 5 of 100 cases."""
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], 15)
    low = 0
    for seed in range(100):
        counts = np.zeros((30, 12), int)
        counts[np.arange(30), rng.integers(12, size=30)] = rng.integers(1, 9, size=30)
        low += (
            shuffled_divergence(csr_array(counts), labels, np.array([[0, 1]]), n_shuffles=99, seed=seed).p_value[0]
            <= 0.05
        )
    assert low <= 12  # 5 expected; more than 12 in one of 500 runs
    counts[labels == 0, 0] += 20
    assert shuffled_divergence(csr_array(counts), labels, np.array([[0, 1]]), n_shuffles=99).p_value[0] == 0.01


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(InputError, match="above 0"):
        unigram_divergence(csr_array([[1], [1]]), np.array([0, 1]), 2, alpha=0.0)
    with pytest.raises(InputError, match="above 0"):
        shuffled_divergence(csr_array([[1], [1]]), np.array([0, 1]), np.array([[0, 1]]), alpha=-1.0)
    with pytest.raises(InputError, match="no word"):
        unigram_divergence(csr_array((2, 0)), np.array([0, 1]), 2)
