"""Facility location: rows that together stand near to as many examples as can be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.select import Selection
from curatekit.select.lazy import lazy_greedy
from curatekit.select.same_label import nearest_of_label


def facility_location(
    pool_embeddings: Floats,
    pool_labels: Ints,
    example_embeddings: Floats,
    example_labels: Ints,
    example_specifications: Ints,
    specifications: tuple[str, ...],
    classes: tuple[str, ...],
    k: int,
) -> Selection:
    """Return k rows A that make Σ_e max_{a ∈ A} s(e, a) large, by greedy choice.

    The sum runs over the examples e; s is the cosine similarity to a row of the same label, at least 0, and 0 to others. Once no row
    adds anything (every example has its nearest), the examples count as unserved again and the rows left serve them once
    more. Until then the sum is at least 1 − 1/e of the greatest possible. `value` is what the row added. An example is
    near to what `nearest_of_label` finds, which raises InputError, and to nothing else.
    Nemhauser, Wolsey and Fisher (1978), "An analysis of approximations for maximizing submodular set functions"; Wei, Iyer and
    Bilmes (2015), "Submodularity in data subset selection and active learning".
    """
    found = nearest_of_label(pool_embeddings, pool_labels, example_embeddings, example_labels, classes, k)
    example = np.concatenate([np.repeat(near.examples, near.rows.shape[1]) for near in found])
    similarity = np.concatenate([near.similarity.ravel() for near in found])
    rows, item = np.unique(np.concatenate([near.rows.ravel() for near in found]), return_inverse=True)
    order = np.argsort(item.ravel(), kind="stable")
    edges = _Edges(np.cumsum(np.bincount(item.ravel())), example[order], np.maximum(similarity[order], 0))
    taken: list[_Served] = []
    while len(taken) < k:
        left = np.setdiff1d(np.arange(len(rows)), [one.item for one in taken])
        taken += islice(_served_once(edges, left, len(example_labels)), k - len(taken))
    items, most = (np.array([one[part] for one in taken]) for part in (0, 1))
    value = np.array([one.value for one in taken])
    names = np.array(specifications, object)[example_specifications[most]]
    reason = [
        f"adds {v:.2f} to how near the examples are served, most of {n!r}" for v, n in zip(value, names, strict=True)
    ]
    return Selection(rows[items], names, value, np.array(reason, object))


class _Served(NamedTuple):
    """An item that was taken, the example that it serves most, and what it adds."""

    item: int
    example: int
    value: float


@dataclass(frozen=True)
class _Edges:
    """Which examples each item is near to; those of item i end at ends[i]."""

    ends: Ints
    example: Ints
    similarity: Floats

    def of(self, item: int) -> slice:
        return slice(int(self.ends[item - 1]) if item else 0, int(self.ends[item]))


def _served_once(edges: _Edges, left: Ints, n_examples: int) -> Iterator[_Served]:
    """Yield items by lazy greedy choice among those left until no item adds anything; one at least."""
    served = np.zeros(n_examples)

    def added(item: int) -> Floats:
        of = edges.of(item)
        more: Floats = np.maximum(edges.similarity[of] - served[edges.example[of]], 0)
        return more

    first = np.array([added(item).sum() for item in left])
    for number, (position, value) in enumerate(lazy_greedy(first, lambda position: float(added(left[position]).sum()))):
        if value <= 0 and number:
            return
        item = int(left[position])
        of, more = edges.of(item), added(item)
        yield _Served(item, int(edges.example[of][more.argmax()]), value)
        np.maximum.at(served, edges.example[of], edges.similarity[of])
