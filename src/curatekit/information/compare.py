"""Several models on the same rows, or several datasets for one family: differences of V, with limits that hold together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.information.differences import difference
from curatekit.information.means import mean_interval
from curatekit.intervals import Interval


class ModelPair(NamedTuple):
    """Two models of the same rows."""

    first: int
    second: int
    difference: Interval  # bits, V of the first less V of the second
    pearson: float  # of the rows' PVI; NaN where that of one model does not vary
    spearman: float
    sign_changes: float  # the share of rows whose PVI is negative by one of the two alone


class DatasetPair(NamedTuple):
    """Two datasets for one family."""

    first: int
    second: int
    common: int  # rows of the first that stand in the second too
    difference: Interval  # bits, V of the first less V of the second
    share_difference: Interval  # of their shares of the label entropy


def compare_models(pvi: Floats, units: Ints | None = None, *, confidence: float = 0.95) -> tuple[ModelPair, ...]:
    """Return every two of m models compared by their PVI of the same n rows, pvi (m, n) in bits.

    The limits are those of the mean of the rows' differences (`mean_intervals`), so that what makes a row hard for all models
    cancels; the rows are taken as a sample and the models as given. units (n,): rows of one unit (copies, a group) are no
    evidence of their own. With m (m − 1) / 2 = p pairs each interval has coverage 1 − (1 − confidence) / p, so that all of
    them hold together with probability `confidence` or more (Bonferroni). Raises InputError for fewer than two models.

    Source: Dunn (1961), Multiple Comparisons Among Means, JASA 56:52, for the limits of several differences.
    """
    pvi = np.asarray(pvi, np.float64)
    pairs = _pairs(len(pvi), "models")
    units = np.arange(pvi.shape[1]) if units is None else units
    return tuple(
        ModelPair(
            a,
            b,
            difference(pvi[a], pvi[b], units, units, confidence=_each(confidence, pairs)),
            _pearson(pvi[a], pvi[b]),
            _pearson(_ranks(pvi[a]), _ranks(pvi[b])),
            float(((pvi[a] < 0) != (pvi[b] < 0)).mean()),
        )
        for a, b in pairs
    )


def compare_datasets(
    pvi: Sequence[Floats], null_bits: Sequence[Floats], units: Sequence[Ints], *, confidence: float = 0.95
) -> tuple[DatasetPair, ...]:
    """Return every two of m datasets compared: of each, pvi, null_bits = −log2 p(y | ∅) and units (n,), in bits.

    units are codes of the same units in all of them: a row that stands in two datasets, such as before and after its label
    was mended, is one unit, and the two are paired; rows that have nothing in common are not. The limits of the differences in
    bits hold together, and so do those of the shares, as in `compare_models`. Raises InputError for fewer than two datasets.
    """
    pairs = _pairs(len(pvi), "datasets")
    each = _each(confidence, pairs)
    shares = [_share_values(bits, null) for bits, null in zip(pvi, null_bits, strict=True)]
    return tuple(
        DatasetPair(
            a,
            b,
            int(np.isin(units[a], units[b]).sum()),
            difference(pvi[a], pvi[b], units[a], units[b], confidence=each),
            difference(shares[a], shares[b], units[a], units[b], confidence=each),
        )
        for a, b in pairs
    )


def share_of_entropy(
    pvi: Floats, null_bits: Floats, units: Ints | None = None, *, confidence: float = 0.95
) -> Interval:
    """Return V / H_V(Y | ∅), the part of the label entropy that V can use, of n rows with pvi and null_bits (n,) in bits.

    The ratio of two means r = Σ PVI / Σ h is linearised: its limits are those of the mean of r + (PVI − r h) / h̄. Cochran (1977),
    Sampling Techniques, section 6.4. NaN where the label has no entropy.
    """
    return mean_interval(_share_values(pvi, null_bits), units, confidence=confidence)


def furthest_apart(pvi: Floats, most: int) -> Ints:
    """Return the rows, `most` of them, whose PVI pvi (m, n) differs most between two of m models, the furthest first."""
    rows: Ints = np.argsort(-np.ptp(pvi, axis=0), kind="stable")[:most]
    return rows


def _share_values(pvi: Floats, null_bits: Floats) -> Floats:
    entropy = float(np.mean(null_bits))
    if entropy <= 0:
        return np.full(len(pvi), np.nan)
    ratio = float(np.mean(pvi)) / entropy
    values: Floats = ratio + (pvi - ratio * null_bits) / entropy
    return values


def _pairs(m: int, of: str) -> list[tuple[int, int]]:
    if m < 2:
        raise InputError(f"A comparison needs two {of} or more; there is {m or 'none'}.")
    return list(combinations(range(m), 2))


def _each(confidence: float, pairs: Sequence[object]) -> float:
    """Return the confidence of each interval for all of them to hold together with `confidence`."""
    return 1 - (1 - confidence) / len(pairs)


def _pearson(x: Floats, y: Floats) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    a, b = ((values - values.mean()) / np.ptp(values) for values in (x, y))
    return float(np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b)))


def _ranks(values: Floats) -> Floats:
    from scipy.stats import rankdata

    ranks: Floats = rankdata(values)
    return ranks
