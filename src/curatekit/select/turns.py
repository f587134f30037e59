"""The specifications take turns: each takes the best row of its label that is left, so that each gets its quota."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curatekit import index
from curatekit.arrays import Bools, Floats, Ints
from curatekit.select import Selection
from curatekit.select.same_label import nearest_of_label


def in_turns(
    pool_embeddings: Floats,
    pool_labels: Ints,
    example_embeddings: Floats,
    example_labels: Ints,
    example_specifications: Ints,
    specifications: tuple[str, ...],
    classes: tuple[str, ...],
    k: int,
    *,
    relevance: float,
    factor: Floats | None = None,
) -> Selection:
    """Return k rows: the specifications take turns, each taking the row of its label that maximises r·f·s − (1 − r)·d.

    s is the row's cosine similarity to the specification's nearest example, f its `factor` (N,) in [0, 1] or 1, d its similarity
    to the nearest row that the specification has taken, r the relevance. `value` is f·s. A specification without rows left
    passes its turn. Raises InputError when the pool has fewer than k rows of the specifications' labels.
    """
    labels = np.array([example_labels[example_specifications == s][0] for s in range(len(specifications))])
    depth = 10 * (-(-k // len(specifications))) + 100
    queues: dict[int, Queue] = {}
    given = (pool_embeddings, pool_labels, example_embeddings, example_labels, classes, k, depth)
    for near in nearest_of_label(*given):
        of_examples = example_specifications[near.examples]
        for s in np.unique(of_examples).tolist():
            own = of_examples == s
            found = Candidates(near.rows[own], near.similarity[own])
            rows, examples = np.flatnonzero(pool_labels == labels[s]), example_embeddings[near.examples[own]]
            queues[s] = Queue(pool_embeddings, rows, examples, found, depth, relevance, factor)
    free = np.ones(len(pool_labels), bool)
    taken: list[tuple[int, int, float, float]] = []
    while len(taken) < k:
        for s in range(len(specifications)):
            if len(taken) < k and (best := queues[s].take(free)) is not None:
                free[best.row] = False
                taken.append((best.row, s, best.similarity, best.value))
    rows, chooser, similarity, value = (np.array(column) for column in zip(*taken, strict=True))
    names = np.array(specifications, object)[chooser]
    reason = np.array(
        [f"same label, similarity {s:.2f} to an example of {n!r}" for s, n in zip(similarity, names, strict=True)],
        object,
    )
    return Selection(rows, names, value, reason)


class _Found(NamedTuple):
    row: int
    similarity: float
    value: float


class Candidates(NamedTuple):
    """The pool rows near to each of e examples, (e, depth), and their similarity."""

    rows: Ints
    similarity: Floats


class Queue:
    """The candidates of one specification, some ten for each place of its quota, and how near each is to one already taken."""

    def __init__(
        self,
        embeddings: Floats,
        all_rows: Ints,
        examples: Floats,
        found: Candidates,
        depth: int,
        relevance: float,
        factor: Floats | None = None,
    ) -> None:
        self.embeddings, self.all_rows, self.examples = embeddings, all_rows, examples
        self.relevance, self.factor = relevance, factor
        self.taken: list[int] = []
        self._look_at(found, depth)

    def _look_at(self, found: Candidates, depth: int) -> None:
        """Take the `depth` rows that are nearest to an example for the candidates."""
        rows, position = np.unique(found.rows, return_inverse=True)
        nearest = np.full(len(rows), -np.inf)
        np.maximum.at(nearest, position.ravel(), found.similarity.ravel())
        best = np.argsort(-nearest, kind="stable")[:depth]
        self.rows, self.similarity = rows[best], nearest[best]
        self.value = self.similarity if self.factor is None else self.similarity * self.factor[self.rows]
        self.repeated = np.zeros(len(best))
        for row in self.taken:
            self._repeats(row)

    def take(self, free: Bools) -> _Found | None:
        """Return the best free candidate, or None when the pool has no free row of this label."""
        open_ = free[self.rows]
        if not open_.any():  # others of the same label have taken all of ours
            if not free[self.all_rows].any():
                return None
            everyone = index.nearest(self.examples, len(self.all_rows), self.embeddings[self.all_rows])
            self._look_at(Candidates(self.all_rows[everyone.rows], everyone.similarity), len(self.all_rows))
            open_ = free[self.rows]
        score = np.where(open_, self.relevance * self.value - (1 - self.relevance) * self.repeated, -np.inf)
        best = int(score.argmax())
        self.taken.append(int(self.rows[best]))
        self._repeats(self.taken[-1])
        return _Found(int(self.rows[best]), float(self.similarity[best]), float(self.value[best]))

    def _repeats(self, row: int) -> None:
        if self.relevance < 1:
            np.maximum(self.repeated, self.embeddings[self.rows] @ self.embeddings[row], out=self.repeated)
