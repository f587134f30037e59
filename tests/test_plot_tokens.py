"""Token tables and highlighted texts."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest

from curatekit.errors import InputError
from curatekit.plot import highlighted, token_table
from curatekit.plot.histogram import CLASSES
from tests.svg import each, number, texts, titles

LABELS = ["no", "no", "yes", "no"]
TOKENS = ["book", " ", "<b>", "the"]
COUNTS = [1200, 3, 40, 7]
DELTAS = np.array([0.5, -0.25, 1.0, 0.125])


def test_each_token_has_its_count_its_delta_and_a_bar_of_that_length() -> None:
    figure = token_table(LABELS, TOKENS, COUNTS, DELTAS, DELTAS - 0.1, DELTAS + 0.1)
    positive = [number(rect, "width") for rect in each(figure, "rect", "f0")]
    assert positive == pytest.approx([positive[2] * d for d in (0.5, 0.125, 1.0)], abs=0.1)  # no, no, yes
    (negative,) = [number(rect, "width") for rect in each(figure, "rect", "f1")]
    assert negative == pytest.approx(positive[2] / 4, abs=0.1)
    assert [text for text in texts(figure) if text in ("book", "␣", "the", "<b>")] == ["book", "␣", "the", "<b>"]
    assert {"1,200", "+0.50", "−0.25", "+1.00"} <= set(texts(figure))
    assert "book\nbits lost without it: +0.500 [+0.400, +0.600]\nin 1,200 rows" in titles(figure)
    assert "no: book +0.50, ␣ −0.25, the +0.12; yes: <b> +1.00." in figure.alt


def test_the_order_is_kept_and_only_the_first_are_shown() -> None:
    n = 40
    figure = token_table(["a"] * n, [f"t{i:02d}" for i in range(n)], [1] * n, np.linspace(1, 0, n), most=5)
    assert [text for text in texts(figure) if re.fullmatch(r"t\d\d", text)] == ["t00", "t01", "t02", "t03", "t04"]
    labels = [f"c{i:02d}" for i in range(CLASSES + 3)]
    many = token_table(labels, ["t"] * len(labels), [1] * len(labels), [1.0] * len(labels))
    assert texts(many, "strong") == labels[:CLASSES]
    assert f"The first {CLASSES} of {CLASSES + 3} classes." in many.alt


def test_tokens_without_a_delta_are_left_out() -> None:
    figure = token_table(LABELS, TOKENS, COUNTS, [0.5, np.nan, np.nan, 0.0])
    assert texts(figure, "strong") == ["no"]
    with pytest.raises(InputError, match="to draw"):
        token_table([], [], [], [])
    with pytest.raises(InputError, match="tokens has 1 values for 2 rows"):
        token_table(["a", "a"], ["b"], [1, 1], [1, 1])


def spans(made: str) -> list[tuple[str, str, str]]:
    """Class, hover and text of each span."""
    found = []
    for attributes, text in re.findall(r"<span([^>]*)>([^<]*)</span>", made):
        css, title = (re.search(f'{name}="([^"]*)"', attributes) for name in ("class", "title"))
        found.append((css[1] if css else "", title[1] if title else "", html.unescape(text)))
    return found


def test_the_ground_of_a_token_is_its_delta() -> None:
    deltas = [1.0, -1.0, 0.6, -0.3, 0.1, 0.05, 0.0, np.nan]
    made = highlighted(["the", "not", "good", "bad", "<", "ok", "is", "x"], deltas, title="negative").html
    assert spans(made) == [
        ("p4", "+1.00 bits", "the"),
        ("n4", "−1.00 bits", "not"),
        ("p3", "+0.60 bits", "good"),
        ("n2", "−0.30 bits", "bad"),
        ("p1", "+0.10 bits", "<"),
        ("", "+0.05 bits", "ok"),
        ("", "0.00 bits", "is"),
    ]
    assert re.sub(r"<[^>]*>", "", made).startswith("negativethe not good bad &lt; ok is x")


def test_rows_can_share_one_scale_and_pieces_their_own_spaces() -> None:
    made = highlighted(["un", "like", "ly\n"], [0.5, 0.0, 3.0], strongest=1.0, separator="").html
    assert [css for css, _, _ in spans(made)] == ["p2", "", "p4"]
    assert re.sub(r"<[^>]*>", "", made).startswith("unlikely\nBlue")


def test_a_text_that_nothing_hangs_on() -> None:
    assert "No token counts." in highlighted(["a", "b"], [0.0, np.nan]).html
    with pytest.raises(InputError, match="no token to show"):
        highlighted([], [])
    with pytest.raises(InputError, match="deltas has the shape"):
        highlighted(["a"], [1.0, 2.0])
