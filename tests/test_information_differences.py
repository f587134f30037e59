"""Differences of two means: paired, unpaired, and all between."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from curatekit.errors import InputError
from curatekit.information.differences import common_units, difference
from curatekit.information.means import mean_interval
from tests.test_information_means import calibrated


def test_by_hand() -> None:
    """Symmetric differences -1, 0, 1 of the same three rows: Student's interval; as other rows, the two variances add up."""
    first, second = np.array([1.0, 5.0, 3.0]), np.array([2.0, 5.0, 2.0])
    rows = np.arange(3)
    assert difference(first, second, rows, rows) == pytest.approx(
        (0, -student.ppf(0.975, 2) / 3**0.5, 2.4841), abs=1e-4
    )
    counts = 6 * np.concatenate([[-2, 2, 0], [1, -2, 1]]) / 3
    found = difference(first, second, rows, rows + 3)
    assert found == pytest.approx(mean_interval(counts), abs=1e-12)
    variance = 6 / 5 * (8 / 9 + 6 / 9)  # of the difference: Σ (x − x̄)² / n², by units with 6 / 5
    assert found.high >= student.ppf(0.975, 5) * variance**0.5 - 1e-12


@given(st.lists(st.tuples(st.floats(-20, 3), st.floats(-20, 3), st.integers(0, 5)), min_size=2, max_size=40))
def test_the_same_rows_are_the_mean_of_their_differences(rows: list[tuple[float, float, int]]) -> None:
    first, second, units = (np.array(column) for column in zip(*rows, strict=True))
    found = difference(first, second, units, units, confidence=0.9)
    slow = mean_interval(first - second, units, confidence=0.9)
    assert found == pytest.approx(slow, abs=1e-6, nan_ok=True)


@given(
    st.lists(st.floats(-20, 3), min_size=2, max_size=30),
    st.lists(st.floats(-20, 3), min_size=2, max_size=30),
    st.randoms(),
)
def test_turned_round_and_permuted(first: list[float], second: list[float], random: object) -> None:
    """The units say which rows belong together, not their order."""
    a, b = np.array(first), np.array(second)
    units_a, units_b = np.arange(len(a)), np.arange(len(b)) + 3  # some in common
    found = difference(a, b, units_a, units_b)
    other = difference(b, a, units_b, units_a)
    assert (other.value, -other.high, -other.low) == pytest.approx((-found.value, *found[1:]), abs=1e-6)
    order = list(range(len(a)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert difference(a[order], b, units_a[order], units_b) == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize(("common", "alone"), [(200, 0), (0, 200), (100, 100), (30, 300)])
def test_it_covers_as_often_as_it_says(common: int, alone: int) -> None:
    """Two models of one PVI each, correlated on the rows in common; 1,000 draws, a standard error of 0.007."""
    rng = np.random.default_rng(common)
    easy = calibrated(rng, 100_000, 3, 2.0)
    hard = np.where(rng.random(100_000) < 0.7, 0.8 * easy, calibrated(rng, 100_000, 3, 1.0))
    truth = easy.mean() - hard.mean()
    covered = blind = 0
    units = np.arange(common + alone)
    for _ in range(1000):
        rows = rng.integers(100_000, size=common + 2 * alone)
        first, second = easy[rows[: common + alone]], hard[np.r_[rows[:common], rows[common + alone :]]]
        other = np.r_[units[:common], units[common:] + alone]
        _, low, high = difference(first, second, units, other)
        covered += low <= truth <= high
        _, low, high = difference(first, second, units, units + len(units))
        blind += low <= truth <= high
    assert 0.93 <= covered / 1000 <= 0.975
    if alone == 0:
        assert blind == 1000  # taken as other rows, they have limits that are far too wide


def test_rows_of_unequal_numbers_are_covered_too() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(1000):
        first, second = 3 * rng.normal(size=40), 0.5 * rng.normal(size=1000)
        _, low, high = difference(first, second, np.arange(40), np.arange(1000) + 40)
        covered += low <= 0 <= high
    assert 0.925 <= covered / 1000 <= 0.97


def test_equal_values_differ_by_nothing_and_nothing_is_refused() -> None:
    values = np.array([1.0, -3.0, 0.25])
    assert difference(values, values, np.arange(3), np.arange(3)) == (0, 0, 0)
    assert np.isnan(difference(values, values + 1, np.zeros(3, int), np.zeros(3, int)).low)
    with pytest.raises(InputError, match="two samples"):
        difference(values, np.zeros(0), np.arange(3), np.zeros(0, int))


def test_units_reach_across_datasets() -> None:
    """By text: b, c. By id: 2 is b here and e there. By group: y binds b and c."""
    texts = [["a", "b", "c", "b"], ["c", "e"]]
    a, b = common_units(texts)
    assert (a.tolist(), b.tolist()) == ([0, 1, 2, 1], [2, 3])
    a, b = common_units(texts, ids=[["1", "2", "3", "4"], ["3", "2"]])
    assert (a.tolist(), b.tolist()) == ([0, 1, 2, 1], [2, 1])
    a, b = common_units(texts, groups=[["x", "y", "y", "z"], ["w", "x"]])
    assert (a.tolist(), b.tolist()) == ([0, 1, 1, 1], [1, 0])
