"""The rows to review, in the order to review them: the most doubtful first, or as an audit drew them."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from heapq import heappop, heappush
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError, nearest_name
from curatekit.specs import folded

Order = Literal["suspicion", "audit"]
APART = 20  # rows between two that are nearly the same, so that nobody is shown one thing over and over
_NEEDED = ("id", "text", "given_label", "suggested_label")
_STRATUM, _STRATUM_ROWS = "stratum", "stratum_rows"  # as curatekit.audit.sample names them
_LOOKED_AT, _BEGINNING = 64, 20  # characters of a text, and of its letters
READ_BY_POLARS = (".csv", ".parquet")
_UNKNOWN_LOG_ODDS = (2.0, -5.0)


class Design(NamedTuple):
    """How the rows were drawn: the stratum of each (n,) from 0, and by stratum (H,) its rows and the log-odds expected."""

    stratum: Ints
    rows: Ints
    expected: Floats


@dataclass(frozen=True, eq=False)
class Queue:
    """The rows to review; axis 0 of every array is their order."""

    frame: pl.DataFrame
    """As in the file: id, text, given_label, suggested_label, and what there is to go by."""
    classes: tuple[str, ...]
    design: Design | None
    """How an audit drew them; None where the most doubtful stand first."""
    alike: Ints
    """(n,) the first row with the same text but for case, spaces and punctuation."""
    name: str
    """What to call the file."""
    whole: bool = True
    """Whether these are all rows of the file."""

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The key of each row's content; decisions are kept by it, so they outlive a new run of find-errors."""
        return content_keys(*(self.frame[name] for name in ("text", "given_label", "id")))

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The first row of each key."""
        first: dict[str, int] = {}
        for row, key in enumerate(self.keys):
            first.setdefault(key, row)
        return first

    @cached_property
    def contents(self) -> Ints:
        """(n,) the first row of each row's content; copies with the same label are one, and decided together."""
        return np.fromiter((self.row_of[key] for key in self.keys), np.int64, len(self))

    @cached_property
    def pairs(self) -> tuple[tuple[str, str, int], ...]:
        """The pairs of given and suggested label that differ, with how many rows have them, the most frequent first."""
        given, suggested = pl.col("given_label"), pl.col("suggested_label")
        counted = self.frame.filter(given != suggested).group_by(given, suggested).len()
        return tuple(counted.sort("len", given, suggested, descending=[True, False, False]).iter_rows())

    def cell(self, row: int, name: str) -> Any:
        """Return a value of a row, None where there is no such column."""
        return self.frame[name][row] if name in self.frame.columns else None

    def number(self, row: int, name: str) -> float | None:
        """Return a value of a row as a number, None where it is none."""
        try:
            return float(self.cell(row, name))
        except (TypeError, ValueError):
            return None


def content_keys(
    texts: Iterable[str | None], labels: Iterable[str | None], ids: Iterable[str | None]
) -> tuple[str, ...]:
    """Return for each row 32 hexadecimal digits of the SHA-256 of its text and given label; without a text, of its id."""
    keys = []
    for text, label, id in zip(texts, labels, ids, strict=True):
        kind, said = (b"2:id", str(id)) if text is None else (b"4:text", text)
        content = said.encode()
        keys.append(sha256(b"%b%d:%b%b" % (kind, len(content), content, (label or "").encode())).hexdigest()[:32])
    return tuple(keys)


def alike(texts: Sequence[str | None]) -> Ints:
    """Return (n,) the first row whose text is the same but for case, spaces and punctuation; without a text, the row itself.

    Rows with another beginning are told apart by it, so that few texts are looked at whole.
    """
    begins = [None if text is None else folded(text[:_LOOKED_AT])[:_BEGINNING] for text in texts]
    shared = Counter(begins)
    first: dict[str, int] = {}
    found = []
    for row, (text, begin) in enumerate(zip(texts, begins, strict=True)):
        if text is None or begin is None or (shared[begin] == 1 and len(begin) == _BEGINNING):
            found.append(row)
        else:
            found.append(first.setdefault(folded(text), row))
    return np.array(found, np.int64)


