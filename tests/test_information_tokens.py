"""Tokens with exact places, and texts without them."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.information.tokens import Tokens, tokens, without


def told(found: Tokens, inputs: tuple[tuple[str, ...], ...]) -> list[str]:
    return [
        inputs[column][row][start:end]
        for row, column, start, end in zip(found.row, found.column, found.start, found.end, strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The film was good.", ["The", "film", "was", "good", "."]),
        ("  spaces\t and\nlines ", ["spaces", "and", "lines"]),
        ("don't O’Neil's rock'n'roll '90s'", ["don't", "O’Neil's", "rock'n'roll", "'", "90s", "'"]),
        ("well-known (3.14)?! snake_case", ["well", "-", "known", "(", "3", ".", "14", ")?!", "snake_case"]),
        ("cafe\u0301 हिन्दी Straße", ["cafe\u0301", "हिन्दी", "Straße"]),
        ("我爱かな カタカナ", ["我", "爱", "か", "な", "カタカナ"]),
        ("ok 👍🏽👍🏽 ❤️ a\u200bb", ["ok", "👍🏽👍🏽", "❤️", "a", "\u200b", "b"]),
        ("", []),
        (" \n\u3000", []),
    ],
)
def test_words_and_what_stands_between_them(text: str, expected: list[str]) -> None:
    inputs = ((text,),)
    assert told(tokens(inputs), inputs) == expected


@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_every_character_but_white_space_is_in_one_token_in_order(texts: list[str]) -> None:
    found = tokens((texts,))
    for row, text in enumerate(texts):
        own = found.row == row
        starts, ends = found.start[own], found.end[own]
        assert (starts < ends).all()
        assert (starts[1:] >= ends[:-1]).all()
        inside = {i for start, end in zip(starts, ends, strict=True) for i in range(start, end)}
        # \x1c to \x1f are white space to Python and not to Unicode
        assert all(i in inside or char.isspace() for i, char in enumerate(text))
        assert all(char not in " \t\n\u3000\u00a0" for i in inside for char in text[i])
    assert (np.diff(found.row) >= 0).all()


def test_kinds_fold_case_composition_and_apostrophes_and_tell_the_sides_apart() -> None:
    inputs = (("The the DON’T don't café", "x"), ("cafe\u0301 the", ""))
    found = tokens(inputs)
    first = found.kind[(found.row == 0) & (found.column == 0)].tolist()
    assert first == [0, 0, 1, 1, 2]
    assert [(found.kinds[k], c) for k, c in enumerate(found.kind_column)] == [
        ("the", 0), ("don't", 0), ("café", 0), ("café", 1), ("the", 1), ("x", 0),
    ]  # fmt: skip
    exact = tokens(inputs, fold_case=False)
    assert exact.kinds[:4] == ("The", "the", "DON'T", "don't")
    assert found.column.tolist() == [0] * 5 + [1] * 2 + [0]


def test_only_what_is_read_counts() -> None:
    inputs = (("one two three", "one two three"), ("a b", "a b"))
    found = tokens(inputs, read=(np.array([13, 5]), np.array([0, 3])))
    assert [told(found, inputs)[i] for i in np.flatnonzero(found.row == 0)] == ["one", "two", "three"]
    assert [told(found, inputs)[i] for i in np.flatnonzero(found.row == 1)] == ["one", "two", "a", "b"]


@pytest.mark.parametrize(
    ("text", "removed", "left"),
    [
        ("The film was good.", "film", "The was good."),
        ("The film was good.", "The", "film was good."),
        ("The film was good.", "good", "The film was."),
        ("The film was good.", ".", "The film was good"),
        ("a very, very long day", "very", "a, long day"),
        ("very very good", "very", "good"),
        ("well-known face", "-", "well known face"),
        ("3.14", ".", "3 14"),
        ("a (bad) film", "bad", "a () film"),
        ("(bad film)", "bad", "(film)"),
        ("no , spaces", "no", ", spaces"),
        ("a word , b", "word", "a , b"),
        ("one\ntwo three", "two", "one\nthree"),
        ("我爱你", "爱", "我你"),
        ("a我'b", "我", "a 'b"),
        ("  padded  ", "padded", ""),
        ("alone", "alone", ""),
    ],
)
def test_what_is_left_is_well_formed(text: str, removed: str, left: str) -> None:
    found = tokens(((text,),))
    places = [
        (start, end)
        for start, end in zip(found.start.tolist(), found.end.tolist(), strict=True)
        if text[start:end] == removed
    ]
    assert places
    assert without(text, places) == left


@given(st.lists(st.sampled_from(["alpha", "b2", "don't", "-", ", ", ". ", "?", " ", "  ", "\n", "我", "é", "(", ")", "_"]), max_size=12), st.data())  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_the_other_words_stay_what_they_are(pieces: list[str], data: st.DataObject) -> None:
    text = "".join(pieces)
    found = tokens(((text,),))
    n = len(found.row)
    chosen = data.draw(st.sets(st.integers(0, n - 1))) if n else set()
    places = [(int(found.start[i]), int(found.end[i])) for i in sorted(chosen)]
    left = without(text, places)

    def words(text: str, skip: set[int]) -> list[str]:
        inputs = ((text,),)
        every = told(tokens(inputs), inputs)
        return [word for i, word in enumerate(every) if i not in skip and unicodedata.category(word[0])[0] in "LN"]

    assert words(left, set()) == words(text, chosen)
    assert "  " not in left or "  " in text or "\n" in text
    if chosen:
        assert left == "" or not (left[0].isspace() and 0 in chosen)
