"""Bars of attributes."""

from __future__ import annotations

import numpy as np
import pytest

from curatekit.errors import InputError
from curatekit.plot import bars
from tests.svg import each, number, starts, texts, titles

NAMES = ["length", "bag of words", "shuffled", "nothing"]
VALUES = np.array([0.1, 0.4, 0.2, -0.05])


def boxes(figure, css):
    return [
        (number(rect, "x"), number(rect, "width")) for rect in each(figure, "rect", css) if rect.get("class") == css
    ]


def test_bars_are_as_long_as_their_values_and_start_at_zero() -> None:
    figure = bars(NAMES, VALUES)
    positive, negative = boxes(figure, "f0"), boxes(figure, "f1")
    per_unit = positive[1][1] / 0.4
    assert [width for _, width in positive] == pytest.approx(list(VALUES[:3] * per_unit), abs=0.1)
    zero = positive[0][0]
    assert [x for x, _ in positive] == [zero] * 3
    ((x, width),) = negative
    assert (x + width, width) == pytest.approx((zero, 0.05 * per_unit), abs=0.2)
    assert {"0.100", "0.400", "0.200", "−0.050"} <= set(texts(figure))
    ticks = {
        text: number(at, "x") for at, text in zip(each(figure, "text", "middle"), texts(figure, "middle"), strict=True)
    }
    assert ticks["0.2"] - ticks["0.0"] == pytest.approx(0.2 * per_unit, abs=0.2)


def test_intervals_and_the_reference_stand_where_they_belong() -> None:
    figure = bars(NAMES, VALUES, VALUES - 0.02, VALUES + 0.02, reference=0.5)
    ((zero, width), *_) = boxes(figure, "f0")
    per_unit = width / 0.1
    (dashed,) = each(figure, "path", "mark dashed")
    assert starts(dashed)[0][0] == pytest.approx(zero + 0.5 * per_unit, abs=1.5)
    assert "length\nV-usable information (bits per row): 0.100 [0.080, 0.120]" in titles(figure)
    ends = [starts(line)[0][0] for line in each(figure, "path", "mark") if "dashed" not in line.get("class", "")]
    assert min(abs(end - (zero + 0.08 * per_unit)) for end in ends) < 0.5
    assert "whole input 0.500" in texts(figure)
    assert "whole input: 0.500." in figure.alt
    assert "length 0.100; bag of words 0.400; shuffled 0.200; nothing −0.050." in figure.alt


def test_the_conditional_part_stands_beside_on_the_same_scale() -> None:
    figure = bars(NAMES, VALUES, conditional=[0.3, 0.1, np.nan, 0.4])
    first, second = boxes(figure, "f0"), boxes(figure, "f2")
    assert second[0][1] / 0.3 == pytest.approx(first[1][1] / 0.4, abs=1)
    assert len(second) == 3
    assert second[0][0] > max(x + width for x, width in first)
    assert "–" in texts(figure)
    assert "what the input adds, given it" in texts(figure, "strong")


def test_degenerate_data_have_a_picture() -> None:
    assert bars(["a"], [0.0]).svg
    assert bars(["a", "b"], [np.nan, 0.0], reference=float("nan")).svg
    assert bars(["a"], [-3.0]).svg
    for names, values in (([], []), (["a"], [np.nan])):
        with pytest.raises(InputError, match="to draw"):
            bars(names, values)
    with pytest.raises(InputError, match="values has the shape"):
        bars(["a", "b"], [1.0])
    with pytest.raises(InputError, match="conditional_low has the shape"):
        bars(["a"], [1.0], conditional=[1.0], conditional_low=[1.0, 2.0])
