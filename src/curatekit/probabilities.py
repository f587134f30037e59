"""What probabilities and their labels must be, checked once and said with the row."""

from __future__ import annotations

from collections.abc import Iterator

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
    if len(labels) and (labels.min() < 0 or labels.max() >= n_classes):
        row = int(((labels < 0) | (labels >= n_classes)).argmax())
        raise InputError(
            f"row {row} has label {labels[row]}, but the classes are 0 to {n_classes - 1}. "
            "Drop the rows that have no label, or give probabilities for all classes."
        )


def check_pred_probs(labels: Ints, pred_probs: Floats) -> None:
    """Raise InputError unless pred_probs (n, K) are n distributions over K ≥ 2 classes that hold the labels.

    NaN and infinity are refused too: cleanlab 2.9 takes them for a low score and returns a count.
    """
    check_shapes(labels, pred_probs)
    for first, probs in row_blocks(pred_probs):
        checked_sums(probs, first)
    check_labels(labels, pred_probs.shape[1])


def check_shapes(labels: Ints, pred_probs: Floats) -> None:
    """Raise InputError unless pred_probs is (n, K) with K ≥ 2 and there are n ≥ 1 labels."""
    if pred_probs.ndim != 2 or pred_probs.shape[1] < 2:
        raise InputError(f"pred_probs has shape {pred_probs.shape}, not (rows, classes). Give two classes or more.")
    if len(pred_probs) != len(labels):
        raise InputError(
            f"pred_probs has {len(pred_probs):,} rows, but there are {len(labels):,} labels. "
            "Give one row of probabilities for each label."
        )
    if not len(labels):
        raise InputError("there are no rows to score. Give a file with at least one labelled row.")


def row_blocks(pred_probs: Floats, size: int = 1 << 18) -> Iterator[tuple[int, Floats]]:
    """Yield (first row, block of rows) of pred_probs (n, K), each contiguous and of about `size` numbers.

    A block of two megabytes stays in the processor's cache while several functions look at it, and a memory map is read
    piece by piece. The blocks are views of the matrix where they can be.
    """
    rows = max(1, size // pred_probs.shape[1])
    for first in range(0, len(pred_probs), rows):
        yield first, np.ascontiguousarray(as_floats(pred_probs[first : first + rows]))


def as_floats(probs: Floats) -> Floats:
    """Return probs as a plain array of float32 or float64: itself if it is one, float16 as float32."""
    return np.asarray(probs).astype(np.result_type(probs, np.float32), copy=False)


def rows_of(probs: Floats, rows: Ints) -> Floats:
    """Return probs[rows]: by `take`, which is several times faster but would first copy a matrix that is not contiguous."""
    return probs.take(rows, axis=0) if probs.flags.c_contiguous else probs[rows]


def checked_sums(probs: Floats, first: int = 0) -> Floats:
    """Return the sum of each row of a block (n,), to its rounding; raise InputError at a row that is no distribution.

    `first` is the number that the block's first row bears in the message.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        total: Floats = np.einsum("nk->n", probs)
    # Half of the tolerance is left to the rounding of sums in float32; a NaN or an infinity fails the comparison too.
    if not (probs.min() >= 0 and np.abs(total - 1).max() <= SUM_TOLERANCE / 2):
        good = distributions(probs)
        if not good.all():
            row = int(good.argmin())
            raise InputError(
                f"row {first + row} of pred_probs is {np.array2string(probs[row], precision=4, threshold=8)}, which is "
                "not a distribution (finite, not negative, sum 1). Predict that row again."
            )
    return total


def distributions(probs: Floats) -> Bools:
    """Return whether each row of probs (n, K) is a distribution (n,): finite, not negative, sum 1 within 1e-2."""
    # A NaN or an infinity anywhere in a row makes its sum fail the comparison as well.
    with np.errstate(invalid="ignore"):
        total = probs.sum(axis=1, dtype=np.float64)
        good: Bools = (np.abs(total - 1) <= SUM_TOLERANCE) & (probs.min(axis=1) >= 0)
    return good
