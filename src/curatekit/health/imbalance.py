"""Classes with too few rows to learn from."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Bools, Floats, Ints

SHARE_OF_EVEN = 0.1


def class_shares(labels: Ints, n_classes: int) -> Floats:
    """Return (K,) the share of the labelled rows that each class has; zeros where no row is labelled."""
    counts = np.bincount(labels[labels >= 0], minlength=n_classes)
    shares: Floats = counts / max(1, counts.sum())
    return shares


def rare(shares: Floats) -> Bools:
    """Return (K,) whether a class has less than a tenth of an even share, 0.1/K: the rule of cleanlab's class_imbalance."""
    return shares < SHARE_OF_EVEN / max(1, len(shares))
