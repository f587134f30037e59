"""Learning curves: V over the number of training rows, whether it has reached its plateau, and where it tends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.information.means import mean_interval
from curatekit.information.saturation import Saturations, saturation
from curatekit.information.training_variance import row_covariance, training_covariance
from curatekit.intervals import NOTHING, Interval

OF_ENTROPY, OF_V = 0.01, 0.1
"""A doubling that brings less than both of these shares, of the label entropy and of V, brings nothing to speak of."""

REACHED, NOT_REACHED, CANNOT_TELL = "reached", "not reached", "cannot tell"

FITTED = 6
"""The sizes, the largest ones, that the curve is fitted to: few rows obey no power law (Hestness et al. 2017)."""


class LearningCurve(NamedTuple):
    """V at J training sizes, each twice the one before, in bits per row."""

    sizes: Ints  # (J,) training rows, ascending
    v: tuple[Interval, ...]  # J
    gains: tuple[Interval, ...]  # J − 1, what each doubling brought, paired by row
    least_gain: float  # what a doubling must bring to count: min(1 % of the label entropy, 10 % of the last V)
    plateau: str  # REACHED, NOT_REACHED or CANNOT_TELL
    training_sd: Floats  # (J,) standard deviation of V by the draw of the training rows; 0 where none shows
    fit: Saturations  # one curve
    holds: bool  # whether the fitted form agrees with what the last doubling brought
    limit: Interval  # V∞ of the fit; NaN unless it holds
    next_gain: Interval  # what the next doubling would bring by the fit; NaN unless it holds


def learning_curve(
    pvi: Floats,
    sizes: Sequence[int] | Ints,
    models: Ints,
    label_entropy: float,
    units: Ints | None = None,
    *,
    confidence: float = 0.95,
    n_draws: int = 500,
    seed: int = 0,
) -> LearningCurve:
    """Return V at each of J training sizes, what each doubling brought, whether the plateau is reached, and the fitted limit.

    pvi (S, J, n): in S runs (seeds), of the same n rows, by models of J ascending training sizes, each twice the one before and
    each training set within the next. models (S, n): which model of the run predicted the row (its fold; all equal for an
    evaluation file). label_entropy: the mean of −log2 p(y | ∅), the most that V can be. units (n,): rows of one unit are no
    evidence of their own.

    The limits cover the draw of the rows (`mean_intervals`) and that of the training rows. The variance by the latter is how
    much more the means of the models differ than their rows explain; where it is above 0, the limits are no nearer than
    t √(a + b), a and b the variances by rows and by training rows, t Student's quantile for so few models. Simulated with five
    models of a size, they cover 0.93 to 0.97 where 0.95 is meant. One model in all tells nothing of b.

    The plateau is REACHED when the upper limit of what the last doubling brought is below `least_gain`, NOT_REACHED when the lower
    limit is above it, else CANNOT_TELL. Either is wrong in about 2.5 of 100 cases (simulated: 1 to 4) where the truth lies on the
    bound, and more rarely elsewhere. The 10 % of V keep a curve that has not yet begun to rise from being called a plateau.

    V∞ and the next gain are those of V(n) = V∞ − a n⁻ᵇ, fitted to the largest sizes; their limits are quantiles over n_draws
    curves drawn around the measured one with the covariance of rows and of training rows, each fitted anew (a parametric
    bootstrap). They hold as far as the form does: where it misses what the last doubling brought, as on a curve that still bends
    upward, neither is told. Raises InputError for fewer than three sizes, or sizes that do not ascend.

    Sources: Xu et al. (2020) for V; Searle, Casella & McCulloch (1992), Variance Components, section 3.6, for the variance
    between models; Viering & Loog (2023), The Shape of Learning Curves: A Review, IEEE TPAMI 45:7799, for the form.
    """
    pvi, sizes = np.asarray(pvi, np.float64), np.asarray(sizes)
    if len(sizes) < 3 or np.any(np.diff(sizes) <= 0):
        raise InputError(f"A learning curve needs three ascending sizes or more; given: {sizes.tolist()}.")
    units = np.arange(pvi.shape[2]) if units is None else np.unique(units, return_inverse=True)[1]
    mean = pvi.mean(axis=0)
    v = mean.mean(axis=1)
    by_rows = row_covariance(mean, units)
    by_training, freedom = training_covariance(pvi, models, units)

    def interval(weights: Floats) -> Interval:
        """Return that of a weighted sum of the V."""
        a, b = (float(weights @ covariance @ weights) for covariance in (by_rows, by_training))
        of_rows = mean_interval(weights @ mean, units, confidence=confidence)
        return _widened(of_rows, a + b, freedom, confidence) if b > 0 else of_rows

    each = np.eye(len(sizes))
    gains = tuple(interval(each[j + 1] - each[j]) for j in range(len(sizes) - 1))
    least = max(0.0, min(OF_ENTROPY * label_entropy, OF_V * float(v[-1])))
    plateau = REACHED if gains[-1].high < least else NOT_REACHED if gains[-1].low > least else CANNOT_TELL

    rng = np.random.default_rng(seed)
    drawn = v + _normal(rng, by_rows, n_draws) + _normal(rng, by_training, n_draws, freedom)
    fits = saturation(sizes[-FITTED:], np.vstack([v, drawn])[:, -FITTED:], label_entropy)
    last, ahead = np.diff(fits.at(sizes[-1] * np.array([0.5, 1, 2]))).T
    holds = bool(gains[-1].low <= last[0] <= gains[-1].high)
    return LearningCurve(
        sizes,
        tuple(map(interval, each)),
        gains,
        least,
        plateau,
        np.sqrt(np.maximum(by_training.diagonal(), 0)),
        Saturations(fits.limit[:1], fits.drop[:1], fits.exponent[:1], fits.residual[:1], fits.whole),
        holds,
        _quantiles(fits.limit, confidence) if holds else NOTHING,
        _quantiles(ahead, confidence) if holds else NOTHING,
    )


def _widened(of: Interval, variance: float, freedom: int, confidence: float) -> Interval:
    from scipy.special import stdtrit

    half = float(stdtrit(freedom, (1 + confidence) / 2)) * variance**0.5
    return Interval(of.value, min(of.low, of.value - half), max(of.high, of.value + half))


def _normal(rng: np.random.Generator, covariance: Floats, n: int, freedom: int | None = None) -> Floats:
    """Return n draws (n, J) around 0; Student's with `freedom` where the covariance is known no better than that."""
    values, vectors = np.linalg.eigh(covariance)
    drawn: Floats = rng.normal(size=(n, len(values))) * np.sqrt(np.maximum(values, 0)) @ vectors.T
    if freedom:
        drawn *= np.sqrt(freedom / rng.chisquare(freedom, n))[:, None]
    return drawn


def _quantiles(values: Floats, confidence: float) -> Interval:
    """Return the first value, and limits by the others."""
    low, high = np.quantile(values[1:], [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(values[0]), min(float(low), float(values[0])), max(float(high), float(values[0])))
