"""The data map."""

from __future__ import annotations

import re

import numpy as np
import pytest

from curatekit.errors import InputError
from curatekit.plot import data_map
from curatekit.plot.points import MOST
from tests.svg import each, number, starts, texts, titles

SURE = np.array([0.9, 0.8, 0.1, 0.05, 0.5, 0.55])
WAVER = np.array([0.05, 0.1, 0.1, 0.02, 0.4, 0.3])
RIGHT = np.array([1.0, 1.0, 0.0, 0.0, 0.4, 0.6])


def dynamics(n: int):
    rng = np.random.default_rng(0)
    probs = 1 / (1 + np.exp(-(rng.normal(1, 2, size=(n, 1)) + rng.normal(size=(n, 5)))))
    return probs.mean(axis=1), probs.std(axis=1), (probs > 0.5).mean(axis=1)


def test_each_row_is_one_mark_by_colour_and_shape_of_its_correctness() -> None:
    figure = data_map(SURE, WAVER, RIGHT)
    marks = {css: sum(len(starts(path)) for path in each(figure, "path", css)) - 1 for css in ("l0", "f2", "f5")}
    assert marks == {"l0": 2, "f2": 1, "f5": 1}  # the legend has one of each
    # a cross is two strokes, the second of which begins where its pen moves to
    assert sum(len(starts(path)) for path in each(figure, "path", "l1")) - 1 == 2
    assert texts(figure, "muted end")[-4:] == ["2", "1", "1", "2"]
    assert "6 rows: 33.3% always right, 33.3% never." in figure.alt


def test_rows_lie_where_the_ticks_say() -> None:
    figure = data_map(SURE, WAVER, RIGHT)
    across = {
        text: number(at, "x") for at, text in zip(each(figure, "text", "middle"), texts(figure, "middle"), strict=True)
    }
    up = {text: number(at, "y") - 4 for at, text in zip(each(figure, "text", "end"), texts(figure, "end"), strict=True)}
    points = starts(each(figure, "path", "l0 round")[0])
    x = [across["0.0"] + w / 0.4 * (across["0.4"] - across["0.0"]) for w in WAVER[:2]]
    y = [up["0.0"] + s * (up["1.0"] - up["0.0"]) for s in SURE[:2]]
    assert points == [pytest.approx(point, abs=0.2) for point in zip(x, y, strict=True)]
    assert up["1.0"] < up["0.0"]


def test_the_regions_are_named_and_the_hardest_and_the_most_ambiguous_rows() -> None:
    figure = data_map(SURE, WAVER, RIGHT, names=list("abcdef"), texts=[f"text {c}" for c in "abcdef"], most=2)
    assert {"← easy to learn", "← hard to learn", "ambiguous →"} <= set(texts(figure))
    told = sorted({title for title in titles(figure) if re.match(r"\d\. ", title)})
    assert told == [
        "1. d: 0.05 ± 0.02\ntext d",
        "2. c: 0.10 ± 0.10\ntext c",
        "3. e: 0.50 ± 0.40\ntext e",
        "4. f: 0.55 ± 0.30\ntext f",
    ]
    assert len(each(figure, "circle", "ring")) == 4
    assert "d at 0.05 ± 0.02" in figure.alt


def test_many_rows_are_counted_in_hexagons_and_it_is_said() -> None:
    n = 4 * MOST
    figure = data_map(*dynamics(n), names=[f"row {i}" for i in range(n)], texts=["word " * 30] * n)
    counts = [int(title.split(" row")[0].replace(",", "")) for title in titles(figure) if "mean correctness" in title]
    assert sum(counts) == n
    assert f"More than {MOST:,} rows are counted in hexagons" in figure.alt
    assert len(each(figure, "circle", "ring")) == 10, "the extremes are kept and named"
    assert len(figure.svg) < 150_000
    few = data_map(*dynamics(MOST))
    assert "hexagons" not in few.alt
    assert len(few.svg) < 150_000


def test_degenerate_data_have_a_picture() -> None:
    assert data_map(np.ones(3), np.zeros(3), np.ones(3)).svg
    holes = data_map([0.5, np.nan, 0.5], [0.1, 0.1, np.nan], [1, 1, 1])
    assert "1 row: 100.0% always right" in holes.alt
    assert "2 rows without all three values left out." in holes.alt


def test_what_is_no_data_map_is_refused() -> None:
    with pytest.raises(InputError, match="to draw"):
        data_map([], [], [])
    with pytest.raises(InputError, match="confidence has a value outside 0 to 1"):
        data_map([1.5], [0.1], [1])
    with pytest.raises(InputError, match=r"variability has the shape \(2,\), where \(1,\)"):
        data_map([0.5], [0.1, 0.1], [1])
