"""Accuracy against an oracle: counts by hand, samples of one size with each set's shares."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from curatekit.compare_labels.accuracy import accuracy_vector, equal_samples
from curatekit.errors import InputError
from curatekit.intervals import wilson

CODES = st.lists(st.integers(0, 3), min_size=1, max_size=80)


def test_by_hand() -> None:
    found = accuracy_vector(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 2]), 4)
    assert found.accuracy == wilson(3, 5)
    first, second, third, fourth = found.per_class
    assert (first.given, first.oracle, first.precision, first.recall) == (3, 2, wilson(2, 3), wilson(2, 2))
    assert (second.precision, second.recall) == (wilson(1, 2), wilson(1, 2))
    assert isnan(third.precision.value)
    assert third.recall.value == 0
    assert isnan(fourth.recall.value)


@given(CODES, st.integers(0, 9))
@settings(deadline=None)
def test_precision_and_recall_are_scikit_learns(given_: list[int], seed: int) -> None:
    labels = np.array(given_)
    oracle = np.random.default_rng(seed).integers(0, 4, len(labels))
    found = accuracy_vector(labels, oracle, 4)
    precision, recall, _, _ = precision_recall_fscore_support(
        oracle, labels, labels=range(4), zero_division=np.nan, average=None
    )
    assert [one.precision.value for one in found.per_class] == pytest.approx(precision, nan_ok=True)
    assert [one.recall.value for one in found.per_class] == pytest.approx(recall, nan_ok=True)


@given(st.lists(CODES, min_size=2, max_size=4), st.integers(0, 5))
@settings(deadline=None)
def test_samples_are_of_one_size_and_keep_the_shares(sets: list[list[int]], seed: int) -> None:
    labels = [np.array(own) for own in sets]
    drawn = equal_samples(labels, 4, seed=seed)
    size = min(map(len, labels))
    for own, rows in zip(labels, drawn, strict=True):
        assert len(rows) == len(set(rows.tolist())) == size
        # no class is off by a whole row
        expected = np.bincount(own, minlength=4) * size / len(own)
        assert (np.abs(np.bincount(own[rows], minlength=4) - expected) < 1).all()


def test_another_seed_draws_other_rows_and_the_same_seed_the_same() -> None:
    labels = [np.zeros(200, np.int64), np.zeros(50, np.int64)]
    one, again, other = (equal_samples(labels, 1, seed=seed)[0].tolist() for seed in (0, 0, 1))
    assert one == again != other
    assert equal_samples(labels, 1)[1].tolist() == list(range(50))


def test_a_sample_larger_than_the_smallest_set_is_refused() -> None:
    with pytest.raises(InputError, match="the smallest set has 3"):
        equal_samples([np.zeros(5, np.int64), np.zeros(3, np.int64)], 1, 4)
