"""Groups of rows that lie together: average linkage."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints


def average_linkage(embeddings: Floats, threshold: float) -> Ints:
    """Return the group (n,) of each row, numbered from 0: the nearest two are joined while their mean cosine is `threshold` or more.

    embeddings (n, d), of any length but 0. Takes n² / 2 distances. Sokal and Michener (1958), "A statistical method for
    evaluating systematic relationships" (UPGMA).
    """
    from sklearn.cluster import AgglomerativeClustering

    if len(embeddings) < 2:
        return np.zeros(len(embeddings), np.int64)
    linkage = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - threshold
    )
    groups: Ints = linkage.fit_predict(embeddings)
    return groups
