"""The transform `column`: another column of the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from curatekit.errors import InputError
from curatekit.information.columns import read_column

_OWN = 32  # names that get a column of their own


def column(frame: pl.DataFrame, argument: str) -> Any:
    """Return the values of a column of the data: numbers (n, 1); names as columns; texts that hardly repeat as texts (n strings).

    Names are a column for each of the 32 commonest, of 0 and 1, and one of the ranks by number of rows; a missing value is
    missing in all of them. Texts are names of which more than half of the rows have one of their own. Raises InputError for a
    column that is not there.
    """
    if not argument:
        raise InputError("The attribute 'column' has no name. Write it behind the colon, such as column:source.")
    values = read_column(frame, argument)
    if values.numbers is not None:
        return values.numbers
    known = values.shown.alias("value").drop_nulls()
    counts = known.value_counts(name="rows").sort("rows", "value", descending=[True, False])
    if 2 * len(counts) > len(frame) and len(counts) > _OWN:
        return (values.shown.fill_null("").to_list(),)
    rank = {value: float(k) for k, value in enumerate(counts["value"])}
    ranks = np.array([np.nan if value is None else rank[value] for value in values.shown])
    own = [np.where(np.isnan(ranks), np.nan, ranks == k) for k in range(min(_OWN, len(counts)))]
    return np.column_stack([*own, ranks])
