"""Confident learning: the counts, masks and orders of cleanlab 2.9, value for value, at a fraction of its cost.

The probabilities may be a memory map: they are read in blocks, twice, and after that only the rows in dispute. The
answer is the same. Equality with cleanlab is to the bit, for float32 and float64; the tests compare many random cases.

Source: Northcutt, Jiang & Chuang (2021), Confident Learning, JAIR 70; cleanlab 2.9 count.py and filter.py.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.errors import InputError, nearest_name
from curatekit.probabilities import as_floats, check_pred_probs, rows_of
from curatekit.scores._confident_counts import Collisions, ConfidentCounts, confident_counts, mean_given
from curatekit.scores._pruning import pruned_by_class, pruned_by_noise_rate, smallest
from curatekit.scores.confidence_weighted_entropy import confidence_weighted_entropy
from curatekit.scores.normalized_margin import normalized_margin
from curatekit.scores.self_confidence import given_probs, self_confidence

__all__ = [
    "Collisions",
    "ConfidentCounts",
    "FilterBy",
    "RankBy",
    "calibrated_joint",
    "confident_counts",
    "confident_joint",
    "confident_learning",
    "confident_thresholds",
    "label_issues",
    "noise_matrix",
    "ranked_label_issues",
]

FilterBy = Literal[
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
]
RankBy = Literal["self_confidence", "normalized_margin", "confidence_weighted_entropy"]

_SCORES = {
    "self_confidence": self_confidence,
    "normalized_margin": normalized_margin,
    "confidence_weighted_entropy": confidence_weighted_entropy,
}


def confident_learning(labels: Ints, pred_probs: Floats) -> Floats:
    """Return p(given | x) / 2 for each label issue and (1 + p(given | x)) / 2 for each other row, in [0, 1].

    So cleanlab's list comes first, in its order: the issues by `label_issues`, the most doubtful first. Arguments and
    errors are those of `label_issues`.
    """
    score: Floats = (~label_issues(labels, pred_probs) + given_probs(labels, pred_probs)) / 2
    return score


def confident_thresholds(labels: Ints, pred_probs: Floats) -> Floats:
    """Return t_k = mean of p(k | x) over the rows labelled k, for each class k (K,); 2 for a class without rows.

    A class without rows gets a threshold that no probability reaches. Equation 2 of the paper. Raises InputError for
    rows that are not distributions.
    """
    check_pred_probs(labels, pred_probs)
    return mean_given(labels, pred_probs, np.bincount(labels, minlength=pred_probs.shape[1]))


def confident_joint(
    labels: Ints, pred_probs: Floats, *, calibrate: bool = True, collisions: Collisions = "cleanlab"
) -> Ints:
    """Return C[i, j] = the number of rows labelled i that are confidently of class j (K, K).

    A row counts for the class whose threshold it reaches. If it reaches several, it counts for the most probable of
    these with `collisions="paper"` (equation 1), and for the most probable class of all, reached or not, with
    "cleanlab" (its count.py does so, against the paper and its own issue 1248). The diagonal is at least 1. With
    `calibrate`, rows are scaled to the counts of the given labels and rounded, row totals kept, so that C sums to n.
    Raises InputError for rows that are not distributions, and for more than 23,170 classes.
    """
    joint = confident_counts(labels, pred_probs, collisions=collisions).joint
    return calibrated_joint(joint, labels) if calibrate else joint


def calibrated_joint(joint: Ints, labels: Ints) -> Ints:
    """Return the confident joint (K, K) scaled to the counts of the given labels, in whole rows."""
    return _calibrated(joint, np.bincount(labels, minlength=len(joint)))


def noise_matrix(joint: Ints | Floats) -> Floats:
    """Return P(given = i | true = j) (K, K) from a confident joint: its columns, each divided by its sum."""
    matrix: Floats = joint / np.clip(joint.sum(axis=0), 1e-100, None)
    return matrix


def label_issues(
    labels: Ints,
    pred_probs: Floats,
    filter_by: FilterBy = "prune_by_noise_rate",
    *,
    collisions: Collisions = "cleanlab",
    counts: ConfidentCounts | None = None,
) -> Bools:
    """Return whether each row is a label issue (n,), as cleanlab 2.9's `find_label_issues` does.

    labels      (n,) integers below K
    pred_probs  (n, K) out-of-sample probabilities, in memory or a memory map (`np.load(path, mmap_mode="r")`)
    filter_by   `prune_by_noise_rate`: for each pair of classes, as many rows as the calibrated confident joint counts,
                those with the largest p(other) - p(given)
                `prune_by_class`: for each class, as many rows as the joint counts elsewhere, with the smallest p(given)
                `both`: the rows of both
                `confident_learning`: the rows that the joint counts off its diagonal
                `predicted_neq_given`: another class is more probable
                `low_normalized_margin`, `low_self_confidence`: as many rows as `confident_learning` finds, those with
                the lowest score, though their given label may be the most probable one
    collisions  see `confident_joint`
    counts      what `confident_counts` returned for these arrays, if it is at hand

    In all but the last two, rows whose given label is within 1e-6 of the most probable one are left alone. Raises
    InputError for rows that are not distributions, and for more than 23,170 classes.
    """
    _check_name("filter_by", filter_by, get_args(FilterBy))
    if counts is None:
        counts = confident_counts(labels, pred_probs, collisions=collisions)
    if filter_by in ("low_normalized_margin", "low_self_confidence"):
        score = as_floats(_SCORES[filter_by.removeprefix("low_")](labels, pred_probs))
        return smallest(score, int(counts.off_diagonal.sum()))
    chosen = np.ones(len(counts.disputed), dtype=bool)
    if filter_by == "confident_learning":
        chosen = counts.off_diagonal
    elif filter_by != "predicted_neq_given":
        sizes = counts.class_sizes
        prune = _prune_counts(_calibrated(counts.joint, sizes))
        if filter_by != "prune_by_class":
            chosen &= pruned_by_noise_rate(labels, pred_probs, counts.disputed, sizes, prune)
        if filter_by != "prune_by_noise_rate":
            given = as_floats(given_probs(labels, pred_probs))
            chosen &= pruned_by_class(labels, given, counts.disputed, sizes, prune)
    issues = np.zeros(len(labels), dtype=bool)
    issues[counts.disputed[chosen]] = True
    return issues


def ranked_label_issues(
    labels: Ints,
    pred_probs: Floats,
    rank_by: RankBy = "self_confidence",
    filter_by: FilterBy = "prune_by_noise_rate",
    *,
    collisions: Collisions = "cleanlab",
    counts: ConfidentCounts | None = None,
) -> Ints:
    """Return the rows of `label_issues`, most doubtful first, as cleanlab's `return_indices_ranked_by` orders them.

    Equal scores stand in the order of NumPy's default argsort, as in cleanlab; our own tables order them by row.
    """
    _check_name("rank_by", rank_by, get_args(RankBy))
    rows = np.flatnonzero(label_issues(labels, pred_probs, filter_by, collisions=collisions, counts=counts))
    if not len(rows):
        return rows
    parts = np.array_split(rows, 1 + rows.size * pred_probs.shape[1] // (1 << 20))  # not all copied at once
    score = np.concatenate([_SCORES[rank_by](labels[part], as_floats(rows_of(pred_probs, part))) for part in parts])
    return rows[np.argsort(score)]


def _calibrated(joint: Ints, class_sizes: Ints) -> Ints:
    scaled = (joint.T / np.clip(joint.sum(axis=1), 1e-100, None) * class_sizes).T
    scaled = scaled / np.clip(scaled.sum(), 1e-100, None) * class_sizes.sum()
    return _rounded_rows(scaled)


def _prune_counts(joint: Ints) -> Ints:
    """Return how many rows labelled j to prune towards class i (K, K): transposed, with one row left in each class."""
    counts = joint.T
    diagonal = counts.diagonal()
    kept = np.maximum(diagonal, 1)
    others = np.maximum(np.count_nonzero(counts, axis=0) - 1.0, 1.0)
    reduced = np.clip(counts - (kept - diagonal) / others, 0, None)
    np.fill_diagonal(reduced, kept)
    return _rounded_rows(reduced.astype(np.int64))


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


def _check_name(option: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise InputError(
            f"There is no {option} {name!r}.{nearest_name(name, known)} Choose one of: {', '.join(known)}."
        )
