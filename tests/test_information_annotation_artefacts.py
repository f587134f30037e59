"""Which tokens the labels lean on: means, limits, p-values and their multiplicity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from curatekit.information.annotation_artefacts import token_effects
from curatekit.information.means import mean_interval


def test_the_hand_computed_case() -> None:
    """Rows 0 to 2 are of label 0; row 0 holds token 0 twice, which counts once."""
    row = np.array([0, 0, 0, 1, 2, 2, 3, 4])
    kind = np.array([0, 1, 0, 0, 0, 1, 0, 1])
    changes = np.array([3.0, -1.0, 3.0, 4.0, 8.0, -2.0, 1.0, 7.0])
    got = token_effects(np.array([0, 0, 0, 1, 1]), row, kind, changes, min_rows=2)
    assert got.label.tolist() == [0, 0]
    assert got.kind.tolist() == [0, 1]
    assert got.rows.tolist() == [3, 2]
    assert got.delta.tolist() == [5.0, -1.5]
    expected = [mean_interval(np.array(values)) for values in ([3.0, 4.0, 8.0], [-1.0, -2.0])]
    np.testing.assert_allclose(np.stack([got.low, got.high]), np.array([[e.low, e.high] for e in expected]).T)


def test_without_skew_the_p_value_is_students() -> None:
    values = np.array([-0.2, 0.1, 0.3, 0.5, 0.8])
    values = np.concatenate([values, 2 * values.mean() - values])  # symmetric about their mean
    got = token_effects(np.zeros(10, int), np.arange(10), np.zeros(10, int), values)
    np.testing.assert_allclose(got.p_value, stats.ttest_1samp(values, 0).pvalue, rtol=1e-6)


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=60),
    st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_it_equals_its_slow_twin(cells: list[tuple[int, int, int]], min_rows: int) -> None:
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 0, 1])
    units = np.array([0, 1, 2, 0, 4, 5, 6, 6, 8])
    row, kind = np.array([(r, k) for r, k, _ in cells]).T
    worth = np.random.default_rng(0).normal(size=(9, 6))
    got = token_effects(labels, row, kind, worth[row, kind], units=units, min_rows=min_rows)
    expected: list[Any] = []
    for label in range(3):
        for word in range(6):
            holding = sorted({r for r, k, _ in cells if k == word and labels[r] == label})
            if len(holding) >= min_rows and holding:
                of = mean_interval(worth[holding, word], units[holding])
                expected.append((label, word, len(holding), *of))
    assert len(got.label) == len(expected)
    np.testing.assert_allclose(np.array(got[:6]).T.reshape(-1, 6), np.array(expected, float).reshape(-1, 6))
    assert ((got.p_value >= 0) & (got.p_value <= 1)).all()
    assert (got.q_value >= got.p_value - 1e-12).all()
    alone = np.isnan(got.low)
    assert (got.p_value[alone] == 1).all()


@pytest.mark.parametrize("skew", ["long tail above", "long tail below", "rarely anything"])
def test_where_no_token_matters_none_is_named_and_a_planted_one_is(skew: str) -> None:
    rng = np.random.default_rng(1)
    named, found = 0, list[bool]()
    for _ in range(40):
        row, kind = np.repeat(np.arange(300), 5), rng.integers(0, 60, 1500)
        worth = rng.exponential(size=(300, 60)) - 1.0
        if skew == "long tail below":
            worth = -worth
        elif skew == "rarely anything":
            worth = np.where(rng.random((300, 60)) < 0.1, 9.0, -1.0) + 0.05 * rng.normal(size=(300, 60))
        worth[:, 0] += 3.0 * worth.std()
        got = token_effects(rng.integers(0, 2, 300), row, kind, worth[row, kind])
        told = got.q_value <= 0.05
        named += int(told[got.kind != 0].any())
        found += told[got.kind == 0].tolist()
    assert np.mean(found) > 0.8  # in a dozen rows each
    assert named <= 4  # 5 % are meant


def test_nothing_gives_nothing() -> None:
    nothing = np.zeros(0, int)
    got = token_effects(np.zeros(3, int), nothing, nothing, np.zeros(0))
    assert all(len(column) == 0 for column in got)
    rare = token_effects(np.zeros(3, int), np.arange(3), np.zeros(3, int), np.ones(3))
    assert all(len(column) == 0 for column in rare)


def test_copies_are_no_evidence_of_their_own() -> None:
    values = np.array([0.5, 0.7, 0.6, 0.2, 0.9])
    once = token_effects(np.zeros(5, int), np.arange(5), np.zeros(5, int), values)
    units = np.repeat(np.arange(5), 4)
    copied = token_effects(np.zeros(20, int), np.arange(20), np.zeros(20, int), np.repeat(values, 4), units=units)
    np.testing.assert_allclose(copied.p_value, once.p_value)
    assert copied.rows.tolist() == [20]
