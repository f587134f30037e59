"""Learning curves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.errors import InputError
from curatekit.plot import learning_curve
from curatekit.plot.learning_curve import spread
from tests.svg import each, number, starts, texts, titles

SIZES = np.array([100, 1000, 200, 500])
VALUES = np.array([0.1, 0.4, 0.2, 0.3])


def ticks(figure):
    across = {
        text: number(at, "x") for at, text in zip(each(figure, "text", "middle"), texts(figure, "middle"), strict=True)
    }
    up = {
        text: number(at, "y") - 4
        for at, text in zip(each(figure, "text", "muted end"), texts(figure, "muted end"), strict=True)
    }
    return across, up


def test_points_and_intervals_lie_where_the_ticks_say() -> None:
    figure = learning_curve(SIZES, VALUES, VALUES - 0.05, VALUES + 0.05)
    across, up = ticks(figure)
    assert across["1,000"] - across["100"] == pytest.approx((across["200"] - across["100"]) / np.log10(2), abs=1)
    per_unit = (up["0.0"] - up["0.4"]) / 0.4
    hits = [(number(circle, "cx"), number(circle, "cy")) for circle in each(figure, "circle", "hit")]
    expected = [
        (across[f"{n:,}"], up["0.0"] - v * per_unit) for n, v in sorted(zip(SIZES.tolist(), VALUES, strict=True))
    ]
    assert hits == [pytest.approx(point, abs=0.3) for point in expected]
    fine = each(figure, "path", "l0 fine")
    assert [starts(line)[0][1] - y for line, (_, y) in zip(fine, hits, strict=True)] == [
        pytest.approx(0.05 * per_unit, abs=0.3)
    ] * 4
    assert "100 rows: 0.100 [0.050, 0.150]" in titles(figure)


def test_the_line_goes_through_the_fit_or_else_through_the_points_in_order_of_size() -> None:
    plain = learning_curve(SIZES, VALUES)
    (line,) = [path for path in each(plain, "path", "l0") if path.get("d", "").count("L") == 3]
    x = [float(part.split(" ")[0]) for part in line.get("d", "")[1:].split("L")]
    assert x == sorted(x)
    fitted = learning_curve(SIZES, VALUES, fit_sizes=np.geomspace(100, 4000, 20), fit_values=np.linspace(0.1, 0.5, 20))
    assert max(path.get("d", "").count("L") for path in each(fitted, "path", "l0")) == 19


def test_limits_are_dashed_and_told() -> None:
    figure = learning_curve(SIZES, np.stack([VALUES, VALUES / 2]), names=["probe", "mlp"], asymptotes=[0.5, np.nan])
    _, up = ticks(figure)
    (dashed,) = each(figure, "path", "l0 dashed")
    assert starts(dashed)[0][1] == pytest.approx(up["0.4"] - (up["0.0"] - up["0.4"]) / 4, abs=0.3)
    assert each(figure, "path", "l1 dashed") == []
    assert "probe: 0.400 at 1,000, limit 0.500; mlp: 0.200 at 1,000." in figure.alt
    assert {"probe", "mlp"} <= set(texts(figure, "strong"))


def test_more_curves_than_colours_differ_by_shape_or_name() -> None:
    figure = learning_curve(SIZES, np.stack([VALUES + i / 50 for i in range(9)]))
    assert [f"curve {i}" in texts(figure, "strong") for i in range(1, 10)] == [True] * 9


@settings(deadline=None)
@given(st.lists(st.floats(0, 300), min_size=1, max_size=10))
def test_names_are_spread_in_order(wanted: list[float]) -> None:
    places = spread(wanted, 30, 0, 300)
    order = np.argsort(wanted, kind="stable")
    assert all(places[b] - places[a] >= 30 - 1e-9 for a, b in itertools.pairwise(order))
    assert all(-1e-9 <= place <= 300 for place in places)
    apart = sorted(wanted)
    if all(b - a >= 30 for a, b in itertools.pairwise(apart)):
        assert places == wanted


def test_holes_and_constants_have_a_picture() -> None:
    figure = learning_curve(SIZES, [VALUES, [np.nan, 0.1, np.nan, np.inf]])
    assert len(each(figure, "circle", "hit")) == 5
    assert learning_curve([50], [0.2]).svg
    assert learning_curve([50, 60], [0.0, 0.0]).svg
    assert "1 row without a value left out." in learning_curve([50, 60], [0.2, np.nan]).alt


def test_what_is_no_curve_is_refused() -> None:
    with pytest.raises(InputError, match="to draw"):
        learning_curve([], [])
    with pytest.raises(InputError, match="not a number above 0"):
        learning_curve([0, 10], [0.1, 0.2])
    with pytest.raises(InputError, match=r"values has the shape \(3,\) for 2 sizes"):
        learning_curve([1, 10], [0.1, 0.2, 0.3])
    with pytest.raises(InputError, match="low has the shape"):
        learning_curve([1, 10], [0.1, 0.2], [[0, 0], [0, 0]], [0.3, 0.3])
    with pytest.raises(InputError, match="names has 2 values for 1 curves"):
        learning_curve([1, 10], [0.1, 0.2], names=["a", "b"])
    with pytest.raises(InputError, match="no value at all"):
        learning_curve([1, 10], [[0.1, 0.2], [np.nan, np.nan]])
