"""The pool's rows near to an example of the same label. What ignores labels barely beats chance, so nothing here does."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curatekit import index
from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError


class Near(NamedTuple):
    """The nearest pool rows of the examples of one label, nearest first."""

    examples: Ints
    """(e,) which examples they are."""
    rows: Ints
    """(e, depth) rows of the pool."""
    similarity: Floats
    """(e, depth) cosine similarity."""


def nearest_of_label(
    pool_embeddings: Floats,
    pool_labels: Ints,
    example_embeddings: Floats,
    example_labels: Ints,
    classes: tuple[str, ...],
    k: int,
    depth: int | None = None,
) -> list[Near]:
    """Return for each label of the examples the `depth` pool rows of that label that are nearest to each of the m.

    By default these are 100 + 10·k/m. As many more as it takes for k different rows; a label without rows has no columns. So the cost hangs on the pool and the
    examples, and not on the pool times k. Raises InputError when the pool has fewer than k rows of these labels.
    """
    require_rows(pool_labels, example_labels, classes, k)
    labels = np.unique(example_labels)
    depth = depth or 100 + 10 * (-(-k // len(example_labels)))
    while True:
        found = []
        for label in labels:
            rows, examples = np.flatnonzero(pool_labels == label), np.flatnonzero(example_labels == label)
            near = index.nearest(example_embeddings[examples], depth, pool_embeddings[rows])
            found.append(Near(examples, rows[near.rows], near.similarity))
        if len(np.unique(np.concatenate([near.rows.ravel() for near in found]))) >= k:
            return found
        depth *= 4


def require_rows(pool_labels: Ints, labels: Ints, classes: tuple[str, ...], k: int) -> None:
    """Raise InputError unless the pool has k rows with one of these labels."""
    usable = int(np.isin(pool_labels, labels).sum())
    if usable < k:
        named = ", ".join(sorted({classes[label] for label in labels}))
        raise InputError(
            f"k is {k}, and the pool has {usable} rows with a label of the specifications ({named}). Ask for fewer."
        )
