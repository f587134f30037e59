"""Errors that come in slices: a group, a kind of sentence, a corner of the data whose labels are wrong as a whole.

A model that is trained on such labels agrees with them, so that no statistic of the labels sees them. The specifications'
examples do not agree, and where nearly all rows of some kind contradict them, it is the labels that are wrong. Two models are
refitted in turn: one of the true label, on the examples and on the rows as far as their labels are believed, and one of the
rate of errors, which may differ from place to place.
"""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.predict.guidance import Guidance, specified_probs
from curatekit.predict.parallel import threads_for
from curatekit.predict.probe import softmax
from curatekit.predict.soft_labels import soft_label_fit
from curatekit.scores.directions import directions
from curatekit.scores.self_confidence import given_probs

ROUNDS = 8
STEPS = 6
FIRST_STEPS = 3 * STEPS
C_LABEL, C_RATE = 3.0, 0.025
SPECIFIED = 10.0
"""By which P(specification | x) is stretched among the features of the rate: a slice that a specification names is cheap to single out."""


def systematic(labels: Ints, pred_probs: Floats, guidance: Guidance | None) -> Floats:
    """Return P(the given label is right | x, all labels, the specifications' examples) for each row (n,).

    labels (n,) integers below K; pred_probs (n, K) out of sample. See `systematic_probs`. Raises InputError without guidance.
    """
    return given_probs(labels, systematic_probs(labels, pred_probs, required(guidance, "systematic")))


def systematic_probs(labels: Ints, pred_probs: Floats, guidance: Guidance) -> Floats:
    """Return P(true label = j | x, given label g) (n, K), in proportion to f_j(x) · (1 if j = g, else e^r(x) D_gj / (K − 1)).

    f is a logistic regression of the true label on the features, fitted on the examples and on the rows, whose labels are what
    this very posterior says of them; r(x) are the log-odds of an error, a logistic regression on the features and on
    P(specification | x), fitted on 1 − P(g); D are the `directions` in which labels go wrong. Eight rounds of generalised
    expectation-maximisation from `specified_probs`; no row's own label is in the models that it is asked of.

    HateCheck's second half, the first as examples, MiniLM; average precision, mean over slices of a kind
    (benchmarks/results/systematic_errors-2026-11-30.json), where the labels flipped are those of

                                  a group   a functionality   a cluster   10 % at random
        self-confidence             0.73         0.08           0.54          0.97
        … examples as anchors       0.93         0.17           0.70          0.96
        this                        0.94         0.73           0.78          0.96

    Source: Dempster, Laird, Rubin (1977); noise that depends on x as in Menon, van Rooyen, Natarajan (2018), Learning from
    binary labels with instance-dependent noise. The two-model form and the examples' part in it are ours.
    """
    n, n_classes = pred_probs.shape
    one = np.ones((n, 1), np.float32)
    specified = np.float32(SPECIFIED) * guidance.spec_probs.astype(np.float32)
    of_rate = np.hstack([guidance.features, specified, one])
    m = len(guidance.example_labels)
    examples = np.hstack([guidance.example_features, np.ones((m, 1), np.float32)])
    of_label = np.vstack([examples, np.hstack([guidance.features, one])])
    shared = [*range(guidance.features.shape[1]), of_rate.shape[1] - 1]
    said = np.eye(n_classes)[guidance.example_labels]
    labelled = np.eye(n_classes, dtype=bool)[labels]
    folds = [guidance.folds == k for k in range(int(guidance.folds.max()) + 1)]
    with threads_for(n):
        grams = [of_rate[rows].T @ of_rate[rows] for rows in folds]
        total, of_examples = sum(grams), examples.T @ examples
        fits = [
            (
                soft_label_fit(
                    of_label,
                    C_LABEL,
                    np.r_[np.ones(m, bool), ~rows],
                    of_examples + (total - gram)[np.ix_(shared, shared)],
                ),
                soft_label_fit(of_rate, C_RATE, ~rows, total - gram),
            )
            for rows, gram in zip(folds, grams, strict=True)
        ]
        posterior = specified_probs(pred_probs, guidance)
        towards = np.log(directions(labels, posterior)[labels].clip(1e-6) / (n_classes - 1))
        models: list[tuple[Floats | None, Floats | None]] = [(None, None)] * len(folds)
        for number in range(ROUNDS):
            steps = STEPS if number else FIRST_STEPS
            right = given_probs(labels, posterior)
            kinds, wrong = np.vstack([said, posterior]), np.stack([right, 1 - right], axis=1)
            joint = np.empty((n, n_classes))
            for k, (rows, (label_fit, rate_fit)) in enumerate(zip(folds, fits, strict=True)):
                label, rate = label_fit.refit(kinds, models[k][0], steps), rate_fit.refit(wrong, models[k][1], steps)
                models[k] = label, rate
                odds = of_rate[rows] @ (rate[:, 1] - rate[:, 0])
                joint[rows] = of_label[m:][rows] @ label + np.where(labelled[rows], 0.0, odds[:, None] + towards[rows])
            posterior = softmax(joint)
    return posterior


def required(guidance: Guidance | None, score: str) -> Guidance:
    """Return the guidance; raises InputError where there is none."""
    if guidance is None:
        raise InputError(
            f"The score {score!r} needs specifications that are near enough to the data. Give them with --spec FILE, or choose another score."
        )
    return guidance
