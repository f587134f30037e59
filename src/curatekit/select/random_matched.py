"""Rows at random with the specifications' label shares: the fair baseline.

A guided selection takes other labels than the pool offers, and that alone lowers the failure rate. This baseline has the
same advantage, so that what a method gains over it is gained by choosing rows.
"""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.reporting import note
from curatekit.select import Selection, drawn, shares


def random_matched(pool_labels: Ints, example_labels: Ints, classes: tuple[str, ...], k: int, seed: int) -> Selection:
    """Return k of the N pool rows, drawn at random within each label, the labels shared as among the m examples.

    Where the pool has too few rows of a label, all of them are taken, the rest is drawn from all labels, and it is said.
    """
    wanted = np.bincount(example_labels, minlength=len(classes)).astype(float)
    return with_shares(wanted, pool_labels, classes, k, seed, "the specifications' label shares")


def with_shares(
    proportions: Floats, pool_labels: Ints, classes: tuple[str, ...], k: int, seed: int, named: str
) -> Selection:
    """Return k of the N pool rows, drawn at random within each label, the labels in these proportions (K,).

    Where the pool has too few rows of a label, all of them are taken, the rest is drawn from all labels, and it is said.
    """
    order = np.random.default_rng(seed).permutation(len(pool_labels))
    wanted = shares(k, proportions)
    taken = [order[pool_labels[order] == label][:n] for label, n in enumerate(wanted)]
    short = [classes[label] for label, rows in enumerate(taken) if len(rows) < wanted[label]]
    rows = np.concatenate(taken)
    if short:
        rest = order[~np.isin(order, rows)][: k - len(rows)]
        rows = np.concatenate([rows, rest])
        note(f"The pool has too few rows labelled {', '.join(short)} to draw {named}.")
    chosen = np.isin(order, rows)
    return drawn(order[chosen], f"drawn at random with {named}")
