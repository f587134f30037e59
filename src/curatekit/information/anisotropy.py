"""Anisotropy: whether embeddings fill their space or crowd into a cone of few directions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats
from curatekit.errors import InputError

DIRECTIONS = 10
_CHUNK = 4096


class Anisotropy(NamedTuple):
    """How unevenly n vectors fill their d dimensions; min(n − 1, d) dimensions are the most that they can fill."""

    mean_cosine: float  # of two rows at random; 0 when directions are spread evenly
    explained: Floats  # (min(d, 10),) the share of the variance in the first 1, 2, 3 … principal directions
    effective_rank: float  # exp of the entropy of the variances' shares
    participation_ratio: float  # (Σ λ)² / Σ λ²


def anisotropy(vectors: Floats) -> Anisotropy:
    """Return the anisotropy of vectors (n, d): mean cosine of two different rows, and how their variance is spread.

    The mean over all n (n − 1) / 2 pairs has a closed form, (n² |ū|² − n) / (n (n − 1)) with ū the mean of the unit rows, so
    no pair is drawn. λ are the eigenvalues of the covariance. When rows do not vary at all, explained is 1 and both ranks 0.
    Raises InputError when there are fewer than two rows, or a row is zero or not finite.

    Sources: Ethayarajh (2019), How Contextual are Contextualized Word Representations?, EMNLP; Mu & Viswanath
    (2018), All-but-the-Top, ICLR, for the dominating directions; Roy & Vetterli (2007), The Effective Rank, EUSIPCO,
    here of the covariance matrix.
    """
    n, d = vectors.shape
    if n < 2:
        raise InputError(f"Anisotropy compares rows with each other, and there are {n}. Give at least two.")
    unit_sum, mean = np.zeros(d), np.zeros(d)
    for chunk in _chunks(vectors):
        norms = np.linalg.norm(chunk, axis=1, keepdims=True)
        if not (np.isfinite(norms).all() and norms.all()):
            raise InputError("A vector is zero or not finite, so that it has no direction. Leave it out.")
        unit_sum += (chunk / norms).sum(axis=0)
        mean += chunk.sum(axis=0) / n
    covariance = np.zeros((d, d))
    for chunk in _chunks(vectors):
        centred = chunk - mean
        covariance += centred.T @ centred / n
    variances = np.maximum(np.linalg.eigvalsh(covariance)[::-1], 0)
    mean_cosine = min((float(unit_sum @ unit_sum) - n) / (n * (n - 1)), 1.0)
    # The rounding of equal rows is no variance.
    if variances.sum() <= 1e-14 * float(mean @ mean):
        return Anisotropy(mean_cosine, np.ones(min(d, DIRECTIONS)), 0.0, 0.0)
    shares = variances / variances.sum()
    occupied = shares[shares > 0]
    return Anisotropy(
        mean_cosine,
        shares.cumsum()[:DIRECTIONS],
        float(np.exp(-(occupied * np.log(occupied)).sum())),
        float(1 / (shares**2).sum()),
    )


def anisotropy_by_layer(layers: Floats, width: int) -> tuple[Anisotropy, ...]:
    """Return the anisotropy of each layer, the input's embeddings first: layers (n, L width), layer after layer."""
    return tuple(anisotropy(layers[:, start : start + width]) for start in range(0, layers.shape[1], width))


def _chunks(vectors: Floats) -> Iterator[Floats]:
    return (vectors[start : start + _CHUNK].astype(np.float64) for start in range(0, len(vectors), _CHUNK))
