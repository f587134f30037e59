"""The PVI below which predictions are mostly wrong: where it lies is a matter of the classes, not half a bit everywhere."""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.intervals import Interval, wilson
from curatekit.scores.pvi import pvi


class Threshold(NamedTuple):
    """Of the rows with PVI ≤ pvi, more than half are predicted wrong; of those under any higher value, no more than half."""

    pvi: Interval  # bits; a limit is infinite where the rows do not tell
    rows: int  # with PVI ≤ pvi
    wrong: Interval  # their share that is predicted wrong


class Thresholds(NamedTuple):
    """Where predictions are mostly wrong, None where they nowhere are."""

    overall: Threshold | None
    per_class: dict[int, Threshold | None]  # of the classes that have rows


def mostly_wrong_below(labels: Ints, pred_probs: Floats, null_probs: Floats, *, confidence: float = 0.95) -> Thresholds:
    """Return the largest t such that of the rows with PVI ≤ t more than half are predicted wrong, overall and by class.

    labels (n,), pred_probs and null_probs (n, K), out of sample. The limits of t are the largest t at which Wilson's lower,
    and upper, limit of the share that is wrong is above one half: below the first most are wrong beyond doubt, above the
    second no more. The rows are taken as independent. Ethayarajh et al. (2022), section 4.1, find about 0.5 bits on SNLI.
    """
    bits = pvi(labels, pred_probs, null_probs)
    wrong = pred_probs.argmax(axis=1) != labels
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    per_class = {
        int(label): _threshold(bits[rows], wrong[rows], confidence)
        for label, rows in zip(present, np.split(order, starts[1:]), strict=True)
    }
    return Thresholds(_threshold(bits, wrong, confidence), per_class)


def _threshold(bits: Floats, wrong: Bools, confidence: float) -> Threshold | None:
    order = np.argsort(bits, kind="stable")
    values = bits[order]
    count, rows = wrong[order].cumsum(), np.arange(1, len(bits) + 1)
    whole = np.append(values[1:] != values[:-1], True)  # rows of equal PVI are under a threshold together
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    # Wilson's limits are the p at which |share − p| = z √(p(1 − p) / rows); one half lies outside where it is nearer.
    half = z * np.sqrt(0.25 / rows)

    def last(above: Bools) -> int:
        found = np.flatnonzero(above & whole)
        return int(found[-1]) if len(found) else -1

    share = count / rows
    at, low, high = (last(share > level) for level in (0.5, 0.5 + half, 0.5 - half))
    if at < 0:
        return None
    return Threshold(
        Interval(
            float(values[at]),
            float(values[low]) if low >= 0 else float("-inf"),
            float(values[high]) if high < len(values) - 1 else float("inf"),
        ),
        at + 1,
        wilson(int(count[at]), at + 1, confidence),
    )
