"""The default score: all that is known of a label, the specifications too where they reach the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curatekit.arrays import Floats, Ints
from curatekit.probabilities import check_pred_probs
from curatekit.scores.directions import directed_confidence
from curatekit.scores.knn_agreement import knn_probs
from curatekit.scores.self_confidence import given_probs
from curatekit.scores.systematic import systematic_probs

if TYPE_CHECKING:
    from curatekit.index import Neighbours
    from curatekit.predict.guidance import Guidance

PROBE_SHARE = 0.7


def combined(
    labels: Ints, pred_probs: Floats, neighbours: Neighbours | None = None, guidance: Guidance | None = None
) -> Floats:
    """Return p_g / (p_g + Σ_{j ≠ g} D_gj p_j) for each row with given label g, in [0, 1]; p is `true_probs`.

    labels (n,) hold integers below K, pred_probs (n, K) out-of-sample probabilities, neighbours (n, k). Raises
    InputError for a row of pred_probs that is not a distribution. D is explained at `directed_confidence`; with guidance, it is
    in p already, and the score is p_g (see `systematic_probs`), if the specifications describe the data.

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
    return confidence(labels, true_probs(labels, pred_probs, neighbours, guidance), guidance)


def confidence(labels: Ints, probs: Floats, guidance: Guidance | None) -> Floats:
    """Return `combined` from the probabilities that `true_probs` returned (n,)."""
    heard = guidance is not None and guidance.describes
    return given_probs(labels, probs) if heard else directed_confidence(labels, probs)


def true_probs(
    labels: Ints, pred_probs: Floats, neighbours: Neighbours | None = None, guidance: Guidance | None = None
) -> Floats:
    """Return what the default takes for the probability of each class (n, K): of the arguments, all that are there are used."""
    if guidance is not None and guidance.describes:
        check_pred_probs(labels, pred_probs)
        return systematic_probs(labels, pred_probs, guidance)
    return pred_probs if neighbours is None else combined_probs(labels, pred_probs, neighbours)


def combined_probs(labels: Ints, pred_probs: Floats, neighbours: Neighbours) -> Floats:
    """Return 0.7 · pred_probs + 0.3 · the similarity-weighted shares of the classes among the neighbours (n, K).

    The two err on different rows: the probe draws straight borders, neighbours see small clusters.
    """
    check_pred_probs(labels, pred_probs)
    shares = knn_probs(labels, neighbours, pred_probs.shape[1])
    probs: Floats = PROBE_SHARE * pred_probs + (1 - PROBE_SHARE) * shares
    return probs
