"""Tokens as they stand in a text, punctuation with them, so that they can be put together again."""

from __future__ import annotations

import re

from curatekit.errors import InputError

# Chinese and Japanese have no spaces between words: a character is a token there.
_UNSPACED = "\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff"
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")


def tokens(text: str) -> list[str]:
    """Return what stands between the spaces of a text; each Han or Hiragana character by itself."""
    return _TOKEN.findall(text)


def how_many(argument: str | None, default: int) -> int:
    """Return the number behind a colon, or the default; raises InputError for what is no number above 0."""
    if argument is None:
        return default
    if not argument.isdecimal() or int(argument) < 1:
        raise InputError(f"{argument!r} is no number of tokens. Write it such as first:5.")
    return int(argument)
