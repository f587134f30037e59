"""What the pictures are given: numbers and texts of the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from curatekit.arrays import Floats
from curatekit.errors import InputError


def numbers(name: str, values: ArrayLike, rows: int | None = None) -> Floats:
    """Return the values (n,) as float64, what is infinite as NaN; raises InputError if there are not `rows` of them."""
    found = np.array(values, dtype=np.float64)
    if found.ndim != 1 or rows not in (None, len(found)):
        raise InputError(
            f"{name} has the shape {found.shape}, where {'one dimension' if rows is None else f'({rows},)'} "
            "is needed. Give one number for each row."
        )
    found[~np.isfinite(found)] = np.nan
    return found


@overload
def strings(name: str, values: Sequence[str], rows: int) -> list[str]: ...


@overload
def strings(name: str, values: Sequence[str] | None, rows: int) -> list[str] | None: ...


def strings(name: str, values: Sequence[str] | None, rows: int) -> list[str] | None:
    """Return the values as a list of strings, None for None; raises InputError if there are not `rows` of them."""
    if values is None:
        return None
    if len(values) != rows:
        raise InputError(f"{name} has {len(values)} values for {rows} rows. Give one for each row.")
    return [str(value) for value in values]


def left_out(missing: int, what: str) -> str:
    """Return the sentence about rows that are not drawn, empty when there are none."""
    return f"{missing:,} {'row' if missing == 1 else 'rows'} without {what} left out." if missing else ""


def nothing_to_draw(what: str) -> InputError:
    return InputError(f"There is no {what} to draw: no row has a value. Give at least one finite number.")


def sentences(*parts: str) -> str:
    """Return the parts that are not empty, a space between."""
    return " ".join(part for part in parts if part)
