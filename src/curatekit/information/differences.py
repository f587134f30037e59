"""Differences of two means, paired where their rows are the same, and which rows are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curatekit.arrays import Floats, Ints, Strings
from curatekit.errors import InputError
from curatekit.information.means import mean_interval
from curatekit.intervals import Interval
from curatekit.predict.folding import bound_together


def difference(
    first: Floats, second: Floats, first_units: Ints, second_units: Ints, *, confidence: float = 0.95
) -> Interval:
    """Return mean(first) − mean(second) of values (n,) and (m,), with limits of coverage `confidence`.

    first_units (n,) and second_units (m,) are codes of the same units: what is sampled is the unit, and where it has rows in both,
    their values are paired. So one formula serves the same rows measured twice, rows that have nothing in common, and all
    between: unit u counts Σ (x − x̄) / n over its rows in the first, less the same over those in the second, and the limits are
    those of the mean of these counts (`mean_intervals`). Pairing rows that have nothing to do with each other does no harm. One
    unit has no limits (NaN). Raises InputError where one of the two is empty.

    Source: Cochran (1977), Sampling Techniques, section 6.5, for the linearised mean of clusters.
    """
    if not len(first) or not len(second):
        raise InputError("A difference needs two samples. Give at least one row of each.")
    value = float(np.mean(first) - np.mean(second))
    unit, code = np.unique(np.concatenate([first_units, second_units]), return_inverse=True)
    parts = [(np.asarray(x, np.float64) - np.mean(x)) / len(x) for x in (first, second)]
    counts = np.bincount(code, np.concatenate([parts[0], -parts[1]])).astype(np.float64) * len(unit)
    _, low, high = mean_interval(counts, confidence=confidence)
    return Interval(value, value + low, value + high)


def common_units(
    texts: Sequence[Sequence[str]],
    groups: Sequence[Sequence[str] | Strings] | None = None,
    ids: Sequence[Sequence[str] | Strings] | None = None,
) -> tuple[Ints, ...]:
    """Return the unit (n,) of each row of each dataset, as codes that all of them share.

    Rows with an equal text are of one unit, within a dataset and across, and so are rows with an equal group or id where these
    are given, one sequence for each dataset.
    """
    units = bound_together([text for own in texts for text in own], None if groups is None else _joined(groups))
    if ids is not None:
        units = bound_together(units.tolist(), _joined(ids))
    return tuple(np.split(units, np.cumsum([len(own) for own in texts])[:-1]))


def _joined(values: Sequence[Sequence[str] | Strings]) -> list[str]:
    return [value for own in values for value in own]
