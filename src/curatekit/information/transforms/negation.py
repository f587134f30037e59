"""The transform `negation`: how often each text says no, in English."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from curatekit.arrays import Floats
from curatekit.information.words import words

NEGATIONS = (
    "aint", "arent", "barely", "cannot", "cant", "couldnt", "didnt", "doesnt", "dont", "hardly", "isnt", "neither", "never", "no",
    "nobody", "none", "nor", "not", "nothing", "nowhere", "scarcely", "shouldnt", "wasnt", "werent", "without", "wont", "wouldnt",
)  # fmt: skip


def negation(inputs: Sequence[Sequence[str]]) -> Floats:
    """Return how many words of each text are negations, among them all that end in n't: (n, 1), of pairs (n, 2).

    A negation in the hypothesis alone tells contradiction in SNLI: Gururangan et al. (2018), NAACL, table 4.
    """
    word = pl.element()
    negated = word.is_in(NEGATIONS) | word.str.ends_with("n't")
    return np.column_stack(
        [words(texts).list.eval(negated.cast(pl.Int64)).list.sum().fill_null(0).to_numpy() for texts in inputs]
    ).astype(np.float64)
