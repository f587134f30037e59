"""Tokens of texts, each with its place, and texts without some of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from curatekit.arrays import Ints

_ALONE = r"[\p{Han}\p{Hiragana}]"
_LETTER = rf"[\w--{_ALONE}]"
_WORD = rf"{_ALONE}\p{{M}}*|[[\p{{L}}\p{{N}}_]--{_ALONE}]{_LETTER}*(?:['’]{_LETTER}+)*"
_TOKEN = rf"{_WORD}|[^\s\p{{L}}\p{{N}}_]+"  # every character but white space is in one

_STANDS_ALONE = re.compile("[\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_CLOSING, _OPENING = ".,;:!?…%)]}»”’", "([{«“‘"


class Tokens(NamedTuple):
    """The T tokens of n rows, by row, then column, then place; tokens of one kind are the same word."""

    row: Ints  # (T,)
    column: Ints  # (T,) 0, or 1 in the second text of a pair
    start: Ints  # (T,) of its first character in that text, in code points
    end: Ints  # (T,) behind its last
    kind: Ints  # (T,)
    kinds: tuple[str, ...]  # V of them
    kind_column: Ints  # (V,) a word of the second text is another than the same of the first


def tokens(inputs: Sequence[Sequence[str]], *, fold_case: bool = True, read: Sequence[Ints] | None = None) -> Tokens:
    r"""Return the tokens of n rows of texts: `inputs` is one column of n texts, or two for pairs.

    A token is a word (a letter, a digit or `_`, and what `\w` follows it, apostrophes inside), a Han or Hiragana character,
    or a run of anything else between white space, such as "?!" or an emoji. read: of each column (n,), how many characters count; a
    token that begins behind them is left out. Composed and decomposed letters, and ’ and ', are of one kind, and with
    fold_case upper and lower case too. The runs are those of Whitespace in the library tokenizers, which Ethayarajh
    et al. (2022) used, but for apostrophes, marks and the scripts without spaces.
    """
    places: list[tuple[int, int, int, int]] = []  # row, column, start, end
    for column, texts in enumerate(inputs):
        found = pl.Series(texts, dtype=pl.String).str.extract_all(_TOKEN).to_list()
        for row, (text, own) in enumerate(zip(texts, found, strict=True)):
            limit = len(text) if read is None else int(read[column][row])
            end = 0
            for token in own:
                start = text.index(token, end)  # only white space lies between, so this is the one that was found
                end = start + len(token)
                if start >= limit:
                    break
                places.append((row, column, start, end))
    places.sort()
    kinds: dict[tuple[int, str], int] = {}
    kind = [kinds.setdefault((c, _folded(inputs[c][r][s:e], fold_case)), len(kinds)) for r, c, s, e in places]
    at = np.array(places, np.int64).reshape(-1, 4).T
    return Tokens(
        at[0], at[1], at[2], at[3],
        np.array(kind, np.int64),
        tuple(word for _, word in kinds),
        np.array([c for c, _ in kinds], np.int64),
    )  # fmt: skip


def without(text: str, places: Sequence[tuple[int, int]]) -> str:
    """Return `text` without the characters at the places [start, end), which are tokens in their order.

    What is left is well-formed: no two spaces where one was, none before a comma, none at the ends, and one between two
    words that would grow together. The other words stay what they are.
    """
    for start, end in reversed(places):
        text = _joined(text[:start], text[end:])
    return text


def _joined(left: str, right: str) -> str:
    if not left or left.isspace():
        return right.lstrip()
    if not right or right.isspace():
        return left.rstrip()
    if left[-1].isspace():
        if right[0].isspace():
            right = right.lstrip()
        elif right[0] in _CLOSING:
            left = left.rstrip()
    elif right[0].isspace():
        if left[-1] in _OPENING:
            right = right.lstrip()
    elif _of_word(left[-1]) + _of_word(right[0]) > 2:
        left += " "
    return left + right


def _of_word(char: str) -> int:
    """Return 2 for what makes a word together with its neighbour, 1 for what may stand inside of one, else 0."""
    if char in "'’":
        return 1
    if _STANDS_ALONE.match(char):
        return 0
    return 2 * (char.isalnum() or char == "_" or unicodedata.category(char)[0] == "M")


def _folded(token: str, fold_case: bool) -> str:
    return unicodedata.normalize("NFC", token.casefold() if fold_case else token).replace("’", "'")
