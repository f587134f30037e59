"""The transform `length`: how long each text is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curatekit.arrays import Floats
from curatekit.information.words import words


def length(inputs: Sequence[Sequence[str]]) -> Floats:
    """Return the number of words and of characters of each text (n, 2), of pairs those of both (n, 4)."""
    return np.column_stack(
        [
            values
            for texts in inputs
            for values in (words(texts).list.len().to_numpy(), np.fromiter(map(len, texts), np.int64, len(texts)))
        ]
    ).astype(np.float64)
