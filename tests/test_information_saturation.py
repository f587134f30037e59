"""The form V∞ − a n⁻ᵇ, fitted within bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from curatekit.information.saturation import FASTEST, SLOWEST, saturation

SIZES = np.array([50, 100, 200, 400, 800, 1600])


@given(st.floats(0.05, 0.95), st.floats(0.02, 0.1), st.floats(0.3, 1.5))
@settings(max_examples=50, deadline=None)
def test_known_parameters_are_recovered(limit: float, drop: float, exponent: float) -> None:
    values = limit - drop * (SIZES / 1600) ** -exponent
    found = saturation(SIZES, values[None], 1.0)
    assert found.limit[0] == pytest.approx(limit, abs=1e-3)
    assert found.drop[0] == pytest.approx(drop, abs=1e-3)
    assert found.exponent[0] == pytest.approx(exponent, abs=1e-3)
    assert found.residual[0] < 1e-4
    assert found.at(SIZES)[0] == pytest.approx(values, abs=1e-3)


@pytest.mark.parametrize(
    ("limit", "drop", "exponent", "noise"), [(0.95, 0.5, 0.1, 0.02), (0.2, -0.05, 0.5, 0.01), (0.5, 0.05, 0.5, 0.02)]
)
def test_it_is_the_least_of_what_a_solver_finds(limit: float, drop: float, exponent: float, noise: float) -> None:
    rng = np.random.default_rng(0)
    curves = limit - drop * (SIZES / 1600) ** -exponent + noise * rng.normal(size=(5, 6))
    found = saturation(SIZES, curves, 0.97)
    assert (found.limit <= 0.97).all()
    assert (found.drop >= 0).all()
    for i, values in enumerate(curves):

        def loss(theta: np.ndarray, values: np.ndarray = values) -> float:
            return float(((theta[0] - theta[1] * (SIZES / 1600) ** -theta[2] - values) ** 2).mean())

        bounds = [(None, 0.97), (0, None), (SLOWEST, FASTEST)]
        starts = [(level, fall, b) for level in (0.2, 0.9) for fall in (0.0, 0.3) for b in (0.1, 0.5, 1.5)]
        solved = min(minimize(loss, start, bounds=bounds).fun for start in starts)
        assert found.residual[i] ** 2 <= solved * (1 + 1e-3) + 1e-12


def test_a_curve_above_the_most_tends_to_the_most() -> None:
    found = saturation(SIZES, (2 - (SIZES / 1600) ** -0.5)[None], 1.5)
    assert found.limit[0] == 1.5


def test_a_falling_curve_is_flat() -> None:
    found = saturation(SIZES, np.array([[0.5, 0.4, 0.3, 0.2, 0.1, 0.0]]), 1.0)
    assert (found.limit[0], found.drop[0]) == pytest.approx((0.25, 0))


def test_curves_are_fitted_one_by_one() -> None:
    curves = np.random.default_rng(1).normal(size=(4, 6))
    together = saturation(SIZES, curves, 1.0)
    for i in range(4):
        alone = saturation(SIZES, curves[i : i + 1], 1.0)
        assert [part[0] for part in alone[:4]] == pytest.approx([part[i] for part in together[:4]])
