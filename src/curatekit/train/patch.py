"""Patching: a model taught new rows that stays near the one it was, in place of training anew on old and new rows."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.predict.probe import Probe, fit_probe

_CLOSE = 0.02  # the distance is met to two per cent: nothing that is measured tells the difference
_STEPS = 40


def check_distance(distance: float) -> None:
    """Raise InputError unless the distance is above 0."""
    if not distance > 0:
        raise InputError(f"The weight distance is {distance:g}. Give a share of the weights' length, such as 0.1.")


def patched_probe(probe: Probe, features: Floats, labels: Ints, distance: float) -> Probe:
    """Return the probe of least mean log loss on the new rows within ‖θ − θ₀‖ ≤ distance · ‖θ₀‖ of `probe`, θ₀.

    features (k, p), labels (k,); θ are coefficients and intercepts. The problem is convex, so that the bound is the penalty
    (1 / 2C) ‖θ − θ₀‖² at the C which just meets it, found by bisection. Zhu et al. (2020), Modifying memories in
    transformer models, equation 3, with the Euclidean norm. Raises InputError for a distance that is not positive.
    """
    check_distance(distance)
    bound = distance * _length(probe)
    low, high, best = 1e-8, 1e4, probe
    nearest = probe
    for _ in range(_STEPS):
        C = float(np.sqrt(low * high))
        nearest = fit_probe(features, labels, len(probe.intercept), C=C, start=nearest, around=probe)
        away = _length(nearest, probe)
        if away <= bound:
            best, low = nearest, C
            if away >= (1 - _CLOSE) * bound:
                break
        else:
            high = C
        if high / low < 1 + 1e-3:
            break
    return best


def _length(probe: Probe, of: Probe | None = None) -> float:
    """Return the Euclidean norm of all coefficients and intercepts, or of their differences from another probe's."""
    theta = np.column_stack([probe.coef, probe.intercept])
    return float(np.linalg.norm(theta if of is None else theta - np.column_stack([of.coef, of.intercept])))
