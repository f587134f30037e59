"""One label a row from several votes: what a consensus is, and the simplest, the majority."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.votes import Votes


@dataclass(frozen=True, eq=False)
class Consensus:
    """What n rows are, by M annotators.

    labels           (n,) the consensus
    probs            (n, K) P(label | votes, and the model where there is one)
    quality          (M,) of each annotator in [0, 1]; NaN for one who shares no row with another
    method           how it was found
    model_weight     of the classifier in CROWDLAB, where an annotator's weight is about his accuracy; NaN in the others
    """

    labels: Ints
    probs: Floats
    quality: Floats
    method: str
    model_weight: float = float("nan")


def majority(votes: Votes, pred_probs: Floats | None = None) -> Consensus:
    """Return the most frequent label of each row, its probability the share of votes.

    Ties go to the label of larger pred_probs (n, K), then to the rarer class, then to the annotators who agree more with
    the untied rows, as in cleanlab 2.9's get_majority_vote_label; what is still tied there is drawn at random, and here
    goes to the first class. An annotator's quality is his agreement with the consensus on rows with two votes or more.
    """
    labels = majority_labels(votes, pred_probs)
    return Consensus(labels, votes.shares, agreement_with(votes, labels), "majority")


def majority_labels(votes: Votes, pred_probs: Floats | None = None) -> Ints:
    """Return the most frequent label of each row (n,); ties as in `majority`."""
    counts = votes.counts
    tied = counts == counts.max(axis=1, keepdims=True)
    labels: Ints = tied.argmax(axis=1)
    several = np.flatnonzero(tied.sum(axis=1) > 1)
    if not len(several):
        return labels
    among = tied[several]
    if pred_probs is not None:
        among &= _is_max(np.where(among, pred_probs[several], -np.inf))
    among &= _is_max(np.where(among, -counts.sum(axis=0), -np.inf))
    still = np.flatnonzero(among.sum(axis=1) > 1)
    if len(still):
        among[still] &= _is_max(np.where(among[still], _trust(votes, labels, several, several[still]), -np.inf))
    labels[several] = among.argmax(axis=1)
    return labels


def agreement_with_others(votes: Votes) -> Floats:
    """Return how often each annotator says what another one says of the same row (M,), over pairs of votes; NaN without any."""
    pairs = votes.per_row[votes.rows] - 1
    same = votes.counts[votes.rows, votes.labels] - 1
    m = len(votes.names)
    with np.errstate(invalid="ignore"):
        agreement: Floats = np.bincount(votes.annotators, same, m) / np.bincount(votes.annotators, pairs, m)
    return agreement


def agreement_with(votes: Votes, labels: Ints) -> Floats:
    """Return how often each annotator says `labels` (M,), on the rows with two votes or more; NaN without any."""
    shared = votes.per_row[votes.rows] > 1
    said = np.where(shared, votes.labels == labels[votes.rows], False)
    m = len(votes.names)
    with np.errstate(invalid="ignore"):
        agreement: Floats = np.bincount(votes.annotators, said, m) / np.bincount(votes.annotators, shared, m)
    return agreement


def _trust(votes: Votes, labels: Ints, tied: Ints, asked: Ints) -> Floats:
    """Return for each row in `asked` and each class how well those who voted so agree with the rows that are not tied."""
    untied = np.ones(votes.n, bool)
    untied[tied] = False
    m, k = len(votes.names), len(votes.classes)
    counted = untied[votes.rows]
    right = counted & (votes.labels == labels[votes.rows])
    with np.errstate(invalid="ignore"):
        agreement = np.bincount(votes.annotators, right, m) / np.bincount(votes.annotators, counted, m)
    known = ~np.isnan(agreement)
    agreement[~known] = agreement[known].mean() if known.any() else 1.0
    cell = votes.rows * k + votes.labels
    total = np.bincount(cell, agreement[votes.annotators], votes.n * k).reshape(votes.n, k)
    trust: Floats = total[asked] / np.maximum(votes.counts[asked], 1)
    return trust


def _is_max(values: Floats) -> np.ndarray:
    """Return which entries are the largest of their row."""
    top: np.ndarray = values == values.max(axis=1, keepdims=True)
    return top
