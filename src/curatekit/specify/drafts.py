"""Slices as drafts of specifications: named by their words, written for a person to read, correct and accept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Bools, Ints
from curatekit.information.words import count_words
from curatekit.specify.error_slices import Slice
from curatekit.specify.words import telling_words
from curatekit.specs import folded
from curatekit.specs.drafts import Draft

HEAD = (
    "# Drafts by curate spec suggest. Of each: read the examples, correct what is labelled wrong, say in the statement what the\n"
    "# model must get right, and take the line `draft` out. Take out what is no slice.\n"
)

_MOST = 20  # examples, and tests, of a draft: as many as a person reads
_WORDS = 5
_SURE = 0.05


class Named(NamedTuple):
    """A slice in words."""

    draft: Draft
    """The examples and tests are the nearest to the centre first; no example had a part in counting the error rate."""
    words: tuple[str, ...]
    """Those that stand in more of its rows than elsewhere, the most telling first."""


def drafts(slices: Sequence[Slice], texts: Sequence[str], classes: Sequence[str], counting: Bools) -> tuple[Named, ...]:
    """Return a draft of each slice; texts: n, classes: K names, counting (n,): the rows that may be tests."""
    counted = count_words((texts,))
    found: list[Named] = []
    for number, one in enumerate(slices, start=1):
        inside = np.zeros(len(texts), bool)
        inside[one.rows] = True
        words = telling_words(counted, inside, _WORDS, q_value=_SURE)
        examples, tests = (_different(one.rows[counting[one.rows] == side], texts) for side in (False, True))
        label = classes[one.label]
        named = "-".join(words[:3]) or "slice"
        about = f"with {', '.join(words)}" if words else "like the examples"
        statement = (
            f"Texts {about} are {label}. (The model fails on {one.rate.value:.0%} of them; write what it must know.)"
        )
        found.append(Named(Draft(f"{number}-{named}", statement, label, examples, tests), words))
    return tuple(found)


def _different(rows: Ints, texts: Sequence[str]) -> tuple[str, ...]:
    first: dict[str, int] = {}
    for row in rows.tolist():
        first.setdefault(folded(texts[row]), row)
    return tuple(texts[row] for row in list(first.values())[:_MOST])
