"""Dawid and Skene's model: annotators differ in how they confuse the classes, and texts are not needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curatekit.annotators.consensus import Consensus
from curatekit.arrays import Floats
from curatekit.votes import Votes


def dawid_skene(votes: Votes, *, tolerance: float = 1e-6, rounds: int = 200) -> Consensus:
    """Return the consensus by expectation maximisation over the classes' shares and each annotator's confusion matrix.

    Starts from the vote shares. M: p_k = mean_i T_ik, π_j[k, l] = Σ_i T_ik [j said l] / Σ_l …; E: T_ik ∝ p_k Π_j π_j[k, l_ij].
    Stops when T moves by less than `tolerance`. Each π_j is smoothed with one vote spread as all annotators' are, so that a few
    votes make nobody infallible. An annotator's quality is Σ_k p_k π_j[k, k]. Needs no text; nameless votes count as those
    of one annotator.

    Source: Dawid and Skene (1979), Maximum Likelihood Estimation of Observer Error-Rates, Applied Statistics 28:20.
    """
    votes.require()
    probs = votes.shares
    confusion, prior = _maximised(votes, probs)
    for _ in range(rounds):
        before = probs
        log = np.log(prior)[None, :] + _sum_by_row(votes, np.log(confusion)[votes.annotators, :, votes.labels])
        probs = np.exp(log - log.max(axis=1, keepdims=True))
        probs /= probs.sum(axis=1, keepdims=True)
        confusion, prior = _maximised(votes, probs)
        if np.abs(probs - before).max() < tolerance:
            break
    quality = np.einsum("k,jkk->j", prior, confusion)
    return Consensus(probs.argmax(axis=1), probs, quality, "dawid-skene")


def _maximised(votes: Votes, probs: Floats) -> tuple[Floats, Floats]:
    """Return the confusion matrices (M, K, K), true class by label given, and the classes' shares (K,)."""
    m, k = len(votes.names), len(votes.classes)
    by_label = np.zeros((m * k, k))
    np.add.at(by_label, votes.annotators * k + votes.labels, probs[votes.rows])
    count: NDArray[np.float64] = by_label.reshape(m, k, k).transpose(0, 2, 1)
    overall = count.sum(axis=0) + 1 / k
    overall /= overall.sum(axis=1, keepdims=True)
    smoothed = count + overall
    prior = np.maximum(probs.mean(axis=0), 1e-12)
    return smoothed / smoothed.sum(axis=2, keepdims=True), prior


def _sum_by_row(votes: Votes, values: Floats) -> Floats:
    """Return the sum (n, K) over the votes of each row of values (v, K)."""
    total = np.zeros((votes.n, values.shape[1]))
    np.add.at(total, votes.rows, values)
    return total
