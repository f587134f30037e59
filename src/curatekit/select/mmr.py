"""Maximal marginal relevance over the whole selection: near to an example of the same label, far from what was taken."""

from __future__ import annotations

from itertools import islice

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.select import Selection
from curatekit.select.lazy import lazy_greedy
from curatekit.select.same_label import nearest_of_label

_RELEVANCE = 0.5  # as in `nearest`


def mmr(
    pool_embeddings: Floats,
    pool_labels: Ints,
    example_embeddings: Floats,
    example_labels: Ints,
    example_specifications: Ints,
    specifications: tuple[str, ...],
    classes: tuple[str, ...],
    k: int,
) -> Selection:
    """Return k rows, one after the other that which maximises r·s − (1 − r)·d.

    s is the row's cosine similarity to the nearest example of its label, d that to the nearest row taken before, or 0, r = 1/2:
    plain MMR, without the quota of `nearest`, so that specifications that the pool is near to get more. `value` is s. The candidates
    are those that `nearest_of_label` finds, which raises InputError.
    Carbonell and Goldstein (1998), "The use of MMR, diversity-based reranking".
    """
    near = nearest_of_label(pool_embeddings, pool_labels, example_embeddings, example_labels, classes, k)
    similarity, nearest = np.full(len(pool_labels), -np.inf), np.zeros(len(pool_labels), np.int64)
    for examples, rows, similar in near:
        for example, of, s in zip(examples, rows, similar, strict=True):
            better = s > similarity[of]
            similarity[of[better]], nearest[of[better]] = s[better], example
    best = np.flatnonzero(np.isfinite(similarity))
    candidates = pool_embeddings[best]
    relevant = _RELEVANCE * similarity[best]
    taken: list[int] = []
    chosen = np.empty((k, candidates.shape[1]), candidates.dtype)
    repeated, compared = np.zeros(len(best)), np.zeros(len(best), np.int64)

    def value(item: int) -> float:
        since = chosen[compared[item] : len(taken)]
        repeated[item] = max(repeated[item], float((since @ candidates[item]).max()))
        compared[item] = len(taken)
        return float(relevant[item] - (1 - _RELEVANCE) * repeated[item])

    for item, _ in islice(lazy_greedy(relevant, value), k):
        chosen[len(taken)] = candidates[item]
        taken.append(item)
    rows = best[taken]
    names = np.array(specifications, object)[example_specifications[nearest[rows]]]
    reason = [
        f"same label, similarity {s:.2f} to an example of {n!r}" for s, n in zip(similarity[rows], names, strict=True)
    ]
    return Selection(rows, names, similarity[rows], np.array(reason, object))
