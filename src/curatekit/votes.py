"""Votes: who gave which row which label, in sparse form, so that a thousand annotators cost no more than their votes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.dataset import encode, quoted
from curatekit.errors import InputError


@dataclass(frozen=True, eq=False)
class Votes:
    """The v votes of M annotators on n rows, K classes.

    rows        (v,) the row that each vote is on
    annotators  (v,) who gave it, an index into `names`
    labels      (v,) the label, an index into `classes`
    n           rows; each bears at least one vote
    names       the annotators; one nameless one where nobody knows who gave which vote
    classes     the label names, sorted
    """

    rows: Ints
    annotators: Ints
    labels: Ints
    n: int
    names: tuple[str, ...]
    classes: tuple[str, ...]
    named: bool = True
    """Whether it is known who gave which vote; counts by class do not tell."""

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def counts(self) -> Ints:
        """How many votes each row has for each class (n, K)."""
        k = len(self.classes)
        return np.bincount(self.rows * k + self.labels, minlength=self.n * k).reshape(self.n, k)

    @cached_property
    def per_row(self) -> Ints:
        """How many votes each row has (n,)."""
        return np.bincount(self.rows, minlength=self.n)

    @property
    def shares(self) -> Floats:
        """The soft label of each row: its votes by class, as shares (n, K)."""
        shares: Floats = self.counts / self.per_row[:, None]
        return shares

    def with_classes(self, classes: tuple[str, ...]) -> Votes:
        """Return the votes coded into `classes`, which hold all of theirs."""
        position = {name: k for k, name in enumerate(classes)}
        codes = np.array([position[name] for name in self.classes], dtype=np.int64)
        return replace(self, labels=codes[self.labels], classes=classes)

    def require(self) -> Votes:
        """Return these votes if some row has two or more and they name two labels, else raise InputError."""
        if len(self.classes) < 2:
            only = f"the label {quoted(self.classes[0])}" if self.classes else "no label"
            raise InputError(
                f"All votes are for {only}, so there is nothing to agree on. Give votes on two labels or more."
            )
        if self.named and len(self.names) < 2:
            raise InputError(
                f"All votes are from one annotator, {quoted(self.names[0])}, and agreement needs two. "
                "Name more annotators, or find the label errors of this one with curate find-errors."
            )
        if not (self.per_row > 1).any():
            raise InputError(
                f"Each of the {self.n:,} rows has one vote, so nobody can be compared with anybody. "
                "Give rows that several people labelled, or use curate find-errors on the labels as they are."
            )
        return self


def from_columns(columns: Mapping[str, Sequence[str | None]], n: int) -> Votes:
    """Return the votes in one column of n label names for each annotator, None where there is none."""
    given = [
        (row, annotator, label)
        for annotator, labels in enumerate(columns.values())
        for row, label in enumerate(labels)
        if label is not None
    ]
    return _coded(given, tuple(columns), n)


def from_triples(rows: Ints, annotators: Sequence[str], labels: Sequence[str], n: int) -> Votes:
    """Return the votes of a long table: (v,) rows, names of annotators, names of labels. A repeated vote counts once.

    Raises InputError where an annotator gave one row two labels.
    """
    coded = encode(annotators)
    seen: dict[tuple[int, int], str] = {}
    for row, annotator, label in zip(rows.tolist(), coded.labels.tolist(), labels, strict=True):
        if seen.setdefault((row, annotator), label) != label:
            raise InputError(
                f"The annotator {quoted(coded.classes[annotator])} gave one item two labels, {quoted(seen[row, annotator])} "
                f"and {quoted(label)} (item number {row + 1}). Keep one of the two."
            )
    return _coded([(row, annotator, label) for (row, annotator), label in seen.items()], coded.classes, n)


def from_counts(counts: Ints, classes: Sequence[str]) -> Votes:
    """Return the nameless votes counted by class, (n, K)."""
    order = np.argsort(np.array(classes, dtype=object), kind="stable")
    row, k = np.nonzero(counts[:, order])
    times = counts[:, order][row, k]
    rows, labels = np.repeat(row, times), np.repeat(k, times)
    names = tuple(classes[position] for position in order)
    return Votes(rows, np.zeros(len(rows), np.int64), labels, len(counts), ("anyone",), names, named=False)


def _coded(given: Sequence[tuple[int, int, str]], names: tuple[str, ...], n: int) -> Votes:
    given = sorted(given)
    coded = encode(label for _, _, label in given)
    rows = np.fromiter((row for row, _, _ in given), np.int64, len(given))
    annotators = np.fromiter((annotator for _, annotator, _ in given), np.int64, len(given))
    return Votes(rows, annotators, coded.labels, n, names, coded.classes)
