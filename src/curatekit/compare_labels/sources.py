"""One file that holds rows of several sources: a dataset for each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from curatekit.dataset import Dataset, encode
from curatekit.errors import InputError
from curatekit.information.columns import read_column
from curatekit.reporting import note

MOST = 12
"""Sources at the most: each is compared with each."""


def split_by(dataset: Dataset, column: str) -> dict[str, Dataset]:
    """Return the rows of each value of a column as a dataset, by name; each has the classes that occur in it.

    Rows without a value are left out, and counted in a note. Raises InputError without such a column, or where it has fewer
    than 2 or more than MOST values.
    """
    values = np.array(read_column(dataset.frame, column).shown.to_list(), dtype=object)
    none = np.array([value is None for value in values.tolist()], bool)
    if none.any():
        note(f"{dataset.name}: {none.sum():,} of {len(dataset):,} rows have no {column!r} and are left out.")
    names = sorted(set(values[~none].tolist()))
    if not 2 <= len(names) <= MOST:
        raise InputError(
            f"{dataset.name}: the column {column!r} has {len(names):,} values, and each is compared with each: 2 to {MOST} are needed. "
            "Name a column that tells the source of a row."
        )
    found = {}
    for name in names:
        part = dataset.take(np.flatnonzero(values == name))
        coded = encode(part.label_names)
        found[name] = replace(part, labels=coded.labels, classes=coded.classes, path=f"{dataset.path}, {column} {name}")
    return found
