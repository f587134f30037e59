"""A column of the data, as what it holds: numbers, or names. Files of text hold numbers as text, and gaps as nothing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from curatekit.arrays import Floats
from curatekit.errors import InputError, nearest_name


class Column(NamedTuple):
    """The n values of a column."""

    name: str
    shown: pl.Series  # strings, null where there is nothing
    numbers: Floats | None  # (n,) NaN where there is nothing; None where the values are names
    dates: bool  # the numbers count days or parts of seconds, and are shown as dates


def read_column(frame: pl.DataFrame, name: str) -> Column:
    """Return the column `name` of a table of n rows; raises InputError for one that is not there, or holds lists or bytes.

    Text that is a number in every row is numbers; an empty text, as csv has for a gap, and NaN are nothing.
    """
    if name not in frame.columns:
        raise InputError(
            f"There is no column {name!r}.{nearest_name(name, frame.columns)} Columns: {', '.join(frame.columns)}."
        )
    values = frame[name]
    if values.dtype.is_nested() or values.dtype in (pl.Binary, pl.Object):
        raise InputError(f"The column {name!r} holds {values.dtype}, not single values. Choose another column.")
    if values.dtype.is_float():
        values = values.fill_nan(None)
    if values.dtype in (pl.String, pl.Categorical, pl.Enum):
        text = values.cast(pl.String).str.strip_chars()
        shown = text.set(text == "", None)
        parsed = shown.cast(pl.Float64, strict=False)
        numeric = len(shown) > shown.null_count() and parsed.is_finite().sum() == len(shown) - shown.null_count()
        return Column(name, shown, parsed.to_numpy() if numeric else None, False)
    if values.dtype == pl.Boolean:
        return Column(name, values.cast(pl.String), None, False)
    dates = values.dtype.is_temporal()
    numbers = (values.to_physical() if dates else values).cast(pl.Float64)
    return Column(name, values.cast(pl.String), numbers.fill_null(np.nan).to_numpy(), dates)
