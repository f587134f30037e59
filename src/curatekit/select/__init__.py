"""Which rows of a pool to add to the training data, so that the model meets its specifications: one file a method.

A method's parameters are named like the fields of `Material`, and `k` and `seed`; `choose` reads the signature and calls.
Material holds the specifications' examples. It has no place for their tests, so no method can look at them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from curatekit import registry
from curatekit.arrays import Floats, Ints, Strings
from curatekit.errors import InputError
from curatekit.reporting import note


class Selection(NamedTuple):
    """The k chosen rows in the order of choice, each with what chose it and why."""

    rows: Ints
    """(k,) rows of the pool, each once."""
    specification: Strings
    """(k,) the id of the specification that chose the row, "" where none did."""
    value: Floats
    """(k,) what the method made large; NaN where rows are drawn at random."""
    reason: Strings
    """(k,) in words."""


@dataclass(frozen=True, eq=False)
class Material:
    """What a selection may look at: n training rows, N pool rows, m examples of S specifications, K classes.

    Features are the probe's, embeddings are unit rows of the encoder, labels are in 0 … K - 1 throughout.
    """

    train_features: Floats  # (n, p)
    train_labels: Ints  # (n,)
    pool_features: Floats  # (N, p)
    pool_embeddings: Floats  # (N, d)
    pool_labels: Ints  # (N,)
    example_features: Floats  # (m, p)
    example_embeddings: Floats  # (m, d)
    example_labels: Ints  # (m,)
    example_specifications: Ints  # (m,) index into specifications
    specifications: tuple[str, ...]  # S ids
    classes: tuple[str, ...]  # K names
    C: float = 1.0  # the probe's, chosen on the training rows
    pool_texts: tuple[str, ...] = ()  # N, for methods that read words
    example_texts: tuple[str, ...] = ()  # m
    weak: tuple[int, ...] = ()  # the specifications whose only example is their statement, which is none

    def only(self, rows: Ints) -> Material:
        """Return the material with these rows of the pool alone."""
        texts = tuple(self.pool_texts[row] for row in rows) if self.pool_texts else ()
        arrays = {name: getattr(self, name)[rows] for name in ("pool_features", "pool_embeddings", "pool_labels")}
        return replace(self, pool_texts=texts, **arrays)

    def with_examples(self, rows: Ints) -> Material:
        """Return the material with these examples alone; specifications that have none of them are left out."""
        left, codes = np.unique(self.example_specifications[rows], return_inverse=True)
        texts = tuple(self.example_texts[row] for row in rows) if self.example_texts else ()
        arrays = {
            name: getattr(self, name)[rows] for name in ("example_features", "example_embeddings", "example_labels")
        }
        return replace(
            self,
            example_texts=texts,
            example_specifications=codes,
            specifications=tuple(self.specifications[s] for s in left),
            weak=tuple(np.flatnonzero(np.isin(left, self.weak)).tolist()),
            **arrays,
        )


def choose(method: str, material: Material, k: int, seed: int = 0) -> Selection:
    """Return the k rows of the pool that `method`, a name in the table "select", chooses.

    Raises InputError for an unknown method, for a k outside 1 … N, and as `heard` does.
    """
    function = registry.load("select", method)
    check_k(k, len(material.pool_labels))
    given = {**vars(heard(method, material)), "k": k, "seed": seed}
    asked = [name for name in inspect.signature(function).parameters if name in given]
    selection: Selection = function(**{name: given[name] for name in asked})
    return selection


def heard(method: str, material: Material) -> Material:
    """Return the material as `method` hears it: statements alone are places to look, for methods that retrieve by embeddings only.

    For others they are no examples: those that learn leave them out, and say so, and a baseline counts label shares without them, so
    that it has what the learning methods have. Where there is nothing but statements, a baseline counts those; what learns raises
    InputError. The statement tells where to look, not what a text of it is like. Measured on 29 HateCheck functionalities,
    each by one sentence, k = 500: influence fails on 0.42 of their tests, worse than 0.39 at random with matched labels; nearest on
    0.39, and averaged over the labels on 0.38 to 0.40 at random.
    """
    asked = inspect.signature(registry.load("select", method)).parameters
    learns = any(name in asked for name in ("example_features", "example_texts"))
    retrieves = "example_embeddings" in asked and not learns
    if not material.weak or retrieves or "example_labels" not in asked:
        return material
    strong = np.flatnonzero(~np.isin(material.example_specifications, material.weak))
    if not len(strong):
        if not learns:
            return material
        raise InputError(
            f"{method!r} learns from examples, and the specifications are statements alone. Give them examples, or choose by "
            "--method nearest."
        )
    if learns:
        note(
            f"{method}: {len(material.weak)} specifications of a statement alone (weak: true) are not heard: it learns from "
            "examples. --method nearest looks for rows by the statement."
        )
    return material.with_examples(strong)


def check_k(k: int, size: int) -> None:
    """Raise InputError unless k rows can be chosen from a pool of that size."""
    if not 1 <= k <= size:
        raise InputError(f"k is {k}, and the pool has {size} rows. Ask for 1 to {size}.")


def check_budgets(budgets: Iterable[int], size: int) -> None:
    """Raise InputError unless each of these numbers of rows can be chosen from a pool of that size."""
    for k in budgets:
        check_k(k, size)


def is_seeded(method: str) -> bool:
    """Return whether the method draws at random, so that another seed chooses other rows."""
    return "seed" in inspect.signature(registry.load("select", method)).parameters


def is_fitted(method: str) -> bool:
    """Return whether the method chooses by the examples themselves, so that a failure rate on them flatters its rows."""
    asked = inspect.signature(registry.load("select", method)).parameters
    return any(name in asked for name in ("example_features", "example_embeddings", "example_texts"))


def label_averaging(labels: Ints) -> Floats:
    """Return weights (n,) of sum 1 by which every label that occurs weighs the same, 1 / (labels · rows of the label)."""
    counts = np.bincount(labels)
    weights: Floats = 1 / (np.count_nonzero(counts) * counts[labels])
    return weights


def shares(total: int, proportions: Floats) -> Ints:
    """Return whole numbers of sum `total` in these proportions; the largest remainders are rounded up, ties first come."""
    exact = total * proportions / proportions.sum()
    whole: Ints = np.floor(exact).astype(np.int64)
    whole[np.argsort(whole - exact, kind="stable")[: total - whole.sum()]] += 1
    return whole


def of_no_specification(rows: Ints, value: Floats, reason: Sequence[str] | Strings) -> Selection:
    """Return the selection of these k rows, which no specification chose."""
    return Selection(rows, np.full(len(rows), "", object), value, np.array(reason, object))


def drawn(rows: Ints, reason: str) -> Selection:
    """Return the selection of rows drawn at random, all for one reason."""
    return of_no_specification(rows, np.full(len(rows), np.nan), [reason] * len(rows))
