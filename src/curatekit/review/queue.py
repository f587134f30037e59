"""The rows to review, in the order to review them: the most doubtful first, or as an audit drew them."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError, nearest_name

Order = Literal["suspicion", "audit"]
APART = 20  # rows between two that are nearly the same, so that nobody is shown one thing over and over
_NEEDED = ("id", "text", "given_label", "suggested_label")
_STRATUM, _STRATUM_ROWS = "stratum", "stratum_rows"  # as curatekit.audit.sample names them
_UNKNOWN_LOG_ODDS = (2.0, -5.0)
_NOTHING_BUT_LETTERS = r"[^\p{L}\p{N}]"


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
    name: str
    """What to call the file."""

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The key of each row's content; decisions are kept by it, so they outlive a new run of find-errors."""
        return content_keys(*(self.frame[name].to_list() for name in ("text", "given_label", "id")))

    @cached_property
    def contents(self) -> Ints:
        """(n,) which content each row has; copies of a row with the same label are one, and decided together."""
        number: dict[str, int] = {}
        return np.array([number.setdefault(key, len(number)) for key in self.keys], np.int64)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The first row of each key."""
        return {key: row for row, key in reversed(list(enumerate(self.keys)))}

    @cached_property
    def alike(self) -> Ints:
        """(n,) the first row with the same text but for case, spaces and punctuation."""
        return alike(self.frame["text"])

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
    texts: Sequence[str | None], labels: Sequence[str | None], ids: Sequence[str | None]
) -> tuple[str, ...]:
    """Return for each row 32 hexadecimal digits of the SHA-256 of its text and given label; without a text, of its id."""
    keys = []
    for text, label, id in zip(texts, labels, ids, strict=True):
        digest = hashlib.sha256()
        for part in (b"id", str(id).encode()) if text is None else (b"text", text.encode()):
            digest.update(b"%d:" % len(part) + part)
        digest.update((label or "").encode())
        keys.append(digest.hexdigest()[:32])
    return tuple(keys)


def alike(texts: pl.Series) -> Ints:
    """Return (n,) the first row whose text is the same but for case, spaces and punctuation; of nothing else, the same."""
    bare = texts.str.normalize("NFKC").str.to_lowercase().str.replace_all(_NOTHING_BUT_LETTERS, "")
    frame = pl.DataFrame({"bare": pl.select(pl.when(bare != "").then(bare).otherwise(texts)).to_series()})
    # a row without a text is like no other
    first = frame.with_row_index("row").select(
        pl.when(pl.col("bare").is_null()).then("row").otherwise(pl.col("row").min().over("bare"))
    )
    return first.to_series().to_numpy().astype(np.int64)


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
    from curatekit.readers import read_frame
    from curatekit.run import read_manifest

    path = Path(path)
    manifest = read_manifest(path)
    kind = manifest["metrics"].get("label_kind", "class") if manifest else "class"
    if kind != "class":
        raise InputError(f"{path} holds labels of the kind {kind}, and curate review is for one class a row.")
    frame = read_frame(path)
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
    drawn = {_STRATUM, _STRATUM_ROWS} <= set(frame.columns)
    classes = _classes(frame, manifest)
    if (order or ("audit" if drawn else "suspicion")) == "suspicion":
        if drawn:
            raise InputError(
                f"{path} is a sample, to be reviewed in its own order. Leave --order out, or give the issues that it was drawn from."
            )
        return Queue(_by_suspicion(frame), classes, None, path.name)
    source = _drawn_from(path, manifest) if drawn else path
    if not drawn:
        from curatekit.audit.sample import audit_sample, read_issues

        sample = audit_sample(read_issues(path), draw, seed)
        frame = sample.select("id", _STRATUM, _STRATUM_ROWS, "inclusion_probability").join(
            frame, on="id", how="left", maintain_order="left"
        )
    elif source is not None:
        issues = read_frame(source).with_columns(pl.col(*_NEEDED).cast(pl.String))
        classes = tuple(sorted({*classes, *_classes(issues, None)}))
        more = [name for name in issues.columns if name not in frame.columns]
        frame = frame.join(issues.select("id", *more), on="id", how="left", maintain_order="left")
    return Queue(frame, classes, _design(path, frame, source), path.name)


def _by_suspicion(frame: pl.DataFrame) -> pl.DataFrame:
    if "score" in frame.columns:
        score = pl.col("score").cast(pl.Float64, strict=False)
        frame = frame.sort(score, nulls_last=True, maintain_order=True)
    first = alike(frame["text"])
    return frame if len(np.unique(first)) == len(first) else frame[spaced(first)]


def _classes(frame: pl.DataFrame, manifest: dict[str, Any] | None) -> tuple[str, ...]:
    """Return the labels that the rows bear or might bear, sorted."""
    named = {label for name in ("given_label", "suggested_label") for label in frame[name].unique() if label}
    return tuple(sorted(named | set(map(str, (manifest or {}).get("metrics", {}).get("classes") or ()))))


def _drawn_from(path: Path, manifest: dict[str, Any] | None) -> Path | None:
    """Return the file of all issues that a sample was drawn from; None where it is gone, or another now."""
    from curatekit.files import sha256_file

    if manifest is None or manifest["command"] != "audit-sample":
        return None
    source = manifest["inputs"][0]
    place = Path(os.path.normpath(path.parent / source["path"]))
    return place if place.is_file() and sha256_file(place) == source["sha256"] else None


def _design(path: Path, frame: pl.DataFrame, source: Path | None) -> Design:
    """Return how the rows were drawn; raises InputError for strata that are no whole numbers, or of two sizes."""
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
    if source is not None:
        from curatekit.audit.expected import rates_expected
        from curatekit.audit.sample import read_issues

        rates = rates_expected(read_issues(source))
        if len(rates) == rows.sum():
            expected = np.bincount(np.repeat(np.arange(len(rows)), rows), np.log(rates / (1 - rates))) / rows
    return Design(stratum.to_numpy() - 1, rows, expected)
