"""Reading reviews: files with an id and a verdict, drawn by `curate audit-sample` or written by anybody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from curatekit.arrays import Ints
from curatekit.audit.sample import STRATUM, STRATUM_ROWS, VERDICT
from curatekit.dataset import Dataset, quoted
from curatekit.errors import InputError, VerificationFailed, nearest_name
from curatekit.reporting import note

VERDICTS = (VERDICT, "correct_label")
KEEP, WRONG, DROP, UNSURE = ("keep", "right"), ("wrong",), ("drop",), ("unsure", "?")


class Review(NamedTuple):
    """What was said of one row: whether its given label is wrong, and the right one where it was named."""

    wrong: bool
    label: str | None
    said: str
    path: str
    drop: bool = False
    """Whether the row is to be left out, for no label fits it."""


class Sample(NamedTuple):
    """What was drawn: the rows of each stratum (H,), and the stratum of each id that was drawn, from 0."""

    rows: Ints
    stratum: dict[str, int]
    path: str


@dataclass(frozen=True)
class Reviews:
    """The verdicts by id, and the sample that they were drawn in; None where no file is a drawn sample."""

    verdicts: dict[str, Review]
    sample: Sample | None

    @property
    def n_right(self) -> int:
        return sum(not review.wrong for review in self.verdicts.values())

    @property
    def n_unnamed(self) -> int:
        """How many rows were reviewed as wrong without a word on what is right."""
        return sum(review.wrong and not review.label and not review.drop for review in self.verdicts.values())


def read_reviews(paths: Sequence[Path | str], dataset: Dataset) -> Reviews:
    """Return the reviews in all the files, together.

    A file has a column `id` and a column `verdict` or `correct_label`, in which stands the right label, or `keep` (also
    `right`), `wrong`, `drop` (wrong, and no label fits), `unsure` (which counts as not reviewed, as does an empty cell).
    A name that is a label of the data is that label. Rows with a stratum were drawn by curate audit-sample; several samples of the same strata are one.

    Raises InputError for a missing column, an unknown id, a verdict that is none, two that contradict each other, and
    strata that are not those of the dataset or of each other; VerificationFailed when the label of a row is no longer
    the one that was reviewed.
    """
    verdicts: dict[str, Review] = {}
    sample: Sample | None = None
    given = dict(zip(dataset.ids.tolist(), dataset.label_names, strict=True))
    for path in paths:
        frame = _frame(path, dataset, given)
        for id, said in _said(frame):
            review = _review(id, said, str(path), given[id], dataset)
            if review is not None:
                verdicts[id] = _agreed(id, verdicts.get(id), review)
        drawn = _sample(frame, path, dataset)
        sample = drawn if sample is None else _joined(sample, drawn)
    if not verdicts:
        raise InputError(
            f"{', '.join(map(str, paths))}: no row is reviewed yet. Write the right label, or keep or wrong, in the column "
            f"{VERDICT!r}."
        )
    return Reviews(verdicts, sample)


def _frame(path: Path | str, dataset: Dataset, given: dict[str, str | None]) -> pl.DataFrame:
    """Return the columns of a file as strings, after checking that its rows are rows of the dataset as it is."""
    from curatekit.readers import read_frame

    frame = read_frame(path)
    frame = frame.select(pl.col(name).cast(pl.String) for name in frame.columns if not frame.schema[name].is_nested())
    if "id" not in frame.columns:
        raise InputError(
            f"{path} has no column 'id' to match its rows to the data.{nearest_name('id', frame.columns)} "
            f"Columns: {', '.join(frame.columns)}."
        )
    if not set(VERDICTS) & set(frame.columns):
        raise InputError(
            f"{path} has no column {' or '.join(map(repr, VERDICTS))}.{nearest_name(VERDICT, frame.columns)} "
            f"Columns: {', '.join(frame.columns)}."
        )
    ids = frame["id"].to_list()
    unknown = [id for id in ids if id not in given]
    if unknown:
        raise InputError(
            f"{path} reviews {unknown[0]!r}{f' and {len(unknown) - 1:,} more' if len(unknown) > 1 else ''}, no row of "
            f"{dataset.name}.{nearest_name(str(unknown[0]), map(str, given)) if len(given) < 1000 else ''} Give the data that "
            "was reviewed, read with the same --id."
        )
    if "given_label" in frame.columns:
        for id, then in zip(ids, frame["given_label"].to_list(), strict=True):
            if then is not None and then != given[id]:
                raise VerificationFailed(
                    f"row {id!r} of {dataset.name} is labelled {given[id]!r}, but {path} reviewed it as {then!r}. The data was "
                    "changed since; draw a new sample to count the errors that are left."
                )
    return frame


def _said(frame: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield the cells that say something, with their ids."""
    for name in VERDICTS:
        if name in frame.columns:
            for id, said in zip(frame["id"].to_list(), frame[name].to_list(), strict=True):
                if said is not None and said.strip():
                    yield id, said.strip()


