"""Folds: stratified by class, with rows that belong together in one fold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curatekit.arrays import Ints, Strings
from curatekit.errors import InputError


def folds(
    labels: Ints,
    texts: Sequence[str],
    n_folds: int = 5,
    seed: int = 0,
    groups: Strings | Sequence[str] | None = None,
) -> Ints:
    """Return the fold (n,) of each row, in 0 … n_folds - 1, each class spread as evenly as can be.

    Rows with the same text always share a fold, and so do rows of the same group. Raises InputError when fewer than
    two folds can be made. Reduces the number of folds to the number of distinct rows when those are fewer.
    """
    units = bound_together(texts, groups)
    distinct = int(units.max()) + 1 if len(units) else 0
    if distinct < 2 or n_folds < 2:
        raise InputError(
            f"Cross-fitting needs two folds and two rows that are not bound together; there are {distinct} such rows "
            f"and {n_folds} folds. Give more rows, or coarser groups."
        )
    return stratified_folds(labels, units, min(n_folds, distinct), seed)


def bound_together(texts: Sequence[str], groups: Strings | Sequence[str] | None = None) -> Ints:
    """Return the unit (n,) of each row: rows of one unit are linked by an equal text or an equal group."""
    by_text = _codes(texts)
    if groups is None:
        return by_text
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    by_group = _codes(groups) + len(by_text)
    n = 2 * len(by_text)
    graph = coo_array((np.ones(len(by_text), np.int8), (by_text, by_group)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    return _codes(component[by_text])


def stratified_folds(labels: Ints, units: Ints, n_folds: int, seed: int) -> Ints:
    """Return the fold (n,) of each row; rows of one unit share it.

    Units of several rows are dealt first, the largest first, each to the fold that has least of its classes; single
    rows then level the folds class by class, the rarest class first.
    """
    rng = np.random.default_rng(seed)
    n = len(labels)
    classes, y = np.unique(labels, return_inverse=True)
    count = np.zeros((n_folds, len(classes)))
    totals = np.bincount(y, minlength=len(classes))
    fold = np.full(n, -1, np.int64)
    size = np.bincount(units)
    shuffled = rng.permutation(n)
    several = shuffled[size[units[shuffled]] > 1]
    several = several[np.lexsort((units[several], -size[units[several]]))]
    for rows in np.split(several, np.flatnonzero(np.diff(units[several])) + 1) if len(several) else []:
        held = np.bincount(y[rows], minlength=len(classes))
        load = (count[:, held > 0] / totals[held > 0]).max(axis=1)
        chosen = np.lexsort((rng.random(n_folds), count.sum(axis=1), load))[0]
        fold[rows] = chosen
        count[chosen] += held
    single = shuffled[size[units[shuffled]] == 1]
    for k in np.argsort(totals, kind="stable"):
        rows = single[y[single] == k]
        # the slots of all folds by level: a fold that holds 3 of the class offers slots 3, 4, 5, …
        level = (count[:, k, None] + np.arange(len(rows))).ravel()
        owner = np.repeat(np.arange(n_folds), len(rows))
        tie = np.repeat(count.sum(axis=1), len(rows))
        slots = np.lexsort((tie, level))[: len(rows)]
        fold[rows] = owner[slots]
        count[:, k] += np.bincount(owner[slots], minlength=n_folds)
    return fold


def _codes(values: Sequence[str] | Strings | Ints) -> Ints:
    """Return the code (n,) of each value, in order of first appearance."""
    seen: dict[object, int] = {}
    return np.fromiter((seen.setdefault(value, len(seen)) for value in values), np.int64, len(values))
