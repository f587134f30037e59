"""Out-of-sample probabilities: each row is predicted by a model that has not seen it, nor its copies, nor its group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from curatekit.arrays import Bools, Floats, Ints, Strings
from curatekit.errors import InputError
from curatekit.predict.features import fit_features
from curatekit.predict.folding import bound_together, folds
from curatekit.predict.null import null_prior
from curatekit.predict.parallel import each_on_a_core
from curatekit.predict.probe import Probe, fit_probe, softmax
from curatekit.probabilities import FLOOR
from curatekit.reporting import note, step


@dataclass(frozen=True)
class Predictions:
    """Out-of-sample predictions of n rows, K classes."""

    pred_probs: Floats  # (n, K) float64, calibrated
    null_probs: Floats  # (n, K) float64, the prior of the row's training fold
    folds: Ints  # (n,)
    unscorable: Bools  # (n,) the row's class is not among its training rows: pred_probs there is the null's
    family: str
    details: dict[str, Any] = field(default_factory=dict)  # plain values: C and temperature by fold, V uncalibrated …


def cross_fit(
    layers: Floats,
    texts: Sequence[str],
    labels: Ints,
    n_classes: int,
    *,
    n_folds: int = 5,
    seed: int = 0,
    groups: Strings | Sequence[str] | None = None,
) -> Predictions:
    """Return the predictions of the family `probe`, by stratified k-fold cross-fitting.

    layers (n, L) pooled hidden states, texts (n,), labels (n,) in 0 … n_classes - 1, groups (n,) or None. Equal texts
    and equal groups share a fold. C and the temperature are chosen inside each training fold. A class that a
    training fold lacks keeps the null's probability there, and rows of that class are flagged unscorable; their PVI
    is 0. Raises InputError when the labels are of one class, or one row's label is missing.
    """
    labels = np.asarray(labels)
    _check(labels, n_classes)
    fold = folds(labels, texts, n_folds, seed, groups)
    units = bound_together(texts, groups)
    _say_small_classes(labels, units, fold)
    features = fit_features(layers, texts, seed=seed).transform(layers, texts)
    n = len(labels)
    pred_probs, raw, null_probs = (np.empty((n, n_classes)) for _ in range(3))
    unscorable = np.zeros(n, bool)
    probes: list[Probe | None] = []
    used = range(int(fold.max()) + 1)

    def fit(k: int) -> _Fitted:
        train = np.flatnonzero(fold != k)
        return _fit(features[train], labels[train], n_classes, seed, units[train])

    with step("cross-fitting", len(used), "folds") as advance:
        for k, fitted in zip(used, each_on_a_core(fit, used), strict=True):
            test = np.flatnonzero(fold == k)
            pred_probs[test], raw[test] = fitted.predict(features[test])
            null_probs[test] = fitted.null
            unscorable[test] = ~np.isin(labels[test], fitted.known)
            probes.append(fitted.probe)
            advance(1)
    if unscorable.any():
        note(
            f"{int(unscorable.sum())} rows cannot be scored out of sample: no other fold has their class. They keep "
            "the null's probabilities, and their PVI is 0."
        )
    return Predictions(
        pred_probs,
        null_probs,
        fold,
        unscorable,
        "probe",
        _details(labels, pred_probs, raw, null_probs, probes),
    )


def fit_eval(
    layers: Floats,
    texts: Sequence[str],
    labels: Ints,
    eval_layers: Floats,
    eval_texts: Sequence[str],
    eval_labels: Ints,
    n_classes: int,
    *,
    seed: int = 0,
    groups: Strings | Sequence[str] | None = None,
) -> Predictions:
    """Return the predictions of the rows of a separate evaluation file by one probe fitted on all training rows.

    Features, null and temperature come from the training rows alone. All folds are 0. Raises InputError for a class
    of the evaluation rows that no training row has; says how many evaluation texts also stand in the training rows.
    """
    labels, eval_labels = np.asarray(labels), np.asarray(eval_labels)
    _check(labels, n_classes)
    unknown = np.setdiff1d(eval_labels, labels)
    if len(unknown):
        raise InputError(
            f"The evaluation rows have classes that no training row has: {', '.join(map(str, unknown[:10]))}. "
            "Add rows of them to the training file, or drop them from the evaluation file."
        )
    shared = sum(map(set(texts).__contains__, eval_texts))
    if shared:
        note(
            f"{shared} of {len(eval_texts)} evaluation texts also stand in the training file: they are not out of sample."
        )
    feature_map = fit_features(layers, texts, seed=seed)
    fitted = _fit(feature_map.transform(layers, texts), labels, n_classes, seed, bound_together(texts, groups))
    pred_probs, raw = fitted.predict(feature_map.transform(eval_layers, eval_texts))
    n = len(eval_labels)
    null_probs = np.tile(fitted.null, (n, 1))
    details = _details(eval_labels, pred_probs, raw, null_probs, [fitted.probe])
    return Predictions(
        pred_probs,
        null_probs,
        np.zeros(n, np.int64),
        np.zeros(n, bool),
        "probe",
        {**details, "in_training": shared},
    )


@dataclass(frozen=True)
class _Fitted:
    """A probe over the classes that its training rows have, and the null over all."""

    probe: Probe | None  # None when the training rows are of one class
    known: Ints
    null: Floats

    def predict(self, features: Floats) -> tuple[Floats, Floats]:
        """Return the probabilities (n, K) with and without the temperature."""
        logits = self.probe.logits(features) if self.probe else np.zeros((len(features), 1))
        temperature = self.probe.temperature if self.probe else 1.0
        return self._spread(softmax(logits / temperature)), self._spread(softmax(logits))

    def _spread(self, probs: Floats) -> Floats:
        """Return probs over all classes: a class without training rows keeps the null's probability."""
        full = np.tile(self.null, (len(probs), 1))
        full[:, self.known] = probs * self.null[self.known].sum()
        if len(self.known) == len(self.null):
            full = probs
        full = np.maximum(full, FLOOR)
        full /= full.sum(axis=1, keepdims=True)
        return full


