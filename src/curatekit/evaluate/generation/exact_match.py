"""The metric `exact_match`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curatekit.arrays import Floats
from curatekit.evaluate.generation.words import normalised


def exact_match(answers: Sequence[str], truths: Sequence[str]) -> Floats:
    """Return 1 where answer and truth are the same words (see `normalised`), otherwise 0, (n,).

    Source: Rajpurkar et al. (2016), SQuAD, EMNLP.
    """
    same = [normalised(answer) == normalised(truth) for answer, truth in zip(answers, truths, strict=True)]
    return np.array(same, np.float64)
