"""Importance resampling: k rows of the pool, drawn so that they are distributed like the examples, label by label."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.reporting import note
from curatekit.select import Selection, of_no_specification, shares
from curatekit.select.same_label import require_rows


def resampled(
    log_weights: Floats, pool_labels: Ints, example_labels: Ints, classes: tuple[str, ...], k: int, seed: int
) -> Selection:
    """Return k rows, the labels shared as among the examples, drawn within a label with probability proportional to the weights.

    Without replacement: those of greatest ln w + Gumbel noise. Where the pool has too few rows of a label, the rest is drawn from
    the specifications' other labels, and it is said. `value` is ln w. Raises InputError when the pool has fewer than k rows of
    the specifications' labels. Vieira (2014), "Gumbel-max trick and weighted reservoir sampling".
    """
    require_rows(pool_labels, example_labels, classes, k)
    noisy = log_weights + np.random.default_rng(seed).gumbel(size=len(log_weights))
    order = np.argsort(-noisy, kind="stable")
    order = order[np.isin(pool_labels[order], example_labels)]
    wanted = shares(k, np.bincount(example_labels, minlength=len(classes)).astype(float))
    rank = np.empty(len(order), np.int64)
    for label in np.unique(example_labels):
        of_label = pool_labels[order] == label
        rank[of_label] = np.arange(int(of_label.sum()))
    within = rank < wanted[pool_labels[order]]
    if short := k - int(within.sum()):
        note(
            f"The pool has too few rows of some labels for the specifications' label shares: {short} others are drawn."
        )
        within[np.flatnonzero(~within)[:short]] = True
    rows = order[within]
    reason = [f"drawn by its importance weight among its label's, e^{weight:.1f}" for weight in log_weights[rows]]
    return of_no_specification(rows, log_weights[rows], reason)
