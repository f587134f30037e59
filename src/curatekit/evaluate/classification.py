"""Accuracy, macro-F1 and MCC with intervals, all from one confusion matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.intervals import Interval, wilson


class ClassScores(NamedTuple):
    """One class: n rows carry it, `predicted` rows were given it. A ratio without a denominator is 0."""

    n: int
    predicted: int
    precision: float
    recall: float
    f1: float


class Classification(NamedTuple):
    """Scores of predictions against labels; confusion[i, j] counts the rows of class i that were called j."""

    n: int
    accuracy: Interval
    macro_f1: Interval
    mcc: Interval
    per_class: tuple[ClassScores, ...]
    confusion: Ints


def classification(
    labels: Ints, predicted: Ints, n_classes: int, *, seed: int = 0, n_resamples: int = 2000, confidence: float = 0.95
) -> Classification:
    """Return accuracy (Wilson interval), macro-F1 and MCC (bootstrap percentiles), the table per class, the confusion.

    labels, predicted: (n,) codes in [0, n_classes). Raises InputError when there is no row.
    """
    confusion = confusion_matrix(labels, predicted, n_classes)
    n = int(confusion.sum())
    if not n:
        raise InputError("There is no labelled row to evaluate on. Give a file with labels.")
    counted = _Counts.of(confusion)
    resampled = _Counts.of(confusion, _resampled(confusion, n_resamples, np.random.default_rng(seed)))

    def bootstrapped(statistic: Callable[[_Counts], Floats]) -> Interval:
        tail = (1 - confidence) / 2
        low, high = np.quantile(statistic(resampled), [tail, 1 - tail])
        return Interval(float(statistic(counted)[0]), float(low), float(high))

    f1, true, called, right = _f1(counted)[0], counted.true[0], counted.called[0], counted.right[0]
    per_class = tuple(
        ClassScores(int(t), int(c), float(r / c) if c else 0.0, float(r / t) if t else 0.0, float(f))
        for t, c, r, f in zip(true, called, right, f1, strict=True)
    )
    accuracy = wilson(int(right.sum()), n, confidence)
    return Classification(n, accuracy, bootstrapped(_macro_f1), bootstrapped(_mcc), per_class, confusion)


def confusion_matrix(labels: Ints, predicted: Ints, n_classes: int) -> Ints:
    """Return the (K, K) counts of rows by (label, predicted)."""
    labels, predicted = np.asarray(labels, np.int64), np.asarray(predicted, np.int64)
    if labels.shape != predicted.shape:
        raise ValueError(f"shapes differ: {labels.shape}, {predicted.shape}")
    if len(labels) and (min(labels.min(), predicted.min()) < 0 or max(labels.max(), predicted.max()) >= n_classes):
        raise ValueError(f"codes outside [0, {n_classes})")
    return np.bincount(labels * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


def macro_f1(labels: Ints, predicted: Ints, n_classes: int) -> float:
    """Return the mean F1, 2 TP / (2 TP + FP + FN), of the classes that occur in the labels or the predictions."""
    return float(_macro_f1(_Counts.of(confusion_matrix(labels, predicted, n_classes)))[0])


def mcc(labels: Ints, predicted: Ints, n_classes: int) -> float:
    """Return the Matthews correlation coefficient, (c s − Σ t p) / √((s² − Σ p²)(s² − Σ t²)); 0 when undefined.

    Source: Gorodkin (2004), Computational Biology and Chemistry 28:367 (R_K, the form for K classes).
    """
    return float(_mcc(_Counts.of(confusion_matrix(labels, predicted, n_classes)))[0])


class _Counts(NamedTuple):
    """Of B confusion matrices, each (B, K): rows by label, rows by prediction, rows where both agree."""

    true: Floats
    called: Floats
    right: Floats

    @classmethod
    def of(cls, confusion: Ints, counts: Ints | None = None) -> _Counts:
        """Return the sums for `counts` (B, m) of the m occupied cells; without it, for the matrix itself."""
        true, called = np.nonzero(confusion)
        counts = confusion[true, called][None, :] if counts is None else counts
        in_row = np.eye(len(confusion))[true]
        in_column = np.eye(len(confusion))[called]
        floats = counts.astype(np.float64)
        return cls(floats @ in_row, floats @ in_column, floats @ (in_row * in_column))


def _resampled(confusion: Ints, n_resamples: int, rng: np.random.Generator) -> Ints:
    """Return (B, m) counts of the occupied cells when n rows are drawn with replacement.

    Rows matter only through their cell, so a bootstrap of rows is one multinomial draw over the cells.
    """
    cells = confusion[np.nonzero(confusion)]
    return rng.multinomial(int(cells.sum()), cells / cells.sum(), size=n_resamples)


def _f1(counts: _Counts) -> Floats:
    return 2 * counts.right / np.maximum(counts.true + counts.called, 1)


def _macro_f1(counts: _Counts) -> Floats:
    occurring = (counts.true + counts.called) > 0
    means: Floats = _f1(counts).sum(1) / occurring.sum(1)
    return means


def _mcc(counts: _Counts) -> Floats:
    n = counts.true.sum(1)
    covariance = counts.right.sum(1) * n - (counts.true * counts.called).sum(1)
    spread = (n**2 - (counts.called**2).sum(1)) * (n**2 - (counts.true**2).sum(1))
    coefficients: Floats = np.divide(covariance, np.sqrt(spread), out=np.zeros_like(n), where=spread > 0)
    return coefficients
