"""Slices of a model's errors that ask for a specification: errors that lie together, where the model fails more than elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.intervals import Interval, wilson
from curatekit.linkage import average_linkage
from curatekit.predict.guidance import unit
from curatekit.reporting import note, step

THRESHOLD = 0.4
"""Mean cosine from which on two groups of errors are one.

Of a probe trained on Davidson that fails on 0.47 of HateCheck: at 0.3, 0.4, 0.5 and 0.6 there were 13, 13, 8 and 3 slices of 0.49, 0.34,
0.19 and 0.11 of the errors. They are of one target group (purity 0.64 to 0.83, 0.23 by chance) more than of one functionality (0.23 to
0.26, 0.11 by chance): the embedding tells what a text is about before it tells how it is said.
"""

LEAST = 5
"""Errors of the first half that make a cluster."""

_MOST = 5_000  # errors of a label that are clustered: n² / 2 distances


class Slice(NamedTuple):
    """A slice of one true label that the model fails on more than elsewhere."""

    label: int
    rows: Ints
    """(r,) all its rows, the nearest to its centre first: as near to it as nine tenths of the errors that made it, and of its label."""
    errors: Ints
    """(e,) those of them that are predicted wrong, in the same order."""
    rate: Interval
    """The error rate on the rows that had no part in finding the slice, with Wilson's limits."""
    counted: int
    """How many rows that are."""
    excess: float
    """Errors beyond chance in the whole slice, at the least: rows · (lower limit − overall error rate). What slices are ranked by."""
    centre: Floats
    """(d,)"""


def error_slices(
    embeddings: Floats,
    labels: Ints,
    predicted: Ints,
    counting: Bools,
    *,
    threshold: float = THRESHOLD,
    least: int = LEAST,
    seed: int = 0,
) -> tuple[Slice, ...]:
    """Return the slices that fail more than the whole does, surely (Wilson's lower limit), the most excess errors first.

    embeddings (n, d), labels and predicted (n,); `counting` (n,) divides the rows: errors outside it are clustered, within their
    true label, by average linkage of cosines from `threshold` on; the rate of what lies as near to the centre is
    counted on the rows in `counting`. Rows that made a cluster would flatter it: errors alone are what it was made of.
    """
    wrong = labels != predicted
    centred = unit(embeddings)
    overall = float(wrong[counting].mean()) if counting.any() else 0.0
    found: list[Slice] = []
    rng = np.random.default_rng(seed)
    kinds = np.unique(labels[wrong & ~counting]).tolist()
    with step("clustering errors", len(kinds), "labels") as advance:
        for label in kinds:
            made_of = np.flatnonzero(wrong & ~counting & (labels == label))
            if len(made_of) > _MOST:
                note(f"{len(made_of):,} errors of one label: {_MOST:,} of them, drawn at random, are clustered.")
                made_of = np.sort(rng.permutation(made_of)[:_MOST])
            own = np.flatnonzero(labels == label)
            for members in clusters(centred[made_of], threshold, least):
                found += _slice(centred, wrong, counting, own, made_of[members], label, overall)
            advance(1)
    order = sorted(range(len(found)), key=lambda place: (-found[place].excess, found[place].rows[0]))
    return tuple(found[place] for place in order)


def clusters(embeddings: Floats, threshold: float, least: int) -> list[Ints]:
    """Return the rows of each cluster of unit vectors (n, d) with `least` or more, by average linkage: mean cosine ≥ threshold."""
    if len(embeddings) < max(least, 2):
        return []
    of = average_linkage(embeddings, threshold)
    return [rows for k in range(of.max() + 1) if len(rows := np.flatnonzero(of == k)) >= least]


def _slice(
    embeddings: Floats, wrong: Bools, counting: Bools, own: Ints, members: Ints, label: int, overall: float
) -> Sequence[Slice]:
    """Return the slice around these errors, or nothing where it does not surely fail more than the whole."""
    (centre,) = unit(embeddings[members].mean(axis=0, keepdims=True))
    bar = np.quantile(embeddings[members] @ centre, 0.1)
    near = embeddings[own] @ centre
    rows = own[np.argsort(-near, kind="stable")][: int((near >= bar).sum())]
    counted = rows[counting[rows]]
    if not len(counted):
        return ()
    rate = wilson(int(wrong[counted].sum()), len(counted))
    excess = len(rows) * (rate.low - overall)
    if excess <= 0:
        return ()
    return (Slice(label, rows, rows[wrong[rows]], rate, len(counted), excess, centre),)
