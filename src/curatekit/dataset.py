"""The labelled data that everything else works on: one frozen value, its rows in the order of the file."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl

from curatekit.arrays import Ints, Strings
from curatekit.errors import InputError, NoSpace

SET_ASIDE = {"row": pl.Int64, "id": pl.String, "reason": pl.String}
PROBABILITIES = 4
"""Arrays of rows times classes in float64 that are held at once: the family's, the null's, the neighbours', their mix."""


class Coded(NamedTuple):
    """Labels as numbers: (n,) int64 indices into the sorted classes, -1 where there is no label."""

    labels: Ints
    classes: tuple[str, ...]


class Columns(NamedTuple):
    """Which columns of the file hold the inputs, the label and the id; None where there is none."""

    text: tuple[str, ...]
    label: str | None
    id: str | None


@dataclass(frozen=True, eq=False)
class Dataset:
    """The usable rows of one file.

    frame      every column as in the file, n rows
    ids        (n,) unique strings; generated from the content where the file has none
    inputs     one tuple of n strings per text column (two for pairs)
    labels     (n,) int64 indices into `classes`, -1 where the row has no label
    classes    the label names, sorted
    columns    the names of the columns that were used
    path       where the rows came from; empty for rows that never were in a file
    sha256     of the file's bytes
    set_aside  the rows that could not be used: row (as counted in the file), id, reason
    """

    frame: pl.DataFrame
    ids: Strings
    inputs: tuple[tuple[str, ...], ...]
    labels: Ints
    classes: tuple[str, ...]
    columns: Columns
    path: str = ""
    sha256: str = ""
    set_aside: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SET_ASIDE))

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The rows' texts, n strings; the two sides of a pair are joined by a newline."""
        return self.inputs[0] if len(self.inputs) == 1 else tuple(map("\n".join, zip(*self.inputs, strict=True)))

    @property
    def label_names(self) -> tuple[str | None, ...]:
        """The rows' labels by name, n of them, None where the row has no label."""
        return tuple(self.classes[label] if label >= 0 else None for label in self.labels)

    @property
    def name(self) -> str:
        """What to call this dataset in a message."""
        return self.path or "The dataset"

    def take(self, rows: Ints | Sequence[int]) -> Dataset:
        """Return the dataset of these rows in this order; classes and the rows set aside stay as they are.

        rows: (m,) indices, each in [0, n) and given once, since ids are unique.
        """
        rows = np.asarray(rows, dtype=np.int64)
        if len(rows) and (rows.min() < 0 or rows.max() >= len(self)):
            raise IndexError(f"rows must be in [0, {len(self)})")
        if len(np.unique(rows)) != len(rows):
            raise ValueError("a row was given twice; ids would not be unique")
        return replace(
            self,
            frame=self.frame[rows],
            ids=self.ids[rows],
            inputs=tuple(tuple(column[row] for row in rows) for column in self.inputs),
            labels=self.labels[rows],
        )

    def with_classes(self, classes: Iterable[str]) -> Dataset:
        """Return the dataset with its labels coded into `classes`, such as those that a model was trained on.

        Raises InputError listing the labels of these rows that are not among them.
        """
        classes = tuple(classes)
        index = {name: position for position, name in enumerate(classes)}
        present = [self.classes[label] for label in np.unique(self.labels[self.labels >= 0])]
        if unknown := [name for name in present if name not in index]:
            raise InputError(
                f"{self.name} has labels that are not among the classes: {_quoted(unknown)}. "
                f"The classes are {_quoted(classes)}.{self.doubt()}"
            )
        # The last entry is what label -1, no label, is mapped to.
        codes = np.array([index.get(name, -1) for name in self.classes] + [-1], dtype=np.int64)
        return replace(self, labels=codes[self.labels], classes=classes)

    def require_classes(self, minimum: int = 2) -> Dataset:
        """Return this dataset if its rows carry at least `minimum` different labels, else raise InputError.

        Raises NoSpace where the probabilities of all classes would not fit into the machine's memory.
        """
        present = np.unique(self.labels[self.labels >= 0])
        if len(present) < minimum:
            found = _quoted([self.classes[label] for label in present]) if len(present) else "no label at all"
            raise InputError(
                f"{self.name} has too few classes: {found}{self._in_column()}, and {minimum} or more are needed. "
                "Name the column that holds the labels with --label, give rows of the other classes, or, if the file is sorted "
                "by label, use a larger --limit."
            )
        size, there = len(self) * len(self.classes) * 8 * PROBABILITIES, _memory()
        if size > there:
            raise NoSpace(
                f"{self.name} has {len(self.classes):,} classes on {len(self):,} rows{self._in_column()}: their probabilities would "
                f"take {size / (1 << 30):,.0f} GB, and this machine has {there / (1 << 30):,.0f}.{self.doubt()} Name another column "
                "with --label, merge classes or leave out the rare ones, or use --limit."
            )
        return self

    def require_rows_per_class(self, minimum: int = 2) -> Dataset:
        """Return this dataset if each label that occurs has at least `minimum` different texts, else raise InputError.

        Rows of one text are predicted together, so that they count once.
        """
        distinct = set(zip(self.labels.tolist(), self.texts, strict=True))
        counts = Counter(label for label, _ in distinct)
        small = [f"{quoted(name)} ({counts[k]})" for k, name in enumerate(self.classes) if 0 < counts[k] < minimum]
        if small and (doubt := self.doubt()):
            raise InputError(
                f"{self.name}:{doubt} Name another with --label; each label needs {minimum} or more different texts, "
                f"and {len(small):,} have fewer, such as {small[0]}."
            )
        if small:
            raise InputError(
                f"{self.name} has classes with fewer than {minimum} different texts{self._in_column()}: {_listed(small)}. "
                "Give them more texts, merge them with another class, or leave them out."
            )
        return self

    def doubt(self) -> str:
        """Return the question whether the column of labels is one, where most values are different; else nothing."""
        labels = self.labels[self.labels >= 0]
        different = len(np.unique(labels))
        if not self.columns.label or len(labels) < 20 or 2 * different <= len(labels):
            return ""
        return f" {different:,} different values in {len(labels):,} rows: is {self.columns.label!r} the label column?"

    def _in_column(self) -> str:
        return f" in column {self.columns.label!r}" if self.columns.label else ""


