"""Agreement beyond chance: Krippendorff's alpha and Fleiss' kappa, with intervals from resampled rows."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.intervals import NOTHING, Interval

DRAWS = 1_000
_BLOCK = 1 << 22  # weights drawn at once: 32 MB


def krippendorff_alpha(counts: Ints) -> float:
    """Return α = 1 − D_o / D_e for nominal labels; NaN where nothing can be compared.

    counts (n, K) are the votes of each row by class, as many as there are: rows with fewer than two tell nothing.
    D_o = Σ_i Σ_{c≠k} n_ic n_ik / (m_i − 1), D_e = Σ_{c≠k} n_c n_k / (N − 1), where N votes are on rows with m_i ≥ 2.
    1 is full agreement and 0 what chance gives. Source: Krippendorff (2004), Content Analysis, section 11.3.
    """
    return float(_alpha(*_by_row(counts)))


def alpha_interval(counts: Ints, *, seed: int = 0, confidence: float = 0.95, draws: int = DRAWS) -> Interval:
    """Return Krippendorff's α (see `krippendorff_alpha`) with the percentile interval of `draws` resamples of the rows.

    Rows are what varies: the annotators are those who did the work. NaN throughout where nothing can be compared.
    """
    differing, counted = _by_row(counts)
    value = float(_alpha(differing, counted))
    n = len(differing)
    if not np.isfinite(value):
        return NOTHING
    rng = np.random.default_rng(seed)
    values = []
    for start in range(0, draws, block := max(1, _BLOCK // n)):
        weights = rng.multinomial(n, np.full(n, 1 / n), size=min(block, draws - start)).astype(np.float64)
        values.append(_alpha_of_sums(weights @ differing, weights @ counted))
    drawn = np.concatenate(values)
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(drawn[np.isfinite(drawn)], [tail, 100 - tail])
    return Interval(value, min(float(low), value), max(float(high), value))


def fleiss_kappa(counts: Ints) -> float:
    """Return κ = (P̄ − P̄_e) / (1 − P̄_e); NaN unless each row has the same number of votes, two or more.

    counts (n, K). P̄ is the mean share of agreeing pairs of votes within a row, P̄_e = Σ_k p_k² with the classes' shares
    p_k. Source: Fleiss (1971), Measuring Nominal Scale Agreement Among Many Raters, Psychological Bulletin 76:378.
    """
    votes = counts.sum(axis=1)
    if not len(votes) or votes.min() != votes.max() or votes[0] < 2:
        return float("nan")
    m = int(votes[0])
    observed = ((counts * (counts - 1)).sum(axis=1) / (m * (m - 1))).mean()
    expected = ((counts.sum(axis=0) / votes.sum()) ** 2).sum()
    return float((observed - expected) / (1 - expected)) if expected < 1 else float("nan")


def _by_row(counts: Ints) -> tuple[Floats, Floats]:
    """Return the observed disagreement (n,) and the votes (n, K) of the rows that have two or more."""
    m = counts.sum(axis=1)
    counted = counts[m > 1].astype(np.float64)
    m = m[m > 1]
    return (m**2 - (counted**2).sum(axis=1)) / (m - 1), counted


def _alpha(differing: Floats, counted: Floats) -> Floats:
    return _alpha_of_sums(differing.sum(), counted.sum(axis=0))


def _alpha_of_sums(differing: Floats, counted: Floats) -> Floats:
    """Return α from the sums over rows; `counted` holds the classes on its last axis."""
    total = counted.sum(axis=-1)
    expected = total**2 - (counted**2).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        alpha: Floats = 1 - (total - 1) * differing / expected
    return alpha


def reading(alpha: float) -> str:
    """Return what Krippendorff's customary limits say of α, in words (Krippendorff 2004, section 11.4)."""
    if not np.isfinite(alpha):
        return "no two votes can be compared"
    if alpha >= 0.8:
        return "reliable, by the customary limit of 0.8"
    if alpha >= 0.667:
        return "for tentative conclusions only, between the customary limits of 0.667 and 0.8"
    return "too low to rely on a single vote, below the customary limit of 0.667"
