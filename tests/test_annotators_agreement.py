"""Agreement: the published worked examples, slow twins, and the interval."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from curatekit.annotators.agreement import alpha_interval, fleiss_kappa, krippendorff_alpha, reading
from curatekit.arrays import Ints
from curatekit.votes import from_columns

# Krippendorff (2011), Computing Krippendorff's Alpha-Reliability: examples A, B and C, and the nominal values given there
BINARY = ["0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0"]
TWO = ["a a b b d c c c e d d a", "b a b b b c c c e d d d"]
FOUR = [
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
]

# Fleiss, Levin and Paik's ten subjects, fourteen raters and five categories, known from the textbooks: kappa 0.210
FOURTEEN = np.array(
    [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]
)  # fmt: skip

COUNTS = arrays(np.int64, st.tuples(st.integers(1, 8), st.integers(2, 4)), elements=st.integers(0, 4))


def counts(observers: list[str]) -> Ints:
    cells = [line.split() for line in observers]
    n = len(cells[0])
    return from_columns({str(j): [None if c == "." else c for c in row] for j, row in enumerate(cells)}, n).counts


def slow_alpha(table: Ints) -> float:
    """Pair by pair, as the definition says: a coincidence of each ordered pair of a row's votes weighs 1 / (m - 1)."""
    k = table.shape[1]
    coincidences = np.zeros((k, k))
    for row in table:
        said = [label for label in range(k) for _ in range(row[label])]
        for first, second in itertools.permutations(range(len(said)), 2):
            coincidences[said[first], said[second]] += 1 / (len(said) - 1)
    per_class = coincidences.sum(axis=1)
    total = per_class.sum()
    differing = coincidences.sum() - np.trace(coincidences)
    expected = sum(per_class[c] * per_class[d] for c, d in itertools.permutations(range(k), 2)) / (total - 1)
    return 1 - differing / expected


@pytest.mark.parametrize(("observers", "published"), [(BINARY, 0.095), (TWO, 0.692), (FOUR, 0.743)])
def test_alpha_is_that_of_krippendorffs_examples(observers: list[str], published: float) -> None:
    assert round(krippendorff_alpha(counts(observers)), 3) == published


def test_kappa_is_that_of_the_textbook() -> None:
    assert round(fleiss_kappa(FOURTEEN), 3) == 0.21
    # two raters, three rows, by hand: P = (1 + 1 + 0) / 3, P_e = (3/6)² + (3/6)²
    assert fleiss_kappa(np.array([[2, 0], [0, 2], [1, 1]])) == pytest.approx((2 / 3 - 1 / 2) / (1 / 2))


def test_kappa_asks_for_as_many_votes_on_each_row() -> None:
    assert np.isnan(fleiss_kappa(np.array([[2, 0], [1, 2]])))
    assert np.isnan(fleiss_kappa(np.array([[1, 0], [0, 1]])))
    assert np.isnan(fleiss_kappa(np.array([[2, 0], [2, 0]])))


@given(COUNTS)
def test_alpha_is_that_of_the_pairs(table: Ints) -> None:
    shared = table[table.sum(axis=1) > 1]
    alpha = krippendorff_alpha(table)
    if len(shared) and (shared.sum(axis=0) > 0).sum() > 1:
        assert alpha == pytest.approx(slow_alpha(table))
        assert alpha <= 1
    else:
        assert np.isnan(alpha)


@given(COUNTS)
def test_rows_with_one_vote_tell_nothing(table: Ints) -> None:
    single = np.vstack([table, np.eye(table.shape[1], dtype=np.int64)])
    np.testing.assert_equal(krippendorff_alpha(table), krippendorff_alpha(single))


def test_the_interval_holds_the_value_and_narrows_with_rows() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 2000)
    said = np.where(rng.random((4, 2000)) < 0.8, truth, rng.integers(0, 3, (4, 2000)))
    table = np.stack([(said == k).sum(axis=0) for k in range(3)], axis=1)
    few, many = alpha_interval(table[:100]), alpha_interval(table)
    for found in (few, many):
        assert found.low < found.value < found.high
    assert few.value == krippendorff_alpha(table[:100])
    assert many.high - many.low < 0.4 * (few.high - few.low)
    assert alpha_interval(table, seed=1) == alpha_interval(table, seed=1) != many


def test_the_interval_is_that_of_rows_drawn_one_by_one() -> None:
    rng = np.random.default_rng(3)
    table = rng.multinomial(3, [0.5, 0.3, 0.2], size=60)
    drawn = [krippendorff_alpha(table[rng.integers(0, 60, 60)]) for _ in range(4000)]
    found = alpha_interval(table, draws=4000)
    np.testing.assert_allclose([found.low, found.high], np.percentile(drawn, [2.5, 97.5]), atol=0.02)


def test_full_agreement_is_one_and_nothing_to_compare_is_nan() -> None:
    assert alpha_interval(np.array([[3, 0], [0, 2]])) == (1.0, 1.0, 1.0)
    assert np.isnan(alpha_interval(np.array([[1, 0], [0, 1]])).value)


def test_alpha_in_words() -> None:
    assert "reliable" in reading(0.9)
    assert "tentative" in reading(0.7)
    assert "too low" in reading(0.1)
    assert "compared" in reading(float("nan"))
