"""Decisions as a table that `curate fix`, `curate find-errors --reviews` and `curate audit-sample`'s readers take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from curatekit.review.decisions import DROP, KEEP, LABEL, UNSURE, WRONG, Decision
from curatekit.review.queue import Queue

_OF_SAMPLE = ("stratum", "stratum_rows", "inclusion_probability")


class Export(NamedTuple):
    """The table, and what it holds."""

    table: pl.DataFrame
    decided: int
    unsure: int
    disputed: int
    """Rows on which the reviewers differ: their verdict is left open."""


def export(queue: Queue, by_reviewer: Mapping[str, Mapping[str, Decision]]) -> Export:
    """Return a row for each that somebody decided or is unsure of, or for each of the sample where an audit drew them.

    Columns: id, given_label, suggested_label, verdict (the right label; else wrong, drop or unsure), reviewers, note, and of a
    sample what an estimate needs. Copies of a row with the same label have the same verdict. A row on which reviewers differ has
    none: a verdict is what all who decided it say, where one who names the label and one who only says wrong agree on the label.
    """
    words = {said: _word(said, queue.classes) for said in (WRONG, DROP, UNSURE)}
    columns: dict[str, list[str | None]] = {"verdict": [], "reviewers": [], "note": []}
    kept, counts = [], {"decided": 0, "unsure": 0, "disputed": 0}
    for row, key in enumerate(queue.keys):
        of = {name: decisions[key] for name, decisions in by_reviewer.items() if key in decisions}
        given = queue.cell(row, "given_label") if of else None
        said = {name: (d.said, given if d.said == KEEP else d.label) for name, d in of.items()}
        firm = {name: verdict for name, verdict in said.items() if verdict[0] in (LABEL, KEEP, WRONG, DROP)}
        verdict, outcome = _settled(firm, given, words)
        if not firm and any(what == UNSURE for what, _ in said.values()):
            verdict, outcome = words[UNSURE], "unsure"
        notes = [f"{name}: {d.note}" if len(by_reviewer) > 1 else d.note for name, d in of.items() if d.note]
        if outcome or notes or queue.design is not None:
            kept.append(row)
            columns["verdict"].append(verdict)
            columns["reviewers"].append(", ".join(sorted(firm)) or None)
            columns["note"].append("\n".join(notes) or None)
        if outcome:
            counts[outcome] += 1
    names = [
        "id",
        "given_label",
        "suggested_label",
        *(n for n in _OF_SAMPLE if queue.design and n in queue.frame.columns),
    ]
    table = queue.frame[kept].select(names)
    added = [pl.Series(name, values, dtype=pl.String) for name, values in columns.items()]
    return Export(
        table.with_columns(added).select("id", "given_label", "suggested_label", *columns, *names[3:]), **counts
    )


def _settled(
    firm: Mapping[str, tuple[str, str | None]], given: str | None, words: Mapping[str, str]
) -> tuple[str | None, str]:
    """Return the verdict that all who decided can be read as, and which count it goes into; none where nobody did."""
    if not firm:
        return None, ""
    wrong = {what != KEEP for what, _ in firm.values()}
    named = {label if label is not None else words[DROP] for what, label in firm.values() if what != WRONG}
    if len(wrong) > 1 or len(named) > 1:
        return None, "disputed"
    return (named.pop() if named else words[WRONG]), "decided"


def _word(said: str, classes: tuple[str, ...]) -> str:
    """Return how a verdict is written so that it is not read as a label of the data."""
    return next(word for word in (said, said.upper(), said.title(), said[0] + said[1:].upper()) if word not in classes)
