"""Rows at random with as many of each label: the fair baseline for what is averaged over labels."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Ints
from curatekit.select import Selection
from curatekit.select.random_matched import with_shares


def balanced(pool_labels: Ints, example_labels: Ints, classes: tuple[str, ...], k: int, seed: int) -> Selection:
    """Return k of the N pool rows, drawn at random within each label, as many of each label that the examples have.

    A failure rate averaged over labels gains from equal labels as the plain one gains from the specifications' shares. Where the pool
    has too few rows of a label, all of them are taken, the rest is drawn from all labels, and it is said.
    """
    wanted = (np.bincount(example_labels, minlength=len(classes)) > 0).astype(float)
    return with_shares(wanted, pool_labels, classes, k, seed, "as many of each label of the specifications")
