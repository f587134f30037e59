"""The rows that a model is trained on: a training set and what was selected for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Ints
from curatekit.dataset import Dataset, quoted
from curatekit.errors import InputError, nearest_name
from curatekit.readers.labels import folded_label
from curatekit.reporting import note
from curatekit.train.classifier import Inputs
from curatekit.train.trained_on import text_hashes


class Rows(NamedTuple):
    """inputs: one or two columns of n texts; labels: (n,) codes into `classes`; added: how many of them are the last."""

    inputs: tuple[tuple[str, ...], ...]
    labels: Ints
    classes: tuple[str, ...]
    added: int


def training_rows(train: Dataset, selections: Sequence[Dataset] = (), *, normalise_labels: bool = False) -> Rows:
    """Return the rows of `train`, then those of the selections; says how many texts come twice.

    Raises InputError for a selection's label that `train` does not have (see `coded_as`), and when the rows together
    are of one class, or have a class with one row.
    """
    added = [coded_as(part, train.classes, train.path or "the training data", normalise_labels) for part in selections]
    parts = [train, *added]
    labels = np.concatenate([part.labels for part in parts])
    inputs = tuple(tuple(text for part in parts for text in part.inputs[column]) for column in range(len(train.inputs)))
    # the messages name the training file and its column; what they count are all rows
    replace(train, inputs=inputs, labels=labels).require_classes().require_rows_per_class()
    texts = set(train.texts)
    twice = sum(text in texts for part in added for text in part.texts)
    if twice:
        note(f"{twice} of the added rows have a text that also stands in the training file; they count twice.")
    return Rows(inputs, labels, train.classes, sum(map(len, added)))


def evaluation_rows(evaluation: Dataset, rows: Rows, *, normalise_labels: bool = False) -> Dataset:
    """Return `evaluation` coded into the classes that are trained on; says how many of its texts are trained on.

    Raises InputError listing the labels that no training row has.
    """
    say_seen(evaluation, rows.inputs)
    return coded_as(evaluation, rows.classes, "the training data", normalise_labels)


def say_seen(evaluation: Dataset, inputs: Inputs) -> None:
    """Say how many texts of `evaluation` are also among `inputs`, which are trained on."""
    trained = set(text_hashes(inputs))
    seen = sum(text in trained for text in text_hashes(evaluation.inputs))
    if seen:
        note(f"{seen} of {len(evaluation)} evaluation texts are also trained on: their figures are not out of sample.")


def coded_as(dataset: Dataset, classes: Sequence[str], whose: str, normalise_labels: bool = False) -> Dataset:
    """Return `dataset` coded into `classes`, the labels of `whose`; `normalise_labels` takes their spelling over.

    Raises InputError listing the labels that are not among them, with the nearest one.
    """
    if normalise_labels:
        spelling = {folded_label(name): name for name in classes}
        read_as = [spelling.get(folded_label(name), name) for name in dataset.classes]
        for old, new in zip(dataset.classes, read_as, strict=True):
            if old != new:
                note(f"{dataset.name}: label {old!r} is read as {new!r}.")
        dataset = replace(dataset, classes=tuple(read_as))
    present = [dataset.classes[code] for code in np.unique(dataset.labels[dataset.labels >= 0])]
    if unknown := [name for name in present if name not in classes]:
        near = nearest_name(unknown[0], classes)
        more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
        raise InputError(
            f"{dataset.name} has labels that {whose} does not have: {', '.join(map(quoted, unknown[:10]))}{more}.{near} "
            f"Correct them; those that differ by case or spaces alone are merged with --normalise-labels.{dataset.doubt()}"
        )
    return dataset.with_classes(classes)
