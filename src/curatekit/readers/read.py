"""From a table to a dataset: the columns chosen, the rows that cannot be used refused or set aside, the labels coded."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from curatekit.arrays import Strings
from curatekit.dataset import SET_ASIDE, Columns, Dataset, content_ids, encode
from curatekit.errors import InputError
from curatekit.readers.columns import choose_columns
from curatekit.readers.labels import one_spelling
from curatekit.readers.source import NOT_UTF8
from curatekit.readers.table import Table
from curatekit.readers.tables import Source, read_source
from curatekit.reporting import note

MAX_TEXT = 1 << 20  # bytes; longer is a file that slipped into a cell, and tokenising it takes seconds a row
SHOWN = 5
TEXT_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson")
_LONGEST = 200  # characters of one reason in a message
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # would break the line, or steer the terminal


class Bad(NamedTuple):
    """A row that cannot be used."""

    row: int
    id: str | None
    reason: str


def read_dataset(
    source: str | Path | Source,
    text: Sequence[str] | str = (),
    label: str | None = None,
    id: str | None = None,
    *,
    labels: Literal["required", "none", "numbers", "lists"] = "required",
    required: Sequence[str] = (),
    on_bad_row: Literal["fail", "skip"] = "fail",
    limit: int | None = None,
    classes: Iterable[str] | None = None,
    normalise_labels: bool = False,
) -> Dataset:
    """Return the dataset in `source`: csv, tsv, jsonl, parquet, arrow, a save_to_disk folder, hf://..., "-" (jsonl on stdin).

    text, label, id   columns; two texts for pairs. Those left out are guessed where the guess is certain, through `note`;
                      id="" makes ids from the texts
    source            a table that `read_source` has read will do as well
    labels            "required": a row without label is bad; "none": no label is read; "numbers", "lists": the label column
                      holds a finite number, or any value, in each row, and is left in the frame: no classes are made of it
    required          other columns that may have no empty cell
    on_bad_row        "fail": any bad row is an error; "skip": bad rows are in `set_aside`. Bad are rows that cannot be
                      parsed, texts that are empty, hold a NUL or exceed MAX_TEXT bytes, missing labels, repeated ids
    limit             only the first so many usable rows
    classes           the classes to code the labels into; by default the labels that occur, sorted
    normalise_labels  labels that differ by case or spaces alone become the commonest spelling; else they are an error

    Labels and ids are strings whatever they look like. Raises InputError naming file, row and column; NoSpace on a bomb.
    """
    if limit is not None and limit < 1:
        raise InputError(f"A limit of {limit} rows leaves nothing to work on. Give 1 or more.")
    table, path, sha256 = source if isinstance(source, Source) else read_source(source)
    if not table.frame.height:
        broken = [Bad(row, None, reason) for row, reason in table.broken]
        if not broken:
            raise InputError(f"{path} has no rows. Give a file with at least one row.")
        raise InputError(
            f"{path}: {unusable(table.unit, broken, 0)}. {_encoding(path, table, broken) or 'Correct them.'}"
        )
    columns = choose_columns(table.frame, path, (text,) if isinstance(text, str) else tuple(text), label, id, labels)
    texts = [table.strings(name) for name in columns.text]
    given = _filled(table, columns.label) if columns.label else None
    given_ids = table.strings(columns.id) if columns.id else None

    reasons = _reasons(table, columns, texts, given, given_ids, labels == "numbers", required)
    usable = np.flatnonzero(reasons.is_null().to_numpy())[:limit]
    last = table.numbers[usable[-1]] if limit is not None and len(usable) == limit else np.inf
    bad = sorted(
        [Bad(row, None, reason) for row, reason in table.broken if row <= last]
        + [
            Bad(int(table.numbers[row]), given_ids[row] if given_ids is not None else None, reasons[row])
            for row in np.flatnonzero(reasons.is_not_null().to_numpy()).tolist()
            if table.numbers[row] <= last
        ]
    )
    if bad and on_bad_row == "fail":
        raise InputError(_refusal(path, table, bad, len(usable), columns.id if id is None else None))
    if not len(usable):
        raise InputError(f"{path}: {unusable(table.unit, bad, 0)}. {_encoding(path, table, bad) or 'Correct them.'}")
    if bad:
        note(f"{path}: {len(bad)} of {len(bad) + len(usable)} rows set aside: {_told(table.unit, bad)}.")

    rows = pl.Series(usable)
    inputs = tuple(tuple(column.gather(rows).to_list()) for column in texts)
    names = given.gather(rows).to_list() if given is not None and labels == "required" else [None] * len(usable)
    numbers = table.numbers[usable]
    names = one_spelling(names, numbers, path, table.unit, columns.label, normalise_labels)
    coded = encode(names)
    dataset = Dataset(
        frame=table.frame[usable],
        ids=content_ids(inputs) if given_ids is None else _objects(given_ids.gather(rows)),
        inputs=inputs,
        labels=coded.labels,
        classes=coded.classes,
        columns=columns,
        path=path,
        sha256=sha256,
        set_aside=pl.DataFrame(bad, schema=SET_ASIDE, orient="row"),
    )
    return dataset if classes is None else dataset.with_classes(classes)


def _reasons(
    table: Table,
    columns: Columns,
    texts: list[pl.Series],
    labels: pl.Series | None,
    ids: pl.Series | None,
    numbers: bool,
    required: Sequence[str],
) -> pl.Series:
    """Return (n,) why each row cannot be used, null where it can; the first reason counts."""
    frame = pl.DataFrame({f"text{side}": column for side, column in enumerate(texts)})
    checks = []
    for side, name in enumerate(columns.text):
        cell = pl.col(f"text{side}")
        checks += [
            (cell.is_null() | (cell.str.strip_chars() == ""), pl.lit(f"column {name!r} is empty")),
            (cell.str.contains("\0", literal=True), pl.lit(f"column {name!r} holds a NUL byte")),
            (
                cell.str.len_bytes() > MAX_TEXT,
                pl.format(
                    f"column {{}} holds {{}} bytes, more than {MAX_TEXT}", pl.lit(repr(name)), cell.str.len_bytes()
                ),
            ),
        ]
    if labels is not None:
        frame = frame.with_columns(labels.alias("label"))
        cell = pl.col("label")
        checks += [
            (cell.is_null(), pl.lit(f"column {columns.label!r} has no label")),
            (cell.str.contains("\0", literal=True), pl.lit(f"column {columns.label!r} holds a NUL byte")),
        ]
        if numbers:
            finite = cell.str.strip_chars().cast(pl.Float64, strict=False).is_finite().fill_null(False)
            checks.append(
                (~finite, pl.format("column {} holds {}, which is no number", pl.lit(repr(columns.label)), cell))
            )
    for position, name in enumerate(required):
        frame = frame.with_columns(_filled(table, name).alias(f"required{position}"))
        checks.append((pl.col(f"required{position}").is_null(), pl.lit(f"column {name!r} is empty")))
    if ids is not None:
        frame = frame.with_columns(ids.alias("id"))
        cell = pl.col("id")
        checks += [
            (cell.is_null() | (cell == ""), pl.lit(f"column {columns.id!r} has no id")),
            (cell.str.contains("\0", literal=True), pl.lit(f"column {columns.id!r} holds a NUL byte")),
        ]
    reasons = frame.select(pl.coalesce(pl.when(wrong).then(reason) for wrong, reason in checks)).to_series()
    if ids is None:
        return reasons
    # An id belongs to the first row that can be used: an unusable one takes it from none.
    number, reason = pl.Series(table.numbers).alias("number"), pl.col("reason")
    holder = pl.col("number").filter(reason.is_null()).first().over("id")
    repeated = pl.when(pl.col("number") != holder).then(
        pl.format(f"the id {{}} is that of {table.unit} {{}}", "id", holder)
    )
    return frame.select("id", number, reasons.alias("reason")).select(pl.coalesce(reason, repeated)).to_series()


def _filled(table: Table, column: str) -> pl.Series:
    """Return the column's cells as strings, null where they are empty; a nested value is some string."""
    if table.frame[column].dtype.is_nested():
        present = table.frame[column].is_not_null()
        return pl.Series(column, [None if empty else "…" for empty in ~present], dtype=pl.String)
    cells = table.strings(column)
    return cells.set(cells.str.strip_chars() == "", None)


