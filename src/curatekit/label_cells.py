"""How a label of each kind stands in a table: whether it is the one that an issue speaks of, and how its suggestion is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import polars as pl

from curatekit.arrays import Floats
from curatekit.dataset import Dataset
from curatekit.errors import InputError, nearest_name
from curatekit.readers.label_kinds import labels_in, lists_of, numbers_of


class Cells(Protocol):
    """The labels of a dataset's rows as they stand in its table."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Which columns a label stands in: one, or the two of a preference."""

    def label(self, row: int) -> str | None:
        """Return the label of a row as an issue names it."""

    def agrees(self, row: int, given: str) -> bool:
        """Return whether the label of a row is the one that an issue speaks of."""

    def value(self, row: int) -> Any:
        """Return what the columns hold: the cell, or for two columns a list of both."""

    def suggested(self, row: int, label: str, id: str) -> Any:
        """Return what they are to hold for a suggested label. Raises InputError for one that they cannot."""


@dataclass(frozen=True, eq=False)
class _OneColumn:
    dataset: Dataset

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.dataset.columns.label or "",)

    def value(self, row: int) -> Any:
        return _cell(self.dataset, self.columns[0], row)

    @property
    def type(self) -> pl.DataType:
        """The type of the column."""
        return self.dataset.frame.schema[self.columns[0]]


@dataclass(frozen=True, eq=False)
class ClassCells(_OneColumn):
    """One class a row."""

    def label(self, row: int) -> str | None:
        label = int(self.dataset.labels[row])
        return self.dataset.classes[label] if label >= 0 else None

    def agrees(self, row: int, given: str) -> bool:
        return self.label(row) == given

    def suggested(self, row: int, label: str, id: str) -> Any:
        classes = self.dataset.classes
        if label not in classes:
            raise InputError(
                f"the issue {id!r} suggests {label!r}, which is no label of {self.dataset.name}."
                f"{nearest_name(label, classes)} Labels: {', '.join(classes)}."
            )
        if self.type == pl.String:
            return label
        # as other rows of that class write it
        return self.value(int((self.dataset.labels == classes.index(label)).argmax()))


@dataclass(frozen=True, eq=False)
class NumberCells(_OneColumn):
    """A number; the same one however it is written."""

    @cached_property
    def _numbers(self) -> Floats:
        return numbers_of(self.dataset)

    def label(self, row: int) -> str:
        return str(self.value(row))

    def agrees(self, row: int, given: str) -> bool:
        try:
            return float(given) == float(self._numbers[row])
        except ValueError:
            return False

    def suggested(self, row: int, label: str, id: str) -> Any:
        try:
            number = float(label)
        except ValueError:
            raise InputError(f"the issue {id!r} suggests {label!r}, which is no number. Correct it.") from None
        if self.type == pl.String:
            return label
        if self.type.is_integer() and number != int(number):
            raise InputError(f"the issue {id!r} suggests {label}, but the column holds whole numbers. Correct it.")
        return int(number) if self.type.is_integer() else number


@dataclass(frozen=True, eq=False)
class ListCells(_OneColumn):
    """Several labels a row, in any order: a list, a list as JSON, or joined by a separator."""

    lists: Sequence[Sequence[str]]
    separator: str | None = None

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(name for labels in self.lists for name in labels)

    def label(self, row: int) -> str:
        return json.dumps(list(self.lists[row]), ensure_ascii=False)

    def agrees(self, row: int, given: str) -> bool:
        return set(labels_in(given, self.separator)) == set(self.lists[row])

    def suggested(self, row: int, label: str, id: str) -> Any:
        labels = labels_in(label, self.separator)
        if unknown := [name for name in labels if name not in self._known]:
            raise InputError(
                f"the issue {id!r} suggests {unknown[0]!r}, which is no label of {self.dataset.name}.{nearest_name(unknown[0], self._known)}"
            )
        if isinstance(self.type, pl.List | pl.Array):
            inner: Any = self.type.inner
            return [int(name) for name in labels] if inner.is_integer() else labels
        return json.dumps(labels, ensure_ascii=False) if self.separator is None else self.separator.join(labels)


@dataclass(frozen=True, eq=False)
class PairCells:
    """Which of two columns holds the preferred text; the other suggestion swaps the two."""

    dataset: Dataset
    columns: tuple[str, str]

    def label(self, row: int) -> str:
        return self.columns[0]

    def agrees(self, row: int, given: str) -> bool:
        return given == self.columns[0]

    def value(self, row: int) -> Any:
        return [_cell(self.dataset, name, row) for name in self.columns]

    def suggested(self, row: int, label: str, id: str) -> Any:
        if label not in self.columns:
            raise InputError(
                f"the issue {id!r} suggests {label!r}, which is neither {self.columns[0]!r} nor {self.columns[1]!r}. Correct it."
            )
        pair = self.value(row)
        return pair if label == self.columns[0] else pair[::-1]


def _cell(dataset: Dataset, column: str, row: int) -> Any:
    value = dataset.frame[column][row]
    return value.to_list() if isinstance(value, pl.Series) else value


def cells_of(
    kind: str,
    dataset: Dataset,
    *,
    separator: str | None = None,
    normalise: bool = False,
    pair: tuple[str, str] = ("chosen", "rejected"),
) -> Cells:
    """Return the cells of a dataset whose labels are of a kind, read as find-errors reads them."""
    if kind == "multi":
        return ListCells(dataset, lists_of(dataset, separator, normalise=normalise), separator)
    if kind == "number":
        return NumberCells(dataset)
    return PairCells(dataset, pair) if kind == "preference" else ClassCells(dataset)
