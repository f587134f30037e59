"""Associations of words and labels, against SciPy and one word at a time."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import binomtest, false_discovery_control

from curatekit.errors import InputError
from curatekit.information.association import associations
from curatekit.intervals import wilson


def drawn(seed: int, n: int = 40, v: int = 12, k: int = 3):
    rng = np.random.default_rng(seed)
    labels = rng.choice(k, size=n, p=[0.6, 0.3, 0.1])
    labels[:2] = [0, 1]
    counts = rng.poisson(0.3, size=(n, v))
    counts[:, 0] += 3 * (labels == 1)
    return counts, labels


@given(st.integers(0, 200))
def test_each_entry_equals_its_slow_twin(seed: int) -> None:
    counts, labels = drawn(seed)
    held = counts > 0
    found = associations(csr_array(counts), labels, 3)
    expected = {
        (w, k) for w in range(12) for k in range(3) if held[:, w].sum() >= 2 and (held[:, w] & (labels == k)).any()
    }
    assert set(zip(found.word.tolist(), found.label.tolist(), strict=True)) == expected
    total = int(held.sum())
    for entry, (w, k) in enumerate(zip(found.word, found.label, strict=True)):
        rows, both, prior = int(held[:, w].sum()), int(held[labels == k, w].sum()), (labels == k).mean()
        assert (found.rows[entry], found.label_rows[entry]) == (rows, both)
        assert (found.share[entry], found.low[entry], found.high[entry]) == pytest.approx(wilson(both, rows), abs=1e-12)
        assert found.z[entry] == pytest.approx((both / rows - prior) / sqrt(prior * (1 - prior) / rows), abs=1e-12)
        assert found.p_value[entry] == pytest.approx(binomtest(both, rows, prior, "greater").pvalue, rel=1e-9)
        # Monroe et al.: y the word's count, n all words' count of one side, a and a0 the prior's
        a, a0, n = rows, total, int(held[labels == k].sum())
        delta = log((both + a) / (n + a0 - both - a)) - log((rows - both + a) / (total - n + a0 - (rows - both) - a))
        assert found.log_odds[entry] == pytest.approx(delta, abs=1e-12)
        variance = 1 / (both + a) + 1 / (rows - both + a)
        assert found.log_odds_z[entry] == pytest.approx(delta / sqrt(variance), abs=1e-12)


@given(st.integers(0, 200))
def test_the_correction_is_benjamini_and_hochbergs_over_all_words_and_labels(seed: int) -> None:
    counts, labels = drawn(seed)
    found = associations(csr_array(counts), labels, 3)
    tests = int(((counts > 0).sum(axis=0) >= 2).sum()) * len(np.unique(labels))
    p_values = np.ones(tests)
    p_values[: len(found.p_value)] = found.p_value
    np.testing.assert_allclose(found.q_value, false_discovery_control(p_values)[: len(found.p_value)], atol=1e-12)


def test_by_hand() -> None:
    """A word in 3 of 8 rows, all of label 1, which has half of them: z = √3, p = 1/8."""
    counts = csr_array(np.array([[1], [1], [1], [0], [0], [0], [0], [0]]))
    found = associations(counts, np.array([1, 1, 1, 1, 0, 0, 0, 0]), 2)
    assert (found.word.tolist(), found.label.tolist(), found.prior.tolist()) == ([0], [1], [0.5])
    assert found.z[0] == pytest.approx(sqrt(3))
    assert found.p_value[0] == pytest.approx(1 / 8)
    assert found.q_value[0] == pytest.approx(1 / 4)  # one word times two labels
    assert found.log_odds[0] == 0  # no other word to compare with


def test_a_word_counts_once_a_row() -> None:
    counts, labels = drawn(0)
    for once, often in zip(
        associations(csr_array((counts > 0).astype(int)), labels, 3),
        associations(csr_array(7 * counts), labels, 3),
        strict=True,
    ):
        np.testing.assert_array_equal(once, often)


def test_independent_words_are_not_named() -> None:
    """In at most 5 % of the datasets may any word be named; the binomial of rare words makes it fewer."""
    named = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        counts = csr_array(rng.random((200, 300)) < rng.random(300) ** 3)
        found = associations(counts, rng.choice(3, 200, p=[0.7, 0.27, 0.03]), 3)
        named += bool((found.q_value <= 0.05).any())
    assert named <= 7


def test_a_planted_word_is_the_first() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(2, size=400)
    counts = (rng.random((400, 200)) < 0.05).astype(int)
    counts[:, 7] = (rng.random(400) < 0.3) & ((labels == 1) | (rng.random(400) < 0.2))
    found = associations(csr_array(counts), labels, 2)
    assert found.word[found.q_value <= 0.05].tolist() == [7]
    assert found.word[found.log_odds_z.argmax()] == 7


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(InputError, match="two or more"):
        associations(csr_array([[1], [1]]), np.array([1, 1]), 2)
    with pytest.raises(InputError, match="2 rows or more"):
        associations(csr_array([[1, 0], [0, 1]]), np.array([0, 1]), 2)
    with pytest.raises(InputError, match="2 rows or more"):
        associations(csr_array((2, 0)), np.array([0, 1]), 2)
