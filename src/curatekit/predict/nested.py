"""Nested training sets: the same rows predicted by models of ever larger parts of what they were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from curatekit.arrays import Ints
from curatekit.predict.crossfit import Arrays, Keep, Predictions, answers, each_model, fifths, put_together
from curatekit.predict.family import Family, Material

FIRST = 2
"""Rows of each class that stand before all others in a nested order, so that a class is in every training set."""


def nested_order(labels: Ints, seed: int | Sequence[int]) -> Ints:
    """Return the rows (n,) in a drawn order whose every beginning has about the class shares of the whole.

    First come two rows of each class; then the i-th of the n_k rows of class k stands at (i + u_k) / n_k, u_k uniform: systematic
    sampling within classes (Cochran 1977, Sampling Techniques, chapter 8). The larger of two beginnings holds the smaller.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    own = labels[order]
    counts = np.bincount(own)
    by_class = np.argsort(own, kind="stable")
    rank = np.empty(len(own), np.int64)
    rank[by_class] = np.arange(len(own)) - np.repeat(np.cumsum(counts) - counts, counts)
    place = (rank + rng.random(len(counts))[own]) / counts[own]
    place[rank < FIRST] = rank[rank < FIRST] - FIRST
    nested: Ints = order[np.argsort(place, kind="stable")]
    return nested


class Split(NamedTuple):
    """Training rows in their nested order, and the rows that their models predict."""

    train: Ints
    test: Ints


@dataclass(frozen=True, eq=False)
class Nested:
    """The models of a cross-fit, or that of a training file, fitted on the first of their training rows.

    What they read is prepared once, of all texts, since that takes no label: the curve is one over labelled rows. The null is
    that of all training rows, so that two sizes differ only in what is known of the label given the text.
    """

    family: Family
    material: Material  # of the n rows that the models are trained on
    labels: Ints  # (n,)
    units: Ints  # (n,) rows that belong together
    whole: Predictions  # of m rows, by models of all their training rows
    seed: int = 0
    evaluated: tuple[Material, Ints] | None = None  # the m rows and their labels, where they are not the same n

    @cached_property
    def splits(self) -> tuple[Split, ...]:
        """The splits of the cross-fit, or the one of a training and an evaluation file."""
        if self.evaluated is not None:
            return (Split(nested_order(self.labels, self.seed), np.arange(len(self.evaluated[1]))),)
        found = []
        for k in range(int(self.whole.folds.max()) + 1):
            train = np.flatnonzero(self.whole.folds != k)
            order = nested_order(self.labels[train], [self.seed, k])
            found.append(Split(train[order], np.flatnonzero(self.whole.folds == k)))
        return tuple(found)

    def predictions(self, share: float, keep: Keep | None = None) -> Predictions:
        """Return the predictions of the m rows by models of the first share · n of their training rows, 0 < share < 1."""
        n_classes = self.whole.null_probs.shape[1]
        x, asked = self._prepared
        given = self.labels if self.evaluated is None else self.evaluated[1]

        def compute(k: int) -> Arrays:
            train, test = self.splits[k]
            rows = np.sort(train[: round(share * len(train))])  # in the order in which all of them would be given
            arrays = answers(
                self.family, x[rows], self.labels[rows], self.units[rows], asked[test], n_classes, self.seed, "prior",
                self.material,
            )  # fmt: skip
            return {**arrays, "null": self.whole.null_probs[test[0]]}

        models = list(each_model(self.family, range(len(self.splits)), compute, keep, "fitting"))
        parts = (
            self.whole.folds if self.evaluated is None else fifths(*self.evaluated, self.seed)
        )  # fmt: skip
        tests = [split.test for split in self.splits]
        return put_together(self.family, given, models, tests, self.whole.folds, parts, {})

    @cached_property
    def _prepared(self) -> tuple[Any, Any]:
        if self.evaluated is None:
            (x,) = self.family.prepare(self.material)
            return x, x
        x, asked = self.family.prepare(self.material, self.evaluated[0])
        return x, asked
