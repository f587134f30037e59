"""csv and tsv, by Python's csv reader: the only one here that tells short rows from empty cells and knows line numbers."""

from __future__ import annotations

import csv
import io
from threading import Lock

import numpy as np
import polars as pl

from curatekit.errors import InputError
from curatekit.readers.source import decode, unreadable
from curatekit.readers.table import Broken, Table

_field_limit = Lock()  # csv.field_size_limit is one global of the process


def read_csv(data: bytes, path: str) -> Table:
    """Return the table of comma-separated `data`, every cell a string; an empty cell is the empty string.

    A row with more or fewer cells than the header is broken, and so is one that is not UTF-8. Blank lines are no rows.
    Raises InputError when the quoting does not add up, since no row after that can be trusted.
    """
    return _read(data, path, ",")


def read_tsv(data: bytes, path: str) -> Table:
    """Return the table of tab-separated `data`, by the rules of `read_csv`."""
    return _read(data, path, "\t")


def _read(data: bytes, path: str, delimiter: str) -> Table:
    text, strict = decode(data, path)
    rows: list[list[str]] = []
    numbers: list[int] = []
    broken: list[Broken] = []
    line = 1
    with _field_limit:
        before = csv.field_size_limit(max(len(text), 1))
        try:
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
            header = next(filter(None, reader), [])
            _check_header(header, path)
            line = reader.line_num + 1
            for cells in reader:
                if cells and (reason := _reason(cells, header, strict)):
                    broken.append(Broken(line, reason))
                elif cells:
                    rows.append(cells)
                    numbers.append(line)
                line = reader.line_num + 1
        except csv.Error as error:
            raise InputError(
                f"{path}, line {line}: the row that begins here cannot be parsed ({error}). "
                'Close its quotes, and write a quote inside a quoted cell twice ("").'
            ) from error
        finally:
            csv.field_size_limit(before)
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    frame = pl.DataFrame(dict(zip(header, columns, strict=True)), schema=dict.fromkeys(header, pl.String))
    return Table(frame, np.array(numbers, dtype=np.int64), "line", tuple(broken))


def _check_header(header: list[str], path: str) -> None:
    for name in header:
        if wrong := unreadable(name):
            raise InputError(f"{path}, line 1: a column name cannot be read: {wrong}. Save the file as UTF-8.")
    if len(set(header)) != len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise InputError(f"{path} has two columns named {twice!r}. Rename one of them.")


def _reason(cells: list[str], header: list[str], strict: bool) -> str | None:
    if len(cells) != len(header):
        return f"the row has {len(cells)} cells and the header {len(header)}"
    if not strict:
        for name, cell in zip(header, cells, strict=True):
            if wrong := unreadable(cell):
                return f"column {name!r}: {wrong}"
    return None
