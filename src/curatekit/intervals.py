"""Confidence intervals in closed form for rates."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple


class Interval(NamedTuple):
    """An estimate with its confidence limits; NaN throughout where nothing was counted."""

    value: float
    low: float
    high: float


NOTHING = Interval(float("nan"), float("nan"), float("nan"))


def wilson(count: float, n: float, confidence: float = 0.95) -> Interval:
    """Return count / n with the score interval, (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n).

    The n trials are taken as independent; n may be an effective size. Source: Wilson (1927), JASA 22:209.
    """
    if n == 0:
        return NOTHING
    rate = count / n
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = rate + z * z / (2 * n)
    half = z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    # at a count of 0 or n the limit is that rate itself; rounding would put it 1e-17 beside
    low = 0.0 if count == 0 else (centre - half) / (1 + z * z / n)
    high = 1.0 if count == n else (centre + half) / (1 + z * z / n)
    return Interval(rate, low, high)


def mean_of_rates(rates: Sequence[Interval]) -> Interval:
    """Return the mean of independent rates, its limits recovered from theirs: p̄ ∓ √Σ (distance to the limit / m)².

    Source: Zou, Huang and Zhang (2009), Computational Statistics & Data Analysis 53:1080 (MOVER, with Wilson limits).
    """
    if not rates:
        return NOTHING
    m = len(rates)
    mean = sum(rate.value for rate in rates) / m
    below = sqrt(sum((rate.value - rate.low) ** 2 for rate in rates)) / m
    above = sqrt(sum((rate.high - rate.value) ** 2 for rate in rates)) / m
    return Interval(mean, max(0.0, mean - below), min(1.0, mean + above))
