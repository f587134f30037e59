"""Two values of the same rows."""

from __future__ import annotations

import re

import numpy as np
import pytest

from curatekit.errors import InputError
from curatekit.plot import scatter
from curatekit.plot.points import MOST
from tests.svg import each, number, starts, texts, titles


def test_both_axes_have_one_scale_and_points_lie_where_the_ticks_say() -> None:
    x, y = np.array([-1.0, 0.0, 2.0]), np.array([0.5, 1.0, -2.0])
    figure = scatter(x, y, x_name="bert", y_name="gpt")
    across = {
        text: number(at, "x") for at, text in zip(each(figure, "text", "middle"), texts(figure, "middle"), strict=True)
    }
    up = {text: number(at, "y") - 4 for at, text in zip(each(figure, "text", "end"), texts(figure, "end"), strict=True)}
    assert across["2"] - across["−2"] == pytest.approx(up["−2"] - up["2"], abs=0.2)
    per_unit = (across["2"] - across["−2"]) / 4
    middle = across["0"], up["0"]
    expected = [(middle[0] + per_unit * a, middle[1] - per_unit * b) for a, b in zip(x, y, strict=True)]
    assert starts(each(figure, "path", "l0 round")[0]) == [pytest.approx(point, abs=0.2) for point in expected]
    (equal,) = each(figure, "path", "axis dashed")
    assert starts(equal)[0] == pytest.approx((across["−2"], up["−2"]), abs=0.2)
    assert {"PVI (bits), bert", "PVI (bits), gpt"} <= set(texts(figure))


def test_the_correlations_are_told_and_the_rows_that_differ_most() -> None:
    x = np.arange(6.0)
    figure = scatter(x, [0, 1, -2, 3, 5, 4], names=list("abcdef"), most=2)
    # 18.5 / √(17.5 · 34.83), and 1 − 6 · 8 / (6 · 35) from the ranks 2 3 1 4 6 5
    assert "Pearson 0.75, Spearman 0.77" in figure.alt
    assert "c at 2.00 | −2.00; e at 4.00 | 5.00" in figure.alt
    assert len(each(figure, "circle", "ring")) == 2
    ranks = scatter(x, np.exp(x))
    assert "Spearman 1.00" in ranks.alt


def test_many_rows_are_counted_in_hexagons() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=3 * MOST)
    figure = scatter(x, x + rng.normal(size=len(x)), names=[str(i) for i in range(len(x))])
    counts = [
        int(found[1].replace(",", "")) for title in titles(figure) if (found := re.fullmatch(r"([\d,]+) rows?", title))
    ]
    assert sum(counts) == len(x)
    assert "hexagons" in figure.alt
    assert len(each(figure, "circle", "ring")) == 10
    assert len(figure.svg) < 100_000


def test_degenerate_data_have_a_picture() -> None:
    assert "Pearson –, Spearman –" in scatter([1.0, 1.0], [2.0, 2.0]).alt
    assert "1 row without both values left out." in scatter([1.0, np.nan, 0], [2.0, 2.0, 0]).alt
    with pytest.raises(InputError, match="to draw"):
        scatter([np.nan], [1.0])
    with pytest.raises(InputError, match="y has the shape"):
        scatter([1.0], [1.0, 2.0])
