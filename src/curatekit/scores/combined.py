"""The probe and the neighbours together, weighed by the directions in which labels go wrong: the default score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.probabilities import check_pred_probs
from curatekit.scores.knn_agreement import knn_probs
from curatekit.scores.self_confidence import given_probs

if TYPE_CHECKING:
    from curatekit.index import Neighbours

PROBE_SHARE = 0.7
UNIFORM_SHARE = 0.2


def combined(labels: Ints, pred_probs: Floats, neighbours: Neighbours) -> Floats:
    """Return p_g / (p_g + Σ_{j ≠ g} D_gj p_j) for each row with given label g, in [0, 1]; p is `combined_probs`.

    labels (n,) hold integers below K, pred_probs (n, K) out-of-sample probabilities, neighbours (n, k). Raises
    InputError for a row of pred_probs that is not a distribution. D is explained at `directed_confidence`.

    Average precision with the family `probe` on MiniLM and 50 neighbours, mean over 5 draws of the votes and 2 of the
    flips (benchmarks/label_errors.py, 2026-11-21):

        noise                                  self_confidence  normalized_margin  knn_agreement  combined
        Davidson, one annotator's vote              0.645             0.648            0.555        0.665
        Davidson, 10 % flips to any class           0.830             0.798            0.768        0.846
        Davidson, 10 % to the nearest class         0.701             0.763            0.570        0.804
        Banking77, 10 % flips to any class          0.990             0.926            0.949        0.986
        Banking77, 10 % to the nearest class        0.683             0.811            0.576        0.863
        CoLA, 10 % flips                            0.268             0.268            0.229        0.270
    """
    return directed_confidence(labels, combined_probs(labels, pred_probs, neighbours))


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


def combined_probs(labels: Ints, pred_probs: Floats, neighbours: Neighbours) -> Floats:
    """Return 0.7 · pred_probs + 0.3 · the similarity-weighted shares of the classes among the neighbours (n, K).

    The two err on different rows: the probe draws straight borders, neighbours see small clusters.
    """
    check_pred_probs(labels, pred_probs)
    shares = knn_probs(labels, neighbours, pred_probs.shape[1])
    probs: Floats = PROBE_SHARE * pred_probs + (1 - PROBE_SHARE) * shares
    return probs


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
