"""The rows that confident learning prunes, chosen from those in dispute: cleanlab's choice without its sorts.

cleanlab sorts every class against every other. A row in dispute is all that can be pruned in the end, and the rest
have no margin over 1e-6 towards any class; so the cut is sought among the former. The whole class is looked at where
that does not decide: a cut below such margins, or among equal ones, where cleanlab's choice is that of NumPy's argsort.
"""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.probabilities import as_floats, rows_of
from curatekit.scores._confident_counts import CLOSE


def pruned_by_noise_rate(labels: Ints, pred_probs: Floats, disputed: Ints, class_sizes: Ints, prune: Ints) -> Bools:
    """Return whether each disputed row (d,) is among the prune[j, k] rows labelled k with the largest p(j) - p(k).

    For any j ≠ k. `prune` (K, K); `disputed` rows ascending. Classes of one row are left alone.
    """
    pruned = np.zeros(len(disputed), dtype=bool)
    label = labels.take(disputed).astype(np.min_scalar_type(len(prune) - 1))  # 16 bits or less are sorted by radix
    places = label.argsort(kind="stable")
    ends = np.cumsum(np.bincount(label, minlength=len(prune)))
    for k in np.flatnonzero(class_sizes > 1).tolist():
        own = places[ends[k - 1] if k else 0 : ends[k]]
        if len(own):
            wanted = prune[:, k].copy()
            wanted[k] = 0
            pruned[own] = _pruned_in_class(labels, pred_probs, disputed.take(own), k, wanted)
    return pruned


def _pruned_in_class(labels: Ints, pred_probs: Floats, rows: Ints, k: int, wanted: Ints) -> Bools:
    """Return which of the disputed `rows` labelled k are pruned (m,), when wanted[j] are to go to class j."""
    probs = as_floats(rows_of(pred_probs, rows))
    given = probs[:, k].copy()
    pruned = np.zeros(len(rows), dtype=bool)
    undecided = []
    firm = 2 * CLOSE  # no row outside of the dispute has a margin so large, rounding included
    for j in np.flatnonzero(wanted > 0).tolist():
        values, count = probs[:, j] - given, int(wanted[j])
        place = max(len(values) - count, 0)
        cut = np.partition(values, place)[place]
        first = values >= cut
        if cut > firm and np.count_nonzero(first) <= count:
            pruned |= first
        else:
            pruned |= values > max(cut, firm)
            undecided.append((j, first))
    undecided = [(j, first) for j, first in undecided if (first & ~pruned).any()]
    if undecided:
        everyone = np.flatnonzero(labels == k)
        own = as_floats(pred_probs[everyone, k])
        for j, first in undecided:
            if (first & ~pruned).any():
                values = as_floats(pred_probs[everyone, j]) - own
                pruned |= largest(values, int(wanted[j]))[np.searchsorted(everyone, rows)]
    return pruned


def pruned_by_class(labels: Ints, given: Floats, disputed: Ints, class_sizes: Ints, prune: Ints) -> Bools:
    """Return whether each disputed row (d,) is among the n_k - prune[k, k] rows labelled k with the smallest p(k).

    `given` (n,) is p(given label) of every row, disputed or not. Classes of one row are left alone.
    """
    pruned = np.zeros(len(labels), dtype=bool)
    order = labels.astype(np.min_scalar_type(len(prune) - 1)).argsort(kind="stable")
    for k, rows in enumerate(np.split(order, np.cumsum(class_sizes)[:-1])):
        number = int(class_sizes[k] - prune[k, k])
        if len(rows) > 1 and number >= 1:
            pruned[rows] = smallest(given.take(rows), number)
    return pruned.take(disputed)


def smallest(values: Floats, count: int) -> Bools:
    """Return which `count` values are the smallest (n,): those that np.argsort puts first."""
    if not 0 < count < len(values):
        return np.full(len(values), count > 0)
    cut = np.partition(values, count - 1)[count - 1]
    first: Bools = values <= cut
    if np.count_nonzero(first) > count:
        first = np.zeros(len(values), dtype=bool)
        first[np.argsort(values)[:count]] = True
    return first


def largest(values: Floats, count: int) -> Bools:
    """Return which `count` values are the largest (n,): those that np.argsort(-values) puts first."""
    return smallest(-values, count)