def spaced(alike: Ints, apart: int = APART) -> Ints:
    """Return the rows (n,) in order, but those that are like an earlier one at least `apart` rows behind it, while others are left."""
    _, groups = np.unique(alike, return_inverse=True)
    group = groups.tolist()
    coming, order = deque(range(len(group))), list[int]()
    free_at = dict[int, int]()  # the place from which the next row of a group may stand
    held: dict[int, deque[int]] = {}
    due: list[tuple[int, int]] = []  # a heap: that place, and the first row of the group that is held back
    while coming or due:
        place = len(order)
        if due and (due[0][0] <= place or not coming):
            row = heappop(due)[1]
            held[group[row]].popleft()
        else:
            row = coming.popleft()
            waiting = held.setdefault(group[row], deque())
            if waiting or free_at.get(group[row], 0) > place:
                waiting.append(row)
                if len(waiting) == 1:
                    heappush(due, (free_at[group[row]], row))
                continue
        order.append(row)
        free_at[group[row]] = place + apart + 1
        if held[group[row]]:
            heappush(due, (free_at[group[row]], held[group[row]][0]))
    return np.array(order, np.int64)


def read_queue(path: Path | str, order: Order | None = None, *, draw: int = 200, seed: int = 0) -> Queue:
    """Return the rows of a file that curate find-errors or curate audit-sample wrote, in the order to review them.

    By suspicion: by score, low and doubtful first, rows that are nearly the same kept apart. As an audit: those that
    audit-sample drew, in its order, or `draw` rows that are drawn now from the issues. Without an order, as the file is.
    Raises InputError for a missing column, an id twice, labels that are not one class a row, and an audit of what is no
    list of all rows.
    """
    from curatekit.run import read_manifest

    path = Path(path)
    manifest = read_manifest(path)
    frame = checked(_issues(path, manifest), path, manifest)
    is_drawn = drawn(frame)
    classes = labels_of(frame, manifest)
    if (order or ("audit" if is_drawn else "suspicion")) == "suspicion":
        if is_drawn:
            raise InputError(
                f"{path} is a sample, to be reviewed in its own order. Leave --order out, or give the issues that it was drawn from."
            )
        frame, first = by_suspicion(frame)
        return Queue(frame, classes, None, first, path.name)
    from curatekit.audit.expected import rates_expected
    from curatekit.audit.sample import audit_sample, typed_issues

    source = _drawn_from(path, manifest) if is_drawn else path
    issues = None if source is None else _issues(source, read_manifest(source)) if is_drawn else frame
    rates = None
    if issues is not None and source is not None:
        typed = typed_issues(issues, source)
        rates = rates_expected(typed)
        if not is_drawn:
            frame = audit_sample(typed, draw, seed).select("id", _STRATUM, _STRATUM_ROWS, "inclusion_probability")
        classes = tuple(sorted({*classes, *labels_of(issues, None)}))
        more = [name for name in issues.columns if name not in frame.columns]
        frame = frame.join(
            issues.select(pl.col("id").cast(pl.String), *more), on="id", how="left", maintain_order="left"
        )
    frame = frame.with_columns(pl.col(*_NEEDED).cast(pl.String))
    return Queue(frame, classes, _design(path, frame, rates), alike(frame["text"].to_list()), path.name)


def checked(frame: pl.DataFrame, path: Path, manifest: dict[str, Any] | None) -> pl.DataFrame:
    """Return the rows of the issues at `path` with their id, text and labels as strings; raises InputError as `read_queue` does."""
    kind = manifest["metrics"].get("label_kind", "class") if manifest else "class"
    if kind != "class":
        raise InputError(f"{path} holds labels of the kind {kind}, and curate review is for one class a row.")
    for name in _NEEDED:
        if name not in frame.columns:
            raise InputError(
                f"{path} has no column {name!r}.{nearest_name(name, frame.columns)} "
                "Give the file that curate find-errors or curate audit-sample wrote."
            )
    frame = frame.with_columns(pl.col(*_NEEDED).cast(pl.String))
    if (repeated := frame["id"].is_duplicated()).any():
        raise InputError(f"{path} has the id {frame['id'].filter(repeated)[0]!r} more than once. Keep one row of each.")
    if not len(frame):
        raise InputError(f"{path} has no rows, so there is nothing to review.")
    return frame


