"""Rows that stand in another split too, or nearly so: what is measured on them was seen in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.index import nearest
from curatekit.specs import folded


class Leaks(NamedTuple):
    """Rows that are alike a row of the other side, each with the most similar one."""

    rows: Ints
    others: Ints
    similarity: Floats
    """Cosine, 1 for the same text."""
    same_text: Bools
    """(l,) whether the texts are the same."""


def leaks(
    texts: Sequence[str],
    other_texts: Sequence[str],
    embeddings: Floats,
    other_embeddings: Floats,
    threshold: float,
    *,
    fold: bool = False,
) -> Leaks:
    """Return the rows whose text stands on the other side, or has a cosine of at least `threshold` with one there.

    texts, embeddings (m, d): one side; other_...: the other. With `fold`, texts are the same but for case, spaces and
    punctuation.
    """
    same = folded if fold else str
    first: dict[str, int] = {}
    for row, text in enumerate(other_texts):
        first.setdefault(same(text), row)
    copies = np.array([first.get(same(text), -1) for text in texts], np.int64)
    exact = copies >= 0
    others, similarity = copies.copy(), exact.astype(np.float64)
    rest = np.flatnonzero(~exact)
    if len(rest) and len(other_texts):
        found = nearest(embeddings[rest], 1, other_embeddings)
        others[rest], similarity[rest] = found.rows[:, 0], found.similarity[:, 0]
    rows = np.flatnonzero(exact | (similarity >= threshold))
    return Leaks(rows, others[rows], similarity[rows], exact[rows])


def across_splits(
    texts: Sequence[str], splits: Sequence[str], embeddings: Floats, threshold: float, *, fold: bool = False
) -> Leaks:
    """Return the rows that are alike a row of a larger split; of two splits of one size the first in the file counts as larger."""
    names, first, of, sizes = np.unique(
        np.asarray(splits, object).astype(str), return_index=True, return_inverse=True, return_counts=True
    )
    order = np.lexsort((first, -sizes))
    place = np.argsort(order)[of]
    found = []
    for number in range(1, len(names)):
        inside, larger = np.flatnonzero(place == number), np.flatnonzero(place < number)
        one = leaks(
            [texts[row] for row in inside.tolist()], [texts[row] for row in larger.tolist()], embeddings[inside], embeddings[larger],
            threshold, fold=fold,
        )  # fmt: skip
        found.append(one._replace(rows=inside[one.rows], others=larger[one.others]))
    if not found:
        none = np.zeros(0, np.int64)
        return Leaks(none, none, np.zeros(0), none.astype(bool))
    return Leaks(*map(np.concatenate, zip(*found, strict=True)))
