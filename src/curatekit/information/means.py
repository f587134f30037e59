"""Intervals of means of skewed values such as PVI, in closed form: of all rows, or of each part of them at once."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.intervals import Interval


def mean_interval(values: Floats, units: Ints | None = None, *, confidence: float = 0.95) -> Interval:
    """Return the mean of values (n,) with its limits, as `mean_intervals` gives them; raises InputError without values."""
    if not len(values):
        raise InputError("A mean needs values. Give at least one row.")
    return mean_intervals(values, np.zeros(len(values), np.int64), 1, units, confidence=confidence)[0]


def mean_intervals(
    values: Floats, part: Ints, n_parts: int, units: Ints | None = None, *, confidence: float = 0.95
) -> tuple[Interval, ...]:
    """Return the mean of values (n,) in each of n_parts parts, part (n,), with limits of coverage `confidence`.

    PVI has a long tail of confident errors, under which Student's interval and the bootstrap's percentiles are too narrow: at
    30 rows they cover 0.82 to 0.95 where 0.95 is meant. Hall's transformation takes the skewness γ out,
    g(T) = T + γT²/3 + γ²T³/27 + γ/6n, and is inverted at Student's quantiles; of its limits and Student's the outer ones are
    taken, since a sample in which the tail does not show knows no skewness. Simulated on 49 sorts of PVI, eight of ten sorts
    are covered 0.92 to 0.97 at 30 rows, 0.95 to 0.975 at 100 and 0.95 to 0.96 at 1,000; at 10 rows only 0.79 to 0.95.

    units (n,): rows of one unit (copies, a group) are no evidence of their own; the unit is then what is sampled, and a
    part's mean the ratio of its units' totals to their rows. A part of one unit has no limits (NaN), an empty part no
    mean either.

    Sources: Hall (1992), On the Removal of Skewness by Transformation, JRSS B 54:221; Cochran (1977), Sampling
    Techniques, section 6.5, for the ratio.
    """
    from scipy.special import stdtrit

    totals, sizes, owner = _units(np.asarray(values, np.float64), part, units)
    n = np.bincount(owner, minlength=n_parts)  # units
    rows = np.bincount(owner, sizes, n_parts)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(owner, totals, n_parts) / rows
        deviations = (totals - mean[owner] * sizes) * (n / rows)[owner]
        scale = np.sqrt(np.bincount(owner, deviations**2, n_parts) / n)
        skew = np.bincount(owner, (deviations / np.where(scale > 0, scale, 1)[owner]) ** 3, n_parts) / n
        t = stdtrit(n - 1.0, (1 + confidence) / 2) / np.sqrt(n - 1.0)
        low = mean - scale * np.maximum(t, _unskewed(t, skew, n))
        high = mean + scale * np.maximum(t, -_unskewed(-t, skew, n))
    return tuple(
        Interval(float(m), float(a), float(b)) if units_in > 1 else Interval(float(m), float("nan"), float("nan"))
        for m, a, b, units_in in zip(mean, low, high, n, strict=True)
    )


def _unskewed(t: Floats, skew: Floats, n: Ints) -> Floats:
    """Return g⁻¹(t), Hall's transformation inverted: 3/γ · (c − 1) with c = ∛(1 + γ(t − γ/6n))."""
    shifted = t - skew / (6 * n)
    c = np.cbrt(1 + skew * shifted)
    inverse: Floats = 3 * shifted / (c * c + c + 1)  # the same, since c³ − 1 = (c − 1)(c² + c + 1); γ may be 0
    return inverse


def _units(values: Floats, part: Ints, units: Ints | None) -> tuple[Floats, Floats, Ints]:
    """Return the total, the number of rows and the part of each unit within each part."""
    if units is None:
        return values, np.ones(len(values)), part
    width = int(units.max(initial=0)) + 1
    key, code = np.unique(part.astype(np.int64) * width + units, return_inverse=True)
    totals = np.bincount(code, values).astype(np.float64)
    return totals, np.bincount(code).astype(np.float64), key // width
