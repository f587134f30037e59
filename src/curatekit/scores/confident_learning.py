"""Confident learning: the counts and masks of cleanlab 2.9, value for value, at a fraction of its cost.

cleanlab sorts every class against every other; here one pass over the rows finds the candidates and a partition
finds each cut. Where a cut falls among equal margins, cleanlab's choice is that of NumPy's default argsort, so that
one column is sorted in the same way. The tests compare both over many random cases.

Source: Northcutt, Jiang & Chuang (2021), Confident Learning, JAIR 70; cleanlab 2.9 count.py and filter.py.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.probabilities import check_pred_probs
from curatekit.scores.normalized_margin import normalized_margin
from curatekit.scores.self_confidence import given_probs, self_confidence

CLOSE = 1e-6
"""cleanlab's tolerance: a probability this far below its rival or threshold still reaches it."""

FilterBy = Literal["prune_by_noise_rate", "confident_learning", "predicted_neq_given"]


def confident_thresholds(labels: Ints, pred_probs: Floats) -> Floats:
    """Return t_k = mean of p(k | x) over the rows labelled k, for each class k (K,); 2 for a class without rows.

    A class without rows gets a threshold that no probability reaches. Equation 2 of the paper.
    """
    given = given_probs(labels, pred_probs)
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels, minlength=pred_probs.shape[1]))
    means = [part.mean() if len(part) else 2 for part in np.split(given[order], ends[:-1])]
    return np.clip(means, 2 * CLOSE, None)


def confident_joint(labels: Ints, pred_probs: Floats, *, calibrate: bool = True) -> Ints:
    """Return C[i, j] = the number of rows labelled i that are confidently of class j (K, K).

    A row counts for the class whose threshold it reaches; for its most probable class if it reaches several. The
    diagonal is at least 1. With `calibrate`, rows are scaled to the counts of the given labels and rounded, row
    totals kept, so that C sums to n. Equation 1 of the paper. Raises InputError for rows that are not distributions.
    """
    check_pred_probs(labels, pred_probs)
    joint = _joint(labels, _confident_class(labels, pred_probs), pred_probs.shape[1])
    return calibrated_joint(joint, labels) if calibrate else joint


def calibrated_joint(joint: Ints, labels: Ints) -> Ints:
    """Return the confident joint (K, K) scaled to the counts of the given labels, in whole rows."""
    counts = np.bincount(labels, minlength=len(joint))
    scaled = (joint.T / np.clip(joint.sum(axis=1), 1e-100, None) * counts).T
    scaled = scaled / np.clip(scaled.sum(), 1e-100, None) * counts.sum()
    return _rounded_rows(scaled)


def noise_matrix(joint: Ints) -> Floats:
    """Return P(given = i | true = j) (K, K) from a confident joint: its columns, each divided by its sum."""
    matrix: Floats = joint / np.clip(joint.sum(axis=0), 1e-100, None)
    return matrix


def label_issues(labels: Ints, pred_probs: Floats, filter_by: FilterBy = "prune_by_noise_rate") -> Bools:
    """Return whether each row is a label issue (n,), as cleanlab 2.9's `find_label_issues` does.

    `prune_by_noise_rate`: for each pair of classes, as many rows as the calibrated confident joint counts, those
    with the largest p(other) - p(given). `confident_learning`: the rows that the joint counts off its diagonal.
    `predicted_neq_given`: another class is more probable. In all, rows whose given label is within 1e-6 of the most
    probable one are left alone. Raises InputError for rows that are not distributions.
    """
    check_pred_probs(labels, pred_probs)
    disputed = _disputed(labels, pred_probs)
    if filter_by == "predicted_neq_given":
        return disputed
    confident = _confident_class(labels, pred_probs)
    if filter_by == "confident_learning":
        counted: Bools = disputed & (confident >= 0) & (confident != labels)
        return counted
    joint = calibrated_joint(_joint(labels, confident, pred_probs.shape[1]), labels)
    pruned: Bools = disputed & _pruned_by_noise_rate(labels, pred_probs, _prune_counts(joint))
    return pruned


