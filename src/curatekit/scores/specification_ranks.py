"""Rank aggregation: all rows ranked for the specifications' examples of each label, and the ranks put together.

A row that stands high in the rankings for another label than its own is doubtful. For the rankings of a label, the rows that bear
it already are dropped. What the examples of the row's own label say is held against that: without it nearness alone
decides, and a row in the middle of the examples of both labels comes first.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.predict.guidance import Guidance, unit
from curatekit.reporting import step
from curatekit.scores.systematic import required

MOST_QUERIES = 256
"""Examples of one label that are asked; of more, those at even steps."""

RRF_K = 60
_BLOCK = 1 << 16


def specification_borda(labels: Ints, embeddings: Floats, guidance: Guidance | None) -> Floats:
    """Return b_g − max over k ≠ g of b_k (n,), b_k the mean over the examples q of label k of 1 − (rank_q − 1) / (n − 1).

    labels (n,), embeddings (n, d); rank_q is the row's place by cosine similarity to q, 1 the nearest, equal ones sharing the mean.
    A label without examples has b = 0. Raises InputError without guidance. de Borda (1781).
    """
    return _contrast(labels, embeddings, required(guidance, "specification_borda"), borda)


def specification_rrf(labels: Ints, embeddings: Floats, guidance: Guidance | None) -> Floats:
    """Return r_g − max over k ≠ g of r_k (n,), r_k the mean over the examples q of label k of 1 / (60 + rank_q).

    The rest as in `specification_borda`. Cormack, Clarke, Büttcher (2009), Reciprocal rank fusion.
    """
    return _contrast(labels, embeddings, required(guidance, "specification_rrf"), reciprocal_rank_fusion)


def specification_rra(labels: Ints, embeddings: Floats, guidance: Guidance | None) -> Floats:
    """Return a_g − max over k ≠ g of a_k (n,), a_k = −log10 ρ by robust rank aggregation over the examples of label k.

    The rest as in `specification_borda`. Kolde, Laur, Adler, Vilo (2012), Robust rank aggregation, section 2.
    """
    return _contrast(labels, embeddings, required(guidance, "specification_rra"), robust_rank_aggregation)


def borda(ranks: Floats) -> Floats:
    """Return the mean of 1 − (rank − 1) / (n − 1) over m rankings of n rows (n,); ranks (m, n) from 1."""
    share: Floats = 1 - (ranks.mean(axis=0) - 1) / max(ranks.shape[1] - 1, 1)
    return share


def reciprocal_rank_fusion(ranks: Floats) -> Floats:
    """Return the mean of 1 / (60 + rank) over m rankings of n rows (n,); ranks (m, n) from 1."""
    fused: Floats = (1 / (RRF_K + ranks)).mean(axis=0)
    return fused


def robust_rank_aggregation(ranks: Floats) -> Floats:
    """Return −log10 ρ of n rows (n,), ρ = min over k of P(the k-th smallest of m uniform variables ≤ the k-th smallest rank / n).

    ranks (m, n) from 1. That probability is the Beta(k, m + 1 − k) distribution function. ρ is not corrected for its m trials:
    the correction, a factor m, moves no row past another.
    """
    from scipy.special import betainc

    m, n = ranks.shape
    place = np.arange(1, m + 1)[:, None]
    found = np.empty(n)
    for start in range(0, n, max(_BLOCK // m, 1)):
        rows = slice(start, start + max(_BLOCK // m, 1))
        normalised = np.sort(ranks[:, rows], axis=0) / n
        found[rows] = betainc(place, m + 1 - place, normalised).min(axis=0)
    scores: Floats = -np.log10(np.maximum(found, np.finfo(float).tiny))
    return scores


def rankings(queries: Floats, embeddings: Floats) -> Floats:
    """Return the rank (m, n) float32 of each of n rows by its cosine similarity to each query; 1 is the nearest, ties share the mean."""
    from scipy.stats import rankdata

    similarity = unit(queries) @ unit(embeddings).T
    return np.stack([rankdata(-np.round(of_query, 6)).astype(np.float32) for of_query in similarity])


def _contrast(labels: Ints, embeddings: Floats, guidance: Guidance, aggregate: Callable[[Floats], Floats]) -> Floats:
    """Return own − the largest of the other labels' aggregates (n,)."""
    heard = np.unique(guidance.example_labels)
    own, other = np.zeros(len(labels)), np.full(len(labels), -np.inf)
    with step("ranking rows for each label", len(heard), "labels") as advance:
        for label in heard.tolist():
            queries = guidance.example_embeddings[guidance.example_labels == label]
            asked = np.unique(np.linspace(0, len(queries) - 1, min(len(queries), MOST_QUERIES)).astype(int))
            found = aggregate(rankings(queries[asked], embeddings))
            bears = labels == label
            own[bears] = found[bears]
            other[~bears] = np.maximum(other[~bears], found[~bears])
            advance(1)
    return np.where(np.isfinite(other), own - other, 0.0)
