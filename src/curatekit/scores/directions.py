"""The directions in which labels go wrong, and the confidence that heeds them."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.scores.self_confidence import given_probs

UNIFORM_SHARE = 0.2


def directed_confidence(labels: Ints, probs: Floats) -> Floats:
    """Return p_g / (p_g + Σ_{j ≠ g} D_gj p_j) for each row with given label g, in [0, 1]; probs are p (n, K).

    D_gj says how often rows that look like class j, but bear another label, bear g (see `directions`). If every class
    keeps its label with the same probability, this orders rows by the posterior probability that the given label is
    right, whatever that probability is: with flips to any class it is the self-confidence, with flips to one similar
    class it is nearly the margin to that class. So nobody has to know the kind of noise to choose a score.
    """
    given = given_probs(labels, probs)
    against = np.einsum("nk,nk->n", probs, directions(labels, probs)[labels])
    share: Floats = np.divide(given, given + against, out=np.zeros_like(given), where=given > 0)
    return share


def directions(labels: Ints, probs: Floats) -> Floats:
    """Return D (K, K): P(given = g | class j is the most probable, given ≠ j) against chance, 1 / (K - 1).

    Counted over the rows whose most probable class is not the given one, and drawn by a fifth towards chance; 1 for a
    class j without such rows, 0 on the diagonal. With two classes all directions are 1.
    """
    n_classes = probs.shape[1]
    cell = labels * n_classes + probs.argmax(axis=1)
    count = np.bincount(cell, minlength=n_classes * n_classes).reshape(n_classes, n_classes).astype(float)
    np.fill_diagonal(count, 0)
    total = count.sum(axis=0)
    relative = np.divide(count * (n_classes - 1), total, out=np.ones_like(count), where=total > 0)
    direction: Floats = (1 - UNIFORM_SHARE) * relative + UNIFORM_SHARE
    np.fill_diagonal(direction, 0)
    return direction
