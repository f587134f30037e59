"""The rows that an encoder is tuned on: what their columns make of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.dataset import Dataset
from curatekit.errors import InputError
from curatekit.readers import read_dataset
from curatekit.readers.label_kinds import numbers_of
from curatekit.readers.tables import Source
from curatekit.reporting import note

_NAMES = (
    ("anchor", "positive", "negative"),
    ("query", "positive", "negative"),
    ("anchor", "positive"),
    ("query", "positive"),
    ("question", "answer"),
    ("query", "answer"),
    ("sentence1", "sentence2"),
)
_SCORES = ("score", "similarity", "similarity_score")


class EncoderRows(NamedTuple):
    """inputs: one column of n texts with labels, two of pairs, or three of triplets (anchor, positive, negative).

    targets: (n,) codes of labels, scores of pairs, or None.
    """

    inputs: tuple[tuple[str, ...], ...]
    targets: Ints | Floats | None = None

    @property
    def shape(self) -> str:
        """What kind of rows they are."""
        if len(self.inputs) == 1:
            return "labelled texts"
        if len(self.inputs) == 3:
            return "triplets"
        return "pairs" if self.targets is None else "scored pairs"

    @property
    def labels(self) -> Ints:
        """(n,) codes of the labels."""
        return np.asarray(self.targets, np.int64)

    @property
    def scores(self) -> Floats:
        """(n,) scores of the pairs."""
        return np.asarray(self.targets, np.float64)


def read_rows(
    opened: Source,
    text: Sequence[str] = (),
    label: str | None = None,
    id: str | None = None,
    *,
    on_bad_row: Literal["fail", "skip"] = "fail",
    limit: int | None = None,
    normalise_labels: bool = False,
) -> Dataset:
    """Return the dataset of a table for an encoder: one text and its label, two or three texts, or two and a score in column `label`.

    Columns that are not named are guessed by the usual names of pairs and triplets, and said; the parameters are those of read_dataset,
    and so are the errors.
    """
    frame, path = opened.table.frame, opened.path
    if not text and label is None:
        text = next((names for names in _NAMES if set(names) <= set(frame.columns)), ())
        if text:
            note(f"{path}: columns guessed by name: texts {', '.join(map(repr, text))}.")
    if len(text) > 3:
        raise InputError(
            f"--text was given {len(text)} times. Give one column with --label, two for pairs, or three for triplets."
        )
    if len(text) == 2 and label is None:
        label = next((name for name in _SCORES if name in frame.columns), None)
        if label is not None:
            note(f"{path}: column {label!r} is taken as the score of each pair.")
    if len(text) == 3 and label is not None:
        raise InputError(f"--label {label}: triplets have no label. Leave it out, or name fewer texts.")
    labels: Literal["required", "none", "numbers"] = (
        "required" if len(text) < 2 else "none" if label is None else "numbers"
    )
    return read_dataset(
        opened, text, label, id, labels=labels, on_bad_row=on_bad_row, limit=limit, normalise_labels=normalise_labels
    )


def encoder_rows(dataset: Dataset) -> EncoderRows:
    """Return the rows of what `read_rows` read."""
    if len(dataset.inputs) == 1:
        return EncoderRows(dataset.inputs, dataset.labels)
    return EncoderRows(dataset.inputs, numbers_of(dataset) if dataset.columns.label else None)
