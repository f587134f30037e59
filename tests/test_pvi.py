"""PVI: cases by hand, and what must hold for all probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.errors import InputError
from curatekit.scores.pvi import pvi


def test_cases_by_hand() -> None:
    labels = np.array([0, 1, 0, 1])
    pred = np.array([[0.5, 0.5], [0.5, 0.5], [1.0, 0.0], [0.875, 0.125]])
    null = np.array([[0.25, 0.75], [0.5, 0.5], [0.25, 0.75], [0.5, 0.5]])
    assert pvi(labels, pred, null).tolist() == [1.0, 0.0, 2.0, -2.0]


def test_a_probability_of_zero_costs_forty_bits_and_no_more() -> None:
    bits = pvi(np.array([1]), np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]]))
    assert bits[0] == pytest.approx(np.log2(1e-12) + 1)


@st.composite
def predictions(draw: st.DrawFn):
    n, n_classes = draw(st.integers(1, 20)), draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pred, null = (rng.dirichlet(np.full(n_classes, 0.5), size=n) for _ in range(2))
    return rng.integers(n_classes, size=n), pred, null, rng


@given(predictions())
@settings(max_examples=100, deadline=None)
def test_rows_and_classes_may_be_renamed(case) -> None:
    labels, pred, null, rng = case
    bits = pvi(labels, pred, null)
    rows = rng.permutation(len(labels))
    assert (pvi(labels[rows], pred[rows], null[rows]) == bits[rows]).all()
    classes = rng.permutation(pred.shape[1])
    assert np.allclose(pvi(np.argsort(classes)[labels], pred[:, classes], null[:, classes]), bits, atol=1e-12)


@given(predictions())
@settings(max_examples=50, deadline=None)
def test_it_is_zero_for_the_null_and_antisymmetric(case) -> None:
    labels, pred, null, _ = case
    assert (pvi(labels, null, null) == 0).all()
    assert np.allclose(pvi(labels, pred, null), -pvi(labels, null, pred), atol=1e-12)


@given(predictions())
@settings(max_examples=50, deadline=None)
def test_it_equals_the_slow_twin(case) -> None:
    from math import log2

    labels, pred, null, _ = case
    slow = [log2(max(p[y], 1e-12)) - log2(max(q[y], 1e-12)) for y, p, q in zip(labels, pred, null, strict=True)]
    assert np.allclose(pvi(labels, pred, null), slow, atol=1e-12)


def test_what_is_no_distribution_is_refused() -> None:
    good, labels = np.array([[0.5, 0.5]]), np.array([0])
    for bad in (np.array([[0.5, np.nan]]), np.array([[0.9, 0.9]]), np.array([[1.5, -0.5]]), np.array([[1.0]])):
        with pytest.raises(InputError):
            pvi(labels, bad, good)
        with pytest.raises(InputError):
            pvi(labels, good, bad)
    with pytest.raises(InputError):
        pvi(np.array([2]), good, good)
