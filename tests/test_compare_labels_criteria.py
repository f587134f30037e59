"""Criteria in words: hand-computed shares and limits, SciPy's exact tests, conjunctions by brute force."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import false_discovery_control, fisher_exact, nchypergeom_fisher

from curatekit.compare_labels.criteria import (
    Counted,
    at_prior,
    beyond_their_words,
    compared,
    conjunctions,
    criteria,
    exact_p_values,
)
from curatekit.intervals import wilson
from curatekit.reporting import reporting
from tests.notes import Notes


def two_sets(seed: int, n: int = 120, m: int = 90, words: int = 6, classes: int = 3):
    rng = np.random.default_rng(seed)
    held = [(rng.random((size, words)) < 0.3).astype(np.int32) for size in (n, m)]
    for rows in held:
        rows[:2] = 1  # each word in two rows of each set
    labels = [np.concatenate([np.arange(classes), rng.integers(0, classes, size - classes)]) for size in (n, m)]
    return held, labels


def one_word(k1: int, n1: int, prior1: float, k2: int, n2: int, prior2: float) -> dict[str, float]:
    found = compared(Counted(np.array([n1]), np.array([k1]), prior1), Counted(np.array([n2]), np.array([k2]), prior2))
    names = ["rows", "k", "share", "lift", "rows2", "k2", "share2", "lift2", "difference", "low", "high", "p"]
    return {name: float(value[0]) for name, value in zip(names, found, strict=True)}


def test_at_equal_base_rates_it_is_newcombes_difference_and_fishers_test() -> None:
    # Newcombe (1998), table II, case (a): 56/70 − 48/80 = 0.2000, method 10: 0.0524 to 0.3339
    found = one_word(56, 70, 0.3, 48, 80, 0.3)
    assert found["difference"] == pytest.approx(0.2)
    assert found["low"] == pytest.approx(0.0524, abs=5e-5)
    assert found["high"] == pytest.approx(0.3339, abs=5e-5)
    assert found["lift"] == pytest.approx(0.8 / 0.3)
    tails = [fisher_exact([[56, 14], [48, 32]], alternative=side).pvalue for side in ("less", "greater")]
    assert found["p"] == pytest.approx(min(1, 2 * min(tails)))


def test_the_base_rates_by_hand() -> None:
    # base rates 0.5 and 0.2, taken to 0.35: odds times (0.35/0.5)/(0.65/0.5) = 7/13 and (0.35/0.2)/(0.65/0.8) = 28/13
    found = one_word(30, 40, 0.5, 9, 30, 0.2)
    first, second = (odds / (1 + odds) for odds in (3 * 7 / 13, 3 / 7 * 28 / 13))
    assert found["difference"] == pytest.approx(first - second)
    limits = [[x * r / (x * r + 1 - x) for x in wilson(k, n)[1:]] for k, n, r in ((30, 40, 7 / 13), (9, 30, 28 / 13))]
    assert found["low"] == pytest.approx(
        first - second - sqrt((first - limits[0][0]) ** 2 + (limits[1][1] - second) ** 2)
    )
    assert found["high"] == pytest.approx(
        first - second + sqrt((limits[0][1] - first) ** 2 + (second - limits[1][0]) ** 2)
    )


def test_other_base_rates_alone_are_no_difference() -> None:
    """The same word in two sets of one criterion, the second with fewer rows of the label: P(word | label) is the same."""
    # 60 of 100 label rows and 20 of 100 others hold it; in the second set 30 of 50 and 40 of 200
    found = one_word(60, 80, 0.5, 30, 70, 0.2)
    assert found["difference"] == pytest.approx(0, abs=1e-12)
    assert found["p"] > 0.9


@given(
    st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30), st.floats(0.05, 20)
)  # fmt: skip
@settings(deadline=None)
def test_the_p_value_is_that_of_scipys_noncentral_hypergeometric(
    k1: int, n1: int, k2: int, n2: int, odds: float
) -> None:
    k1, k2 = min(k1, n1), min(k2, n2)
    (found,) = exact_p_values(*(np.array([x]) for x in (k1, n1, k2, n2)), odds)
    law = nchypergeom_fisher(n1 + n2, n1, k1 + k2, odds)
    support = range(max(0, k1 + k2 - n2), min(n1, k1 + k2) + 1)
    below = sum(float(law.pmf(x)) for x in support if x <= k1)
    above = sum(float(law.pmf(x)) for x in support if x >= k1)
    assert found == pytest.approx(min(1, 2 * min(below, above)), rel=1e-6, abs=1e-9)


def test_p_values_in_blocks_are_those_of_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    n1, n2 = rng.integers(1, 60, (2, 50))
    k1, k2 = rng.integers(0, n1 + 1), rng.integers(0, n2 + 1)
    whole = exact_p_values(k1, n1, k2, n2, 1.7)
    monkeypatch.setattr("curatekit.compare_labels.criteria._AT_ONCE", 25)
    assert exact_p_values(k1, n1, k2, n2, 1.7).tolist() == whole.tolist()
    assert not len(exact_p_values(*(np.zeros(0, np.int64),) * 4, 1.7))


def test_named_by_chance_alone_are_few() -> None:
    """Two halves of one set with other base rates: the exact p-value is at most uniform, and nothing survives at 5 %."""
    rng = np.random.default_rng(3)
    held = (rng.random((4000, 300)) < rng.uniform(0.002, 0.1, 300)).astype(np.int32)
    held[:5] = held[2000:2005] = 1
    labels = (rng.random(4000) < np.where(np.arange(4000) < 2000, 0.5, 0.2)).astype(int)
    found = criteria(csr_array(held[:2000]), csr_array(held[2000:]), labels[:2000], labels[2000:], np.array([1]))
    assert (found.p_value <= 0.05).mean() <= 0.06
    assert found.q_value.min() > 0.05
    assert ((found.low <= 0) & (found.high >= 0)).mean() >= 0.93


@given(st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_each_entry_is_what_its_rows_say(seed: int) -> None:
    held, labels = two_sets(seed)
    found = criteria(csr_array(held[0]), csr_array(held[1]), *labels, np.array([0, 2]))
    assert list(zip(found.word.tolist(), found.label.tolist(), strict=True)) == [
        (w, y) for y in (0, 2) for w in range(6)
    ]
    for entry, (w, y) in enumerate(zip(found.word, found.label, strict=True)):
        sides = ((found.first_rows, found.first_label_rows, found.first_share, found.first_lift),
                 (found.second_rows, found.second_label_rows, found.second_share, found.second_lift))  # fmt: skip
        for (rows, label_rows, share, lift), own, given_ in zip(sides, held, labels, strict=True):
            with_it = own[:, w] > 0
            assert rows[entry] == with_it.sum()
            assert label_rows[entry] == (with_it & (given_ == y)).sum()
            assert share[entry] == pytest.approx((given_[with_it] == y).mean())
            assert lift[entry] == pytest.approx((given_[with_it] == y).mean() / (given_ == y).mean())
        assert found.low[entry] <= found.difference[entry] <= found.high[entry]
    assert found.q_value == pytest.approx(false_discovery_control(found.p_value))
    assert (found.at_least[(found.low <= 0) & (found.high >= 0)] == 0).all()


@given(st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_sets_in_the_other_order_say_the_opposite(seed: int) -> None:
    held, labels = two_sets(seed)
    one = criteria(csr_array(held[0]), csr_array(held[1]), *labels, np.array([1]))
    other = criteria(csr_array(held[1]), csr_array(held[0]), labels[1], labels[0], np.array([1]))
    assert other.difference == pytest.approx(-one.difference)
    assert other.low == pytest.approx(-one.high)
    assert other.p_value == pytest.approx(one.p_value)
    assert other.at_least == pytest.approx(one.at_least)


@given(st.floats(0, 1), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
@settings(deadline=None)
def test_a_share_goes_to_another_base_rate_and_back(share: float, prior: float, other: float) -> None:
    moved = at_prior(np.array([share, prior]), prior, other)
    assert moved[1] == pytest.approx(other)
    assert at_prior(moved, other, prior)[0] == pytest.approx(share, abs=1e-9)


@pytest.mark.parametrize("at_once", [1, 1 << 20])
def test_conjunctions_are_all_pairs_in_enough_rows(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curatekit.compare_labels.criteria._AT_ONCE", at_once)
    held, _ = two_sets(1, words=7)
    found = conjunctions(csr_array(held[0]), csr_array(held[1]), min_rows=9)
    expected = [
        (a, b) for a in range(7) for b in range(a + 1, 7)
        if all((own[:, a] & own[:, b]).sum() >= 9 for own in held)
    ]  # fmt: skip
    assert 3 < len(expected) < 21
    assert list(map(tuple, found.words.tolist())) == expected
    for own, rows in zip(held, (found.first, found.second), strict=True):
        assert rows.toarray().tolist() == np.stack([own[:, a] & own[:, b] for a, b in expected], axis=1).tolist()


def test_of_too_many_conjunctions_those_in_most_rows_are_kept_and_it_is_said() -> None:
    held, _ = two_sets(1, words=7)
    notes = Notes()
    with reporting(notes):
        found = conjunctions(csr_array(held[0]), csr_array(held[1]), min_rows=5, most=4)
    every = conjunctions(csr_array(held[0]), csr_array(held[1]), min_rows=5)

    def support(rules):
        return np.minimum(rules.first.sum(axis=0), rules.second.sum(axis=0))

    assert sorted(support(found)) == sorted(support(every))[-4:]
    assert f"{len(every.words):,} pairs of words" in notes.lines[0]


def test_a_conjunction_that_flips_the_label_goes_beyond_its_words() -> None:
    """Rows of the second set bear the other label where both words stand, and only there."""
    rng = np.random.default_rng(0)
    held = (rng.random((2000, 5)) < 0.3).astype(np.int32)
    labels = rng.integers(0, 2, 2000)
    labels[held[:, 0] == 1] = 1
    labels[1000:] = np.where((held[1000:, 0] & held[1000:, 1]) == 1, 0, labels[1000:])
    sets = csr_array(held[:1000]), csr_array(held[1000:])
    words = criteria(*sets, labels[:1000], labels[1000:], np.array([1]))
    rules = conjunctions(*sets)
    found = criteria(rules.first, rules.second, labels[:1000], labels[1000:], np.array([1]))
    beyond = beyond_their_words(found, rules.words, words)
    assert rules.words[found.word[beyond]].tolist() == [[0, 1]]
