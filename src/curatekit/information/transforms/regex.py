"""The transform `regex`: how often a pattern matches in each text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from curatekit.arrays import Floats
from curatekit.errors import InputError
from curatekit.reporting import note


def regex(inputs: Sequence[Sequence[str]], argument: str) -> Floats:
    r"""Return how often the pattern, as in `regex:(?i)\bnot\b`, matches in each text: (n, 1), of pairs (n, 2).

    The syntax is that of Rust's regex crate, whose time is linear in the text for every pattern: it knows neither look-around
    nor back-references. Raises InputError for a pattern that is none.
    """
    if not argument:
        raise InputError("The attribute 'regex' has no pattern. Write it behind the colon, such as regex:(?i)never.")
    try:
        counts = [pl.Series(texts, dtype=pl.String).str.count_matches(argument).to_numpy() for texts in inputs]
    except pl.exceptions.ComputeError as error:
        said = [line.removeprefix("error: ") for line in str(error).splitlines() if line.startswith("error: ")]
        raise InputError(
            f"The pattern {argument!r} cannot be used: {(said or [str(error).splitlines()[0]])[0].rstrip('.')}. "
            "Write a regular expression without look-around and back-references."
        ) from error
    columns = np.column_stack(counts).astype(np.float64)
    matched = int(columns.any(axis=1).sum())
    if matched in (0, len(columns)):
        note(f"The pattern {argument!r} matches in {'no row' if not matched else 'every row'}.")
    return columns
