"""CROWDLAB: the votes and a classifier together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curatekit.annotators.consensus import Consensus, agreement_with, agreement_with_others, majority_labels
from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.probabilities import check_pred_probs
from curatekit.votes import Votes

LEAST = 1e-6
"""The smallest weight, cleanlab's CLIPPING_LOWER_BOUND."""


def crowdlab(votes: Votes, pred_probs: Floats) -> Consensus:
    """Return CROWDLAB's consensus: the label of the highest weighted mean of votes and classifier.

    pred_probs (n, K) are out of sample. p(k) = (w_0 p_model(k) + Σ_j w_j l_jk) / (w_0 + Σ_j w_j) over the annotators j of the
    row, where l_jk is P, the mean agreement, if j said k, and (1 − P) / (K − 1) if not; the weights are how much better
    than always saying the commonest class each annotator agrees with the others, and the model with the consensus.
    An annotator's quality is the mean p of his labels and his agreement with the consensus, weighted.

    The same values as cleanlab 2.9's get_label_quality_multiannotator (consensus "best_quality", quality "crowdlab"), from
    sums over votes: cleanlab's time grows with the square of the annotators, and it breaks ties by numpy's global state.
    Nameless votes count as those of one average annotator.

    Source: Goh, Tkachenko and Mueller (2022), CROWDLAB, arXiv:2210.06812, equations 1 to 6.
    """
    votes.require()
    check_pred_probs(np.zeros(votes.n, np.int64), pred_probs)
    if pred_probs.shape[1] != len(votes.classes):
        raise InputError(
            f"pred_probs has {pred_probs.shape[1]} classes and the votes {len(votes.classes)}. Give one column for each."
        )
    first = majority_labels(votes, pred_probs)
    post = _posterior(votes, pred_probs, first).probs
    best = post == post.max(axis=1, keepdims=True)
    labels = np.where(best.sum(axis=1) == 1, post.argmax(axis=1), first)
    weighed = _posterior(votes, pred_probs, labels)
    own = np.bincount(votes.annotators, weighed.probs[votes.rows, votes.labels], len(votes.names)) / np.bincount(
        votes.annotators, minlength=len(votes.names)
    )
    # the annotators' weight in a row of mean size
    others = weighed.annotators.sum() * votes.per_row.mean() / len(votes.names)
    share = weighed.model / (weighed.model + others)
    quality = share * own + (1 - share) * agreement_with(votes, labels)
    return Consensus(labels, weighed.probs, quality, "crowdlab", float(weighed.model))


@dataclass(frozen=True, eq=False)
class _Weighed:
    probs: Floats  # (n, K)
    model: float
    annotators: Floats  # (M,)


def _posterior(votes: Votes, pred_probs: Floats, labels: Ints) -> _Weighed:
    """Return CROWDLAB's probabilities and weights, estimated against the consensus `labels`."""
    n, k = pred_probs.shape
    counts, m = votes.counts, votes.per_row
    several = m > 1
    agreement = counts[np.arange(n), labels] / m
    agree = agreement[several].mean()
    differ = (1 - agree) / (k - 1)
    consensus = labels[several]
    # the error of always saying the commonest class
    baseline = max(float(np.mean(consensus != np.bincount(consensus, minlength=k).argmax())), LEAST)
    with_others = agreement_with_others(votes)
    with_others = np.where(np.isnan(with_others), np.nanmean(with_others), with_others)
    weight = np.clip(1 - (1 - with_others) / baseline, LEAST, None)
    error = np.mean(pred_probs[several].argmax(axis=1) != consensus)
    model = max(1 - error / baseline, LEAST) * np.sqrt(m.mean())
    given = weight[votes.annotators]
    by_class = np.bincount(votes.rows * k + votes.labels, given, n * k).reshape(n, k)
    total = np.bincount(votes.rows, given, n)[:, None]
    probs = (pred_probs * model + agree * by_class + differ * (total - by_class)) / (total + model)
    return _Weighed(probs, float(model), weight)
