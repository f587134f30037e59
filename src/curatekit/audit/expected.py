"""What can be expected before any row is reviewed: P(label is wrong) by rank, and how many reviews a count needs."""

from __future__ import annotations

from math import ceil, sqrt
from statistics import NormalDist

import numpy as np
import polars as pl

from curatekit.arrays import Floats
from curatekit.scores.wrong_probs import wrong_probs

GUARD = 0.2
_Z = NormalDist().inv_cdf(0.975)


def rates_expected(issues: pl.DataFrame) -> Floats:
    """Return P(label is wrong) (n,) expected for each of the issues' rows, which stand in order, the most doubtful first.

    1 − score says how it falls from row to row (1 − self_confidence where the score is not within [0, 1]), and the
    geometric mean of the two usual counts, confident learning's and argmax's, how many are wrong in all. It only has
    to be roughly right: an estimate from reviewed rows is unbiased whatever was expected.
    """
    score = issues["score"].drop_nulls().to_numpy()
    within = len(score) > 0 and score.min() >= 0 and score.max() <= 1
    doubt = 1 - (score if within else issues["self_confidence"].to_numpy())
    # rows without score stand last
    doubt = np.concatenate([np.sort(doubt)[::-1], np.full(len(issues) - len(doubt), doubt.min())])
    n_confident = int(issues["is_issue"].sum())
    n_argmax = int((issues["given_label"] != issues["suggested_label"]).sum())
    return wrong_probs(doubt, sqrt(max(n_confident, 1) * max(n_argmax, 1)))


def spread(rates: Floats) -> Floats:
    """Return what each row's share of the sample is to be proportional to (n,): √(p(1 − p)), a fifth of it level.

    Neyman's (1934) allocation takes the standard deviation √(p(1 − p)). The level part guards against errors where the
    scores expect none: it costs 2 % of precision if there are none, and saves much if there are.
    """
    deviation = np.sqrt(rates * (1 - rates))
    level: Floats = (1 - GUARD) * deviation + GUARD * deviation.mean()
    return level


def half_width_expected(rates: Floats, n_reviews: int) -> float:
    """Return the half-width of the count's 95 % interval, as a share of the count, expected from so many reviews.

    z √(Σs Σ(p(1 − p) / s) / n − Σp(1 − p)) / Σp, where the rows are drawn in proportion to s = `spread`.
    """
    variance, weight = rates * (1 - rates), spread(rates)
    of_total = weight.sum() * (variance / weight).sum() / n_reviews - variance.sum()
    return _Z * sqrt(max(of_total, 0.0)) / float(rates.sum())


def reviews_needed(rates: Floats, half_width: float) -> int:
    """Return how many reviews make the expected half-width of the count's 95 % interval this share of the count."""
    variance, weight = rates * (1 - rates), spread(rates)
    allowed = (half_width * rates.sum() / _Z) ** 2
    return min(len(rates), ceil(float(weight.sum() * (variance / weight).sum() / (allowed + variance.sum()))))
