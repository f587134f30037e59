"""Specifications in the making: rows that a reviewer took as examples, as a file that curate reads with --spec."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from curatekit.errors import InputError
from curatekit.files import write_text
from curatekit.review.decisions import Example
from curatekit.specs.drafts import Draft, drafts_as_yaml

HEAD = (
    "# Drafts from curate review, made anew with each row that is added: copy this file before you edit it.\n"
    "# One that is marked `draft` has no statement: say in it what the model must get right, and take that line out.\n"
)


def drafts_path(store: Path | str) -> Path:
    """Return where the drafts of a store stand: beside it, its name with `.specs.yaml` behind."""
    path = Path(store)
    return path.with_name(path.name + ".specs.yaml")


def as_yaml(examples: Sequence[Example]) -> str:
    """Return a specification file with one entry for each name, in the order in which they came; a text that is there twice, once.

    The statement is the last that was written; without any it is marked a draft. Raises InputError where there is no example.
    """
    if not examples:
        raise InputError("No row was made an example of a specification yet.")
    named: dict[str, list[Example]] = {}
    for one in examples:
        named.setdefault(one.specification, []).append(one)
    drafts = []
    for name, of in named.items():
        statement = next((one.statement for one in reversed(of) if one.statement), "")
        texts = tuple(dict.fromkeys(one.example for one in of))
        drafts.append(Draft(name, statement, of[0].label, texts, finished=bool(statement)))
    return drafts_as_yaml(drafts, HEAD)


def write_drafts(drafts: Sequence[Example], path: Path | str) -> None:
    """Write the drafts as a specification file, whole or not at all."""
    write_text(path, as_yaml(drafts))