def _review(id: str, said: str, path: str, given: str | None, dataset: Dataset) -> Review | None:
    folded = said.casefold()
    if said in dataset.classes:
        if folded in (*KEEP, *WRONG, *DROP, *UNSURE):
            note(f"{said!r} is a label of the data, so the verdict {said!r} names that label.")
        return Review(said != given, said, said, path)
    if folded in UNSURE:
        return None
    if folded in KEEP:
        return Review(False, given, said, path)
    if folded in (*WRONG, *DROP):
        return Review(True, None, said, path, folded in DROP)
    alike = [name for name in dataset.classes if name.strip().casefold() == folded]
    if len(alike) == 1:
        return Review(alike[0] != given, alike[0], said, path)
    raise InputError(
        f"{path}: the verdict {quoted(said)} on row {id!r} is no label of {dataset.name}, nor keep, wrong, drop or unsure."
        f"{nearest_name(said, (*dataset.classes, *KEEP, *WRONG, *DROP, *UNSURE))} Where the right label is none of the data's, "
        "write drop."
    )


def _agreed(id: str, before: Review | None, now: Review) -> Review:
    """Return what both say, which may be that the label is wrong and what to do; raises InputError if they differ."""
    if before is None:
        return now
    named = {review.label or "drop" for review in (before, now) if review.label or review.drop}
    if before.wrong != now.wrong or len(named) > 1:
        where = f"in {before.path}" if before.path == now.path else f"in {before.path} and in {now.path}"
        raise InputError(
            f"the reviews contradict each other on row {id!r}: {quoted(before.said)} and {quoted(now.said)}, {where}. "
            "Settle it, and leave one verdict."
        )
    return before if before.label or before.drop else now


def _sample(frame: pl.DataFrame, path: Path | str, dataset: Dataset) -> Sample | None:
    """Return what of a file was drawn, or None when nothing was."""
    if STRATUM not in frame.columns or STRATUM_ROWS not in frame.columns:
        return None
    rows: dict[int, int] = {}
    stratum: dict[str, int] = {}
    for id, number, size in frame.select("id", STRATUM, STRATUM_ROWS).iter_rows():
        if number is None or not number.strip():
            continue
        try:
            which, held = int(number), int(size)
        except (TypeError, ValueError):
            raise InputError(
                f"{path}: row {id!r} has the stratum {number!r} of {size!r} rows, which are no whole numbers. "
                "Leave these columns as curate audit-sample wrote them."
            ) from None
        if which < 1 or rows.setdefault(which, held) != held:
            raise InputError(
                f"{path}: stratum {which} of row {id!r} cannot hold {held:,} rows, by what other rows say. "
                "Leave these columns as curate audit-sample wrote them."
            )
        stratum[id] = which - 1
    if not rows:
        return None
    if sum(rows.values()) != len(dataset) or max(rows) != len(rows):
        raise InputError(
            f"the strata in {path} hold {sum(rows.values()):,} rows, but {dataset.name} has {len(dataset):,}. Give the data "
            "that the sample was drawn from, and the whole sample, rows without verdict too."
        )
    return Sample(np.array([rows[number] for number in range(1, len(rows) + 1)]), stratum, str(path))


def _joined(one: Sample, other: Sample | None) -> Sample:
    if other is None:
        return one
    if not np.array_equal(one.rows, other.rows):
        raise InputError(
            f"{one.path} and {other.path} were drawn from different strata, so they are no one sample. Give one of them, "
            "or draw both from the same issues with the same -n and another --seed."
        )
    return Sample(one.rows, one.stratum | other.stratum, one.path)
