"""The transforms `left` and `right`: one text of a pair, without the other."""

from __future__ import annotations

from collections.abc import Sequence

from curatekit.errors import InputError


def left(inputs: Sequence[Sequence[str]]) -> tuple[Sequence[str]]:
    """Return the first text of each pair; raises InputError when there are no pairs.

    A label that can be read from one side alone is an annotation artefact: Gururangan et al. (2018), NAACL.
    """
    return (_pairs(inputs, "left")[0],)


def right(inputs: Sequence[Sequence[str]]) -> tuple[Sequence[str]]:
    """Return the second text of each pair; raises InputError when there are no pairs."""
    return (_pairs(inputs, "right")[1],)


def _pairs(inputs: Sequence[Sequence[str]], name: str) -> Sequence[Sequence[str]]:
    if len(inputs) != 2:
        raise InputError(
            f"The attribute {name!r} is a side of a pair, and the rows are single texts. Give --text twice."
        )
    return inputs
