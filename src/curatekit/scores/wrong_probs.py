"""From an order of doubt and a count to the probability that each label is wrong."""

from __future__ import annotations

from math import sqrt

import numpy as np

from curatekit.arrays import Floats

FLOOR = 1e-6


def likely_errors(confident: int, argmax: int) -> float:
    """Return √(confident · argmax), of at least one each: how many labels are likely wrong, by confident learning's count and by argmax's."""
    return sqrt(max(confident, 1) * max(argmax, 1))


def wrong_probs(doubt: Floats, count: float) -> Floats:
    """Return p_i = σ(logit(doubt_i) − c) (n,) with the c that makes them sum to `count`; doubt (n,) in [0, 1]."""
    bounded = np.clip(doubt, FLOOR, 1 - FLOOR)
    log_odds = np.log(bounded / (1 - bounded))
    count = min(max(count, len(doubt) * FLOOR), len(doubt) * (1 - FLOOR))
    low, high = -40.0, 40.0
    for _ in range(60):
        shift = (low + high) / 2
        low, high = (shift, high) if (1 / (1 + np.exp(shift - log_odds))).sum() > count else (low, shift)
    rates: Floats = np.clip(1 / (1 + np.exp(high - log_odds)), FLOOR, 1 - FLOOR)
    return rates
