"""Which rows of a queue are asked for: by what is decided, by the pair of labels, by a word, by likeness."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from curatekit.arrays import Bools
from curatekit.review.queue import Queue

TODO, DECIDED, UNSURE, SKIPPED, ALL = "todo", "decided", "unsure", "skipped", "all"
STATES = (TODO, DECIDED, UNSURE, SKIPPED, ALL)


class Filter(NamedTuple):
    """Which rows are asked for; an empty word asks for all."""

    state: str = TODO
    given: str = ""
    suggested: str = ""
    search: str = ""
    like: int | None = None
    """Rows that are nearly the same as this one."""

    @property
    def fixed(self) -> Filter:
        """The filter without what decisions change."""
        return self._replace(state=ALL)


def matching(queue: Queue, filter: Filter, alike: np.ndarray) -> Bools:
    """Return (n,) which rows the filter asks for, whatever is decided; `alike` (n,) says which are nearly the same.

    The word is looked for in the text, the id and the reasons, whatever its case.
    """
    conditions = [
        pl.col(name) == wanted
        for name, wanted in (("given_label", filter.given), ("suggested_label", filter.suggested))
        if wanted
    ]
    if filter.search:
        word = filter.search.lower()
        looked_in = [name for name in ("text", "id", "reasons") if name in queue.frame.columns]
        conditions.append(
            pl.any_horizontal(
                pl.col(name).cast(pl.String).str.to_lowercase().str.contains(word, literal=True).fill_null(False)
                for name in looked_in
            )
        )
    rows = np.ones(len(queue), bool)
    if conditions:
        rows = queue.frame.select(pl.all_horizontal(conditions).fill_null(False)).to_series().to_numpy().copy()
    if filter.like is not None and 0 <= filter.like < len(queue):
        rows &= alike == alike[filter.like]
    return rows
