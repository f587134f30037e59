"""What is expected before a review: rates that sum to a count, and the number of reviews from its formula."""

from __future__ import annotations

from math import sqrt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.audit.expected import half_width_expected, rates_expected, reviews_needed, spread
from curatekit.scores.wrong_probs import wrong_probs

doubts = st.lists(st.floats(0, 1), min_size=2, max_size=50).map(lambda values: np.sort(values)[::-1])


@given(doubts, st.floats(0.01, 0.99))
def test_rates_sum_to_the_count_and_fall_with_doubt(doubt: np.ndarray, share: float) -> None:
    rates = wrong_probs(doubt, share * len(doubt))
    assert rates.sum() == pytest.approx(share * len(doubt), abs=2e-6 * len(doubt))
    assert (np.diff(rates) <= 0).all()
    assert ((rates > 0) & (rates < 1)).all()


def test_the_odds_are_those_of_the_doubt_times_one_factor() -> None:
    doubt = np.array([0.9, 0.5, 0.2])
    rates = wrong_probs(doubt, 0.7)
    factor = (rates / (1 - rates)) / (doubt / (1 - doubt))
    assert factor == pytest.approx(np.full(3, factor[0]))


def issues(scores: list[float | None], confident: int, argmax: int) -> pl.DataFrame:
    n = len(scores)
    return pl.DataFrame(
        {
            "score": scores,
            "self_confidence": np.linspace(0.01, 0.97, n),
            "is_issue": np.arange(n) < confident,
            "given_label": ["a"] * n,
            "suggested_label": ["b"] * argmax + ["a"] * (n - argmax),
        },
        schema_overrides={"score": pl.Float64},
    )


def test_the_count_expected_is_the_geometric_mean_of_the_usual_ones() -> None:
    rates = rates_expected(issues(list(np.linspace(0, 1, 100)), 4, 9))
    assert rates.sum() == pytest.approx(6)
    assert np.argmax(rates) == 0
    assert rates_expected(issues(list(np.linspace(0, 1, 100)), 0, 0)).sum() == pytest.approx(1, abs=1e-4)


def test_scores_of_another_scale_are_replaced_by_self_confidence() -> None:
    in_bits = rates_expected(issues(list(np.linspace(-9, 4, 100)), 4, 9))
    assert in_bits == pytest.approx(rates_expected(issues(list(np.linspace(0.01, 0.97, 100)), 4, 9)))


def test_rows_without_score_are_expected_to_be_as_the_last_that_has_one() -> None:
    rates = rates_expected(issues([0.1, 0.4, 0.8, None, None], 2, 2))
    assert len(rates) == 5
    assert rates[3] == rates[4] == rates[2]


def test_needed_reviews_by_hand() -> None:
    # all rates equal: p = 0.1, N = 1000, so the formula of a simple sample: n = N p q N / ((w N p / z)² + N p q)
    rates = np.full(1000, 0.1)
    by_hand = 1000 * 90 / ((0.2 * 100 / 1.959964) ** 2 + 90)
    assert reviews_needed(rates, 0.2) == int(np.ceil(by_hand)) == 464
    assert half_width_expected(rates, 464) == pytest.approx(1.959964 * sqrt(90000 / 464 - 90) / 100)


@given(st.integers(0, 1000), st.floats(0.02, 0.5))
def test_so_many_reviews_give_the_half_width_and_one_fewer_does_not(seed: int, width: float) -> None:
    rates = np.sort(np.random.default_rng(seed).beta(0.3, 2, 500).clip(1e-6, 0.999))[::-1]
    needed = reviews_needed(rates, width)
    assert half_width_expected(rates, needed) <= width * (1 + 1e-9) or needed == 500
    assert needed == 1 or half_width_expected(rates, needed - 1) > width


def test_a_fifth_of_the_sample_is_spread_level() -> None:
    rates = np.array([0.5, 0.0, 0.0, 0.0, 0.0])
    weight = spread(rates) / spread(rates).sum()
    assert weight[1:] == pytest.approx(np.full(4, 0.2 / 5))
    assert weight[0] == pytest.approx(0.8 + 0.2 / 5)