def _memory() -> int:
    """Return how many bytes of memory the machine has; more than there can be where it does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return 1 << 62


def from_lists(
    texts: Sequence[str] | Sequence[Sequence[str]],
    labels: Sequence[str | None] | None = None,
    ids: Sequence[str] | None = None,
) -> Dataset:
    """Return the dataset of these n texts, for tests and for users of the library.

    texts: n strings, or n tuples of strings for pairs. labels: n names, None for no label. ids: n unique strings.
    """
    if texts and not isinstance(texts[0], str):
        inputs = tuple(tuple(side) for side in zip(*texts, strict=True))
    else:
        inputs = (tuple(str(text) for text in texts),)
    given = list(labels) if labels is not None else [None] * len(texts)
    identifiers = content_ids(inputs) if ids is None else np.array(list(ids), dtype=object)
    if not len(texts) == len(given) == len(identifiers):
        raise InputError(
            f"There are {len(texts)} texts, {len(given)} labels and {len(identifiers)} ids; give as many of each."
        )
    if len(set(identifiers)) != len(identifiers):
        raise InputError("An id was given twice; ids must be unique.")
    columns = Columns(
        text=("text",) if len(inputs) == 1 else tuple(f"text_{side + 1}" for side in range(len(inputs))),
        label=None if labels is None else "label",
        id=None if ids is None else "id",
    )
    data: dict[str, Sequence[str | None]] = dict(zip(columns.text, inputs, strict=True))
    if columns.label:
        data[columns.label] = given
    if columns.id:
        data[columns.id] = list(identifiers)
    frame = pl.DataFrame(data, schema=dict.fromkeys(data, pl.String))
    coded = encode(given)
    digest = hashlib.sha256("\n".join(map(repr, frame.rows())).encode()).hexdigest()
    return Dataset(frame, identifiers, inputs, coded.labels, coded.classes, columns, sha256=digest)


def encode(labels: Iterable[str | None]) -> Coded:
    """Return the labels coded into the sorted set of their names."""
    labels = list(labels)
    classes = tuple(sorted({label for label in labels if label is not None}))
    index: dict[str | None, int] = {name: position for position, name in enumerate(classes)}
    return Coded(np.array([index.get(label, -1) for label in labels], dtype=np.int64), classes)


def content_ids(inputs: tuple[tuple[str, ...], ...]) -> Strings:
    """Return (n,) ids made of each row's content: 16 hex digits of its SHA-256, then "-2", "-3" … for its repeats.

    The same text keeps its id when rows are added, relabelled or moved. The sides of a pair are hashed with their
    lengths, so that ("a", "bc") and ("ab", "c") differ.
    """
    seen: Counter[str] = Counter()
    ids = np.empty(len(inputs[0]), dtype=object)
    for row, sides in enumerate(zip(*inputs, strict=True)):
        encoded = [side.encode() for side in sides]
        digest = hashlib.sha256(b"".join(b"%d:%b" % (len(side), side) for side in encoded)).hexdigest()[:16]
        seen[digest] += 1
        ids[row] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    return ids


def quoted(name: str, width: int = 40) -> str:
    """Return a label in quotes for a message, cut at `width` characters."""
    return repr(name if len(name) <= width else f"{name[: width - 1]}…")


def _quoted(names: Iterable[str]) -> str:
    return _listed([quoted(name) for name in names])


def _listed(items: Sequence[str], most: int = 10) -> str:
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")
