"""Scales and ticks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from curatekit.plot.axes import Scale, apart, limits, log_ticks, polyline, step, ticks

finite = st.floats(-1e9, 1e9, allow_subnormal=False)


@settings(deadline=None)
@given(finite, finite, st.integers(2, 12))
def test_ticks_are_multiples_of_1_2_or_5_and_neither_few_nor_many(a: float, b: float, about: int) -> None:
    low, high = min(a, b), max(a, b)
    assume(high - low > 1e-6 * max(1.0, abs(low), abs(high)))
    values, labels = ticks(low, high, about)
    size = step(high - low, about)
    assert round(size / 10 ** np.floor(np.log10(size) + 1e-9), 6) in (1, 2, 5)
    assert np.allclose(values / size, np.round(values / size), atol=1e-4)
    assert all((low - size * 1e-6 <= values) & (values <= high + size * 1e-6))
    assert about / 2.5 - 1 <= len(values) <= about + 1
    assert len(set(labels)) == len(labels)


def test_ticks_by_hand() -> None:
    assert ticks(0, 1, 5) == (pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0]), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"])
    assert ticks(-4.63, 1.8, 9)[1] == ["−4", "−3", "−2", "−1", "0", "1"]
    assert ticks(0, 12_000, 4)[1] == ["0", "5,000", "10,000"]
    assert ticks(0.001, 0.0034, 3)[1] == ["0.001", "0.002", "0.003"]
    assert ticks(-2e8, 3e8, 5)[1] == ["−2e+08", "−1e+08", "0", "1e+08", "2e+08", "3e+08"]
    assert ticks(2.99e8, 3.02e8, 3)[1] == ["2.99e+08", "3e+08", "3.01e+08", "3.02e+08"]


def test_logarithmic_ticks_by_hand() -> None:
    assert log_ticks(90, 5_000) == (
        pytest.approx([100, 200, 500, 1000, 2000, 5000]),
        ["100", "200", "500", "1,000", "2,000", "5,000"],
    )
    assert log_ticks(1, 1e6)[1] == ["1", "10", "100", "1,000", "10,000", "100,000", "1,000,000"]
    assert log_ticks(0.1, 0.5)[1] == ["0.1", "0.2", "0.5"]


def test_scales_by_hand() -> None:
    scale = Scale(-1, 3, 100, 20)
    assert scale([-1, 0, 3]).tolist() == [100, 80, 20]
    assert scale.at(1) == 60
    assert Scale(10, 1000, 0, 200, log=True)([10, 100, 1000]).tolist() == [0, 100, 200]


@settings(deadline=None)
@given(st.lists(finite, min_size=1))
def test_limits_hold_the_values_and_are_apart(values: list[float]) -> None:
    low, high = limits(np.array([*values, np.nan]), include=(0.0,))
    assert low <= min([*values, 0.0]) + 1e-6 * (high - low)
    assert high >= max([*values, 0.0]) - 1e-6 * (high - low)
    assert low < high


@settings(deadline=None)
@given(finite)
def test_constant_data_have_room(value: float) -> None:
    low, high = apart(value, value)
    assert low < value < high
    assert apart(0.0, 1.0) == (0.0, 1.0)


def test_a_line_breaks_at_nan() -> None:
    assert 'd="M0 1L1 2M3 4"' in polyline(np.array([0.0, 1, 2, 3]), np.array([1.0, 2, np.nan, 4]), "a")
    assert polyline(np.zeros(0), np.zeros(0), "a") == ""
