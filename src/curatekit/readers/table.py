"""What every parser returns: the columns of a file as they are, and the rows that could not be parsed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from curatekit.arrays import Ints


class Broken(NamedTuple):
    """A row that the parser could not read: where it stands in the file, and what is wrong with it."""

    number: int
    reason: str


class Table(NamedTuple):
    """A parsed file.

    frame    its columns; strings stay strings, and nothing was coerced
    numbers  (n,) where each row of the frame stands in the file: its first line, or its place in a binary table
    unit     "line" or "row", what `numbers` counts; both from 1
    broken   the rows that are not in the frame
    written  by column: the values as they stand in the file, where the frame's type would lose that (1.0, 1e0)
    """

    frame: pl.DataFrame
    numbers: Ints
    unit: str
    broken: tuple[Broken, ...] = ()
    written: Mapping[str, pl.Series] = {}

    def strings(self, column: str) -> pl.Series:
        """Return the column's values as strings, null where there is none; numbers as written, booleans in lower case."""
        if column in self.written:
            return self.written[column]
        series = self.frame[column]
        if series.dtype.is_float():
            series = series.fill_nan(None)  # the missing value of tables that come from pandas
        return series.cast(pl.String)


def counted(frame: pl.DataFrame) -> Table:
    """Return the table of a file that counts rows, all of them readable."""
    return Table(frame, np.arange(1, frame.height + 1), "row")
