"""The rows that a model is trained on: a training set and what was selected for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Ints
from curatekit.dataset import Dataset
from curatekit.reporting import note


class Rows(NamedTuple):
    """inputs: one or two columns of n texts; labels: (n,) codes into `classes`; added: how many of them are the last."""

    inputs: tuple[tuple[str, ...], ...]
    labels: Ints
    classes: tuple[str, ...]
    added: int


def training_rows(train: Dataset, selections: Sequence[Dataset] = ()) -> Rows:
    """Return the rows of `train`, then those of the selections, their classes united; says how many texts come twice."""
    parts = [train, *selections]
    classes = tuple(sorted(set().union(*(part.classes for part in parts))))
    inputs = tuple(tuple(text for part in parts for text in part.inputs[column]) for column in range(len(train.inputs)))
    labels = np.concatenate([part.with_classes(classes).labels for part in parts])
    texts = set(train.texts)
    twice = sum(text in texts for part in selections for text in part.texts)
    if twice:
        note(f"{twice} of the added rows have a text that also stands in the training file; they count twice.")
    return Rows(inputs, labels, classes, sum(map(len, selections)))


def evaluation_rows(evaluation: Dataset, rows: Rows) -> Dataset:
    """Return `evaluation` coded into the classes that are trained on; says how many of its texts are trained on.

    Raises InputError listing the labels that no training row has.
    """
    trained = set(zip(*rows.inputs, strict=True))
    seen = sum(row in trained for row in zip(*evaluation.inputs, strict=True))
    if seen:
        note(f"{seen} of {len(evaluation)} evaluation texts are also trained on: their figures are not out of sample.")
    return evaluation.with_classes(rows.classes)
