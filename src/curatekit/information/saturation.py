"""The form V(n) = V∞ − a n⁻ᵇ of a learning curve, fitted to many curves at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints

SLOWEST, FASTEST = 0.05, 2.0
"""The exponents b that are tried. Slower curves cannot be told from a straight line over log n, faster ones from a step."""

_GRID, _ROUNDS = 41, 4


class Saturations(NamedTuple):
    """D curves V(n) = limit − drop · (n / whole)^−exponent."""

    limit: Floats  # (D,) V∞, bits
    drop: Floats  # (D,) what is missing at `whole` rows, bits
    exponent: Floats  # (D,)
    residual: Floats  # (D,) root mean square of what the curve misses the points by, bits
    whole: int  # the largest size

    def at(self, sizes: Floats | Ints) -> Floats:
        """Return V (D, p) at p sizes."""
        relative = np.asarray(sizes, np.float64) / self.whole
        values: Floats = self.limit[:, None] - self.drop[:, None] * relative ** -self.exponent[:, None]
        return values


def saturation(sizes: Ints, values: Floats, most: float) -> Saturations:
    """Return the least-squares fits to D curves, values (D, J) at sizes (J,): limit ≤ most, drop ≥ 0, exponent in [0.05, 2].

    For a given exponent the problem is linear in the other two, and convex: its bounded solution is had in closed form, the
    free one or the better of those on the two bounds. The exponent is searched on a grid that is drawn together four times.

    Source: Hestness et al. (2017), Deep Learning Scaling is Predictable, Empirically, for the power law of the excess loss.
    """
    relative = np.asarray(sizes, np.float64) / sizes[-1]
    low, high = np.full(len(values), np.log(SLOWEST)), np.full(len(values), np.log(FASTEST))
    for _ in range(_ROUNDS):
        grid = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, _GRID)  # (D, G) of log b
        x = relative ** -np.exp(grid)[:, :, None]  # (D, G, J)
        limit, drop, error = _bounded(x, values[:, None, :], most)
        best = error.argmin(axis=1)[:, None]
        width = (high - low) / (_GRID - 1)
        at = np.take_along_axis(grid, best, 1)[:, 0]
        low, high = np.maximum(at - width, np.log(SLOWEST)), np.minimum(at + width, np.log(FASTEST))
    limit, drop, error = (np.take_along_axis(part, best, 1)[:, 0] for part in (limit, drop, error))
    return Saturations(limit, drop, np.exp(at), np.sqrt(error), int(sizes[-1]))


def _bounded(x: Floats, v: Floats, most: float) -> tuple[Floats, Floats, Floats]:
    """Return L ≤ most, a ≥ 0 and the mean square of L − a x − v, least in L and a, along the last axis."""
    x_mean, v_mean = x.mean(axis=-1), v.mean(axis=-1)
    free_a = -((x - x_mean[..., None]) * v).mean(axis=-1) / ((x - x_mean[..., None]) ** 2).mean(axis=-1)
    at_most_a = np.maximum((x * (most - v)).mean(axis=-1) / (x * x).mean(axis=-1), 0)
    flat = np.minimum(v_mean, most) + np.zeros_like(x_mean)
    tried = [
        (v_mean + free_a * x_mean, free_a),
        (np.full_like(x_mean, most), at_most_a),
        (flat, np.zeros_like(x_mean)),
    ]
    errors = np.stack([((L[..., None] - a[..., None] * x - v) ** 2).mean(axis=-1) for L, a in tried])
    errors[0][(tried[0][0] > most) | (free_a < 0)] = np.inf
    best = errors.argmin(axis=0)[None]
    limits, drops = (np.stack(part) for part in zip(*tried, strict=True))
    limit, drop, error = (np.take_along_axis(part, best, 0)[0] for part in (limits, drops, errors))
    return limit, drop, error
