"""V-usable information by slice: the values of a column, bins of its numbers, or lengths of the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.information.columns import Column, read_column
from curatekit.information.means import mean_intervals
from curatekit.information.words import words
from curatekit.intervals import Interval, wilson
from curatekit.reporting import note
from curatekit.scores.pvi import pvi

LENGTH = "length"
"""What is asked for to slice by the number of words."""

_BINS = 5
_FEW = 10  # different numbers, each a slice of its own
_MOST = 50  # slices of one column


class Slicing(NamedTuple):
    """Which slice each of n rows is in."""

    by: str
    codes: Ints  # (n,) indices into names
    names: tuple[str, ...]


class Slice(NamedTuple):
    """What V can use for the rows of one slice."""

    name: str
    rows: int
    v_information: Interval  # bits; the mean PVI of its rows, which may well be negative
    accuracy: float
    negative_share: Interval  # of the rows, those with PVI below 0


def v_by_slice(
    labels: Ints,
    pred_probs: Floats,
    null_probs: Floats,
    slicing: Slicing,
    units: Ints | None = None,
    *,
    confidence: float = 0.95,
) -> tuple[Slice, ...]:
    """Return V-usable information of each slice that has rows, in the slicing's order: the mean PVI of its rows.

    labels (n,), pred_probs and null_probs (n, K), out of sample; units (n,) as in `v_information`. The null is that of
    all rows: what a slice tells of the label by itself counts for its rows. Limits as in `v_information`. Ethayarajh et al.
    (2022), section 2.3: the mean PVI of any subset is its difficulty for V.
    """
    bits = pvi(labels, pred_probs, null_probs)
    right = pred_probs.argmax(axis=1) == labels
    n_slices = len(slicing.names)
    rows = np.bincount(slicing.codes, minlength=n_slices)
    correct = np.bincount(slicing.codes, right, n_slices)
    negative = np.bincount(slicing.codes, bits < 0, n_slices)
    means = mean_intervals(bits, slicing.codes, n_slices, units, confidence=confidence)
    return tuple(
        Slice(
            name,
            int(rows[k]),
            means[k],
            float(correct[k] / rows[k]),
            wilson(int(negative[k]), int(rows[k]), confidence),
        )
        for k, name in enumerate(slicing.names)
        if rows[k]
    )


def slicing(by: str, frame: pl.DataFrame, inputs: Sequence[Sequence[str]]) -> Slicing:
    """Return the slices of n rows by the column `by` of their table, or by "length" where no column is called so.

    Up to ten different numbers, and up to 50 names, are slices of their own, names by size; more numbers make five bins of
    about as many rows, with their ends in the name, such as "stars 2 to 3"; of more names the rarest are put together. Rows
    without a value are a slice. The length is the number of words, of both texts of a pair. Raises InputError for a
    column that is not there, or whose names are all different, as texts and ids are.
    """
    if by == LENGTH and by not in frame.columns:
        lengths = np.sum([words(texts).list.len().to_numpy() for texts in inputs], axis=0).astype(np.float64)
        shown = pl.Series(lengths.astype(np.int64)).cast(pl.String)
        return _numbers(Column(LENGTH, shown, lengths, False), " words")
    column = read_column(frame, by)
    return _names(column) if column.numbers is None else _numbers(column)


def _names(column: Column) -> Slicing:
    values = column.shown.alias("value")
    counts = values.drop_nulls().value_counts(name="rows").sort("rows", "value", descending=[True, False])
    if len(counts) > 1 and len(counts) == len(values) - values.null_count():
        raise InputError(
            f"All values of the column {column.name!r} are different, so its slices would be single rows. "
            "Choose a column whose values repeat."
        )
    kept = counts["value"].to_list()
    rest = len(kept) - _MOST + 1 if len(kept) > _MOST else 0
    if rest:
        kept = kept[:-rest]
        note(f"{column.name!r} has {len(counts):,} different values; the {rest:,} rarest are one slice.")
    code = {value: k for k, value in enumerate(kept)}
    other, missing = len(kept), len(kept) + bool(rest)
    codes = [missing if value is None else code.get(value, other) for value in values]
    names = [f"{column.name} {value}" for value in kept] + ([f"{column.name}: {rest:,} other values"] if rest else [])
    return Slicing(column.name, np.array(codes, np.int64), (*names, f"{column.name} missing"))


def _numbers(column: Column, unit: str = "") -> Slicing:
    numbers = column.numbers
    assert numbers is not None
    known = np.flatnonzero(~np.isnan(numbers))
    distinct, first, code, rows = np.unique(numbers[known], return_index=True, return_inverse=True, return_counts=True)
    # equal numbers stay together: each goes where the middle of its rows stands in the order
    bins = (
        np.arange(len(distinct))
        if len(distinct) <= _FEW
        else np.unique((_BINS * (rows.cumsum() - rows / 2) / len(known)).astype(np.int64), return_inverse=True)[1]
    )
    n_bins = int(bins.max(initial=-1)) + 1
    low, high = np.searchsorted(bins, np.arange(n_bins)), np.searchsorted(bins, np.arange(n_bins), "right") - 1
    ends = np.stack([low, high])
    shown = (
        column.shown.gather(known[first[ends.ravel()]]).to_list() if column.dates else _written(distinct[ends.ravel()])
    )
    names = [
        f"{column.name} {a}{unit}" if a == b else f"{column.name} {a} to {b}{unit}"
        for a, b in zip(shown[:n_bins], shown[n_bins:], strict=True)
    ]
    codes = np.full(len(numbers), n_bins)
    codes[known] = bins[code]
    return Slicing(column.name, codes, (*names, f"{column.name} missing"))


def _written(numbers: Floats) -> list[str]:
    """Return the numbers in as few digits, four or more, as tell them apart."""
    for digits in (4, 8, 17):
        written = [f"{number:.0f}" if number.is_integer() else f"{number:.{digits}g}" for number in numbers.tolist()]
        if len(set(written)) == len(np.unique(numbers)):
            break
    return written
