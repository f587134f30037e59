"""The metric `chrf`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curatekit.evaluate.generation.figures import Figures, require, when_empty


def chrf(answers: Sequence[str], truths: Sequence[str]) -> Figures:
    """Return sacreBLEU's chrF2, F₂ of character 1- to 6-grams: sentence figures (n,) and the corpus figure, in [0, 100].

    Two empty texts are 100. Source: Popović (2015), WMT; Post (2018), WMT.
    """
    require("sacrebleu")
    from sacrebleu.metrics import CHRF

    metric = CHRF()
    rows = []
    for answer, truth in zip(answers, truths, strict=True):
        empty = when_empty(answer, truth)
        rows.append(metric.sentence_score(answer, [truth]).score if empty is None else 100 * empty)
    if not any(answer.strip() or truth.strip() for answer, truth in zip(answers, truths, strict=True)):
        return Figures(np.array(rows), 100.0)
    return Figures(np.minimum(rows, 100.0), min(metric.corpus_score(list(answers), [list(truths)]).score, 100.0))
