"""The PVI below which predictions are mostly wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.information.threshold import mostly_wrong_below
from curatekit.intervals import wilson
from curatekit.scores.pvi import pvi


def two_classes(p_given: list[float], labels: list[int] | None = None):
    """Rows whose labels have these probabilities; the null is one half."""
    y = np.zeros(len(p_given), int) if labels is None else np.array(labels)
    pred = np.empty((len(y), 2))
    pred[np.arange(len(y)), y], pred[np.arange(len(y)), 1 - y] = p_given, 1 - np.array(p_given)
    return y, pred, np.full((len(y), 2), 0.5)


def test_by_hand() -> None:
    """Wrong below p = 1/2: three rows wrong, and right ones above; with two right ones most are still wrong."""
    found = mostly_wrong_below(*two_classes([0.1, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9]))
    assert found.overall is not None
    assert found.overall.pvi.value == pytest.approx(np.log2(0.7 / 0.5))
    assert (found.overall.rows, found.overall.wrong) == (5, wilson(3, 5))
    assert found.per_class == {0: found.overall}


def test_none_where_no_row_is_wrong_and_the_highest_where_all_are() -> None:
    assert mostly_wrong_below(*two_classes([0.6, 0.9])).overall is None
    found = mostly_wrong_below(*two_classes([0.4, 0.3])).overall
    assert found is not None
    assert found.pvi.value == pytest.approx(np.log2(0.8))
    assert (found.rows, found.pvi.low, found.pvi.high) == (2, -np.inf, np.inf)


def test_rows_of_equal_pvi_are_under_a_threshold_together() -> None:
    labels, pred, null = two_classes([0.2, 0.5, 0.5, 0.5], [0, 1, 1, 0])
    assert (pred[1:].argmax(axis=1) == 0).all()  # a tie goes to the first class: of three rows at 0 bits two are wrong
    found = mostly_wrong_below(labels, pred, null).overall
    assert found is not None
    assert (found.pvi.value, found.rows, found.wrong.value) == (0, 4, 0.75)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=60))  # fmt: skip
def test_it_equals_its_slow_twin(rows: list[tuple[int, int, int, int]]) -> None:
    labels, *weights = np.array(rows).T
    pred = np.stack(weights, axis=1) / np.sum(weights, axis=0)[:, None]
    null = np.full(pred.shape, 1 / 3)
    bits, wrong = pvi(labels, pred, null), pred.argmax(axis=1) != labels
    found = mostly_wrong_below(labels, pred, null)
    for one, own in [(found.overall, labels >= 0), *((found.per_class[k], labels == k) for k in found.per_class)]:
        under = {t: wrong[own][bits[own] <= t] for t in bits[own]}
        mostly = [t for t, among in under.items() if among.mean() > 0.5]
        assert (one is None) == (not mostly)
        if one is not None:
            among = under[max(mostly)]
            assert (one.pvi.value, one.rows, one.wrong.value) == (max(mostly), len(among), among.mean())
            sure = [t for t, among in under.items() if wilson(int(among.sum()), len(among)).low > 0.5]
            maybe = [t for t, among in under.items() if wilson(int(among.sum()), len(among)).high > 0.5]
            assert one.pvi.low == max(sure, default=-np.inf)
            assert one.pvi.high == (np.inf if max(maybe) == bits[own].max() else max(maybe))


def calibrated(rng: np.random.Generator, n: int, sd: float):
    logits = sd * rng.normal(size=(n, 3)) + np.log([0.6, 0.3, 0.1])
    pred = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (rng.random(n)[:, None] > pred.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    return labels, pred, np.tile([0.6, 0.3, 0.1], (n, 1))


@pytest.mark.parametrize("n", [100, 1000])
def test_the_limits_cover_the_threshold(n: int) -> None:
    """400 datasets: the threshold of the population, overall and of each class, lies within the limits."""
    rng = np.random.default_rng(0)
    truth = mostly_wrong_below(*calibrated(rng, 300_000, 2.0))
    covered: list[bool] = []
    for _ in range(400):
        found = mostly_wrong_below(*calibrated(rng, n, 2.0))
        covered += [
            each.pvi.low <= true.pvi.value <= each.pvi.high
            for each, true in [(found.overall, truth.overall), *zip(found.per_class.values(), truth.per_class.values(), strict=True)]
            if each and true
        ]  # fmt: skip
    assert len(covered) > 1500
    assert 0.93 <= np.mean(covered) <= 0.975


def test_it_differs_from_class_to_class() -> None:
    """Not half a bit everywhere: a rare class is predicted wrong far above 0."""
    found = mostly_wrong_below(*calibrated(np.random.default_rng(0), 20_000, 1.0)).per_class
    assert found[2] is not None
    assert found[2].pvi.low > 1
    assert found[0] is None or found[0].pvi.high < 0.5
