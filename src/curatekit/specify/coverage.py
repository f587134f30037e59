"""Which specifications a pool can serve: whether rows of their label lie as near to their examples as to each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints, Strings
from curatekit.index import nearest
from curatekit.intervals import NOTHING, Interval, wilson
from curatekit.predict.guidance import unit

FAR = 0.25
"""An example is served unless its nearest row of its label is farther than all but this share of those rows are from one another,
and than all but this share of the specification's examples are from one another.

So three quarters are served where the pool's rows are texts like the examples. Of HateCheck's examples 0.63 are by 12,000
posts about hate, 0.72 by comments about anything, 0.00 by banking questions. Asking the pool's distances alone, a pool made of templates would serve only its own templates.
"""

BY_CHANCE = 0.05
"""Nor is near enough what so large a share of the pairs of rows of the label are to one another, however loose the examples."""

LEAST_SERVED = 0.5
"""The pool cannot serve a specification where the share served is surely below this."""

_SAMPLED = 5_000  # rows of a label that tell what is far
_PAIRED = 1_000  # of these, all pairs are looked at
_EVIDENCE = 3


class Coverage(NamedTuple):
    """How far a pool serves one specification."""

    served: Interval
    """The share of its examples with a row of its label that is near enough, with Wilson's limits."""
    bar: float
    """The cosine that is near enough; NaN where the pool has fewer than two rows of the label."""
    rows: Ints
    """(3,) rows of the pool of its label, the nearest to any of its examples; fewer where there are fewer."""
    similarity: Floats
    """(3,) their cosine."""

    @property
    def unserved(self) -> bool:
        return bool(np.isnan(self.bar) or self.served.high < LEAST_SERVED)


def coverage(
    example_embeddings: Floats,
    example_specifications: Ints,
    spec_labels: Strings,
    pool_embeddings: Floats,
    pool_labels: Strings,
    seed: int = 0,
) -> tuple[Coverage, ...]:
    """Return how far the pool serves each of S specifications, of label spec_labels (S,), by m examples (m, d), (m,).

    Labels are names, of specifications (S,) and of N pool rows (N,); only rows of the specification's label count.
    """
    found: dict[int, Coverage] = {}
    rng = np.random.default_rng(seed)
    for label in sorted(set(spec_labels.tolist())):
        rows = np.flatnonzero(pool_labels == label)
        within = pool_embeddings[rows]
        typical, by_chance = _near_each_other(within, rng)
        for s in np.flatnonzero(spec_labels == label).tolist():
            asked = example_embeddings[example_specifications == s]
            if not len(rows):
                found[s] = Coverage(NOTHING, typical, rows, np.zeros(0))
                continue
            bar = typical
            if len(asked) > 1:
                bar = max(min(bar, float(np.quantile(nearest(asked, 1).similarity[:, 0], FAR))), by_chance)
            near = nearest(asked, _EVIDENCE, within)
            best = _best(near.rows.ravel(), near.similarity.ravel())
            served = wilson(int((near.similarity[:, 0] >= bar).sum()), len(asked))
            found[s] = Coverage(served, bar, rows[near.rows.ravel()[best]], near.similarity.ravel()[best])
    return tuple(found[s] for s in range(len(spec_labels)))


def _near_each_other(embeddings: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """Return the cosine that all but FAR of the rows (n, d) have to another one, and that BY_CHANCE of their pairs have."""
    if len(embeddings) < 2:
        return float("nan"), float("nan")
    drawn = rng.permutation(len(embeddings))[:_SAMPLED]
    # two among the rows asked: the first is the row itself, or its copy
    own = nearest(embeddings[drawn], 2, embeddings).similarity[:, 1]
    few = unit(embeddings[drawn[:_PAIRED]])
    pairs = (few @ few.T)[np.triu_indices(len(few), 1)]
    return float(np.quantile(own, FAR)), float(np.quantile(pairs, 1 - BY_CHANCE))


def _best(rows: Ints, similarity: Floats) -> Ints:
    """Return the places of the most similar rows, each row once."""
    order = np.lexsort((rows, -similarity))
    _, first = np.unique(rows[order], return_index=True)
    places: Ints = order[np.sort(first)][:_EVIDENCE]
    return places
