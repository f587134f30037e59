"""Words of texts in every script, and their counts, against slow twins."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.information.words import count_words, rows_with, words

TEXT = st.lists(st.sampled_from(["a", "b", "ab", "A", "don't", "é", "?", "我", "_", "12"]), max_size=8).map(" ".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't STOP, it's 'quoted'!", ["don't", "stop", "it's", "quoted"]),
        ("don’t", ["don't"]),
        ("cafe\u0301 CAFÉ", ["café", "café"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("किताबें हैं", ["किताबें", "हैं"]),
        ("我爱 カタカナ ひら", ["我", "爱", "カタカナ", "ひ", "ら"]),
        ("snake_case #tag @user 3.14", ["snake_case", "tag", "user", "3", "14"]),
        ("ɗan ƙasa", ["ɗan", "ƙasa"]),
        ("?!… ''", []),
        ("", []),
    ],
)
def test_words_of_many_scripts(text: str, expected: list[str]) -> None:
    assert words([text]).to_list() == [expected]


def test_case_is_kept_when_asked() -> None:
    assert words(["US us"], fold_case=False).to_list() == [["US", "us"]]
    assert count_words([["US us"]], fold_case=False).words == ("US", "us")


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=12), st.booleans())
def test_counts_equal_counting_one_by_one(rows: list[tuple[str, str]], fold: bool) -> None:
    inputs = tuple(zip(*rows, strict=True))
    counted = count_words(inputs, fold_case=fold)
    dense = counted.counts.toarray()
    assert dense.shape == (len(rows), len(counted.words))
    for row, sides in enumerate(rows):
        slow = Counter(
            (column, word) for column, text in enumerate(sides) for word in words([text], fold_case=fold).to_list()[0]
        )
        fast = {
            (int(counted.columns[code]), counted.words[code]): int(dense[row, code]) for code in dense[row].nonzero()[0]
        }
        assert fast == slow


def test_the_sides_of_a_pair_are_kept_apart() -> None:
    counted = count_words((["same", "x"], ["same", "same"]))
    assert counted.words == ("same", "x", "same")
    assert counted.columns.tolist() == [0, 0, 1]
    assert counted.counts.toarray().tolist() == [[1, 0, 1], [0, 1, 1]]


def test_texts_without_a_word_have_no_column() -> None:
    assert count_words([["", "?!"]]).counts.shape == (2, 0)


@given(st.lists(TEXT, min_size=1, max_size=10), st.lists(TEXT, min_size=1, max_size=5))
def test_phrases_are_found_as_words_in_a_row(texts: list[str], phrases: list[str]) -> None:
    def holds(text: list[str], phrase: list[str]) -> bool:
        starts = range(len(text) - len(phrase) + 1)
        return bool(phrase) and any(text[start : start + len(phrase)] == phrase for start in starts)

    expected = [[holds(text, phrase) for phrase in words(phrases).to_list()] for text in words(texts).to_list()]
    np.testing.assert_array_equal(rows_with(phrases, (texts,)).toarray(), expected)


def test_a_phrase_may_stand_in_either_text_but_not_across() -> None:
    held = rows_with(
        ["white lie", "he", "white lie"], (["a White  lie", "the lie", "a white"], ["x", "white-lie", "lie"])
    )
    assert held.toarray().tolist() == [[1, 0, 1], [1, 0, 1], [0, 0, 0]]
