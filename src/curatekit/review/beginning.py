"""The first rows of a large file of issues, for a page that comes at once while the others are being read."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from curatekit.errors import CurateError
from curatekit.review.queue import READ_BY_POLARS, Order, Queue, by_suspicion, checked, drawn, labels_of, read_written
from curatekit.run import read_manifest

FIRST = 500
LARGE = 4 << 20
"""Bytes from which a file is worth beginning before it is read."""


def beginning(path: Path | str, order: Order | None = None, rows: int = FIRST) -> Queue | None:
    """Return a queue of the first rows of a file that curate find-errors wrote, which stand by score, the most doubtful first.

    None where the file has to be read whole before a row can be shown: it is small, an audit, in another order, or has a fault,
    which `read_queue` tells. Nearly the same rows further down may still come between them.
    """
    path = Path(path)
    try:
        if path.suffix not in READ_BY_POLARS or order == "audit" or path.stat().st_size < LARGE:
            return None
        manifest = read_manifest(path)
        frame = checked(read_written(path, rows), path, manifest)
    except (OSError, pl.exceptions.PolarsError, CurateError):  # told by those who read it whole
        return None
    if drawn(frame) or "score" not in frame.columns or not _by_score(frame["score"]):
        return None
    ordered, alike = by_suspicion(frame)
    return Queue(ordered, labels_of(frame, manifest), None, alike, path.name, whole=False)


def _by_score(scores: pl.Series) -> bool:
    return scores.cast(pl.Float64, strict=False).is_sorted(nulls_last=True)
