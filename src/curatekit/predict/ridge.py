"""Numbers out of sample: ridge regression on the probe's features, robust to the very errors that it is to find."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.predict.folding import stratified_folds
from curatekit.predict.parallel import each_on_a_core
from curatekit.reporting import step

PENALTIES = np.logspace(-3, 4, 15)
"""The penalties that generalised cross-validation tries."""

_BINS = 10
_CHUNK = 4096  # rows held in float64 at once
_NORMAL = 1.4826  # the standard deviation of a normal variable over its median absolute deviation
_TUNING = 1.345  # in standard deviations: Huber's choice, 95 % efficient on normal errors


class Ridge(NamedTuple):
    """ŷ = (x − mean) · coef + intercept."""

    mean: Floats  # (p,)
    coef: Floats  # (p,)
    intercept: float
    penalty: float

    def predict(self, features: Floats) -> Floats:
        """Return the predictions (m,) for features (m, p)."""
        predicted: Floats = (features - self.mean) @ self.coef + self.intercept
        return predicted


class Numbers(NamedTuple):
    """Out-of-sample predictions of n numbers."""

    predicted: Floats  # (n,)
    folds: Ints  # (n,)


def fit_ridge(features: Floats, values: Floats, weights: Floats | None = None) -> Ridge:
    """Return the minimiser of Σ w_i (y_i − ŷ_i)² + λ ‖coef‖², λ of PENALTIES by generalised cross-validation.

    features (n, p), values (n,), weights (n,) or None for ones. λ minimises n · RSS / (n − tr H)², Golub, Heath and Wahba
    (1979), Technometrics 21:215; one eigendecomposition serves all of them.
    """
    n = len(values)
    w = np.ones(n) if weights is None else weights / weights.mean()
    mean = np.zeros(features.shape[1])
    for rows in _chunks(n):
        mean += w[rows] @ features[rows].astype(np.float64) / n
    centre = float(w @ values) / n
    y = (values - centre) * np.sqrt(w)
    gram, towards = np.zeros((features.shape[1],) * 2), np.zeros(features.shape[1])
    for rows in _chunks(n):
        x = (features[rows].astype(np.float64) - mean) * np.sqrt(w[rows])[:, None]
        gram += x.T @ x
        towards += x.T @ y[rows]
    square, axes = np.linalg.eigh(gram)
    square = np.clip(square, 0, None)
    along = axes.T @ towards
    best, least = np.zeros(len(square)), np.inf
    chosen = float(PENALTIES[-1])
    for penalty in PENALTIES:
        coef = along / (square + penalty)
        residual = max(float(y @ y - 2 * coef @ along + (coef**2) @ square), 0.0)
        freedom = n - 1 - float((square / (square + penalty)).sum())
        if freedom > 0 and (criterion := n * residual / freedom**2) < least:
            best, least, chosen = coef, criterion, float(penalty)
    return Ridge(mean, axes @ best, centre, chosen)


def fit_robust_ridge(features: Floats, values: Floats) -> Ridge:
    """Return the ridge fitted again with Huber's weights, min(1, 1.345 s / |r_i|), r from a first fit, s its robust spread.

    Without it a few values that are off by a factor of ten take the fit with them. Huber (1981), Robust Statistics, section 7.8.
    """
    first = fit_ridge(features, values)
    residual = np.abs(values - first.predict(features))
    spread = _NORMAL * float(np.median(residual))
    if spread <= 0:
        return first
    return fit_ridge(features, values, np.minimum(1, _TUNING * spread / np.maximum(residual, 1e-12)))


def cross_fit_numbers(features: Floats, values: Floats, units: Ints, *, n_folds: int = 5, seed: int = 0) -> Numbers:
    """Return the prediction of each number by a ridge of the other folds; folds are stratified by the values' deciles.

    features (n, p), values (n,) finite, units (n,): rows of one unit share a fold. Raises InputError for values that are all
    the same, or one unit alone.
    """
    values = np.asarray(values, np.float64)
    distinct = int(units.max()) + 1 if len(units) else 0
    if distinct < 2:
        raise InputError(
            f"Cross-fitting needs two rows that are not bound together; there are {distinct}. Give more rows."
        )
    if values.min() == values.max():
        raise InputError(f"All rows have the value {values[0]:g}, so there is nothing to predict.")
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1]))
    fold = stratified_folds(np.searchsorted(edges, values), units, min(n_folds, distinct), seed)
    used = range(int(fold.max()) + 1)

    def predicted_of(k: int) -> Floats:
        train = fold != k
        return fit_robust_ridge(features[train], values[train]).predict(features[fold == k])

    predicted = np.empty(len(values))
    with step("cross-fitting", len(used), "models") as advance:
        for k, part in zip(used, each_on_a_core(predicted_of, used), strict=True):
            predicted[fold == k] = part
            advance(1)
    return Numbers(predicted, fold)


def _chunks(n: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK) for start in range(0, n, _CHUNK))
