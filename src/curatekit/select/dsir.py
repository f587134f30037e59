"""DSIR: importance resampling by hashed n-grams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.select import Selection
from curatekit.select.importance import resampled

if TYPE_CHECKING:
    from collections.abc import Sequence

_BUCKETS = 10_000
_FLOOR = 1e-8  # of a probability, as in the authors' code
_WORDS = r"\w+|[^\w\s]+"


def dsir(
    pool_texts: tuple[str, ...],
    pool_labels: Ints,
    example_texts: tuple[str, ...],
    example_labels: Ints,
    classes: tuple[str, ...],
    k: int,
    seed: int,
) -> Selection:
    """Return k rows, resampled within each label y with weights w = q(x | y) / p(x | y), q of the examples, p of the pool.

    A text is a bag of its words and pairs of words, hashed into 10,000 buckets, and its probability the product of theirs. (The
    authors know no labels: their w is q(x) / p(x).) `value` is ln w. Raises InputError as `resampled` does. Xie et al. (2023), "Data
    selection for language models via importance resampling", section 4.
    """
    pool, examples = _counts(pool_texts), _counts(example_texts)
    log_weights = np.zeros(len(pool_labels))
    for label in np.unique(example_labels):
        rows = np.flatnonzero(pool_labels == label)
        if len(rows):
            raw, target = (_log_probs(counts) for counts in (pool[rows], examples[example_labels == label]))
            log_weights[rows] = pool[rows] @ (target - raw)
    return resampled(log_weights, pool_labels, example_labels, classes, k, seed)


def _counts(texts: Sequence[str]) -> Any:
    """Return how often each bucket occurs in each text (n, 10,000), sparse."""
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(
        token_pattern=_WORDS, ngram_range=(1, 2), n_features=_BUCKETS, alternate_sign=False, norm=None
    ).transform(texts)


def _log_probs(counts: Any) -> Floats:
    """Return ln(p + 1e-8) of each bucket (10,000,) from counts (n, 10,000)."""
    total = np.asarray(counts.sum(axis=0), np.float64).ravel()
    probs: Floats = np.log(total / max(total.sum(), 1) + _FLOOR)
    return probs
