"""Points, hexagons and correlations."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from curatekit.plot.correlation import pearson, spearman
from curatekit.plot.listing import Row, height, listing, pins
from curatekit.plot.points import SHAPES, hexagon, hexagons, mark, shares, swarm


def test_a_point_belongs_to_the_nearest_centre() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 60, size=(2, 2_000))
    cells = hexagons(x, y, 6.0)
    # all centres of the grid around the points, the slow way
    grid = np.array([(6 * np.sqrt(3) * (q + r / 2), 9.0 * r) for q in range(-12, 14) for r in range(-2, 10)])
    nearest = ((x[:, None] - grid[:, 0]) ** 2 + (y[:, None] - grid[:, 1]) ** 2).argmin(axis=1)
    centres = np.stack([cells.x, cells.y], axis=1)[cells.cell]
    assert np.allclose(centres, grid[nearest])
    assert cells.counts.sum() == 2_000
    assert np.array_equal(np.bincount(cells.cell), cells.counts)


def test_the_area_grows_with_the_count() -> None:
    found = shares(np.array([1, 10, 100, 1000]))
    assert np.all(np.diff(found) > 0)
    assert found[-1] == pytest.approx(1)
    assert found[0] > 0.12


def test_every_shape_is_drawn_once_a_point() -> None:
    for shape in SHAPES:
        assert swarm(np.array([1.0, 2.0]), np.array([3.0, 4.0]), 0, shape).count("M") == 2
        assert "translate(1 2) scale(1.5)" in mark(1, 2, 0, shape)
    assert swarm(np.zeros(0), np.zeros(0), 0, "dot") == ""
    assert hexagon(10, 10, 1.0, "f0", swarm(np.zeros(0), np.zeros(0), 0, "dot")).startswith("<path")


pairs = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=30)


@settings(deadline=None)
@given(pairs)
def test_correlations_equal_those_of_scipy(points: list[tuple[int, int]]) -> None:
    x, y = np.array(points, dtype=np.float64).T
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(pearson(x, y))
        assert np.isnan(spearman(x, y))
    else:
        assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)


def test_a_constant_has_no_correlation_whatever_its_rounding() -> None:
    assert np.isnan(pearson(np.full(3, 0.1), np.array([1.0, 2.0, 4.0])))


def test_numbers_beside_points_do_not_hide_one_another() -> None:
    rows = [Row(i, f"row {i}", "1.00") for i in range(1, 9)]
    points = [(100.0 + i % 3, 100.0 + i % 2) for i in range(8)]  # nearly one point
    made = pins(points, rows, (0, 0, 300, 300))
    at = [(float(x), float(y)) for x, y in re.findall(r'<text x="([\d.]+)" y="([\d.]+)"', made)]
    assert len(at) == 8
    assert made.count("<circle") == 8
    for i, a in enumerate(at):
        assert 6 <= a[0] <= 294
        assert not [b for b in at[:i] if abs(a[0] - b[0]) < 14.9 and abs(a[1] - b[1]) < 14.9]
    crowded = pins(points * 9, [Row(i, "r", "0") for i in range(72)], (90, 90, 112, 112))
    assert crowded.count("<circle") == 72, "a number may find no place; the ring stays"


def test_a_list_is_as_high_as_it_says() -> None:
    rows = [Row(1, "a", "1.0", "text"), Row(2, "b", "2.0")]
    tops = [float(y) for y in re.findall(r'<rect x="5" y="([\d.]+)"', listing(5, 100, 200, "Rows", rows))]
    heights = [float(h) for h in re.findall(r'height="([\d.]+)" class="hit"', listing(5, 100, 200, "Rows", rows))]
    assert tops[1] + heights[1] == 100 + height(rows)
