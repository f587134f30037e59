"""What confident learning counts, in two passes over the probabilities, block by block, without a copy of them.

The first pass takes p(given label | x) of each row, whose means by class are the thresholds. In the second the sum of a
row, which must be looked at to check it, bounds every class but the given one. So two numbers settle most rows: the
given label is the most probable one, and no other class reaches its threshold. Only the rest is searched.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.errors import InputError
from curatekit.probabilities import as_floats, check_labels, check_shapes, checked_sums, row_blocks
from curatekit.reporting import note

CLOSE = 1e-6
"""cleanlab's tolerance: a probability this far below its rival or threshold still reaches it."""

MAX_JOINT = 4 << 30
"""Bytes that the confident joint may take: 23,170 classes."""

Collisions = Literal["cleanlab", "paper"]

_PART = 8192
_ROWS = 1 << 16


class ConfidentCounts(NamedTuple):
    """All that a decision about label issues needs from the probabilities, but for the rows in dispute."""

    class_sizes: Ints
    """(K,): how many rows bear each label."""
    thresholds: Floats
    """(K,): the mean of p(k | x) over the rows labelled k; 2 for a class without rows."""
    joint: Ints
    """(K, K): rows of given label i that are confidently of class j, as counted, not calibrated."""
    disputed: Ints
    """(d,): rows in which another class is more probable than the given one by more than 1e-6, ascending."""
    off_diagonal: Bools
    """(d,): whether each disputed row is counted off the joint's diagonal."""


def confident_counts(labels: Ints, pred_probs: Floats, *, collisions: Collisions = "cleanlab") -> ConfidentCounts:
    """Return thresholds, confident joint and disputed rows; see `ConfidentCounts`.

    labels (n,) are integers below K; pred_probs (n, K) may be a memory map. `collisions` is explained at
    `confident_joint`. Raises InputError for a row that is no distribution, and for more classes than fit.
    """
    check_shapes(labels, pred_probs)
    n_classes = pred_probs.shape[1]
    if 8 * n_classes**2 > MAX_JOINT:
        raise InputError(
            f"confident learning counts in a matrix of classes by classes: {n_classes:,} classes would take "
            f"{8 * n_classes**2 / 1e9:,.1f} GB, more than {MAX_JOINT / 1e9:.1f}. "
            "Rank by self_confidence, or merge the rare classes."
        )
    check_labels(labels, n_classes)
    np.empty(1 << 21)  # never touched: once 16 MB were freed, glibc keeps our blocks instead of paging them in anew
    sizes = np.bincount(labels, minlength=n_classes)
    thresholds = mean_given(labels, pred_probs, sizes)
    bar = thresholds - CLOSE
    lowest = bar.min()
    joint = np.zeros((n_classes, n_classes), np.int64)  # by class, then by given label
    diagonal = np.zeros(n_classes, np.int64)
    disputed, off_diagonal, corrected = [], [], 0
    for first, probs in row_blocks(pred_probs):
        label = labels[first : first + len(probs)].astype(np.intp, copy=False)
        others = checked_sums(probs, first)
        given = _given(label, probs)
        others -= given
        others += 4 * n_classes * np.finfo(probs.dtype).eps  # no rounding of the sum hides a rival
        own = given >= bar.take(label)
        rows = np.flatnonzero((others >= given) | (~own & (others >= lowest)))
        own[rows] = False
        diagonal += np.bincount(np.where(own, label, n_classes), minlength=n_classes + 1)[:-1]
        probs, label, given = probs.take(rows, axis=0), label.take(rows), given.take(rows)
        top = probs.argmax(axis=1)
        best = _given(top, probs)
        found = _confident_class(probs, top, best, bar)
        if collisions == "paper":
            corrected += _correct_collisions(found, probs, top, best, bar)
        counted = found >= 0
        np.add.at(joint.reshape(-1), found[counted] * n_classes + label[counted], 1)
        contested = _disputed(probs, label, given, best)
        disputed.append(first + rows[contested])
        off_diagonal.append((counted & (found != label))[contested])
    if collisions == "paper":
        note(
            f"Of the rows that reach the thresholds of several classes, {corrected:,} are counted for the most "
            "probable class that they reach (Northcutt et al. 2021, equation 1); cleanlab 2.9 takes the most probable "
            "class of all."
        )
    # Transposed in memory, as in cleanlab: the order of summation decides how the calibration rounds halves.
    joint = joint.T
    np.fill_diagonal(joint, (joint.diagonal() + diagonal).clip(min=1))
    return ConfidentCounts(sizes, thresholds, joint, np.concatenate(disputed), np.concatenate(off_diagonal))


