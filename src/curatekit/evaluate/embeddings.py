"""How good embeddings are at what an encoder is tuned for: clusters, similarities, triplets, retrieval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curatekit.arrays import Floats, Ints

_RESTARTS = 4
_ROWS_AT_ONCE = 1024


def v_measure(embeddings: Floats, labels: Ints, seed: int = 0) -> float:
    """Return the V-measure in [0, 1] of k-means clusters, as many as there are labels: 2hc / (h + c).

    embeddings (n, d), labels (n,). h is the homogeneity 1 − H(label | cluster) / H(label), c the completeness, the same with the
    two changed. Source: Rosenberg and Hirschberg (2007), V-Measure, EMNLP; clusters as in MTEB, Muennighoff et al. (2023).
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import v_measure_score

    clusters = KMeans(len(np.unique(labels)), n_init=_RESTARTS, random_state=seed).fit_predict(embeddings)
    return float(v_measure_score(labels, clusters))


def similarity_correlation(left: Floats, right: Floats, scores: Floats) -> float:
    """Return Spearman's correlation of the cosine of each pair with its score; 0 where one of the two is constant.

    left, right (n, d) with unit rows, scores (n,).
    """
    from scipy.stats import spearmanr

    cosine = (left * right).sum(1)
    if len(np.unique(cosine)) < 2 or len(np.unique(scores)) < 2:
        return 0.0
    return float(spearmanr(cosine, scores).statistic)


def triplet_accuracy(anchor: Floats, positive: Floats, negative: Floats) -> float:
    """Return the share of triplets whose anchor is nearer to the positive than to the negative; (n, d) each, unit rows."""
    return float(((anchor * positive).sum(1) > (anchor * negative).sum(1)).mean())


def recall_at(queries: Floats, documents: Floats, right: Ints, ks: Sequence[int] = (1, 5, 10)) -> dict[int, float]:
    """Return by k the share of queries whose own document is among the k nearest by cosine; a tie counts against it.

    queries (n, d) and documents (m, d) with unit rows, right (n,) the index of each query's document.
    """
    ranks = np.empty(len(queries), np.int64)
    for start in range(0, len(queries), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        similarity = queries[rows] @ documents.T
        own = similarity[np.arange(len(similarity)), right[rows]]
        ranks[rows] = (similarity >= own[:, None]).sum(1)
    return {k: float((ranks <= k).mean()) for k in ks}