def _refusal(path: str, table: Table, bad: list[Bad], usable: int, guessed_id: str | None) -> str:
    advice = _encoding(path, table, bad) or "Correct them, or set them aside with --on-bad-row skip."
    if guessed_id and any(reason.startswith("the id ") for _, _, reason in bad):
        advice += f" If {guessed_id!r} is no id, --id '' makes ids from the texts."
    return f"{path}: {unusable(table.unit, bad, usable)}. {advice}"


def unusable(unit: str, bad: list[Bad], usable: int) -> str:
    return f"{len(bad)} of {len(bad) + usable} rows cannot be used: {_told(unit, bad)}"


def _encoding(path: str, table: Table, bad: list[Bad]) -> str:
    """Return how to convert a file in which nothing beyond ASCII is UTF-8; empty when its bad rows are bad otherwise."""
    if not any(reason.endswith(NOT_UTF8) for _, _, reason in bad):
        return ""
    strings = table.frame.select(pl.col(pl.String))
    if any(column.str.contains(r"[^\x00-\x7f]").any() for column in strings):
        return ""  # UTF-8 for the most part: these rows are damaged
    suffix = Path(path).suffix
    files = f" {shlex.quote(path)} > utf8{suffix}" if suffix in TEXT_SUFFIXES else ""
    return f"The file is not UTF-8 (it looks like latin-1): iconv -f latin1 -t utf-8{files}"


def _told(unit: str, bad: list[Bad]) -> str:
    more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
    return "; ".join(f"{unit} {row}: {_shown(reason)}" for row, _, reason in bad[:SHOWN]) + more


def _shown(reason: str) -> str:
    short = reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST]}…"
    return _CONTROL.sub(lambda match: repr(match[0])[1:-1], short)


def _objects(series: pl.Series) -> Strings:
    values = np.empty(len(series), dtype=object)
    values[:] = series.to_list()
    return values
