"""The family `knn`: the labels of the nearest training rows, weighted by similarity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.index import nearest
from curatekit.predict.family import Material, without_model
from curatekit.predict.null import null_prior
from curatekit.predict.probe import log_loss

if TYPE_CHECKING:
    from curatekit.predict.tuning import Tuning

NEIGHBOURS = (5, 10, 20, 50, 100)
PRIORS = (1.0, 5.0, 25.0)
"""The numbers of neighbours that are tried, and how many neighbours the label prior counts for."""

_BANDWIDTH = 0.1  # of cosine similarity: a neighbour that much less similar counts 1/e


@dataclass(frozen=True)
class FittedKnn:
    """The training rows, and the number of neighbours that predicts each of them best from the others."""

    embeddings: Floats  # (n, d)
    labels: Ints  # (n,)
    n_classes: int
    k: int
    prior: float
    temperature: None = None
    dynamics: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def details(self) -> dict[str, float]:
        return {"neighbours": self.k, "prior_weight": self.prior}

    def logits(self, x: Floats) -> Floats:
        """Return log p(k | x), p ∝ Σ over neighbours of exp(similarity / 0.1) 1[label = k] + the prior's part (m, K)."""
        near = nearest(x, self.k, self.embeddings)
        return _log_votes(near.rows, near.similarity, self.labels, self.n_classes, self.prior)


@dataclass(frozen=True)
class KnnFamily:
    """Neighbours by cosine similarity of the embeddings."""

    name: ClassVar[str] = "knn"
    key: ClassVar[str] = "knn"
    embeds: ClassVar[bool] = True
    slow: ClassVar[bool] = False

    def reader(self, train: Material) -> Callable[[Material], Floats]:
        """Return what makes of a material its embeddings (n, d)."""
        return lambda material: np.asarray(material.embeddings)

    def prepare(self, train: Material, *others: Material) -> tuple[Floats, ...]:
        return tuple(map(self.reader(train), (train, *others)))

    def fit(self, x: Floats, labels: Ints, n_classes: int, *, seed: int, units: Ints) -> FittedKnn:
        """Return the rows with the k and the prior's weight of least log loss when each row is predicted from those of other units.

        Where all rows are alike (empty inputs), none is nearer than another: all of them are the neighbours of each.
        """
        if (x == x[0]).all():
            return FittedKnn(x, labels, n_classes, len(x), PRIORS[0])
        near = nearest(x, min(NEIGHBOURS[-1], len(x) - 1))
        similarity = np.where(units[near.rows] == units[:, None], -np.inf, near.similarity)
        width = near.rows.shape[1]
        tried = [(k, prior) for k in sorted({min(k, width) for k in NEIGHBOURS}) for prior in PRIORS]
        losses = [
            log_loss(labels, _log_votes(near.rows[:, :k], similarity[:, :k], labels, n_classes, prior))
            for k, prior in tried
        ]
        return FittedKnn(x, labels, n_classes, *tried[int(np.argmin(losses))])


def knn(model: str | None, tuning: Tuning) -> KnnFamily:
    """Return the family of nearest neighbours; raises InputError when a model is named."""
    without_model("knn", model)
    return KnnFamily()


def _log_votes(rows: Ints, similarity: Floats, labels: Ints, n_classes: int, prior: float) -> Floats:
    """Return the logarithm of the neighbours' weighted shares (m, K); a similarity of minus infinity has no weight."""
    top = similarity.max(axis=1, keepdims=True)
    weight = np.exp((similarity - np.where(np.isfinite(top), top, 0.0)) / _BANDWIDTH)
    votes = np.tile(prior * null_prior(labels, n_classes), (len(rows), 1))
    np.add.at(votes, (np.arange(len(rows))[:, None], labels[rows]), weight)
    logs: Floats = np.log(votes / votes.sum(axis=1, keepdims=True))
    return logs
