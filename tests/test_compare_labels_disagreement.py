"""Disagreement: hand-computed, against scikit-learn's kappa, and by bands."""

from __future__ import annotations

from math import isnan, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from curatekit.compare_labels.disagreement import band_names, band_of, bands, disagreement, excess
from curatekit.compare_labels.pairs import MutualPairs
from curatekit.intervals import mean_of_rates, wilson


def test_by_hand() -> None:
    # 10 pairs: 4 (a, a), 3 (b, b), 2 (a, b), 1 (b, a); shares a: 0.6 and 0.5
    first = np.array([0] * 4 + [1] * 3 + [0] * 2 + [1])
    second = np.array([0] * 4 + [1] * 3 + [1] * 2 + [0])
    found = disagreement(first, second, 2)
    assert (found.pairs, found.differing) == (10, 3)
    assert found.rate == wilson(3, 10)
    assert found.chance == pytest.approx(1 - (0.6 * 0.5 + 0.4 * 0.5))
    assert found.kappa.value == pytest.approx(1 - 0.3 / 0.5)
    assert found.kappa.low < found.kappa.value < found.kappa.high
    assert found.labels.tolist() == [[4, 2], [1, 3]]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=60))
@settings(deadline=None)
def test_kappa_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    first, second = np.array(pairs).T
    found = disagreement(first, second, 4)
    if len(set(first) | set(second)) == 1:
        assert isnan(found.kappa.value)
    else:
        assert found.kappa.value == pytest.approx(cohen_kappa_score(first, second), abs=1e-9)
        assert found.kappa.low <= found.kappa.high


def test_the_limits_of_kappa_cover_it() -> None:
    """200 draws of 300 pairs that agree in 80 %, where chance gives 50 %: kappa is 0.6."""
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        first = rng.integers(0, 2, 300)
        second = np.where(rng.random(300) < 0.2, 1 - first, first)
        found = disagreement(first, second, 2, seed=seed).kappa
        covered += found.low <= 0.6 <= found.high
    assert 180 <= covered <= 199


def test_no_pair_says_nothing() -> None:
    none = np.zeros(0, np.int64)
    found = disagreement(none, none, 2)
    assert found.pairs == 0
    assert isnan(found.rate.value)
    assert isnan(found.chance)


def pairs(first, second, similarity, same) -> MutualPairs:
    return MutualPairs(np.array(first), np.array(second), np.array(similarity), np.array(same, bool))


def test_bands_by_hand_and_the_excess_over_the_noise() -> None:
    across = pairs([0, 1, 2, 3], [0, 1, 2, 3], [0.95, 0.93, 0.85, 0.3], [True, False, False, False])
    own = pairs([0, 2], [1, 3], [0.92, 0.91], [False, False])
    other = pairs([0], [1], [0.91], [False])
    first, second = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0])
    found = bands(across, (own, other), first, second, 2)
    assert [band.name for band in found] == band_names()
    assert [(band.across.pairs, band.across.differing) for band in found] == [
        (1, 0),
        (1, 1),
        (1, 0),
        (0, 0),
        (0, 0),
        (1, 1),
    ]
    assert [band.within_pairs for band in found] == [(0, 0), (2, 1), (0, 0), (0, 0), (0, 0), (0, 0)]
    assert (found[1].within[0].value, found[1].within[1].value) == (0, 1)
    # the one band with pairs of all kinds: across 1 of 1, within 0 of 2 and 1 of 1
    of = excess(found)
    assert of.pairs == 1
    noise = mean_of_rates([wilson(0, 2), wilson(1, 1)])
    assert of.value.value == pytest.approx(1 - 0.5)
    assert of.value.low == pytest.approx(0.5 - sqrt((1 - wilson(1, 1).low) ** 2 + (noise.high - 0.5) ** 2))


@pytest.mark.parametrize(("one", "other"), [(0.2, 0.2), (0.1, 0.3), (0.0, 0.6)])
def test_the_excess_is_half_the_squared_distance_of_the_label_distributions(one: float, other: float) -> None:
    """Labels of one truth, shares `one` and `other` of them wrong: |p − q|² / 2 is (one − other)²; equal noise is no excess."""
    rng = np.random.default_rng(1)
    n = 6000
    truth = rng.integers(0, 2, n // 2).repeat(2)  # rows 2i and 2i + 1 are alike, in both sets
    first, second = (np.where(rng.random(n) < rate, 1 - truth, truth) for rate in (one, other))
    within = pairs(np.arange(0, n, 2), np.arange(1, n, 2), np.full(n // 2, 0.95), [False] * (n // 2))
    across = pairs(np.arange(n), np.arange(n), np.full(n, 0.95), [False] * n)
    found = excess(bands(across, (within, within), first, second, 2))
    assert found.pairs == n
    assert found.value.low < (one - other) ** 2 < found.value.high
    assert found.value.high - found.value.low < 0.06


def test_a_band_holds_its_lower_edge() -> None:
    found = band_of(pairs([0] * 4, [0] * 4, [0.9, 0.8999, 0.6, 0.5999], [False] * 4))
    assert [band_names()[k] for k in found] == ["≥ 0.9", "0.8 to 0.9", "0.6 to 0.7", "< 0.6"]
