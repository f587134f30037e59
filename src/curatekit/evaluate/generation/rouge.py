"""The metrics `rouge1`, `rouge2` and `rouge_l`, of Google's rouge-score."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from curatekit.arrays import Floats
from curatekit.evaluate.generation.figures import require

_WORD = re.compile(r"[^\W_]+")


def rouge1(answers: Sequence[str], truths: Sequence[str]) -> Floats:
    """Return F₁ of the words that answer and truth share, (n,) in [0, 1]. Source: Lin (2004), ROUGE, ACL workshop."""
    return _rouge("rouge1", 1, answers, truths)


def rouge2(answers: Sequence[str], truths: Sequence[str]) -> Floats:
    """Return F₁ of the pairs of neighbouring words, (n,) in [0, 1]; of words where neither text has a pair. Source: Lin (2004)."""
    return _rouge("rouge2", 2, answers, truths)


def rouge_l(answers: Sequence[str], truths: Sequence[str]) -> Floats:
    """Return F₁ of the longest common subsequence of words, (n,) in [0, 1]. Source: Lin (2004)."""
    return _rouge("rougeL", 1, answers, truths)


class _Words:
    """rouge-score's tokens without stemming for ASCII; its own drop every other letter, so that all of Chinese scores 0."""

    def tokenize(self, text: str) -> list[str]:
        return _WORD.findall(text.lower())


def _rouge(kind: str, fewest: int, answers: Sequence[str], truths: Sequence[str]) -> Floats:
    """Return F₁ of one kind of ROUGE; texts without a word are compared as they are."""
    require("rouge_score")
    from rouge_score.rouge_scorer import RougeScorer

    words = _Words()
    scorer, short = RougeScorer([kind], tokenizer=words), RougeScorer(["rouge1"], tokenizer=words)
    rows = []
    for answer, truth in zip(answers, truths, strict=True):
        more = max(len(words.tokenize(answer)), len(words.tokenize(truth)))
        if not more:
            rows.append(float(answer.split() == truth.split()))
        elif more < fewest:
            rows.append(short.score(truth, answer)["rouge1"].fmeasure)
        else:
            rows.append(scorer.score(truth, answer)[kind].fmeasure)
    return np.array(rows)
