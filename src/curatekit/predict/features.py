"""The probe's features: every hidden layer of the encoder, and TF-IDF, as one dense matrix.

The mean-pooled hidden states of all layers say far more than the last embedding alone, and one forward pass gives
them all; words say what pooling blurs. Both parts are reduced by a principal component analysis. Nothing here reads
a label, so features fitted on all rows of a dataset cannot carry a label from a held-out fold into the training: the
cross-fit fits them once. For a separate evaluation file they are fitted on the training file alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curatekit.arrays import Floats
from curatekit.predict.parallel import threads_for

LAYER_DIMENSIONS = 384
WORD_DIMENSIONS = 384
_CHUNK = 4096  # rows held in float32 at once


@dataclass(frozen=True)
class FeatureMap:
    """A fitted map from (layers, texts) to features; the mean squared norm of each of its two parts is about 1."""

    mean: Floats  # (L,)
    projection: Floats  # (L, d): standardises, then rotates to the leading principal components
    vectorizer: Any | None  # sklearn's TfidfVectorizer, or None where no word occurs twice
    word_projection: Floats  # (vocabulary, w)

    @property
    def dimension(self) -> int:
        return int(self.projection.shape[1] + self.word_projection.shape[1])

    def transform(self, layers: Floats, texts: Sequence[str]) -> Floats:
        """Return the features (n, dimension) float32 of n rows, layers (n, L) beside their texts."""
        d = self.projection.shape[1]
        features = np.empty((len(layers), self.dimension), np.float32)
        for rows in _chunks(len(layers)):
            features[rows, :d] = (layers[rows].astype(np.float32) - self.mean) @ self.projection
        if self.vectorizer is not None:
            features[:, d:] = self.vectorizer.transform(texts) @ self.word_projection
        return features


def fit_features(layers: Floats, texts: Sequence[str], *, seed: int = 0) -> FeatureMap:
    """Return the feature map fitted on n rows: layers (n, L) pooled hidden states, texts (n,). Reads no labels."""
    import scipy.linalg  # noqa: F401, its linear algebra must be loaded for its threads to be limited

    with threads_for(len(layers)):
        mean, projection = _principal_components(layers, LAYER_DIMENSIONS, seed)
        vectorizer, word_projection = _fit_words(texts, WORD_DIMENSIONS, seed)
    return FeatureMap(mean, projection, vectorizer, word_projection)


def _principal_components(layers: Floats, d: int, seed: int) -> tuple[Floats, Floats]:
    """Return the mean, and the projection of the standardised columns on their leading principal components."""
    from sklearn.utils.extmath import randomized_svd

    n, width = layers.shape
    mean = layers.mean(axis=0, dtype=np.float64).astype(np.float32)
    square = np.zeros(width)
    for rows in _chunks(n):
        square += np.square(layers[rows].astype(np.float32) - mean).sum(axis=0, dtype=np.float64)
    deviation = np.sqrt(square / n)
    scale = np.divide(1, deviation, out=np.zeros(width), where=deviation > 1e-6).astype(
        np.float32
    )  # a constant column says nothing
    rank = min(d, n, width)
    if n <= width:
        standard = (layers.astype(np.float32) - mean) * scale
        # all singular vectors would cost n² · width: minutes for the wide layers of pairs
        leading = randomized_svd(standard, rank, n_iter=6, random_state=seed)[2].T
    else:
        correlation = np.zeros((width, width), np.float32)
        for rows in _chunks(n):
            standard = (layers[rows].astype(np.float32) - mean) * scale
            correlation += standard.T @ standard
        # the leading space is what counts, not its exact axes: five times faster than all eigenvectors
        leading = randomized_svd(correlation, rank, n_iter=3, random_state=seed)[2].T
    projection = scale[:, None] * leading / np.sqrt(width)  # rows of mean squared norm 1
    return mean, projection.astype(np.float32)


def _chunks(n: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK) for start in range(0, n, _CHUNK))


def _fit_words(texts: Sequence[str], w: int, seed: int) -> tuple[Any | None, Floats]:
    """Return a vectorizer of words that occur in two rows or more, and its leading components."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.utils.extmath import randomized_svd

    # Pairs of words and pieces of words lower the score of the whole, once reduced to as many dimensions.
    vectorizer = TfidfVectorizer(min_df=2, sublinear_tf=True, dtype=np.float32)
    try:
        words = vectorizer.fit_transform(texts)
    except ValueError:  # sklearn's way to say that the vocabulary is empty
        return None, np.zeros((0, 0), np.float32)
    rank = min(w, *words.shape)
    _, _, components = randomized_svd(words, rank, n_iter=2, random_state=seed)
    return vectorizer, components.T.astype(np.float32)