def _fit(features: Floats, labels: Ints, n_classes: int, seed: int, units: Ints) -> _Fitted:
    known, codes = np.unique(labels, return_inverse=True)
    probe = fit_probe(features, codes, len(known), seed=seed, groups=units) if len(known) > 1 else None
    return _Fitted(probe, known, null_prior(labels, n_classes))


def _check(labels: Ints, n_classes: int) -> None:
    if ((labels < 0) | (labels >= n_classes)).any():
        row = int(((labels < 0) | (labels >= n_classes)).argmax())
        raise InputError(f"Row {row} has no label among the {n_classes} classes. Drop it, or give it a label.")
    if len(np.unique(labels)) < 2:
        raise InputError(
            "All rows have the same label, so there is nothing to predict. Give data with two labels or more."
        )


def _say_small_classes(labels: Ints, units: Ints, fold: Ints) -> None:
    n_folds = int(fold.max()) + 1
    pairs = np.unique(np.stack([labels, units]), axis=1)[0]
    distinct = np.bincount(pairs)
    small = np.flatnonzero((distinct > 0) & (distinct < n_folds))
    if len(small):
        note(
            f"{len(small)} classes have fewer distinct rows than the {n_folds} folds, the smallest has {distinct[small].min()}."
        )


def _details(
    labels: Ints, pred_probs: Floats, raw: Floats, null_probs: Floats, probes: Sequence[Probe | None]
) -> dict[str, Any]:
    rows = np.arange(len(labels))
    null_bits = -np.log2(null_probs[rows, labels])
    fitted = [probe for probe in probes if probe]
    return {
        "C": [probe.C for probe in fitted],
        "temperature": [round(probe.temperature, 4) for probe in fitted],
        "v_information": float(np.mean(null_bits + np.log2(pred_probs[rows, labels]))),
        "v_information_uncalibrated": float(np.mean(null_bits + np.log2(raw[rows, labels]))),
    }
