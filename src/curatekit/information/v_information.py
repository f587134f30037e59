"""V-usable information: how much a family of models V can use of the input to tell the label."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.intervals import Interval
from curatekit.probabilities import FLOOR
from curatekit.scores.pvi import pvi
from curatekit.scores.self_confidence import given_probs

_DRAWS_AT_ONCE = 1 << 22


class ClassInformation(NamedTuple):
    """What V can use for the rows of one class.

    A prediction with PVI above −1 − log2 p(y | ∅) is right (p(y | x) > 1/2), and one below −log2 K − log2 p(y | ∅) is
    wrong (p(y | x) < 1/K). That is all the arithmetic that the literature's "0.5 bit" threshold holds, and it differs
    from class to class. The null also differs a little from fold to fold: `right_above` and `wrong_below` take the mean
    of −log2 p(y | ∅) over the class, so a row that lies within that difference of a bound may fall on its other side.
    """

    label: int
    rows: int
    v_information: Interval  # bits; the mean PVI of the class
    accuracy: float
    negative_share: float  # of the rows, those with PVI below 0
    wrong_below: float
    right_above: float


class VInformation(NamedTuple):
    """V-usable information of n rows, in bits per row: label_entropy − conditional_entropy."""

    rows: int
    v_information: Interval
    label_entropy: float  # H_V(Y | ∅), the mean of −log2 p(y | ∅)
    conditional_entropy: float  # H_V(Y | X), the mean of −log2 p(y | x)
    accuracy: float
    negative_share: float
    per_class: tuple[ClassInformation, ...]  # the classes that have rows


def v_information(
    labels: Ints,
    pred_probs: Floats,
    null_probs: Floats,
    *,
    seed: int = 0,
    confidence: float = 0.95,
    n_resamples: int = 1000,
) -> VInformation:
    """Return I_V(X → Y) = H_V(Y | ∅) − H_V(Y | X), the mean PVI in bits, with bootstrap percentiles; the same by class.

    labels (n,), pred_probs and null_probs (n, K), out of sample. The interval is that of the rows as a sample, the
    fitted models taken as given; a class of one row has no interval (NaN). Raises InputError when there is no row.

    Sources: Xu et al. (2020), A Theory of Usable Information under Computational Constraints, ICLR; Ethayarajh, Choi &
    Swayamdipta (2022), ICML, equations 2 and 5; Efron & Tibshirani (1993), chapter 13, for the percentiles.
    """
    if not len(labels):
        raise InputError("V-usable information needs rows. Give at least one labelled row.")
    bits = pvi(labels, pred_probs, null_probs)
    rng = np.random.default_rng(seed)
    null_bits = -np.log2(np.maximum(given_probs(labels, null_probs), FLOOR))
    right = pred_probs.argmax(axis=1) == labels

    def interval(values: Floats) -> Interval:
        return bootstrap_mean(values, rng, confidence, n_resamples)

    overall = interval(bits)
    per_class = []
    for label in np.unique(labels).tolist():
        own = labels == label
        per_class.append(
            ClassInformation(
                label,
                int(own.sum()),
                interval(bits[own]),
                float(right[own].mean()),
                float((bits[own] < 0).mean()),
                float(null_bits[own].mean() - np.log2(pred_probs.shape[1])),
                float(null_bits[own].mean() - 1),
            )
        )
    label_entropy = float(null_bits.mean())
    return VInformation(
        rows=len(labels),
        v_information=overall,
        label_entropy=label_entropy,
        conditional_entropy=label_entropy - overall.value,
        accuracy=float(right.mean()),
        negative_share=float((bits < 0).mean()),
        per_class=tuple(per_class),
    )


def bootstrap_mean(values: Floats, rng: np.random.Generator, confidence: float, n_resamples: int) -> Interval:
    """Return the mean of values (n,) with the percentiles of the means of `n_resamples` resamples."""
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(mean, float("nan"), float("nan"))
    at_once = max(1, _DRAWS_AT_ONCE // len(values))
    means = np.concatenate(
        [
            values[rng.integers(len(values), size=(min(at_once, n_resamples - done), len(values)))].mean(axis=1)
            for done in range(0, n_resamples, at_once)
        ]
    )
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(mean, float(low), float(high))
