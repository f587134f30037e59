"""What probabilities and their labels must be, checked once and said with the row."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.errors import InputError

FLOOR = 1e-12
"""A probability below this counts as this, so that no row costs more than 40 bits."""

SUM_TOLERANCE = 1e-2
"""How far a row of probabilities may be from one: files of half-precision numbers are off by 1e-3."""


def check_labels(labels: Ints, n_classes: int) -> None:
    """Raise InputError at the first row whose label is not one of the classes 0 … n_classes - 1."""
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise InputError("labels must be a vector of integers. Give the index of each row's class.")
    bad = (labels < 0) | (labels >= n_classes)
    if bad.any():
        row = int(bad.argmax())
        raise InputError(
            f"row {row} has label {labels[row]}, but the classes are 0 to {n_classes - 1}. "
            "Drop the rows that have no label, or give probabilities for all classes."
        )


def check_pred_probs(labels: Ints, pred_probs: Floats) -> None:
    """Raise InputError unless pred_probs (n, K) are n distributions over K ≥ 2 classes that hold the labels.

    NaN and infinity are refused too: cleanlab 2.9 takes them for a low score and returns a count.
    """
    if pred_probs.ndim != 2 or pred_probs.shape[1] < 2:
        raise InputError(f"pred_probs has shape {pred_probs.shape}, not (rows, classes). Give two classes or more.")
    if len(pred_probs) != len(labels):
        raise InputError(
            f"pred_probs has {len(pred_probs):,} rows, but there are {len(labels):,} labels. "
            "Give one row of probabilities for each label."
        )
    if not len(labels):
        raise InputError("there are no rows to score. Give a file with at least one labelled row.")
    good = distributions(pred_probs)
    if not good.all():
        row = int(good.argmin())
        raise InputError(
            f"row {row} of pred_probs is {np.array2string(pred_probs[row], precision=4, threshold=8)}, which is "
            "not a distribution (finite, not negative, sum 1). Predict that row again."
        )
    check_labels(labels, pred_probs.shape[1])


def distributions(probs: Floats) -> Bools:
    """Return whether each row of probs (n, K) is a distribution (n,): finite, not negative, sum 1 within 1e-2."""
    # A NaN or an infinity anywhere in a row makes its sum fail the comparison as well.
    with np.errstate(invalid="ignore"):
        total = probs.sum(axis=1, dtype=np.float64)
        good: Bools = (np.abs(total - 1) <= SUM_TOLERANCE) & (probs.min(axis=1) >= 0)
    return good
