"""Trees on a few columns of numbers: grown on halves of the rows, and shrunk towards the label prior as far as the other halves ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.predict.null import null_prior

STRENGTHS = (0.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 1e9)
"""The strengths of shrinkage that are tried; the last leaves nothing but the label prior."""

_TREES, _LEAVES, _LEAF_ROWS = 30, 64, 5
_MANY_CLASSES, _FEW_TREES = 100, 10  # a tree costs as its classes do


@dataclass(frozen=True, eq=False)
class FittedTrees:
    """Trees with the shrunk label shares of their nodes, which are calibrated by the shrinkage."""

    trees: tuple[Any, ...]  # sklearn's trees
    shares: tuple[Floats, ...]  # of each, (nodes, K)
    seen: Bools  # (trees, n) which training rows each has seen
    prior: Floats  # (K,)
    strength: float
    temperature: float = 1.0
    dynamics: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def details(self) -> dict[str, float]:
        return {"shrinkage": self.strength}

    def logits(self, x: Floats) -> Floats:
        """Return log p(k | x) (m, K): the mean of the trees' shares, the prior counting as one row."""
        total = np.zeros((len(x), len(self.prior)))
        for tree, shares in zip(self.trees, self.shares, strict=True):
            total += shares[tree.apply(x)]
        return self._log(total / max(len(self.trees), 1))

    def held_out(self, x: Floats) -> Floats:
        """Return log p(k | x) (n, K) of the training rows x, each by the trees that have not seen it."""
        total = np.zeros((len(x), len(self.prior)))
        for tree, shares, seen in zip(self.trees, self.shares, self.seen, strict=True):
            total[~seen] += shares[tree.apply(x[~seen])]
        asked = (~self.seen).sum(axis=0)
        return self._log(np.where(asked[:, None] > 0, total / np.maximum(asked, 1)[:, None], self.prior))

    def _log(self, shares: Floats) -> Floats:
        n = self.seen.shape[1]
        logs: Floats = np.log((n * shares + self.prior) / (n + 1))
        return logs


def fit_trees(x: Floats, labels: Ints, n_classes: int, *, seed: int, units: Ints) -> FittedTrees:
    """Return the trees on x (n, p) float32, NaN where a value is missing; labels (n,), units (n,) are rows that stay together.

    Each of 30 classification trees (10 from 100 classes on) is grown on half of the units. A node's label shares are shrunk towards its ancestors',
    p(node) = p(parent) + (share − parent's share) / (1 + λ / rows of the parent), with the λ of least log loss when each row is
    asked of the trees that have not seen it. Columns that say nothing leave the label prior. One thread.

    Sources: Breiman (2001), Random Forests; Agarwal et al. (2022), Hierarchical Shrinkage, ICML, equation 3.
    """
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(seed)
    n = len(labels)
    _, unit = np.unique(units, return_inverse=True)
    n_units = int(unit.max()) + 1
    prior = null_prior(labels, n_classes)
    if n_units < 2:
        return FittedTrees((), (), np.zeros((0, n), bool), prior, STRENGTHS[-1])
    grown: list[Any] = []
    shrunk: list[Floats] = []  # of each tree, (strengths, nodes, K)
    seen = np.zeros((_TREES if n_classes < _MANY_CLASSES else _FEW_TREES, n), bool)
    given = np.zeros((len(STRENGTHS), n))  # p(y | x) of the rows held out, summed over trees
    for b in range(len(seen)):
        chosen = np.zeros(n_units, bool)
        chosen[rng.permutation(n_units)[: n_units // 2]] = True
        seen[b] = chosen[unit]
        rows, others = np.flatnonzero(seen[b]), np.flatnonzero(~seen[b])
        model = DecisionTreeClassifier(
            min_samples_leaf=_LEAF_ROWS, max_leaf_nodes=_LEAVES, random_state=int(rng.integers(2**31))
        ).fit(x[rows], labels[rows])
        counts = np.zeros((model.tree_.node_count, n_classes))
        counts[:, model.classes_] = model.tree_.value[:, 0] * model.tree_.weighted_n_node_samples[:, None]
        grown.append(model.tree_)
        shrunk.append(_shrunk(model.tree_, counts))
        given[:, others] += shrunk[-1][:, model.tree_.apply(x[others]), labels[others]]
    asked = (~seen).sum(axis=0)
    mean = np.where(asked > 0, given / np.maximum(asked, 1), prior[labels])
    losses = -np.log((n * mean + prior[labels]) / (n + 1)).mean(axis=1)
    best = int(np.argmin(losses))
    return FittedTrees(tuple(grown), tuple(shares[best].copy() for shares in shrunk), seen, prior, STRENGTHS[best])


def _shrunk(tree: Any, counts: Floats) -> Floats:
    """Return the label shares (strengths, nodes, K) of a tree shrunk from the root down, level by level; counts (nodes, K)."""
    rows = counts.sum(axis=1)
    raw = counts / rows[:, None]
    shares: Floats = np.empty((len(STRENGTHS), *raw.shape))
    shares[:, 0] = raw[0]
    level = np.zeros(1, np.int64)
    while len(level):
        parents = level[tree.children_left[level] >= 0]
        kept = 1 / (1 + np.array(STRENGTHS)[:, None, None] / rows[parents, None])
        for children in (tree.children_left[parents], tree.children_right[parents]):
            shares[:, children] = shares[:, parents] + (raw[children] - raw[parents]) * kept
        level = np.concatenate([tree.children_left[parents], tree.children_right[parents]])
    return shares
