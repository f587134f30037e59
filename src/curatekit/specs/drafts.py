"""Specifications that somebody has still to read or to finish, as a file that is refused until they did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Draft(NamedTuple):
    """A specification in the making."""

    id: str
    statement: str
    label: str
    examples: tuple[str, ...]
    tests: tuple[str, ...] = ()
    finished: bool = False
    """Whether a person chose the examples and said what the model must get right: then the file is read with it."""


def drafts_as_yaml(drafts: Sequence[Draft], head: str) -> str:
    """Return a specification file of the drafts, `head` before it; those that are not finished are marked `draft`."""
    import yaml

    entries: list[dict[str, Any]] = []
    for one in drafts:
        entry: dict[str, Any] = {} if one.finished else {"draft": "true"}
        entry |= {"id": one.id, "statement": one.statement, "label": one.label, "examples": list(one.examples)}
        if one.tests:
            entry["tests"] = list(one.tests)
        entries.append(entry)
    # in double quotes every text comes back as it was
    written: str = yaml.safe_dump(
        {"specifications": entries}, default_style='"', allow_unicode=True, sort_keys=False, width=1 << 30
    )
    return head + written
