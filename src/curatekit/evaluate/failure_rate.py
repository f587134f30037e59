"""How often a model fails on the specifications' cases: in all, per specification, and averaged over labels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from curatekit.errors import InputError
from curatekit.intervals import Interval, mean_of_rates, wilson


class Failures(NamedTuple):
    """One row of a table of failures: how many of the n cases of `name` were answered with another label."""

    name: str
    n: int
    failures: int
    rate: Interval


class FailureRates(NamedTuple):
    """overall: plain, over all cases. by_label_mean: the mean of the rates within each expected label, so that a model
    which merely says one label more often gains nothing. per_specification and per_label: sorted by name."""

    overall: Interval
    by_label_mean: Interval
    per_specification: tuple[Failures, ...]
    per_label: tuple[Failures, ...]


def failure_rate(
    predicted: ArrayLike, expected: ArrayLike, specification: ArrayLike, confidence: float = 0.95
) -> FailureRates:
    """Return the share of cases whose predicted label is not the expected one, with Wilson intervals.

    predicted, expected: (n,) labels, as names or as codes; specification: (n,) the specification of each case.
    The intervals take the cases as independent draws. Raises InputError when there is no case.
    """
    predicted, expected, specification = np.asarray(predicted), np.asarray(expected), np.asarray(specification)
    if not predicted.shape == expected.shape == specification.shape or predicted.ndim != 1:
        raise ValueError(f"shapes differ: {predicted.shape}, {expected.shape}, {specification.shape}")
    if not len(predicted):
        raise InputError("There is no test case to count failures on. Give specifications that hold tests.")
    failed = np.asarray(predicted != expected)
    per_label = _table(failed, expected, confidence)
    return FailureRates(
        overall=wilson(int(failed.sum()), len(failed), confidence),
        by_label_mean=mean_of_rates([row.rate for row in per_label]),
        per_specification=_table(failed, specification, confidence),
        per_label=per_label,
    )


def _table(failed: np.ndarray[Any, np.dtype[np.bool_]], by: Any, confidence: float) -> tuple[Failures, ...]:
    names, group = np.unique(by, return_inverse=True)
    n, failures = np.bincount(group), np.bincount(group, weights=failed).astype(int)
    return tuple(
        Failures(str(name), int(total), int(count), wilson(int(count), int(total), confidence))
        for name, total, count in zip(names, n, failures, strict=True)
    )
