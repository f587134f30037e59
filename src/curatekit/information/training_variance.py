"""How much V depends on which rows the models were trained on, told apart from what the rows measured explain."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints


def training_covariance(values: Floats, models: Ints, units: Ints) -> tuple[Floats, int]:
    """Return the covariance (J, J) of the J means of `values` by the draw of the training rows, and its degrees of freedom.

    values (S, J, n): J quantities of the same n rows in S runs; models (S, n): which of the run's C models the row was predicted
    by; units (n,) as in `mean_intervals`. With several models in a run, what their means differ by is the sum of both sources,
    and the part of the rows, known from within each model, is taken off: the analysis of variance of one random factor, with
    S (C − 1) degrees of freedom. With one model in each of several runs, the runs' means differ by training alone, save for
    the interaction of rows and runs, which is taken off; S − 1. One model in all tells nothing: zeros, and 0.
    An estimate of a difference of two sources may be negative.

    Source: Searle, Casella & McCulloch (1992), Variance Components, section 3.6.
    """
    n_runs, n_values = values.shape[:2]
    of = [np.unique(own, return_inverse=True)[1] for own in models]
    n_models = int(of[0].max()) + 1
    if n_models > 1:
        each = [_between_models(own, codes, units) for own, codes in zip(values, of, strict=True)]
        return np.mean(each, axis=0) / n_runs, n_runs * (n_models - 1)
    if n_runs == 1:
        return np.zeros((n_values, n_values)), 0
    means = values.mean(axis=2)
    between = np.atleast_2d(np.cov(means.T)) / n_runs
    rest = values - values.mean(axis=0) - (means - means.mean(axis=0))[:, :, None]
    within = sum(_of_mean(own, units) for own in rest) / (n_runs * (n_runs - 1))
    return between - within, n_runs - 1


def row_covariance(values: Floats, units: Ints) -> Floats:
    """Return the covariance (J, J) of the means of values (J, n) by the draw of the rows: of their units."""
    return _of_mean(values - values.mean(axis=1, keepdims=True), units)


def _between_models(values: Floats, codes: Ints, units: Ints) -> Floats:
    sizes = np.bincount(codes)
    means = _totals(values, codes) / sizes
    deviations = (means - values.mean(axis=1, keepdims=True)) * sizes / values.shape[1]
    between = deviations @ deviations.T * len(sizes) / (len(sizes) - 1)
    covariance: Floats = between - _of_mean(values - means[:, codes], units, fitted=len(sizes))
    return covariance


def _of_mean(deviations: Floats, units: Ints, fitted: int = 1) -> Floats:
    """Return the covariance (J, J) of the means whose units deviate so, `fitted` means having been taken off."""
    totals = _totals(deviations, units) / deviations.shape[1]
    n = totals.shape[1]
    covariance: Floats = totals @ totals.T * n / max(n - fitted, 1)
    return covariance


def _totals(values: Floats, codes: Ints) -> Floats:
    return np.stack([np.bincount(codes, own) for own in values]).astype(np.float64)
