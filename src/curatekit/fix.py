"""Correcting a dataset by its issues, with a list of what was changed from which the original can be restored."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from curatekit.audit.reviews import Reviews
from curatekit.dataset import Dataset
from curatekit.errors import InputError, VerificationFailed, nearest_name
from curatekit.files import write_text
from curatekit.label_cells import Cells, ClassCells

Action = Literal["relabel", "drop"]
Policy = Literal["relabel", "drop", "both", "reviewed"]
Unnamed = Literal["drop", "suggested", "leave"]
FORMAT = "curatekit patch 1"
NEEDED = ("id", "given_label", "suggested_label", "is_issue", "suggested_probability", "reasons")


@dataclass(frozen=True)
class Change:
    """One row that was changed. `old` and `new` are values of the label column, or lists with one of each of several
    columns; `record` is the dropped row, whole.
    """

    id: str
    row: int
    action: Action
    old: Any
    new: Any
    reason: str
    record: dict[str, Any] | None = None


@dataclass(frozen=True)
class Patch:
    """What was changed in which table: enough to undo it."""

    label: str | tuple[str, ...]
    """The column of the labels, or the two of preferences."""
    original: str
    """SHA-256 of the file that was fixed."""
    fixed: str
    """Name of the corrected file, beside the patch."""
    fixed_sha256: str
    changes: tuple[Change, ...]


def changes(
    dataset: Dataset,
    issues: pl.DataFrame,
    policy: Policy = "relabel",
    *,
    top: int | None = None,
    min_suggested_probability: float = 0.0,
    cells: Cells | None = None,
    reviews: Reviews | None = None,
    unnamed: Unnamed = "drop",
) -> list[Change]:
    """Return the changes that the reviews decided, then those that the rows of `issues` marked is_issue ask for.

    A reviewed row gets the label that was named, is left out where no label fits, and is never touched where it was
    found right; for one that is wrong in an unknown way, see `unnamed`. The policy is for the other rows, and "reviewed"
    changes none of them. `top` takes the first so many, `min_suggested_probability` those whose suggestion is that
    probable; with the policy "both" those are relabelled and the others dropped. Rows are found by id. `cells` say how
    labels stand in the table, where they are not one class a row.

    unnamed  what becomes of a row reviewed as wrong whose right label nobody named: it is left out, or gets the label
             suggested in `issues` (and is left out where that is the given one, or none), or is left as it is

    Raises InputError for a missing column, an unknown id or one twice, or a suggestion that is no class of the dataset,
    and VerificationFailed when a row's label is not the one that the issue speaks of.
    """
    for name in NEEDED:
        if name not in issues.columns:
            raise InputError(
                f"the issues have no column {name!r}.{nearest_name(name, issues.columns)} "
                "Give the file that curate find-errors wrote."
            )
    if (repeated := issues["id"].is_duplicated()).any():
        raise InputError(
            f"the issues have the id {issues['id'].filter(repeated)[0]!r} more than once. Keep one of each."
        )
    row_of = {id: row for row, id in enumerate(dataset.ids)}
    cells = cells or ClassCells(dataset)
    decided = [] if reviews is None else _decided(dataset, issues, row_of, cells, reviews, unnamed)
    chosen: list[Change] = []
    for issue in issues.iter_rows(named=True):
        if len(chosen) == top or policy == "reviewed":
            break
        sure = _number(issue) >= min_suggested_probability
        if not _is_true(issue["is_issue"]) or not (sure or policy == "both"):
            continue
        id, suggested = str(issue["id"]), str(issue["suggested_label"])
        if reviews is not None and id in reviews.verdicts:
            continue
        if id not in row_of:
            raise InputError(
                f"the issue {id!r} is no row of {dataset.name}. Give the data that the issues were found in."
            )
        row = row_of[id]
        if not cells.agrees(row, str(issue["given_label"])):
            raise VerificationFailed(
                f"row {id!r} of {dataset.name} is labelled {cells.label(row)!r}, but its issue says {issue['given_label']!r}. "
                "The data was changed since; run curate find-errors again."
            )
        reason = str(issue["reasons"] or "")
        if policy == "drop" or not sure:
            chosen.append(_drop(dataset, id, row, cells, reason))
        elif not cells.agrees(row, suggested):
            chosen.append(_relabel(id, row, cells, suggested, reason))
    return [*decided, *chosen]


def _decided(
    dataset: Dataset,
    issues: pl.DataFrame,
    row_of: Mapping[str, int],
    cells: Cells,
    reviews: Reviews,
    unnamed: Unnamed,
) -> list[Change]:
    """Return the changes that people decided."""
    suggested = dict(zip(issues["id"].cast(pl.String), issues["suggested_label"].cast(pl.String), strict=True))
    made: list[Change] = []
    for id, review in reviews.verdicts.items():
        row, reason, label = row_of[id], f"reviewed: {review.said}", review.label
        if not review.wrong:
            continue
        if label is None and not review.drop:
            if unnamed == "leave":
                continue
            if unnamed == "suggested":
                label, reason = suggested.get(id), f"{reason}; the label is the suggested one"
        if label is None or cells.agrees(row, label):
            made.append(_drop(dataset, id, row, cells, f"reviewed: {review.said}"))
        else:
            made.append(_relabel(id, row, cells, label, reason))
    return made


def _drop(dataset: Dataset, id: str, row: int, cells: Cells, reason: str) -> Change:
    return Change(id, row, "drop", cells.value(row), None, reason, _record(dataset.frame[row]))


def _relabel(id: str, row: int, cells: Cells, label: str, reason: str) -> Change:
    return Change(id, row, "relabel", cells.value(row), cells.suggested(row, label, id), reason)


def spellings(dataset: Dataset, made: Sequence[Change]) -> list[Change]:
    """Return the changes that write each label of a dataset read with normalised labels as it was read.

    Rows that `made` changes are left to it. There are none where labels were read as they stand.
    """
    names = dataset.label_names
    if dataset.frame.schema[dataset.columns.label or ""] != pl.String:
        return []
    done = {change.row for change in made}
    written = dataset.frame[dataset.columns.label or ""].to_list()
    return [
        Change(str(dataset.ids[row]), row, "relabel", old, new, "normalised label")
        for row, (old, new) in enumerate(zip(written, names, strict=True))
        if new is not None and old != new and row not in done
    ]


def fixed(frame: pl.DataFrame, label: str | tuple[str, ...], changes: Sequence[Change]) -> pl.DataFrame:
    """Return the table with the changes made: labels replaced, dropped rows gone, all else as it was."""
    frame = _with_labels(frame, label, {change.row: change.new for change in changes if change.action == "relabel"})
    dropped = {change.row for change in changes if change.action == "drop"}
    return frame[[row for row in range(len(frame)) if row not in dropped]] if dropped else frame


def restored(frame: pl.DataFrame, label: str | tuple[str, ...], changes: Sequence[Change]) -> pl.DataFrame:
    """Return the table as it was before the changes: dropped rows back in their place, labels as they were."""
    dropped = sorted((change for change in changes if change.action == "drop"), key=lambda change: change.row)
    if dropped:
        rows = _from_records([change.record or {} for change in dropped], frame.schema)
        n = len(frame) + len(dropped)
        back = np.array([change.row for change in dropped])
        source = np.empty(n, dtype=np.int64)
        source[np.setdiff1d(np.arange(n), back)] = np.arange(len(frame))
        source[back] = len(frame) + np.arange(len(dropped))
        frame = pl.concat([frame, rows])[source]
    return _with_labels(frame, label, {change.row: change.old for change in changes if change.action == "relabel"})


def class_counts(before: pl.DataFrame, after: pl.DataFrame, label: str) -> pl.DataFrame:
    """Return label, before, after: how many rows each class has in the two tables; fixing can empty a rare class."""
    counts = [
        frame[label].cast(pl.String).alias("label").value_counts(name=name)
        for frame, name in ((before, "before"), (after, "after"))
    ]
    both = counts[0].join(counts[1], on="label", how="full", coalesce=True)
    return both.with_columns(pl.col("before", "after").fill_null(0).cast(pl.Int64)).sort("label")


def patch_path(path: Path | str) -> Path:
    """Return where the patch of a corrected file stands: beside it, its name with `.patch.jsonl` behind."""
    path = Path(path)
    return path.with_name(path.name + ".patch.jsonl")


def write_patch(patch: Patch, path: Path | str) -> None:
    """Write a patch as JSON lines: first what was fixed, then one change a line."""
    head = {"format": FORMAT, **{name: value for name, value in asdict(patch).items() if name != "changes"}}
    lines = [head, *(asdict(change) for change in patch.changes)]
    write_text(path, "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines))


def read_patch(path: Path | str) -> Patch:
    """Return the patch in a file; raises InputError when it is none."""
    try:
        head, *lines = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").split("\n") if line]
        if head.pop("format") != FORMAT:
            raise KeyError("format")
        if isinstance(head["label"], list):
            head["label"] = tuple(head["label"])
        return Patch(**head, changes=tuple(Change(**line) for line in lines))
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"There is no file {path}. Give the .patch.jsonl that curate fix wrote.") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no patch: {error}. Give the .patch.jsonl that curate fix wrote.") from error


def _is_true(value: object) -> bool:
    return value is True or str(value).strip().lower() in ("true", "1", "yes")


def _number(issue: Mapping[str, Any]) -> float:
    try:
        return float(issue["suggested_probability"])
    except (TypeError, ValueError):
        raise InputError(
            f"the issue {issue['id']!r} has {issue['suggested_probability']!r} as its suggested_probability, which is no "
            "number. Correct it, or delete the row."
        ) from None


def _with_labels(frame: pl.DataFrame, label: str | tuple[str, ...], values: Mapping[int, Any]) -> pl.DataFrame:
    if not values:
        return frame
    if not isinstance(label, str):
        for position, name in enumerate(label):
            frame = _with_labels(frame, name, {row: value[position] for row, value in values.items()})
        return frame
    column = frame[label].to_list()
    text = frame.schema[label] == pl.String
    for row, value in values.items():
        column[row] = json.dumps(value) if text and not isinstance(value, str | None) else value
    return frame.with_columns(pl.Series(label, column, dtype=frame.schema[label]))


def _record(row: pl.DataFrame) -> dict[str, Any]:
    """Return a row as JSON can hold it, after proving that it comes back the same."""
    refusal = InputError(
        f"the column types {dict(row.schema)} cannot be kept in a patch, so a dropped row could not come back. "
        "Use --policy relabel, or write the data as jsonl or csv first."
    )
    if any(map(_holds_bytes, row.dtypes)):  # polars panics instead of raising an error
        raise refusal
    stream = io.BytesIO()
    row.write_ndjson(stream)
    record: dict[str, Any] = json.loads(stream.getvalue())
    try:
        back = _from_records([record], row.schema)
    except pl.exceptions.PolarsError:
        raise refusal from None
    if not back.equals(row):
        raise refusal
    return record


def _holds_bytes(dtype: Any) -> bool:
    inner = [dtype.inner] if hasattr(dtype, "inner") else [field.dtype for field in getattr(dtype, "fields", ())]
    return dtype == pl.Binary or any(map(_holds_bytes, inner))


def _from_records(records: Sequence[Mapping[str, Any]], schema: Mapping[str, Any]) -> pl.DataFrame:
    # A record of numbers may belong to a table that was written as csv, where all columns are strings.
    records = [
        {
            name: json.dumps(value) if schema[name] == pl.String and not isinstance(value, str | None) else value
            for name, value in record.items()
        }
        for record in records
    ]
    # One column of whole records: at the top level polars 2.1 reads no small integers.
    lines = "".join(json.dumps({"record": record}, ensure_ascii=False) + "\n" for record in records)
    return pl.read_ndjson(io.BytesIO(lines.encode()), schema={"record": pl.Struct(schema)}).unnest("record")