def _confident_class(probs: Floats, top: Ints, best: Floats, bar: Floats) -> Ints:
    """Return the class that each row confidently belongs to (n,), -1 for none: cleanlab's rule."""
    found: Ints = np.where(best >= bar.take(top), top, -1)
    # A row may reach lower thresholds than that of its most probable class.
    rows = np.flatnonzero((found < 0) & (best >= bar.min()))
    reached = probs.take(rows, axis=0) >= bar
    number = np.count_nonzero(reached, axis=1)
    found[rows] = np.where(number > 1, top.take(rows), np.where(number == 1, reached.argmax(axis=1), -1))
    return found


def _correct_collisions(found: Ints, probs: Floats, top: Ints, best: Floats, bar: Floats) -> int:
    """Set the class of rows that reach several thresholds, but not their most probable class's; return how many."""
    rows = np.flatnonzero((found == top) & (best < bar.take(top)))
    probs = probs.take(rows, axis=0)
    found[rows] = np.where(probs >= bar, probs, -1).argmax(axis=1)
    return len(rows)


def _disputed(probs: Floats, label: Ints, given: Floats, best: Floats) -> Bools:
    """Return whether the most probable class is another, the given one raised by 1e-6 (n,)."""
    raised = given + CLOSE
    disputed: Bools = best > raised
    rows = np.flatnonzero(best == raised)  # the lower class wins
    if len(rows):
        tied = probs.take(rows, axis=0)
        tied[np.arange(len(rows)), label.take(rows)] = raised.take(rows)
        disputed[rows] = tied.argmax(axis=1) != label.take(rows)
    return disputed


def mean_given(labels: Ints, pred_probs: Floats, sizes: Ints) -> Floats:
    """Return t_k = the mean of p(k | x) over the rows labelled k, at least 2e-6, for each class k (K,).

    A class without rows gets 2, which no probability reaches; `sizes` (K,) are the classes' numbers of rows. The values
    are those of np.mean over each class's column, to the bit, though the rows come in blocks.
    """
    n_classes = pred_probs.shape[1]
    sums = [_PairwiseSum(n) for n in sizes.tolist()]
    narrow = np.min_scalar_type(n_classes - 1)  # 16 bits or less are sorted by radix
    for first in range(0, len(labels), _ROWS):
        label = labels[first : first + _ROWS].astype(np.intp, copy=False)
        given = as_floats(_given(label, np.asarray(pred_probs[first : first + _ROWS])))
        given = given.take(label.astype(narrow).argsort(kind="stable"))
        counts = np.bincount(label, minlength=n_classes)
        ends = np.cumsum(counts)
        for k in np.flatnonzero(counts).tolist():
            sums[k].add(given[ends[k] - counts[k] : ends[k]])
    with np.errstate(invalid="ignore"):  # a NaN is told by its row, in the second pass
        means: Floats = np.clip([values.mean() if values.n else 2 for values in sums], 2 * CLOSE, None)
    return means


class _PairwiseSum:
    """The sum of n values that arrive in pieces, with the bits of np.sum over all of them.

    NumPy halves a long vector (the first half a multiple of 8), sums both halves so, and adds the two sums. The parts
    of at most 8192 values are summed by NumPy as soon as they are there, and the sums are added in the same tree.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._lengths = deque(_parts(n))
        self._sums: list[Any] = []
        self._rest: Floats | None = None

    def add(self, values: Floats) -> None:
        rest = values if self._rest is None else np.concatenate([self._rest, values])
        start = 0
        while self._lengths and len(rest) - start >= self._lengths[0]:
            end = start + self._lengths.popleft()
            self._sums.append(np.add.reduce(rest[start:end]))
            start = end
        self._rest = rest[start:].copy()

    def mean(self) -> Any:
        total = _joined(iter(self._sums), self.n)
        return total.dtype.type(total / np.intp(self.n))


def _halves(n: int) -> tuple[int, int]:
    half = n // 2 - n // 2 % 8
    return half, n - half


def _parts(n: int) -> list[int]:
    return [n] if n <= _PART else [part for half in _halves(n) for part in _parts(half)]


def _joined(sums: Iterator[Any], n: int) -> Any:
    if n <= _PART:
        return next(sums)
    first, second = _halves(n)
    return _joined(sums, first) + _joined(sums, second)


def _given(labels: Ints, probs: Floats) -> Floats:
    """Return probs[i, labels[i]] for each row i (n,)."""
    if probs.flags.c_contiguous:  # the same by one flat index, twice as fast
        given: Floats = probs.reshape(-1).take(np.arange(0, probs.size, probs.shape[1]) + labels)
        return given
    return probs[np.arange(len(labels)), labels]
