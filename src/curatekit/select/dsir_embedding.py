"""DSIR's importance resampling with densities in the space of the embeddings."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.select import Selection
from curatekit.select.importance import resampled

_CONCENTRATIONS = (5.0, 10.0, 20.0, 40.0, 80.0)
_CENTRES = 2_000  # pool rows of a label that its density is estimated from
_CHUNK = 8_192


def dsir_embedding(
    pool_embeddings: Floats,
    pool_labels: Ints,
    example_embeddings: Floats,
    example_labels: Ints,
    classes: tuple[str, ...],
    k: int,
    seed: int,
) -> Selection:
    """Return k rows, resampled within each label y with weights w = q(x | y) / p(x | y), q of the examples, p of the pool.

    The densities are means of von Mises-Fisher kernels exp(κ x·c) around the examples of the label, and around up to 2,000 pool rows
    of it (never the row itself); κ is that which gives the held-out pool rows the greatest likelihood. `value` is ln w. Raises
    InputError as `resampled` does. Xie et al. (2023), "Data selection for language
    models via importance resampling"; Hall, Watson and Cabrera (1987), "Kernel density estimation with spherical data".
    """
    log_weights = np.zeros(len(pool_labels))
    rng = np.random.default_rng([seed, 1])  # not the noise of the resampling once more
    for label in np.unique(example_labels):
        rows = np.flatnonzero(pool_labels == label)
        if len(rows) < 2:
            continue
        centres = np.sort(rng.permutation(rows)[:_CENTRES])
        kappa = _concentration(pool_embeddings[centres])
        own = np.full(len(rows), -1)
        own[np.searchsorted(rows, centres)] = np.arange(len(centres))
        log_weights[rows] = log_density(pool_embeddings[rows], example_embeddings[example_labels == label], kappa)
        log_weights[rows] -= log_density(pool_embeddings[rows], pool_embeddings[centres], kappa, own)
    return resampled(log_weights, pool_labels, example_labels, classes, k, seed)


def log_density(x: Floats, centres: Floats, kappa: float, own: Ints | None = None) -> Floats:
    """Return ln mean_c exp(κ x·c) (n,) without the constant of the kernel; own (n,) is the centre to leave out, or -1."""
    density = np.empty(len(x))
    for first in range(0, len(x), _CHUNK):
        rows = slice(first, first + _CHUNK)
        near = kappa * (x[rows] @ centres.T).astype(np.float64)
        number = np.full(len(near), len(centres))
        if own is not None:
            its = np.flatnonzero(own[rows] >= 0)
            near[its, own[rows][its]] = -np.inf
            number[its] -= 1
        top = near.max(axis=1)
        density[rows] = top + np.log(np.exp(near - top[:, None]).sum(axis=1) / number)
    return density


def _concentration(rows: Floats) -> float:
    """Return the κ that gives each of the rows the greatest likelihood by the others."""

    def likelihood(kappa: float) -> float:
        return float(log_density(rows, rows, kappa, np.arange(len(rows))).mean() + _log_constant(kappa, rows.shape[1]))

    return max(_CONCENTRATIONS, key=likelihood)


def _log_constant(kappa: float, d: int) -> float:
    """Return ln of the von Mises-Fisher constant, κ^(d/2 − 1) / I_(d/2 − 1)(κ), but for what does not depend on κ.

    By the power series of the Bessel function, which ends soon where κ is not far above d.
    """
    from scipy.special import gammaln

    order = d / 2 - 1
    terms = np.arange(200)
    logs = 2 * terms * np.log(kappa / 2) - gammaln(terms + 1) - gammaln(terms + order + 1)
    return float(order * np.log(2.0) - np.logaddexp.reduce(logs))
