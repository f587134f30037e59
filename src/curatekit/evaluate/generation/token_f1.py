"""The metric `token_f1`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from curatekit.arrays import Floats
from curatekit.evaluate.generation.words import normalised


def token_f1(answers: Sequence[str], truths: Sequence[str]) -> Floats:
    """Return 2 |A ∩ T| / (|A| + |T|) of the words of answer and truth, counted as often as they occur, (n,) in [0, 1].

    An empty answer to an empty truth is 1, to any other 0. Source: Rajpurkar et al. (2016), SQuAD, EMNLP.
    """
    return np.array([_f1(answer, truth) for answer, truth in zip(answers, truths, strict=True)])


def _f1(answer: str, truth: str) -> float:
    said, true = normalised(answer).split(), normalised(truth).split()
    if not said and not true:
        return 1.0
    return 2 * (Counter(said) & Counter(true)).total() / (len(said) + len(true))
