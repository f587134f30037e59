"""Votes from a table: a column for each annotator, one vote a line, or the votes of a row counted by class."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

from curatekit.arrays import Ints
from curatekit.dataset import Dataset, quoted
from curatekit.errors import InputError, nearest_name
from curatekit.readers.labels import one_spelling
from curatekit.readers.read import read_dataset
from curatekit.readers.tables import Source, read_source
from curatekit.reporting import note
from curatekit.votes import Votes, from_columns, from_counts, from_triples


class Columns(NamedTuple):
    """Where the votes stand: one of three forms.

    annotators                one column of labels for each annotator
    item, annotator, label    one vote a line
    counts                    a column of counts for each class, or one column of objects {annotator: label}
    """

    annotators: tuple[str, ...] = ()
    item: str | None = None
    annotator: str | None = None
    label: str | None = None
    counts: tuple[str, ...] = ()


class Voted(NamedTuple):
    """The rows that bear votes, and these. The dataset's labels are those in use, -1 where none were named."""

    dataset: Dataset
    votes: Votes


def read_votes(
    source: str | Path | Source,
    columns: Columns,
    text: Sequence[str] = (),
    label: str | None = None,
    id: str | None = None,
    *,
    needs_text: bool = True,
    on_bad_row: Literal["fail", "skip"] = "fail",
    limit: int | None = None,
    normalise_labels: bool = False,
) -> Voted:
    """Return the rows of `source` that bear votes, and the votes.

    label       of the labels in use, beside the votes; not for one vote a line
    needs_text  without it, one vote a line may go without a text: the item's name stands for it

    The others are those of `read_dataset`. Rows without a vote are left out, which `note` says. Raises InputError naming the
    column, when votes contradict each other, or when counts are none.
    """
    opened = source if isinstance(source, Source) else read_source(source)
    used = (columns.annotators, tuple(filter(None, columns[1:4])), columns.counts)
    if sum(map(bool, used)) != 1 or 0 < len(used[1]) < 3:
        raise InputError(
            "Say where the votes are in one of three ways: --label-columns for each annotator's column; --item, --annotator and "
            "--label for one vote a line; or --votes for counts by class."
        )
    frame = opened.table.frame
    for name in (name for names in used for name in names):
        if name not in frame.columns:
            raise InputError(
                f"{opened.path} has no column {name!r}.{nearest_name(name, frame.columns)} Its columns: {', '.join(frame.columns)}."
            )
    how: dict[str, Any] = {"on_bad_row": on_bad_row, "limit": limit}
    if columns.item is not None:
        return _long(opened, columns, tuple(text), needs_text, normalise_labels, how)
    dataset = read_dataset(
        opened, text, label, id, labels="required" if label else "none", normalise_labels=normalise_labels, **how
    )
    if columns.annotators:
        votes = _wide(dataset, columns.annotators, normalise_labels)
    elif len(columns.counts) == 1 and not dataset.frame[columns.counts[0]].dtype.is_numeric():
        votes = _objects(dataset, columns.counts[0], normalise_labels)
    else:
        votes = _counted(dataset, columns.counts)
    return _together(*_with_votes(dataset, votes))


def _wide(dataset: Dataset, names: Sequence[str], normalise: bool) -> Votes:
    n = len(dataset)
    if len(set(names)) != len(names):
        raise InputError(f"--label-columns names a column twice: {', '.join(names)}. Name each annotator's once.")
    cells = [label for name in names for label in _strings(dataset.frame[name], dataset, name)]
    rows = np.tile(np.arange(1, n + 1), len(names))
    cells = one_spelling(cells, rows, dataset.path, "row", ", ".join(names), normalise)
    given = {name: cells[position * n : (position + 1) * n] for position, name in enumerate(names)}
    for name in [name for name, labels in given.items() if not any(labels)]:
        note(f"{dataset.name}: the annotator {name!r} gave no vote.")
        del given[name]
    return from_columns(given, n)


def _long(
    opened: Source, columns: Columns, text: tuple[str, ...], needs_text: bool, normalise: bool, how: dict[str, Any]
) -> Voted:
    assert columns.item is not None
    assert columns.annotator is not None
    assert columns.label is not None
    item, annotator, label = columns.item, columns.annotator, columns.label
    if not text and not needs_text:
        named = opened.table.frame.with_columns(opened.table.strings(item).alias(item))
        opened, text = opened._replace(table=opened.table._replace(frame=named)), (item,)
    lines = read_dataset(opened, text, id="", labels="none", required=(item, annotator, label), **how)
    items, who, said = (
        [str(value) for value in _strings(lines.frame[name], lines, name)] for name in (item, annotator, label)
    )
    spelled = one_spelling(list(said), np.arange(1, len(said) + 1), lines.path, "row", label, normalise)
    first: dict[str, int] = {}
    rows = np.array([first.setdefault(name, line) for line, name in enumerate(items)])
    for line, (start, words) in enumerate(zip(rows.tolist(), lines.texts, strict=True)):
        if words != lines.texts[start]:
            raise InputError(
                f"{lines.name}: the item {quoted(items[line])} stands beside two different texts. Give each text an item of its own."
            )
    starts, position = np.unique(rows, return_inverse=True)
    ids = np.array(list(first), dtype=object)
    dataset = replace(lines.take(starts), ids=ids)
    return Voted(dataset, from_triples(position, who, [str(name) for name in spelled], len(first)))


