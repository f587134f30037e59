"""Accuracy of given labels against an oracle, class by class, on samples of one size that keep each set's label shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Ints
from curatekit.errors import InputError
from curatekit.intervals import Interval, wilson


class ClassAccuracy(NamedTuple):
    """One class: what the oracle says of rows given it, and what was given to rows that the oracle calls it."""

    given: int
    oracle: int
    precision: Interval  # P(oracle = class | given = class)
    recall: Interval  # P(given = class | oracle = class)


class Accuracy(NamedTuple):
    """Given labels of one set against the oracle's; limits are Wilson's."""

    rows: int
    accuracy: Interval
    per_class: tuple[ClassAccuracy, ...]
    labels: Ints  # (K, K) rows by (given label, oracle's)


def accuracy_vector(given: Ints, oracle: Ints, n_classes: int, *, confidence: float = 0.95) -> Accuracy:
    """Return the share of labels (n,) that are the oracle's, and for each class precision and recall; NaN where there is no row."""
    counts = np.bincount(given * n_classes + oracle, minlength=n_classes**2).reshape(n_classes, n_classes)
    right = counts.diagonal().tolist()
    per_class = tuple(
        ClassAccuracy(g, o, wilson(k, g, confidence), wilson(k, o, confidence))
        for k, g, o in zip(right, counts.sum(axis=1).tolist(), counts.sum(axis=0).tolist(), strict=True)
    )
    return Accuracy(len(given), wilson(sum(right), len(given), confidence), per_class, counts)


def equal_samples(
    labels: Sequence[Ints], n_classes: int, size: int | None = None, *, seed: int = 0
) -> tuple[Ints, ...]:
    """Return rows of each set, `size` of each (by default as many as the smallest has), drawn without replacement by class.

    labels: (n,) of each set. Of size · n_k / n rows of class k the whole part is drawn, and the rest goes to the largest
    fractions, so that the label shares are the set's. Raises InputError where a set has fewer rows than `size`.
    """
    smallest = min(len(own) for own in labels)
    if size is None:
        size = smallest
    if not 1 <= size <= smallest:
        raise InputError(
            f"A sample of {size:,} rows cannot be drawn: the smallest set has {smallest:,} with an oracle's label."
        )
    return tuple(
        _stratified(own, n_classes, size, np.random.default_rng([seed, which])) for which, own in enumerate(labels)
    )


def _stratified(labels: Ints, n_classes: int, size: int, rng: np.random.Generator) -> Ints:
    of_class = np.bincount(labels, minlength=n_classes)
    whole, rest = np.divmod(of_class * size, len(labels))
    whole[np.argsort(-rest, kind="stable")[: size - whole.sum()]] += 1
    drawn = [rng.choice(np.flatnonzero(labels == k), many, replace=False) for k, many in enumerate(whole.tolist())]
    return np.sort(np.concatenate(drawn))
