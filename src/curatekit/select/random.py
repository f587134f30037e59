"""Rows at random: the plain baseline."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Ints
from curatekit.select import Selection, drawn


def random(pool_labels: Ints, k: int, seed: int) -> Selection:
    """Return k of the N pool rows, drawn uniformly without replacement."""
    return drawn(np.random.default_rng(seed).permutation(len(pool_labels))[:k], "drawn at random")
