"""The metric `bleu`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curatekit.evaluate.generation.figures import Figures, require, when_empty


def bleu(answers: Sequence[str], truths: Sequence[str]) -> Figures:
    """Return sacreBLEU's sentence figures (n,) and its corpus figure, both in [0, 100].

    Effective order: where no answer has four tokens, shorter n-grams decide; plain corpus BLEU would call "yes" for "yes" a 0.
    A corpus with four tokens in one answer gets the plain figure. Two empty texts are 100.
    Source: Papineni et al. (2002), ACL; Post (2018), WMT.
    """
    require("sacrebleu")
    from sacrebleu.metrics import BLEU

    metric = BLEU(effective_order=True)
    rows = []
    for answer, truth in zip(answers, truths, strict=True):
        empty = when_empty(answer, truth)
        rows.append(metric.sentence_score(answer, [truth]).score if empty is None else 100 * empty)
    if not any(answer.strip() or truth.strip() for answer, truth in zip(answers, truths, strict=True)):
        return Figures(np.array(rows), 100.0)
    # rounding brings equal texts to 100.00000000000004
    return Figures(np.minimum(rows, 100.0), min(metric.corpus_score(list(answers), [list(truths)]).score, 100.0))
