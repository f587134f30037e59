"""Confidence-weighted entropy."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.probabilities import check_pred_probs, row_blocks
from curatekit.scores.self_confidence import given_probs

FLOOR = 1e-6
"""A probability or a ratio below this counts as this, as in cleanlab."""


def confidence_weighted_entropy(labels: Ints, pred_probs: Floats) -> Floats:
    """Return ln(w + 1) / w with w = H(p(· | x)) / (ln K · p(given | x)) for each row, in [0, 1].

    labels (n,) hold integers below K, pred_probs (n, K) out-of-sample probabilities. Raises InputError for a row that
    is not a distribution. The values are cleanlab 2.9's, here to reproduce its order: a worse score than
    self-confidence wherever we measured.

    Source: cleanlab 2.9 rank.py; Kuan & Mueller (2022), Model-agnostic label quality scoring, ICML DataPerf.
    """
    from scipy.special import xlogy

    check_pred_probs(labels, pred_probs)
    score = np.empty(len(labels))
    for first, probs in row_blocks(pred_probs):
        block = slice(first, first + len(probs))
        given = np.clip(given_probs(labels[block], probs), FLOOR, None)
        weighted = -np.sum(xlogy(probs, probs), axis=1) / np.log(probs.shape[1]) / given
        score[block] = np.log(weighted + 1) / np.clip(weighted, FLOOR, None)
    return score
