"""Models compared on the same rows, datasets compared for one family."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import pearsonr, spearmanr

from curatekit.errors import InputError
from curatekit.information.compare import compare_datasets, compare_models, furthest_apart, share_of_entropy
from curatekit.information.differences import difference
from curatekit.information.means import mean_interval


def test_by_hand() -> None:
    pvi = np.array([[1.0, -1.0, 2.0, 0.0], [0.0, -2.0, 1.0, 1.0]])
    (pair,) = compare_models(pvi)
    assert (pair.first, pair.second, pair.difference.value) == (0, 1, 0.5)
    assert pair.difference[1:] == pytest.approx(mean_interval(np.array([1.0, 1, 1, -1]))[1:])
    assert pair.sign_changes == 0  # 0 is not negative
    assert pair.pearson == pytest.approx(pearsonr(*pvi)[0])
    assert pair.spearman == pytest.approx(3 / (5 * 4.5) ** 0.5)  # ranks 3 1 4 2 and 2 1 3.5 3.5
    assert pair.spearman == pytest.approx(spearmanr(*pvi)[0])
    assert furthest_apart(pvi, 2).tolist() == [0, 1]
    assert furthest_apart(np.vstack([pvi, [5, -1, 2, 0]]), 1).tolist() == [0]


def test_rows_that_change_sign_are_counted() -> None:
    (pair,) = compare_models(np.array([[1.0, -1.0, 2.0, -3.0, 0.0], [-1.0, 1.0, 1.0, -1.0, -0.5]]))
    assert pair.sign_changes == pytest.approx(3 / 5)


def test_limits_of_several_pairs_hold_together() -> None:
    """With 3 models each of the 3 intervals is of 1 − 0.05 / 3; all of them hold in 95 of 100 draws."""
    rng = np.random.default_rng(0)
    pvi = rng.normal(size=(3, 50))
    pairs = compare_models(pvi)
    assert [(pair.first, pair.second) for pair in pairs] == [(0, 1), (0, 2), (1, 2)]
    assert pairs[1].difference == pytest.approx(mean_interval(pvi[0] - pvi[2], confidence=1 - 0.05 / 3))
    together = alone = 0
    for _ in range(300):
        values = 2 * rng.normal(size=60) + rng.normal(size=(4, 60))  # the rows' own part is common to all models
        together += all(p.difference.low <= 0 <= p.difference.high for p in compare_models(values))
        alone += all(
            p.low <= 0 <= p.high for i in range(4) for j in range(i) if (p := mean_interval(values[i] - values[j]))
        )
    assert together / 300 >= 0.92
    assert alone / 300 < 0.88


def test_paired_limits_are_narrow_where_rows_are_hard_for_both_and_by_units() -> None:
    rng = np.random.default_rng(1)
    hard = 3 * rng.normal(size=300)
    pvi = np.stack([hard + 0.1 * rng.normal(size=300), hard + 0.1 * rng.normal(size=300)])
    (pair,) = compare_models(pvi)
    assert pair.difference.high - pair.difference.low < 0.05
    copies = np.repeat(pvi, 4, axis=1)
    (again,) = compare_models(copies, np.repeat(np.arange(300), 4))
    assert again.difference == pytest.approx(pair.difference, abs=1e-12)
    (blind,) = compare_models(copies)
    assert blind.difference.high - blind.difference.low < 0.6 * (pair.difference.high - pair.difference.low)


@given(arrays(float, (3, 12), elements=st.integers(-40, 6)), st.permutations(range(12)))
@settings(max_examples=40)
def test_the_order_of_the_rows_is_nothing(pvi: np.ndarray, order: list[int]) -> None:
    units = np.arange(12) // 2
    for one, other in zip(compare_models(pvi, units), compare_models(pvi[:, order], units[order]), strict=True):
        assert one.difference == pytest.approx(other.difference, abs=1e-6)
        assert one[3:] == pytest.approx(other[3:], abs=1e-6, nan_ok=True)


def test_a_model_whose_pvi_is_constant_has_no_correlation() -> None:
    (pair,) = compare_models(np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]))
    assert np.isnan(pair.pearson)
    assert np.isnan(pair.spearman)


def test_datasets_are_paired_where_they_hold_the_same_rows() -> None:
    rng = np.random.default_rng(2)
    hard = rng.normal(size=200)
    before, after = hard, hard + 0.1 + 0.05 * rng.normal(size=200)
    null = np.ones(200)
    rows = np.arange(200)
    (paired,) = compare_datasets([after, before], [null, null], [rows, rows])
    (apart,) = compare_datasets([after, before], [null, null], [rows, rows + 200])
    assert (paired.common, apart.common) == (200, 0)
    assert paired.difference.value == apart.difference.value == pytest.approx(0.1, abs=0.02)
    assert paired.difference.low > 0 > apart.difference.low
    assert paired.difference == difference(after, before, rows, rows)
    assert paired.share_difference == pytest.approx(paired.difference)  # the label has one bit
    (some,) = compare_datasets([after, before], [null, null], [rows, rows + 150])
    assert some.common == 50


def test_share_of_entropy_by_hand_and_covered() -> None:
    pvi, null = np.array([0.5, 1.0, -0.5, 1.0]), np.array([1.0, 2.0, 0.5, 1.0])
    ratio = 2 / 4.5
    found = share_of_entropy(pvi, null)
    assert found.value == pytest.approx(ratio)
    assert found == pytest.approx(mean_interval(ratio + (pvi - ratio * null) / 1.125))
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(1000):  # h is 0.5 or 2 bits, PVI 0.4 h and noise: the share is 0.4
        null = np.where(rng.random(200) < 0.7, 0.5, 2.0)
        low, high = share_of_entropy(0.4 * null + rng.normal(size=200), null)[1:]
        covered += low <= 0.4 <= high
    assert 0.93 <= covered / 1000 <= 0.97


def test_a_share_is_of_its_datasets_own_entropy() -> None:
    """The same bits are all of one label and half of another."""
    rows = np.arange(4)
    (pair,) = compare_datasets([np.ones(4), np.ones(4)], [np.ones(4), np.full(4, 2.0)], [rows, rows + 4])
    assert pair.difference == (0, 0, 0)
    assert pair.share_difference == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("m", [0, 1])
def test_one_alone_is_no_comparison(m: int) -> None:
    with pytest.raises(InputError, match="two models"):
        compare_models(np.zeros((m, 5)))
    with pytest.raises(InputError, match="two datasets"):
        compare_datasets([np.zeros(5)] * m, [np.ones(5)] * m, [np.arange(5)] * m)
