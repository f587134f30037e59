"""Pruning: selection with the sign turned. Which rows of a training set to keep, the most doubtful dropped."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curatekit.arrays import Bools, Floats, Ints, Strings
from curatekit.errors import InputError
from curatekit.evaluate.classification import Classification, classification
from curatekit.predict.probe import fit_probe
from curatekit.reporting import step
from curatekit.select import shares


class Pruned(NamedTuple):
    """Every one of n rows: whether it is kept, and why or why not, in words."""

    kept: Bools
    reason: Strings


class Effect(NamedTuple):
    """How the probe does on held-out rows when trained on all rows, on those kept, and on as many at random."""

    everything: Classification
    kept: Classification
    random: tuple[Classification, ...]
    """One for each draw, with the class shares of the rows kept."""


def count_to_keep(keep: str, n: int) -> int:
    """Return how many of n rows `keep` means: a share such as 0.5 or 50%, or a count. Raises InputError unless 1 … n."""
    try:
        if keep.endswith("%"):
            count = round(float(keep[:-1]) / 100 * n)
        else:
            count = round(float(keep) * n) if "." in keep else int(keep)
    except (ValueError, OverflowError):
        raise InputError(f"--keep {keep} is neither a share such as 0.5 or 50% nor a number of rows.") from None
    if not 1 <= count <= n:
        raise InputError(f"--keep {keep} is {count:,} rows, and there are {n:,}. Keep 1 to {n:,}.")
    return count


def pruned(scores: Floats, labels: Ints, k: int, *, score: str, within_class: bool = True) -> Pruned:
    """Return the k of n rows to keep, those of highest score (ties by row), each with the reason.

    scores (n,): low means doubtful; labels (n,). Within classes, each keeps its share of the rows. Over all, the classes that the score
    finds harder lose more, the rare one most: by self-confidence it may vanish. Raises InputError for a score that is not finite.
    Sorscher et al. (2022), "Beyond neural scaling laws: beating power law scaling via data pruning", for pruning by a score.
    """
    if not np.isfinite(scores).all():
        raise InputError(f"Row {int(np.isfinite(scores).argmin()) + 1} has no finite score. Choose another score.")
    n = len(scores)
    group = labels if within_class else np.zeros(n, np.int64)
    sizes = np.bincount(group)
    wanted = shares(k, sizes.astype(float))
    rank = np.empty(n, np.int64)
    for number in np.flatnonzero(sizes):
        rows = np.flatnonzero(group == number)
        rank[rows[np.argsort(-scores[rows], kind="stable")]] = np.arange(1, len(rows) + 1)
    kept = rank <= wanted[group]
    of = "of its class" if within_class else "of all"
    reason = [
        f"{'kept' if stays else 'dropped'}: {score} {value:.3g}, {place} from the top of the {sizes[g]} {of}, {wanted[g]} kept"
        for stays, value, place, g in zip(kept, scores, rank, group, strict=True)
    ]
    return Pruned(kept, np.array(reason, object))


def random_like(kept: Bools, labels: Ints, seed: int) -> Bools:
    """Return (n,) as many rows of each class as are kept, drawn at random: the baseline that any pruning has to beat."""
    wanted = np.bincount(labels[kept], minlength=int(labels.max()) + 1)
    drawn = np.zeros(len(labels), bool)
    order = np.random.default_rng(seed).permutation(len(labels))
    for label in np.flatnonzero(wanted):
        drawn[order[labels[order] == label][: wanted[label]]] = True
    return drawn


def effect(
    features: Floats, labels: Ints, kept: Bools, heldout_features: Floats, heldout_labels: Ints, n_classes: int,
    *, draws: int = 5, seed: int = 0,
) -> Effect:  # fmt: skip
    """Return the effect of pruning, by probes at the C that cross-validation chooses on all rows: they differ by rows alone."""
    everything = fit_probe(features, labels, n_classes, seed=seed)

    def trained_on(rows: Bools) -> Classification:
        probe = fit_probe(features[rows], labels[rows], n_classes, C=everything.C)
        return classification(heldout_labels, probe.logits(heldout_features).argmax(axis=1), n_classes, seed=seed)

    with step("training with and without", draws + 2, "models") as advance:
        made = []
        drawn = (random_like(kept, labels, seed + draw) for draw in range(draws))
        for rows in (np.ones(len(labels), bool), kept, *drawn):
            made.append(trained_on(rows))
            advance(1)
    return Effect(made[0], made[1], tuple(made[2:]))
