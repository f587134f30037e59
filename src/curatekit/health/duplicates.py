"""Exact duplicates by their texts, near duplicates by the cosine of their embeddings, and whether their labels agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.index import Neighbours, nearest
from curatekit.specs import folded


class Pairs(NamedTuple):
    """Pairs of rows that are alike, the most similar first."""

    first: Ints
    """(p,) the lower row."""
    second: Ints
    similarity: Floats


def text_groups(texts: Sequence[str], *, fold: bool = False) -> Ints:
    """Return (n,) the lowest row with the same text; with `fold`, the same but for case, spaces and punctuation."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(folded(text) if fold else text, row) for row, text in enumerate(texts)], np.int64)


def in_conflict(groups: Ints, labels: Ints) -> Bools:
    """Return (n,) whether a row of the same group has another label; a row without a label (-1) is in no conflict."""
    labelled = labels >= 0
    _, group = np.unique(groups, return_inverse=True)
    low, high = np.full(len(groups), np.iinfo(np.int64).max), np.full(len(groups), -1, np.int64)
    np.minimum.at(low, group[labelled], labels[labelled])
    np.maximum.at(high, group[labelled], labels[labelled])
    return labelled & (low[group] < high[group])


def rows_in_conflict(texts: Sequence[str], labels: Ints) -> int:
    """Return how many rows have a text that stands with another label too."""
    return int(in_conflict(text_groups(texts), labels).sum())


def near_pairs(embeddings: Floats, neighbours: Neighbours, threshold: float, *, seed: int = 0) -> Pairs:
    """Return all pairs of rows whose cosine is at least `threshold`; as many of them as `neighbours` has, where approximate.

    embeddings: (n, d); neighbours: of each row, k of them. A row all of whose neighbours pass is asked again for four times as
    many.
    """
    asked, found = np.arange(len(embeddings)), neighbours
    k = found.rows.shape[1]
    first, second, similarity = [], [], []
    while True:
        near = (found.similarity >= threshold) & (found.rows != asked[:, None])
        row, place = np.nonzero(near)
        first.append(asked[row])
        second.append(found.rows[row, place])
        similarity.append(found.similarity[row, place])
        asked = asked[near.sum(axis=1) >= k]
        if not len(asked) or k >= len(embeddings) - 1:
            break
        k *= 4
        # One more, since a row is among its own.
        found = nearest(embeddings[asked], k + 1, embeddings, seed=seed)
    ends = np.sort(np.stack([np.concatenate(first), np.concatenate(second)], axis=1).reshape(-1, 2), axis=1)
    pairs, where = np.unique(ends, axis=0, return_index=True)
    cosine = np.concatenate(similarity)[where]
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -cosine))
    return Pairs(pairs[order, 0], pairs[order, 1], cosine[order])


def clusters(n: int, pairs: Pairs) -> Ints:
    """Return (n,) the lowest row that a row is linked to by the pairs, over any number of steps."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs.first), np.int8), (pairs.first, pairs.second)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    _, first, component = np.unique(component, return_index=True, return_inverse=True)
    lowest: Ints = first[component]
    return lowest