def _objects(dataset: Dataset, name: str, normalise: bool) -> Votes:
    """Return the votes of one column of objects {annotator: label}."""
    rows: list[int] = []
    who: list[str] = []
    said: list[str | None] = []
    for row, value in enumerate(dataset.frame[name].to_list()):
        for annotator, label in _object(value, dataset, row, name).items():
            if label is not None and str(label).strip():
                rows.append(row)
                who.append(str(annotator))
                said.append(str(label))
    spelled = one_spelling(said, np.array(rows, dtype=np.int64) + 1, dataset.path, "row", name, normalise)
    return from_triples(np.array(rows, dtype=np.int64), who, [str(label) for label in spelled], len(dataset))


def _object(value: Any, dataset: Dataset, row: int, name: str) -> dict[str, Any]:
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        parsed = value
    if parsed is None:
        return {}
    if not isinstance(parsed, dict):
        raise InputError(
            f"{dataset.name}: column {name!r} of the row with id {dataset.ids[row]!r} holds {quoted(str(value))}, no object "
            '{"annotator": "label"}. Name the columns of counts, one for each class, or give such objects.'
        )
    return parsed


def _counted(dataset: Dataset, names: Sequence[str]) -> Votes:
    columns = []
    for name in names:
        numbers = dataset.frame[name].cast(pl.Float64, strict=False).to_numpy()
        bad = ~(np.isfinite(numbers) & (numbers >= 0) & (numbers == np.floor(numbers)))
        if bad.any():
            row = int(bad.argmax())
            raise InputError(
                f"{dataset.name}: column {name!r} of the row with id {dataset.ids[row]!r} holds "
                f"{quoted(str(dataset.frame[name][row]))}, which is no number of votes. Correct it."
            )
        columns.append(numbers.astype(np.int64))
    first = names[0].partition("_")[0] + "_"
    prefix = first if len(names) > 1 and all(name.startswith(first) and name != first for name in names) else ""
    classes = [name.removeprefix(prefix) for name in names]  # votes_good, votes_bad: good, bad
    note(f"{dataset.name}: votes counted for {', '.join(map(repr, classes))}; who gave them is not known.")
    return from_counts(np.column_stack(columns), classes)


def _with_votes(dataset: Dataset, votes: Votes) -> tuple[Dataset, Votes]:
    """Return dataset and votes without the rows that have none."""
    kept = np.flatnonzero(votes.per_row)
    if not len(kept):
        raise InputError(f"{dataset.name} has no vote in the columns that were named. Name others.")
    if len(kept) == len(dataset):
        return dataset, votes
    note(f"{dataset.name}: {len(dataset) - len(kept):,} of {len(dataset):,} rows bear no vote and are left out.")
    place: Ints = np.zeros(len(dataset), np.int64)
    place[kept] = np.arange(len(kept))
    return dataset.take(kept), replace(votes, rows=place[votes.rows], n=len(kept))


def _together(dataset: Dataset, votes: Votes) -> Voted:
    """Return both with one set of classes: those of the votes and those of the labels in use."""
    used = [dataset.classes[k] for k in np.unique(dataset.labels[dataset.labels >= 0])]
    if used and not set(used) & set(votes.classes):
        raise InputError(
            f"{dataset.name}: the labels in column {dataset.columns.label!r} ({', '.join(map(quoted, used[:5]))}) and those "
            f"voted for ({', '.join(map(quoted, votes.classes[:5]))}) have none in common. Name another column with --label."
        )
    classes = tuple(sorted({*used, *votes.classes}))
    return Voted(dataset.with_classes(classes), votes.with_classes(classes))


def _strings(series: pl.Series, dataset: Dataset, name: str) -> list[str | None]:
    """Return the cells as label names, None where there is none."""
    if series.dtype.is_nested():
        raise InputError(f"{dataset.name}: column {name!r} holds values of type {series.dtype}, not one name a row.")
    if series.dtype.is_float():
        series = series.fill_nan(None)
        # pandas makes whole numbers floats as soon as one is missing: 1.0 in this column is 1 in that of another annotator
        if (series.drop_nulls() == series.drop_nulls().floor()).all():
            series = series.cast(pl.Int64)
    texts = series.cast(pl.String)
    return texts.set(texts.str.strip_chars() == "", None).to_list()
