"""The estimates, by enumeration of all samples where the population is small, by simulation where it is not."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.audit.design import draw, neyman_design
from curatekit.audit.estimate import (
    Tally,
    best_f1_cut,
    cut_interval,
    expected_wrong,
    precision_cut,
    stratified_total,
    total_interval,
)
from curatekit.audit.posterior import rate_draws
from curatekit.scores.wrong_probs import wrong_probs

probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=40).map(lambda values: np.sort(values)[::-1])


@pytest.mark.parametrize("wrong", [(1, 1, 0, 0, 1, 0, 0), (0,) * 7, (1,) * 7, (0, 0, 0, 1, 0, 0, 0)])
def test_the_mean_over_all_samples_is_the_truth_exactly(wrong: tuple[int, ...]) -> None:
    strata, drawn = (range(3), range(3, 7)), (2, 3)
    rows, reviewed = np.array([3, 4]), np.array(drawn)
    every = list(product(*(combinations(stratum, n) for stratum, n in zip(strata, drawn, strict=True))))
    totals = [
        Fraction(
            stratified_total(Tally(rows, reviewed, np.array([sum(wrong[i] for i in part) for part in sample])))
        ).limit_denominator(6)
        for sample in every
    ]
    assert len(every) == 3 * 4
    assert sum(totals) / len(totals) == sum(wrong)


def probability(rows: int, wrong: int, n: int, k: int) -> float:
    """Of k wrong among n drawn without replacement."""
    return comb(wrong, k) * comb(rows - wrong, n - k) / comb(rows, n)


def test_coverage_in_one_stratum_over_all_samples() -> None:
    """Each number of wrong rows in 40, 12 reviewed: how probable it is that the limits hold it, sample by sample."""
    rows, n = 40, 12
    intervals = []
    for k in range(n + 1):
        tally = Tally(np.array([rows]), np.array([n]), np.array([k]))
        rates = rate_draws(tally.reviewed, tally.wrong, np.zeros(1), np.random.default_rng(k))
        intervals.append(total_interval(tally, rates, np.random.default_rng(k)))
    coverage = [
        sum(probability(rows, wrong, n, k) for k, of in enumerate(intervals) if of.low <= wrong <= of.high)
        for wrong in range(rows + 1)
    ]
    assert np.mean(coverage) == pytest.approx(0.96, abs=0.02)
    assert min(coverage) > 0.88


def test_coverage_in_two_strata_over_all_samples() -> None:
    rows, n = (12, 20), (5, 5)
    position = np.array([0.0, -2.0])
    intervals = {}
    for k in product(range(6), repeat=2):
        tally = Tally(np.array(rows), np.array(n), np.array(k))
        rates = rate_draws(tally.reviewed, tally.wrong, position, np.random.default_rng(sum(k)), 1000)
        intervals[k] = total_interval(tally, rates, np.random.default_rng(0))
    coverage = {
        wrong: sum(
            probability(rows[0], wrong[0], n[0], k[0]) * probability(rows[1], wrong[1], n[1], k[1])
            for k, of in intervals.items()
            if of.low <= sum(wrong) <= of.high
        )
        for wrong in product(range(rows[0] + 1), range(rows[1] + 1))
    }
    falling = {w: c for w, c in coverage.items() if w[0] / rows[0] >= w[1] / rows[1]}
    assert np.mean(list(falling.values())) == pytest.approx(0.95, abs=0.03)
    assert min(falling.values()) > 0.8


def test_bias_and_coverage_of_whole_audits() -> None:
    """Scores that are as expected, sharper, duller, and with errors that they do not see at all: 25 audits of each."""
    n_audits, held = 25, []
    for slope, floor in [(1.0, 0.0), (2.0, 0.0), (0.3, 0.0), (1.0, 0.01)]:
        rng = np.random.default_rng(1)
        doubt = np.sort(rng.beta(0.4, 2, 3000))[::-1]
        rates = wrong_probs(doubt, 300)
        log_odds = np.log(rates / (1 - rates))
        wrong = (rng.random(3000) < 1 / (1 + np.exp(-slope * (log_odds + 1) + 1))) | (rng.random(3000) < floor)
        design = neyman_design(rates, 64)
        position = np.bincount(design.of_row, log_odds) / design.rows
        estimates = []
        for seed in range(n_audits):
            rng = np.random.default_rng(seed)
            rank, stratum = draw(design, rng)
            found = np.bincount(stratum, wrong[rank], minlength=len(design.rows)).astype(int)
            tally = Tally(design.rows, design.drawn, found)
            of = total_interval(tally, rate_draws(tally.reviewed, found, position, rng, 500), rng)
            estimates.append(of.value)
            held.append(of.low <= wrong.sum() <= of.high)
        assert np.mean(estimates) == pytest.approx(wrong.sum(), abs=4 * np.std(estimates) / np.sqrt(n_audits))
    assert 0.9 <= np.mean(held) <= 0.99


def test_a_census_is_known_exactly() -> None:
    rows = np.array([4, 6])
    tally = Tally(rows, rows, np.array([3, 1]))
    rng = np.random.default_rng(0)
    rates = rate_draws(tally.reviewed, tally.wrong, np.array([0.0, -1.0]), rng)
    assert total_interval(tally, rates, rng) == (4, 4, 4)
    verdict = np.array([1, 1, 1, 0, 0, 0, 1, 0, 0, 0])
    precision, recall = cut_interval(np.arange(10) < 5, np.repeat([0, 1], rows), verdict, rates, rng)
    assert precision == pytest.approx((0.6, 0.6, 0.6))
    assert recall == pytest.approx((0.75, 0.75, 0.75))


def test_the_limits_hold_the_estimate_even_where_the_posterior_would_not() -> None:
    tally = Tally(np.array([10, 1000]), np.array([5, 5]), np.array([0, 5]))
    of = total_interval(tally, np.full((100, 2), 0.01), np.random.default_rng(0))
    assert of.value == of.high == 1000
    assert 5 <= of.low < 30


def test_precision_of_nothing_and_recall_of_nothing_are_one() -> None:
    verdict, stratum = np.zeros(4, int), np.zeros(4, int)
    rates = np.full((10, 1), 0.5)
    of = cut_interval(np.zeros(4, bool), stratum, verdict, rates, np.random.default_rng(0))
    assert of.precision == of.recall == (1, 1, 1)


def test_unreviewed_rows_vary_and_reviewed_ones_do_not() -> None:
    verdict = np.array([1, 1, -1, -1, 0, -1])
    stratum = np.array([0, 0, 0, 0, 1, 1])
    rates = np.tile([0.5, 0.0], (4000, 1))
    precision, recall = cut_interval(np.arange(6) < 4, stratum, verdict, rates, np.random.default_rng(0))
    assert precision.value == pytest.approx(0.75, abs=0.01)  # (2 + Binomial(2, 1/2)) / 4
    assert (precision.low, precision.high) == (0.5, 1.0)
    assert recall == (1, 1, 1)
    assert expected_wrong(stratum, verdict, rates).tolist() == [1, 1, 0.5, 0.5, 0, 0]


@given(probabilities)
def test_the_best_f1_cut_is_the_best_of_all(expected: np.ndarray) -> None:
    f1 = [2 * expected[:c].sum() / (c + expected.sum()) for c in range(1, len(expected) + 1)]
    assert f1[best_f1_cut(expected) - 1] == pytest.approx(max(f1))


@given(probabilities, st.floats(0.05, 1))
def test_the_precision_cut_is_the_last_that_reaches_it(expected: np.ndarray, precision: float) -> None:
    cut = precision_cut(expected, precision)
    reached = [c for c in range(1, len(expected) + 1) if np.cumsum(expected)[c - 1] / c >= precision]
    assert cut == max(reached, default=0)
