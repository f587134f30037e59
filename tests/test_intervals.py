"""Intervals: hand-computed values, properties, and that 95 % of them hold the truth."""

from __future__ import annotations

from math import isnan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.intervals import Interval, mean_of_rates, wilson


def test_wilson_by_hand() -> None:
    # p = 0.3, n = 10, z = 1.959964: centre (0.3 + 0.192073) / 1.384146, half 0.368116… / 1.384146
    rate, low, high = wilson(3, 10)
    assert rate == 0.3
    assert low == pytest.approx(0.10779, abs=1e-5)
    assert high == pytest.approx(0.60323, abs=1e-5)
    # Newcombe (1998), Statistics in Medicine 17:857, table I: 81 of 263 and 15 of 148
    assert wilson(81, 263)[1:] == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148)[1:] == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20)[:2] == (0, 0)
    assert wilson(0, 20).high == pytest.approx(0.1611, abs=5e-5)


def test_wilson_solves_its_equation() -> None:
    """The limits are the rates at which the observed one is z standard errors away."""
    for count, n in [(1, 7), (50, 100), (999, 1000)]:
        value, low, high = wilson(count, n)
        for limit in (low, high):
            assert abs(value - limit) == pytest.approx(1.959964 * sqrt(limit * (1 - limit) / n), rel=1e-6)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_its_rate_is_symmetric_and_narrows(case: tuple[int, int]) -> None:
    count, n = case
    value, low, high = wilson(count, n)
    assert 0 <= low <= value <= high <= 1
    mirrored = wilson(n - count, n)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((low, high), abs=1e-12)
    assert wilson(4 * count, 4 * n).high - wilson(4 * count, 4 * n).low < high - low
    wider = wilson(count, n, confidence=0.99)
    assert wider.low <= low
    assert high <= wider.high


def test_nothing_counted_is_not_a_number() -> None:
    assert all(map(isnan, wilson(0, 0)))
    assert all(map(isnan, mean_of_rates([])))


def test_the_mean_of_one_rate_is_that_rate() -> None:
    assert mean_of_rates([wilson(3, 10)]) == pytest.approx(wilson(3, 10))


def test_mean_of_rates_by_hand() -> None:
    mean = mean_of_rates([Interval(0.2, 0.17, 0.26), Interval(0.6, 0.56, 0.68)])
    assert mean == pytest.approx((0.4, 0.4 - 0.025, 0.4 + 0.05))  # √(0.03² + 0.04²) / 2, √(0.06² + 0.08²) / 2


@pytest.mark.parametrize("truth", [(0.05, 0.4), (0.3, 0.3), (0.5, 0.9)])
def test_95_percent_of_the_intervals_hold_the_truth(truth: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    sizes = (40, 90)
    counts = [rng.binomial(n, p, size=4000) for n, p in zip(sizes, truth, strict=True)]
    single = [wilson(int(count), sizes[0]) for count in counts[0]]
    assert np.mean([low <= truth[0] <= high for _, low, high in single]) == pytest.approx(0.95, abs=0.025)
    means = [mean_of_rates([wilson(int(a), sizes[0]), wilson(int(b), sizes[1])]) for a, b in zip(*counts, strict=True)]
    assert np.mean([low <= np.mean(truth) <= high for _, low, high in means]) == pytest.approx(0.95, abs=0.015)