def drawn(frame: pl.DataFrame) -> bool:
    """Return whether the rows are a sample that audit-sample drew."""
    return {_STRATUM, _STRATUM_ROWS} <= set(frame.columns)


def by_suspicion(frame: pl.DataFrame) -> tuple[pl.DataFrame, Ints]:
    """Return the rows by score, those nearly the same apart, and what `alike` says of them so."""
    if "score" in frame.columns:
        score = pl.col("score").cast(pl.Float64, strict=False)
        frame = frame.sort(score, nulls_last=True, maintain_order=True)
    first = alike(frame["text"].to_list())
    if len(np.unique(first)) == len(first):
        return frame, first
    order = spaced(first)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return frame[order], place[first[order]]  # the first of those alike stays the first


def labels_of(frame: pl.DataFrame, manifest: dict[str, Any] | None) -> tuple[str, ...]:
    """Return the labels that the rows bear or might bear, sorted."""
    named = {label for name in ("given_label", "suggested_label") for label in frame[name].unique() if label}
    return tuple(sorted(named | set(map(str, (manifest or {}).get("metrics", {}).get("classes") or ()))))


def _issues(path: Path, manifest: dict[str, Any] | None) -> pl.DataFrame:
    """Return the table at `path`: by polars where it is byte for byte what curate wrote by it, which takes a twentieth of the time."""
    from curatekit.files import sha256_file
    from curatekit.readers import read_frame

    written = {entry["sha256"] for entry in manifest["outputs"] if entry["path"] == path.name} if manifest else set()
    if written and path.suffix in READ_BY_POLARS and path.is_file() and sha256_file(path) in written:
        return read_written(path)
    return read_frame(path)


def read_written(path: Path, rows: int | None = None) -> pl.DataFrame:
    """Return the (first) rows of a table that curate wrote, as curatekit.readers does: in csv each cell is a string, an empty one too."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path, n_rows=rows, glob=False)
    return pl.read_csv(path, infer_schema=False, n_rows=rows, glob=False).with_columns(pl.all().fill_null(""))


def _drawn_from(path: Path, manifest: dict[str, Any] | None) -> Path | None:
    """Return the file of all issues that a sample was drawn from; None where it is gone, or another now."""
    from curatekit.files import sha256_file

    if manifest is None or manifest["command"] != "audit-sample":
        return None
    source = manifest["inputs"][0]
    place = Path(os.path.normpath(path.parent / source["path"]))
    return place if place.is_file() and sha256_file(place) == source["sha256"] else None


def _design(path: Path, frame: pl.DataFrame, rates: Floats | None) -> Design:
    """Return how the rows were drawn; raises InputError for strata that are no whole numbers, or of two sizes.

    rates: P(label is wrong) expected of each of all rows, by rank; None where they are not known.
    """
    stratum, held = (frame[name].cast(pl.Int64, strict=False) for name in (_STRATUM, _STRATUM_ROWS))
    sizes = pl.DataFrame({_STRATUM: stratum, _STRATUM_ROWS: held}).unique().sort(_STRATUM)
    numbers = sizes[_STRATUM].to_list()
    if stratum.null_count() or held.null_count() or numbers != list(range(1, len(numbers) + 1)):
        raise InputError(
            f"{path}: the columns {_STRATUM} and {_STRATUM_ROWS} are not as curate audit-sample wrote them, every row of the sample "
            "with its own. Draw it again."
        )
    rows = sizes[_STRATUM_ROWS].to_numpy()
    # without the issues it is only known that the strata stand from doubtful to undoubted
    expected = np.linspace(*_UNKNOWN_LOG_ODDS, len(rows))
    if rates is not None and len(rates) == rows.sum():
        expected = np.bincount(np.repeat(np.arange(len(rows)), rows), np.log(rates / (1 - rates))) / rows
    return Design(stratum.to_numpy() - 1, rows, expected)
