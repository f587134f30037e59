"""How much each row counts in training: by its class, by a column of the data, or by what find-errors thinks of its label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from curatekit.arrays import Floats, Ints
from curatekit.dataset import Dataset
from curatekit.errors import InputError
from curatekit.reporting import note

P_WRONG = "p_wrong"
"""The column of `curate find-errors` and of `curate select`; its rows weigh 1 − p_wrong."""

BALANCED = "balanced"


def training_weights(labels: Ints, n_classes: int, rows: Floats | None, class_weights: str | None) -> Floats | None:
    """Return what each row counts (n,), 1 on average, or None where all count alike.

    rows: (n,) weights of the rows; class_weights: "balanced" multiplies them by n / (K · n_k), for K labels that occur.
    Raises InputError for weights that are negative, not finite or all 0.
    """
    if rows is None and class_weights is None:
        return None
    weights: Floats = np.ones(len(labels)) if rows is None else np.asarray(rows, np.float64)
    if weights.shape != (len(labels),):
        raise ValueError(f"there are {len(weights)} weights for {len(labels)} rows")
    if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        raise InputError("Weights must be numbers of 0 or more, and not all 0. Correct them, or leave --weights out.")
    if class_weights == BALANCED:
        counts = np.bincount(labels, minlength=n_classes)
        weights = weights * (len(labels) / (np.count_nonzero(counts) * counts[labels]))
    elif class_weights is not None:
        raise InputError(f"There are no class weights {class_weights!r}. Give {BALANCED}, or leave them out.")
    averaged: Floats = weights / weights.mean()
    return averaged


def row_weights(name: str, parts: Sequence[Dataset]) -> Floats:
    """Return the weights of the rows of all parts, one after the other: of the column `name`, or from the file `name`.

    A file is one with columns id, text and p_wrong, such as find-errors writes, which speaks of the rows of the same id and text;
    its rows, and those of a column called p_wrong, weigh 1 − p_wrong. Rows of which nothing is said weigh 1, and are counted aloud.
    Raises InputError where nothing is said of any row.
    """
    if any(name in part.frame.columns for part in parts):
        found = [_of_column(part, name) for part in parts]
    elif Path(name).is_file():
        said = _of_file(name)
        found = [
            np.array([said.get(row, np.nan) for row in zip(part.ids.tolist(), part.texts, strict=True)], np.float64)
            for part in parts
        ]
    else:
        raise InputError(
            f"--weights {name}: {parts[0].name} has no such column, and there is no such file. Its columns: {', '.join(parts[0].frame.columns)}."
        )
    weights = np.concatenate(found)
    silent = int(np.isnan(weights).sum())
    if silent == len(weights):
        raise InputError(
            f"--weights {name} says nothing of the training rows: none has the id and the text of one of its rows. Give the issues of this very file."
        )
    if silent:
        note(f"--weights {name} says nothing of {silent:,} of {len(weights):,} rows; they weigh 1.")
    return np.where(np.isnan(weights), 1.0, weights)


def _of_column(part: Dataset, name: str) -> Floats:
    """Return the weights in a column, NaN where it is empty or there is none."""
    frame = part.frame
    return _numbers(frame[name], name, part.name) if name in frame.columns else np.full(len(part), np.nan)


def _of_file(path: str) -> dict[tuple[str, str], float]:
    """Return 1 − p_wrong by id and text: two files may number their rows alike."""
    from curatekit.readers.tables import read_frame

    frame = read_frame(path)
    if missing := [column for column in ("id", "text", P_WRONG) if column not in frame.columns]:
        raise InputError(
            f"{path} has no column {missing[0]!r}. Give a file that curate find-errors wrote, or a column."
        )
    rows = zip(*(frame[name].cast(pl.String).to_list() for name in ("id", "text")), strict=True)
    return dict(zip(rows, _numbers(frame[P_WRONG], P_WRONG, path).tolist(), strict=True))


def _numbers(column: pl.Series, name: str, where: str) -> Floats:
    """Return a column's weights, NaN where it is empty; raises InputError for one that is no number of 0 or more."""
    text = column.cast(pl.String).str.strip_chars()
    empty = (text.is_null() | (text == "")).to_numpy()
    numbers = text.cast(pl.Float64, strict=False).to_numpy().astype(np.float64)
    values = 1 - numbers if name == P_WRONG else numbers
    bad = ~empty & ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        row = int(bad.argmax())
        raise InputError(
            f"{where}: row {row + 1} has the weight {text[row]!r} in column {name!r}, which is none. Correct it."
        )
    return np.where(empty, np.nan, values)
