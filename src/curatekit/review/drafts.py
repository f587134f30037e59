"""Specifications in the making: rows that a reviewer took as examples, as a file that curate reads with --spec."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from curatekit.errors import InputError
from curatekit.files import write_text
from curatekit.review.decisions import Draft

HEAD = "# Drafts from curate review, made anew with each row that is added: copy this file before you edit it.\n"


def drafts_path(store: Path | str) -> Path:
    """Return where the drafts of a store stand: beside it, its name with `.specs.yaml` behind."""
    path = Path(store)
    return path.with_name(path.name + ".specs.yaml")


def as_yaml(drafts: Sequence[Draft]) -> str:
    """Return a specification file with one entry for each name, in the order in which they came; a text that is there twice, once.

    The statement is the last that was written. Raises InputError where there is no draft.
    """
    import yaml

    if not drafts:
        raise InputError("No row was made an example of a specification yet.")
    entries: dict[str, dict[str, object]] = {}
    for draft in drafts:
        entry = entries.setdefault(
            draft.specification, {"id": draft.specification, "statement": "", "label": draft.label}
        )
        entry["statement"] = draft.statement or entry["statement"]
        examples = entry.setdefault("examples", [])
        assert isinstance(examples, list)
        if draft.example not in examples:
            examples.append(draft.example)
    text: str = yaml.safe_dump(
        {"specifications": list(entries.values())},
        default_style='"',
        allow_unicode=True,
        sort_keys=False,
        width=1 << 30,
    )
    return HEAD + text


def write_drafts(drafts: Sequence[Draft], path: Path | str) -> None:
    """Write the drafts as a specification file, whole or not at all."""
    write_text(path, as_yaml(drafts))
