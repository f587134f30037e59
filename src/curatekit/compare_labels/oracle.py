"""The oracle: labels by somebody or something else, from a column, a file, or a model that was fitted on other rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import polars as pl

from curatekit.arrays import Ints
from curatekit.artifacts import Artifacts
from curatekit.dataset import Dataset, quoted
from curatekit.errors import InputError, nearest_name
from curatekit.reporting import note

NONE = -1
"""The code of a row of which the oracle says nothing."""


def names_in_column(name: str, dataset: Dataset, column: str) -> list[str | None]:
    """Return the oracle's label of each of the n rows, None where the column is empty; raises InputError without such a column."""
    frame = dataset.frame
    if column not in frame.columns:
        raise InputError(
            f"{name} has no column {column!r}.{nearest_name(column, frame.columns)} Columns: {', '.join(frame.columns)}."
        )
    if frame.schema[column].is_nested():
        raise InputError(
            f"{name}: the column {column!r} holds {frame.schema[column]}, not labels. Name another with --oracle."
        )
    cells = [None if cell is None else cell.strip() for cell in frame[column].cast(pl.String).to_list()]
    return [cell or None for cell in cells]


def names_in_file(
    path: str, frame: pl.DataFrame, datasets: Sequence[Dataset], label: str | None = None
) -> list[list[str | None]]:
    """Return the oracle's label of each row of each dataset from a table of labels by text, or by id where it has no texts.

    label: the column of labels, by default that of the datasets. The table has the datasets' columns of texts, or of ids, which
    must then be different in all datasets. Empty labels count as none. Raises InputError where the columns are not there, or
    where two labels are given to one text or id.
    """
    first = datasets[0].columns
    label = label or first.label or "label"
    key = list(first.text) if set(first.text) <= set(frame.columns) else [first.id or "id"]
    for column in [label, *key]:
        if column not in frame.columns:
            raise InputError(
                f"{path}, the oracle, has no column {column!r}.{nearest_name(column, frame.columns)} It needs the labels in "
                f"{label!r} (another column: {path}:COLUMN), and the texts ({', '.join(map(repr, first.text))}) or the ids "
                f"({first.id or 'id'!r}). Columns: {', '.join(frame.columns)}."
            )
    by_text = len(key) > 1 or key[0] in first.text
    if not by_text:
        _require_different_ids(path, datasets)
    known: dict[tuple[str | None, ...], str] = {}
    for *cells, said in frame.select(pl.col(name).cast(pl.String) for name in [*key, label]).iter_rows():
        if said is None or not said.strip():
            continue
        said = said.strip()
        before = known.setdefault(tuple(cells), said)
        if before != said:
            what = "text" if by_text else "id"
            raise InputError(
                f"{path}, the oracle, calls the {what} {quoted(str(cells[0]))} both {quoted(before)} and {quoted(said)}. Leave one."
            )
    found = []
    for dataset in datasets:
        keys = zip(*dataset.inputs, strict=True) if by_text else ((id,) for id in dataset.ids.tolist())
        found.append([known.get(key) for key in keys])
    return found


def _require_different_ids(path: str, datasets: Sequence[Dataset]) -> None:
    times = Counter(id for dataset in datasets for id in dataset.ids.tolist())
    twice = next((id for id, count in times.items() if count > 1), None)
    if twice is not None:
        raise InputError(
            f"{path}, the oracle, has ids and no texts, and the id {twice!r} stands in two of the datasets. Give it the column of texts."
        )


def codes(names: Sequence[str | None], classes: tuple[str, ...], where: str) -> Ints:
    """Return the labels (n,) as codes in `classes`, NONE where there is none; raises InputError for one that is no class."""
    index: dict[str | None, int] = {name: code for code, name in enumerate(classes)}
    index[None] = NONE
    unknown = sorted({name for name in names if name is not None and name not in index})
    if unknown:
        raise InputError(
            f"{where}, the oracle, says {', '.join(quoted(name) for name in unknown[:10])}, which {'is' if len(unknown) == 1 else 'are'} "
            f"no label of the datasets: {', '.join(quoted(name) for name in classes[:10])}. Rename with --map."
        )
    return np.array([index[name] for name in names], np.int64)


def predicted(name: str, asked: Artifacts, trained: Artifacts) -> Ints:
    """Return the class (n,) that a model of the rows of `trained` finds most probable for each row of `asked`, out of sample.

    Where both are the same dataset, each row is predicted by the models of the other folds. Elsewhere a row whose text
    stands in the training rows, or whose label is not among theirs, has NONE, and such rows are counted in a note.
    Both datasets are coded into the same classes.
    """
    if asked.dataset.sha256 == trained.dataset.sha256 and len(asked.dataset) == len(trained.dataset):
        note(f"{name}: the oracle was fitted on these rows, so each is asked of a model of the other folds.")
        return np.asarray(asked.pred_probs.argmax(axis=1))
    known_texts, known_labels = set(trained.texts), np.unique(trained.labels)
    seen = np.array([text in known_texts for text in asked.texts], bool)
    new = ~np.isin(asked.labels, known_labels)
    found = np.full(len(seen), NONE, np.int64)
    if seen.any():
        note(f"{name}: {seen.sum():,} of {len(seen):,} rows are left out, since the oracle was trained on their texts.")
    if (new & ~seen).any():
        note(f"{name}: {(new & ~seen).sum():,} rows are left out, since the oracle knows no row of their label.")
    rows = np.flatnonzero(~seen & ~new)
    if len(rows):
        part = Artifacts(asked.dataset.take(rows), asked.settings)
        found[rows] = trained.predict(part).pred_probs.argmax(axis=1)
    return found
