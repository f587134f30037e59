"""Rows of the pool whose labels are suspected of being wrong: left out, thinned out, or kept."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.dataset import Dataset
from curatekit.errors import InputError
from curatekit.predict.folding import bound_together, folds
from curatekit.predict.probe import fit_probe, softmax
from curatekit.reporting import note, step
from curatekit.scores.confident_learning import label_issues
from curatekit.scores.directions import directed_confidence
from curatekit.scores.wrong_probs import likely_errors, wrong_probs
from curatekit.select import Material
from curatekit.select.prepare import Prepared

ALL, WEIGHT, DROP = "all", "weight", "drop"
TRUST = (ALL, WEIGHT, DROP)
_FOLDS = 5
_SUSPECTED = 0.5
_ROWS_TO_FIT = 20_000  # of a fold's training rows: more cost time and find the same
_CHUNK = 8_192


class Trusted(NamedTuple):
    """What is left to choose from: the material and the pool of the same n rows."""

    prepared: Prepared
    pool: Dataset
    p_wrong: Floats
    """(n,) P(the label is wrong)."""
    left_out: int
    """How many rows went."""

    def suspected(self, rows: Ints) -> int:
        """Return how many of these rows are more probably labelled wrong than right."""
        return int((self.p_wrong[rows] > _SUSPECTED).sum())


def trusted(prepared: Prepared, pool: Dataset, trust: str, seed: int = 0) -> Trusted:
    """Return what may be chosen from: "all" of the pool, or not all of the rows suspected of a wrong label, and say how many.

    "drop" leaves out rows whose label is more probably wrong than right by `p_wrong`. "weight" keeps each row with probability
    1 − p_wrong, so that any method, baselines too, comes upon a row that much more rarely. Raises InputError when none is left.

    "all" is the default of the commands. On guided_hate (k = 500, probe, one run each) influence fails on 0.198 of the tests with all,
    0.197 with weight, 0.205 with drop; quota on 0.406, 0.415, 0.419. With 15 % of the pool's labels flipped, influence on 0.186, 0.187,
    0.186; quota on 0.384, 0.404, 0.387. What specifications ask for is what most of a pool speaks against. With 10 % of
    the labels of training rows and pool flipped (three draws, 15,000 rows of the pool): influence on 0.262 with all, 0.271 with drop,
    and on 0.258 after `curate fix --policy drop` of both files (benchmarks/results/fix_then_select-2026-12-01.json).
    """
    if trust not in TRUST:
        raise InputError(f"There is no {trust!r} way to trust the pool. Choose one of: {', '.join(TRUST)}.")
    material = prepared.material
    wrong = p_wrong(material, seed)
    suspected = wrong > _SUSPECTED
    gone = np.zeros(len(wrong), bool)
    if trust == DROP:
        gone = suspected
    elif trust == WEIGHT:
        gone = np.random.default_rng(seed).random(len(wrong)) < wrong
    if gone.all():
        raise InputError(f"All rows of {pool.name} are suspected of a wrong label. Keep them with --trust all.")
    if suspected.any():
        done = {
            ALL: "they may be chosen; --trust drop leaves them out",
            WEIGHT: f"each row stayed with its probability to be right, and {int(gone.sum())} went",
            DROP: "they are left out; --trust all keeps them",
        }[trust]
        note(f"{int(suspected.sum())} of {len(wrong)} rows of {pool.name} are suspected of a wrong label: {done}.")
    if not gone.any():
        return Trusted(prepared, pool, wrong, 0)
    rows = np.flatnonzero(~gone)
    left = Prepared(material.only(rows), prepared.features, prepared.probe)
    return Trusted(left, pool.take(rows), wrong[rows], int(gone.sum()))


def p_wrong(material: Material, seed: int = 0) -> Floats:
    """Return P(the label is wrong) of each pool row (N,) by the probe, cross-fitted on the pool: no row is judged by itself or a copy.

    1 − `directed_confidence`, its odds times what makes the probabilities add up to the number of errors to expect: the geometric mean
    of confident learning's count and argmax's, as `find_label_errors` has it without neighbours. The specifications' examples are
    trained on in every fold, so that a row which agrees with them is suspected less. Nothing is known of a row where those
    of the other folds and the examples bear none of its label, or no other label: 0, and it is said of how many.
    """
    labels, n_classes = material.pool_labels, len(material.classes)
    wrong, logits = np.zeros(len(labels)), np.full((len(labels), n_classes), np.nan)
    heard = np.flatnonzero(~np.isin(material.example_specifications, material.weak))
    rng = np.random.default_rng(seed)
    C: float | str = "auto"
    temperature = 1.0
    several = len(np.unique(labels)) > 1 and bound_together(material.pool_texts).any()
    fold = folds(labels, material.pool_texts, _FOLDS, seed) if several else np.zeros(0, np.int64)
    with step("judging the pool's labels", len(labels), "rows") as advance:
        for number in np.unique(fold).tolist():
            train = np.sort(rng.permutation(np.flatnonzero(fold != number))[:_ROWS_TO_FIT])
            features = np.concatenate([material.pool_features[train], material.example_features[heard]])
            given = np.concatenate([labels[train], material.example_labels[heard]])
            known = np.unique(given)
            if len(known) < 2:
                continue
            # C from the first fold; copies and examples of one specification stay on one side of the inner folds
            texts = [
                *(material.pool_texts[row] for row in train),
                *(f"\0{s}" for s in material.example_specifications[heard]),
            ]
            probe = fit_probe(features, given, n_classes, C=C, seed=seed, groups=bound_together(texts))
            if C == "auto":
                C, temperature = probe.C, probe.temperature
            test = np.flatnonzero((fold == number) & np.isin(labels, known))
            for first in range(0, len(test), _CHUNK):
                rows = test[first : first + _CHUNK]
                logits[rows] = probe.logits(material.pool_features[rows])
                advance(len(rows))
    judged = ~np.isnan(logits[:, 0])
    if not judged.all():
        note(
            f"{int((~judged).sum())} of {len(labels)} rows of the pool cannot be judged, since the others bear none of their label, or "
            "no other label: they are not suspected."
        )
    if judged.any():
        own, probs = labels[judged], softmax(logits[judged] / temperature)
        confident, argmax = int(label_issues(own, probs).sum()), int((probs.argmax(axis=1) != own).sum())
        wrong[judged] = wrong_probs(1 - directed_confidence(own, probs), likely_errors(confident, argmax))
    return wrong
