"""Slices as drafts of specifications: named by their words, written for a person to read, correct and accept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from curatekit.arrays import Bools, Ints
from curatekit.information.words import count_words
from curatekit.specify.error_slices import Slice
from curatekit.specify.words import telling_words
from curatekit.specs import folded

_MOST = 20  # examples, and tests, of a draft: as many as a person reads
_WORDS = 5
_SURE = 0.05


class Draft(NamedTuple):
    """A slice in words."""

    id: str
    words: tuple[str, ...]
    """Those that stand in more of its rows than elsewhere, the most telling first."""
    label: str
    statement: str
    examples: Ints
    """Rows, the nearest to the centre first; none of them had a part in counting the error rate."""
    tests: Ints


def drafts(slices: Sequence[Slice], texts: Sequence[str], classes: Sequence[str], counting: Bools) -> tuple[Draft, ...]:
    """Return a draft of each slice; texts: n, classes: K names, counting (n,): the rows that may be tests."""
    counted = count_words((texts,))
    found: list[Draft] = []
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
        found.append(Draft(f"{number}-{named}", words, label, statement, examples, tests))
    return tuple(found)


def as_yaml(found: Sequence[Draft], texts: Sequence[str]) -> str:
    """Return the drafts as a specification file, each marked `draft`, so that it is refused until somebody has read it."""
    import yaml

    entries: list[dict[str, Any]] = []
    for one in found:
        entry: dict[str, Any] = {"draft": "true", "id": one.id, "statement": one.statement, "label": one.label}
        entry["examples"] = [texts[row] for row in one.examples.tolist()]
        if len(one.tests):
            entry["tests"] = [texts[row] for row in one.tests.tolist()]
        entries.append(entry)
    head = (
        "# Drafts by curate spec suggest. Of each: read the examples, correct what is labelled wrong, say in the statement what the\n"
        "# model must get right, and take the line `draft` out. Take out what is no slice.\n"
    )
    return head + yaml.safe_dump({"specifications": entries}, allow_unicode=True, sort_keys=False, width=10_000)


def _different(rows: Ints, texts: Sequence[str]) -> Ints:
    first: dict[str, int] = {}
    for row in rows.tolist():
        first.setdefault(folded(texts[row]), row)
    return np.array(list(first.values())[:_MOST], np.int64)
