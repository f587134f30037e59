"""From reviewed rows to all rows: the number of wrong labels, and the precision and recall of a cut."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.intervals import Interval


class Tally(NamedTuple):
    """By stratum (H,): its rows, how many of those drawn were reviewed, and how many of these are wrong."""

    rows: Ints
    reviewed: Ints
    wrong: Ints


def stratified_total(tally: Tally) -> float:
    """Return Σ N_h k_h / n_h, the estimated number of wrong labels: unbiased, whatever the scores are worth.

    Every stratum needs a reviewed row. Source: Horvitz & Thompson (1952), JASA 47:663; Cochran (1977), section 5.3.
    """
    return float((tally.rows * tally.wrong / tally.reviewed).sum())


def total_interval(tally: Tally, rates: Floats, rng: np.random.Generator, confidence: float = 0.95) -> Interval:
    """Return the unbiased total with the central credible limits of the true one.

    rates (D, H) are `rate_draws` of the tally. Those reviewed are known, so only the others vary: their number of wrong
    labels is binomial at each draw. The limits hold the unbiased total in any case.
    """
    value = stratified_total(tally)
    totals = tally.wrong.sum() + rng.binomial(tally.rows - tally.reviewed, rates).sum(axis=1)
    low, high = _limits(totals, confidence)
    return Interval(value, min(low, value), max(high, value))


class CutInterval(NamedTuple):
    precision: Interval
    recall: Interval


def cut_interval(
    within: Bools, stratum: Ints, verdict: Ints, rates: Floats, rng: np.random.Generator, confidence: float = 0.95
) -> CutInterval:
    """Return precision and recall of calling the rows `within` wrong: posterior means with central credible limits.

    within   (n,) the rows called wrong
    stratum  (n,) each row's, below H
    verdict  (n,) 1 wrong, 0 right, -1 not reviewed
    rates    (D, H) draws

    Precision of no rows, and recall where none are wrong, are 1.
    """
    n_strata = rates.shape[1]
    sums = []
    for side in (within, ~within):
        unknown = np.bincount(stratum[side & (verdict < 0)], minlength=n_strata)
        sums.append((verdict[side] == 1).sum() + rng.binomial(unknown, rates).sum(axis=1))
    found, missed = sums
    called = int(within.sum())
    precision = found / called if called else np.ones(len(found))
    total = found + missed
    recall = np.divide(found, total, out=np.ones(len(found)), where=total > 0)
    return CutInterval(
        *(Interval(float(of.mean()), *_limits(of, confidence)) for of in (np.asarray(precision), recall))
    )


def expected_wrong(stratum: Ints, verdict: Ints, rates: Floats) -> Floats:
    """Return P(label is wrong) (n,): the verdict where there is one, else the mean of the stratum's rate draws (D, H)."""
    expected: Floats = np.where(verdict >= 0, verdict, rates.mean(axis=0)[stratum])
    return expected


def best_f1_cut(expected: Floats) -> int:
    """Return how many of the first rows to call wrong for the largest 2 Σ_{i ≤ c} p_i / (c + Σ p), p by rank (n,)."""
    called = np.arange(1, len(expected) + 1)
    return int(np.argmax(2 * np.cumsum(expected) / (called + expected.sum()))) + 1


def precision_cut(expected: Floats, precision: float) -> int:
    """Return how many of the first rows can be called wrong at this expected precision or more; 0 where none can."""
    reached = np.flatnonzero(np.cumsum(expected) / np.arange(1, len(expected) + 1) >= precision)
    return int(reached[-1]) + 1 if len(reached) else 0


def _limits(draws: Floats | Ints, confidence: float) -> tuple[float, float]:
    low = np.quantile(draws, (1 - confidence) / 2, method="lower")
    high = np.quantile(draws, (1 + confidence) / 2, method="higher")
    return float(low), float(high)
