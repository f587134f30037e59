"""Intervals of means of skewed values, in all rows and by part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import t as student

from curatekit.errors import InputError
from curatekit.information.means import mean_interval, mean_intervals
from curatekit.intervals import Interval


def slow(values: np.ndarray, confidence: float = 0.95) -> Interval:
    """Hall's transformation as it is written, inverted by root finding."""
    n, mean, scale = len(values), values.mean(), values.std()
    skew = ((values - mean) ** 3).mean() / scale**3
    quantile = student.ppf((1 + confidence) / 2, n - 1) / np.sqrt(n - 1)

    def beyond(t: float, level: float) -> float:
        return t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / (6 * n) - level

    inverse = {sign: brentq(beyond, -1e4, 1e4, (sign * quantile,), xtol=1e-14) for sign in (-1, 1)}
    return Interval(mean, mean - scale * max(quantile, inverse[1]), mean + scale * max(quantile, -inverse[-1]))


@pytest.mark.parametrize("n", [4, 30, 500])
@pytest.mark.parametrize("skewed", [-1, 0.0001, 1])
def test_it_equals_its_slow_twin(n: int, skewed: float) -> None:
    rng = np.random.default_rng(n)
    values = skewed * rng.exponential(size=n) ** 1.5 + 0.1 * rng.normal(size=n)
    assert mean_interval(values) == pytest.approx(slow(values), abs=1e-9)
    assert mean_interval(values, confidence=0.8) == pytest.approx(slow(values, 0.8), abs=1e-9)


def test_symmetric_values_have_students_interval() -> None:
    values = np.array([-3.0, -1, 0, 1, 3])
    half = student.ppf(0.975, 4) * values.std(ddof=1) / np.sqrt(5)
    assert mean_interval(values) == pytest.approx((0, -half, half), abs=1e-12)


def test_a_tail_to_the_left_moves_the_lower_limit() -> None:
    values = np.array([1.0] * 40 + [-9.0] * 2)
    found = mean_interval(values)
    half = student.ppf(0.975, 41) * values.std(ddof=1) / np.sqrt(42)
    assert found.value - found.low > 1.3 * half
    assert found.high - found.value == pytest.approx(half)


def calibrated(rng: np.random.Generator, n: int, n_classes: int, sd: float) -> np.ndarray:
    """The PVI of n rows whose labels are drawn from their own softmax, classes balanced."""
    logits = sd * rng.normal(size=(n, n_classes))
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    labels = (rng.random(n)[:, None] > probs.cumsum(axis=1)).sum(axis=1).clip(0, n_classes - 1)
    return np.log2(probs[np.arange(n), labels] * n_classes)


@pytest.mark.parametrize("n", [30, 100, 1000])
@pytest.mark.parametrize(("n_classes", "sd"), [(2, 1.0), (3, 2.0), (2, 4.0), (50, 3.0)])
def test_it_covers_the_mean_as_often_as_it_says(n: int, n_classes: int, sd: float) -> None:
    """1,000 datasets of PVI, whose skewness is between -1.7 and -4.4; all of them at once, as parts."""
    rng = np.random.default_rng(n_classes)
    truth = calibrated(rng, 400_000, n_classes, sd)
    sample = rng.choice(truth, 1000 * n)
    found = mean_intervals(sample, np.repeat(np.arange(1000), n), 1000)
    covered = np.mean([each.low <= truth.mean() <= each.high for each in found])
    assert 0.93 <= covered <= 0.975  # their standard error is 0.007


def test_units_are_what_is_sampled() -> None:
    """Copies add nothing, and rows that share a unit's luck are covered only when it is told which they are."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=40)
    copies = np.repeat(values, 7)
    assert mean_interval(copies, np.repeat(np.arange(40), 7)) == pytest.approx(mean_interval(values), abs=1e-12)
    told = blind = 0
    for _ in range(400):
        size = rng.integers(1, 20, 30)
        units = np.repeat(np.arange(30), size)
        luck = rng.normal(size=30)[units] + rng.normal(size=len(units))
        a, b = mean_interval(luck, units), mean_interval(luck)
        told += a.low <= 0 <= a.high
        blind += b.low <= 0 <= b.high
    assert 0.91 <= told / 400 <= 0.98
    assert blind / 400 < 0.7


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.floats(-20, 3)), min_size=1, max_size=60))
def test_parts_are_what_each_is_alone(rows: list[tuple[int, int, float]]) -> None:
    part, units = np.array([row[:2] for row in rows]).T
    values = np.array([row[2] for row in rows])
    found = mean_intervals(values, part, 4, units)
    for k in range(4):
        if not (part == k).any():
            assert np.isnan(found[k]).all()
        else:
            alone = mean_interval(values[part == k], units[part == k])
            assert found[k] == pytest.approx(alone, abs=1e-9, nan_ok=True)


@given(st.lists(st.floats(-20, 3), min_size=2, max_size=40), st.randoms())
def test_the_order_of_the_rows_is_nothing(rows: list[float], random: object) -> None:
    values = np.array(rows)
    random.shuffle(rows)  # type: ignore[attr-defined]
    assert mean_interval(values) == pytest.approx(mean_interval(np.array(rows)), abs=1e-6)
    assert mean_interval(values).low <= values.mean() + 1e-9
    assert mean_interval(values).high >= values.mean() - 1e-9


def test_one_row_or_one_unit_has_no_limits_and_none_no_mean() -> None:
    assert mean_interval(np.array([2.0])) == pytest.approx((2, np.nan, np.nan), nan_ok=True)
    assert mean_interval(np.array([1.0, 3.0]), np.array([5, 5])) == pytest.approx((2, np.nan, np.nan), nan_ok=True)
    with pytest.raises(InputError, match="needs values"):
        mean_interval(np.zeros(0))


def test_constant_values_have_no_width() -> None:
    assert mean_interval(np.zeros(9)) == (0, 0, 0)
    assert mean_interval(np.full(9, 0.25)) == (0.25, 0.25, 0.25)
