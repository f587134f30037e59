"""jsonl, line by line: the schema comes from the whole file, and numbers keep the form in which they are written."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import polars as pl

from curatekit.errors import InputError
from curatekit.readers.source import decode, unreadable
from curatekit.readers.table import Broken, Table
from curatekit.reporting import note

MAX_DEPTH = 32
MAX_KEYS = 4096
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class _Number(str):
    """A number with a fraction or an exponent, as written: 1.0 and 1e0 are the same float and different labels."""

    __slots__ = ()


class _Refused(ValueError):
    """JSON that parsers disagree on."""


def read_jsonl(data: bytes, path: str) -> Table:
    """Return the table of `data`, one JSON object a line; a key that a row lacks is null there. Blank lines are no rows.

    Broken are rows that are no object, that repeat a key, hold NaN, nest too deeply, or are not Unicode.
    A column that mixes strings, numbers or shapes is read as text, and `note` says so.
    """
    text, strict = decode(data, path)
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    broken: list[Broken] = []
    lines = text.split("\n")  # not splitlines: U+2028 and its like may stand inside a string
    decoder = json.JSONDecoder(object_pairs_hook=_object, parse_float=_Number, parse_constant=_constant)
    for number, line in enumerate(lines, start=1):
        if not line or line.isspace():
            continue
        if not strict and (wrong := unreadable(line)):
            broken.append(Broken(number, wrong))
            continue
        try:
            row = decoder.decode(line.strip())
        except json.JSONDecodeError as error:
            cut = ", the last: is the file still being written?" if number == len(lines) else ""
            broken.append(Broken(number, f"not JSON at character {error.pos + 1} ({error.msg.lower()}){cut}"))
        except RecursionError:
            broken.append(Broken(number, "brackets are nested too deeply"))
        except ValueError as error:  # ours, or an integer of thousands of digits
            broken.append(Broken(number, str(error)))
        else:
            if not isinstance(row, dict):
                broken.append(Broken(number, f"not a JSON object but a {type(row).__name__}"))
            elif line.count("[") + line.count("{") > MAX_DEPTH and _depth(row) > MAX_DEPTH:
                broken.append(Broken(number, "brackets are nested too deeply"))
            elif _SURROGATE.search(line) and (wrong := _lone_surrogate(row)):
                broken.append(Broken(number, wrong))
            else:
                rows.append(row)
                numbers.append(number)
    frame, written = _columns(rows, path)
    return Table(frame, np.array(numbers, dtype=np.int64), "line", tuple(broken), written)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refused(f"the key {twice!r} occurs twice")
    return value


def _constant(name: str) -> None:
    raise _Refused(f"{name} is not JSON; write null")


def _depth(row: dict[str, Any]) -> int:
    level: list[Any] = [row]
    depth = 0
    while level := [value for value in level if isinstance(value, (dict, list))]:
        depth += 1
        level = [item for value in level for item in (value.values() if isinstance(value, dict) else value)]
    return depth


def _lone_surrogate(row: dict[str, Any]) -> str | None:
    for name, value in row.items():
        if unreadable(name):
            return "a key holds a lone surrogate"
        if wrong := unreadable(_text(value) or ""):
            return f"column {name!r}: {wrong}"
    return None


def _columns(rows: list[dict[str, Any]], path: str) -> tuple[pl.DataFrame, dict[str, pl.Series]]:
    names = dict.fromkeys(name for row in rows for name in row)
    if len(names) > MAX_KEYS:
        raise InputError(
            f"{path} has {len(names)} different keys, more than {MAX_KEYS}. Give its rows the same few keys."
        )
    columns: list[pl.Series] = []
    written: dict[str, pl.Series] = {}
    for name in names:
        values = [row.get(name) for row in rows]
        types = set(map(type, values)) - {type(None)}
        series = _typed(name, values, types)
        if series is None:
            note(f"{path}: column {name!r} mixes kinds of values; it is read as text.")
            series = pl.Series(name, [_text(value) for value in values], dtype=pl.String)
        elif _Number in types:
            written[name] = pl.Series(name, [_text(value) for value in values], dtype=pl.String)
        columns.append(series)
    return pl.DataFrame(columns), written


def _typed(name: str, values: list[Any], types: set[type]) -> pl.Series | None:
    """Return the values in the one type that holds them all unchanged, or None when there is no such type."""
    if types <= {str}:
        return pl.Series(name, values, dtype=pl.String)
    if types == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if types == {int} and all(value is None or -(2**63) <= value < 2**63 for value in values):
        return pl.Series(name, values, dtype=pl.Int64)
    if types <= {int, _Number}:
        floats = [None if value is None else float(value) for value in values]
        whole = all(value is None or abs(value) <= 2**53 for value in values if not isinstance(value, _Number))
        return pl.Series(name, floats, dtype=pl.Float64) if whole else None
    if types == {list} or types == {dict}:
        nested = [_floats(value) for value in values]
        try:
            series = pl.Series(name, nested, strict=True)
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            return None
        # polars fills missing keys, and has been seen to turn [2.5] into [2]
        return series if series.to_list() == nested else None
    return None


def _floats(value: Any) -> Any:
    if isinstance(value, _Number):
        return float(value)
    if isinstance(value, list):
        return [_floats(item) for item in value]
    if isinstance(value, dict):
        return {name: _floats(item) for name, item in value.items()}
    return value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    return json.dumps(_floats(value), ensure_ascii=False)
