"""The words that tell some rows from the others."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Bools
from curatekit.errors import InputError
from curatekit.information.association import associations
from curatekit.information.words import WordCounts


def telling_words(counted: WordCounts, inside: Bools, most: int, *, q_value: float = 1.0) -> tuple[str, ...]:
    """Return the words that stand in more of the rows inside (n,) than of the others, by the z of the log-odds ratio, most first.

    Of those whose share inside is a chance at most so often (see `associations`); none where no word stands in two rows, or all
    rows are on one side.
    """
    try:
        told = associations(counted.counts, inside.astype(np.int64), 2)
    except InputError:
        return ()
    own = np.flatnonzero((told.label == 1) & (told.share > told.prior) & (told.q_value <= q_value))
    best = own[np.argsort(-told.log_odds_z[own], kind="stable")][:most]
    return tuple(counted.words[word] for word in told.word[best].tolist())
