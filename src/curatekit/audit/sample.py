"""The file of rows to review: drawn from the issues, with an empty column for the verdict and what the estimate needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from curatekit.audit.design import draw, neyman_design
from curatekit.audit.expected import rates_expected
from curatekit.errors import InputError, nearest_name

VERDICT = "verdict"
STRATUM, STRATUM_ROWS = "stratum", "stratum_rows"
_NEEDED = {
    "id": pl.String,
    "text": pl.String,
    "given_label": pl.String,
    "suggested_label": pl.String,
    "score": pl.Float64,
    "is_issue": pl.Boolean,
    "self_confidence": pl.Float64,
}


def audit_sample(issues: pl.DataFrame, n_reviews: int, seed: int = 0) -> pl.DataFrame:
    """Return the rows to review, in the order to review them; issues are all rows, the most doubtful first.

    Columns: id, text, given_label, suggested_label, verdict (empty), stratum (from 1, the most doubtful), stratum_rows
    and inclusion_probability. The last three are all that an estimate needs, so that the file may be copied about.
    """
    design = neyman_design(rates_expected(issues), n_reviews)
    drawn = draw(design, np.random.default_rng(seed))
    return issues[drawn.rank].select("id", "text", "given_label", "suggested_label").with_columns(
        pl.lit(None, pl.String).alias(VERDICT),
        pl.Series(STRATUM, drawn.stratum + 1),
        pl.Series(STRATUM_ROWS, design.rows[drawn.stratum]),
        pl.Series("inclusion_probability", (design.drawn / design.rows)[drawn.stratum]).round(6),
    )  # fmt: skip


def read_issues(path: Path | str) -> pl.DataFrame:
    """Return the issues in a file that curate find-errors wrote, the most doubtful first, ties as they stand there.

    Raises InputError for a missing column, a value that is none of its kind, an id twice, and a file that holds only
    the first rows.
    """
    from curatekit.readers import read_frame

    return typed_issues(read_frame(path), path)


def typed_issues(frame: pl.DataFrame, path: Path | str) -> pl.DataFrame:
    """Return what `read_issues` does, of the columns in the file at `path` as they were read."""
    from curatekit.run import read_manifest

    for name in _NEEDED:
        if name not in frame.columns:
            raise InputError(
                f"{path} has no column {name!r}.{nearest_name(name, frame.columns)} Give the file that curate find-errors wrote."
            )
    manifest = read_manifest(path)
    if manifest and manifest["command"] == "find-errors" and manifest["parameters"].get("top"):
        raise InputError(
            f"{path} holds only the {len(frame):,} most doubtful rows, and a count needs rows of all kinds. "
            "Run curate find-errors again without --top."
        )
    frame = frame.select(_typed(frame[name], kind, path) for name, kind in _NEEDED.items())
    if (repeated := frame["id"].is_duplicated()).any():
        raise InputError(f"{path} has the id {frame['id'].filter(repeated)[0]!r} more than once. Keep one row of each.")
    return frame.sort("score", nulls_last=True, maintain_order=True)


def _typed(column: pl.Series, kind: type[pl.DataType], path: Path | str) -> pl.Series:
    """Return a column as its kind: csv holds all as strings."""
    text = column.cast(pl.String)
    if kind == pl.Boolean:
        return pl.Series(column.name, [str(value).strip().lower() in ("true", "1", "yes") for value in text.to_list()])
    if kind == pl.String:
        return text
    blank = text.is_null() | (text.str.strip_chars() == "")
    numbers = text.cast(pl.Float64, strict=False)
    if (bad := numbers.is_null() & ~blank | ~numbers.fill_null(0).is_finite()).any():
        raise InputError(f"{path}: {text.filter(bad)[0]!r} in column {column.name!r} is no number. Correct it.")
    return numbers