def ranked_label_issues(
    labels: Ints, pred_probs: Floats, rank_by: Literal["self_confidence", "normalized_margin"] = "self_confidence"
) -> Ints:
    """Return the rows of `label_issues`, most doubtful first, as cleanlab's `return_indices_ranked_by` orders them.

    Equal scores stand in the order of NumPy's default argsort, as in cleanlab; our own tables order them by row.
    """
    rows = np.flatnonzero(label_issues(labels, pred_probs))
    score = self_confidence if rank_by == "self_confidence" else normalized_margin
    return rows[np.argsort(score(labels, pred_probs)[rows])]


def _confident_class(labels: Ints, pred_probs: Floats) -> Ints:
    """Return the class that each row confidently belongs to (n,), -1 for none."""
    thresholds = confident_thresholds(labels, pred_probs) - CLOSE
    confident = np.empty(len(labels), dtype=np.int64)
    block = max(1, (1 << 20) // pred_probs.shape[1])  # blocks stay in the processor's cache
    for start in range(0, len(labels), block):
        probs = pred_probs[start : start + block]
        reached = probs >= thresholds
        several = np.count_nonzero(reached, axis=1)
        single = reached.argmax(axis=1)
        confident[start : start + block] = np.where(several > 1, probs.argmax(axis=1), single)
        confident[start : start + block][several == 0] = -1
    return confident


def _joint(labels: Ints, confident: Ints, n_classes: int) -> Ints:
    counted = confident >= 0
    cell = confident[counted] * n_classes + labels[counted]
    # Transposed in memory, as in cleanlab: the order of summation decides how the calibration rounds halves.
    joint = np.bincount(cell, minlength=n_classes * n_classes).reshape(n_classes, n_classes).T
    np.fill_diagonal(joint, joint.diagonal().clip(min=1))
    return joint


def _disputed(labels: Ints, pred_probs: Floats) -> Bools:
    """Return whether a class other than the given one is the most probable, by more than 1e-6 (n,)."""
    disputed: Bools = pred_probs.argmax(axis=1) != labels
    rows = np.flatnonzero(disputed)
    probs = pred_probs[rows]
    probs[np.arange(len(rows)), labels[rows]] += CLOSE
    disputed[rows] = probs.argmax(axis=1) != labels[rows]
    return disputed


def _prune_counts(joint: Ints) -> Ints:
    """Return how many rows labelled j to prune towards class i (K, K): transposed, with one row left in each class."""
    counts = joint.T
    diagonal = counts.diagonal()
    kept = np.maximum(diagonal, 1)
    others = np.maximum(np.count_nonzero(counts, axis=0) - 1.0, 1.0)
    reduced = np.clip(counts - (kept - diagonal) / others, 0, None)
    np.fill_diagonal(reduced, kept)
    return _rounded_rows(reduced.astype(np.int64))


def _pruned_by_noise_rate(labels: Ints, pred_probs: Floats, counts: Ints) -> Bools:
    """Return whether each row is among the counts[j, k] rows labelled k with the largest p(j) - p(k), for any j."""
    pruned = np.zeros(len(labels), dtype=bool)
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels, minlength=pred_probs.shape[1]))
    for k, rows in enumerate(np.split(order, ends[:-1])):
        towards = np.flatnonzero(counts[:, k])
        towards = towards[towards != k]
        if len(rows) <= 1 or not len(towards):
            continue
        given = pred_probs[rows, k]
        for j in towards:
            pruned[rows[_largest(pred_probs[rows, j] - given, int(counts[j, k]))]] = True
    return pruned


def _largest(values: Floats, count: int) -> Bools | Ints:
    """Return which `count` values are the largest: those that np.argsort(-values) puts first."""
    if count >= len(values):
        return np.ones(len(values), dtype=bool)
    cut = np.partition(values, len(values) - count)[len(values) - count]
    largest: Bools = values >= cut
    if np.count_nonzero(largest) == count:
        return largest
    return np.argsort(-values)[:count]


def _rounded_rows(matrix: Floats | Ints) -> Ints:
    """Return the matrix in whole numbers, each row's sum kept by moving the entries that rounding moved most."""
    rounded = np.asarray(matrix, dtype=float).round()
    for row, values in zip(rounded, np.asarray(matrix, dtype=float), strict=True):
        total = values.sum().round()
        while missing := int(np.round(total - row.sum().round())):
            step = 1 if missing > 0 else -1
            moved = np.argsort(values - row)[::-step][: min(abs(missing), len(row))]
            row[moved] += step
    return rounded.astype(np.int64)
