"""The transforms `first` and `last`: the tokens at one end of each text."""

from __future__ import annotations

from collections.abc import Sequence

from curatekit.information.transforms.tokens import how_many, tokens

_TOKENS = 5


def first(inputs: Sequence[Sequence[str]], argument: str | None = None) -> tuple[list[str], ...]:
    """Return the first n tokens of each text, `first:n`; 5 when n is not given."""
    n = how_many(argument, _TOKENS)
    return tuple([" ".join(tokens(text)[:n]) for text in column] for column in inputs)


def last(inputs: Sequence[Sequence[str]], argument: str | None = None) -> tuple[list[str], ...]:
    """Return the last n tokens of each text, `last:n`; 5 when n is not given."""
    n = how_many(argument, _TOKENS)
    return tuple([" ".join(tokens(text)[-n:]) for text in column] for column in inputs)
