"""What kind of label a column holds: one class a row, several, or a number; told by its values, and said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from curatekit.arrays import Floats
from curatekit.dataset import Dataset
from curatekit.readers.columns import label_column
from curatekit.readers.labels import one_spelling
from curatekit.readers.tables import Source
from curatekit.reporting import note

KINDS = ("class", "multi", "number", "preference")
MANY = 10
"""A column of numbers is one of classes up to so many different ones."""

_SEPARATORS = "|;,"


def label_kind(opened: Source, text: Sequence[str] = (), label: str | None = None, id: str | None = None) -> str:
    """Return the kind of the labels in a table, a name of KINDS, and say so through `note` where it is not class.

    Lists (also as JSON in a string) are several labels a row; more than 10 different numbers, some with a fraction, are
    numbers; columns `chosen` and `rejected` without any of labels are preferences. All else is one class a row.
    """
    frame, path = opened.table.frame, opened.path
    column = label_column(frame, text, label, id)
    if column is None:
        if not text and {"chosen", "rejected"} <= set(frame.columns):
            note(f"{path}: columns 'chosen' and 'rejected' are taken as preferences (--label-kind preference).")
            return "preference"
        return "class"
    if column not in frame.columns:
        return "class"  # the reader says which columns there are
    cells = frame[column]
    if cells.dtype in (pl.List, pl.Array) or _are_json_lists(cells):
        note(f"{path}: column {column!r} holds lists, so a row may have several labels (--label-kind multi).")
        return "multi"
    numbers = _as_numbers(cells)
    if numbers is not None and len(np.unique(numbers)) > MANY:
        if (numbers != np.floor(numbers)).any():
            note(
                f"{path}: column {column!r} holds numbers (--label-kind number; with --label-kind class, each is a class)."
            )
            return "number"
        note(
            f"{path}: the whole numbers in column {column!r} are taken as classes; --label-kind number takes them as numbers."
        )
    elif numbers is None and (separator := _separator(cells)):
        note(
            f"{path}: labels in column {column!r} look like several joined by {separator!r}: --label-separator '{separator}'"
        )
    return "class"


def numbers_of(dataset: Dataset) -> Floats:
    """Return the values (n,) of a label column that was read as numbers."""
    cells = dataset.frame[dataset.columns.label or ""]
    if cells.dtype == pl.String:
        cells = cells.str.strip_chars()
    return cells.cast(pl.Float64).to_numpy().astype(np.float64)


def lists_of(dataset: Dataset, separator: str | None = None, *, normalise: bool = False) -> list[list[str]]:
    """Return the labels of each row of a label column that was read as lists.

    Lists stay as they are; strings are taken apart at `separator`, or are JSON lists, or one label. Spaces around a label do not
    count. Raises InputError for labels that differ by case alone, unless `normalise` merges them.
    """
    column = dataset.columns.label or ""
    rows = [labels_in(value, separator) for value in dataset.frame[column].to_list()]
    flat = [label for labels in rows for label in labels]
    numbers = np.repeat(np.arange(1, len(rows) + 1), [len(labels) for labels in rows])
    spelled = iter(one_spelling([*flat], numbers, dataset.path, "row", column, normalise))
    return [[str(next(spelled)) for _ in labels] for labels in rows]


def labels_in(value: Any, separator: str | None = None) -> list[str]:
    """Return the labels in one cell."""
    if isinstance(value, str):
        if separator is not None:
            value = value.split(separator)
        else:
            parsed = _json_list(value)
            value = [value] if parsed is None else parsed
    elif not isinstance(value, list | tuple):
        value = [value]
    names = (
        str(label).lower() if isinstance(label, bool) else str(label).strip() for label in value if label is not None
    )
    return [name for name in names if name]


def _json_list(text: str) -> list[Any] | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, list) else None


def _are_json_lists(cells: pl.Series) -> bool:
    if cells.dtype != pl.String:
        return False
    filled = cells.drop_nulls()
    filled = filled.filter(filled.str.strip_chars() != "")
    return len(filled) > 0 and all(_json_list(text) is not None for text in filled)


def _as_numbers(cells: pl.Series) -> Floats | None:
    """Return the finite numbers in the column, None where a cell holds something else."""
    if cells.dtype == pl.String:
        cells = cells.str.strip_chars()
        cells = cells.filter(cells != "").cast(pl.Float64, strict=False)
        if cells.null_count():
            return None
    elif not cells.dtype.is_numeric():
        return None
    numbers = cells.drop_nulls().cast(pl.Float64).to_numpy()
    numbers = numbers[~np.isnan(numbers)]
    return numbers if len(numbers) and np.isfinite(numbers).all() else None


def _separator(cells: pl.Series) -> str | None:
    """Return what joins labels that also stand alone, where something does."""
    if cells.dtype != pl.String:
        return None
    labels = set(cells.drop_nulls().unique().to_list())
    for separator in _SEPARATORS:
        joined = [label for label in labels if separator in label]
        if joined and all(part.strip() in labels for label in joined for part in label.split(separator)):
            return separator
    return None
