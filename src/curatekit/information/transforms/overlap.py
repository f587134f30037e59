"""The transform `overlap`: how many words the two texts of a pair share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curatekit.arrays import Floats
from curatekit.errors import InputError
from curatekit.information.words import words


def overlap(inputs: Sequence[Sequence[str]]) -> Floats:
    """Return, of each pair's different words, how many are in both, and their share of all, of the first and of the second text (n, 4).

    The shares of two texts without words are 0. Raises InputError when there are no pairs. McCoy et al. (2019), ACL: models of
    inference take overlap for entailment.
    """
    if len(inputs) != 2:
        raise InputError(
            "The attribute 'overlap' compares the texts of a pair, and the rows are single texts. Give --text twice."
        )
    pairs = [(set(a), set(b)) for a, b in zip(*(words(texts).to_list() for texts in inputs), strict=True)]
    counts = np.array([(len(a & b), len(a | b), len(a), len(b)) for a, b in pairs], np.float64).reshape(-1, 4)
    shared, sizes = counts[:, :1], counts[:, 1:]
    return np.hstack([shared, shared / np.maximum(sizes, 1)])
