"""Rows of images, a prompt and an answer: the texts read as any others are, each image looked at before anything is trained."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from curatekit.arrays import Ints
from curatekit.dataset import SET_ASIDE, Dataset
from curatekit.errors import InputError, nearest_name
from curatekit.images import BadImage, Stored, decoded, require_pillow, stored_bytes
from curatekit.readers.read import SHOWN, read_dataset
from curatekit.readers.tables import Source, read_source
from curatekit.reporting import note, step

_IMAGE = ("image", "images", "image_path", "img", "picture", "photo")
_PROMPT = ("prompt", "question", "instruction", "query", "text")
_ANSWER = ("answer", "completion", "caption", "response", "output", "label")
_NUMBER, _PROMPT_TEXT = "__vlm_number", "__vlm_prompt"


@dataclass(frozen=True, eq=False)
class VlmRows:
    """n rows: `dataset.inputs` holds the prompts and, unless they are asked for, the answers; `keys` what their images are.

    cells: by row the images as they stand in the table; keys: by row the SHA-256 of the images' bytes; root: where paths begin.
    """

    dataset: Dataset
    cells: tuple[tuple[Stored, ...], ...]
    keys: tuple[str, ...]
    root: Path

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def prompts(self) -> tuple[str, ...]:
        return self.dataset.inputs[0]

    @property
    def answers(self) -> tuple[str, ...] | None:
        return self.dataset.inputs[1] if len(self.dataset.inputs) > 1 else None

    def images(self, row: int) -> list[Any]:
        """Return the row's images, decoded."""
        return [decoded(stored_bytes(cell, self.root)).image for cell in self.cells[row]]

    def take(self, rows: Ints | Sequence[int]) -> VlmRows:
        """Return these rows in this order."""
        rows = np.asarray(rows, np.int64).tolist()
        cells, keys = tuple(self.cells[row] for row in rows), tuple(self.keys[row] for row in rows)
        return VlmRows(self.dataset.take(rows), cells, keys, self.root)

    def named(self, row: int) -> str:
        """Return the row's id, as a message names it."""
        return repr(str(self.dataset.ids[row]))


def read_vlm_rows(
    source: str | Path | Source,
    image: str | None = None,
    prompt: str | None = None,
    answer: str | None = None,
    id: str | None = None,
    *,
    prompt_text: str | None = None,
    image_root: Path | None = None,
    answers: bool = True,
    on_bad_row: Literal["fail", "skip"] = "fail",
    limit: int | None = None,
) -> VlmRows:
    """Return the rows of a table whose column `image` holds bytes, paths, {"bytes", "path"}, or lists of these.

    image, prompt, answer, id: columns; those left out are guessed by their names, through `note`. prompt_text: the prompt of every
    row, in place of a column. image_root: the folder that paths begin in and may not leave; by default that of the table.
    answers: False reads prompts alone. Bad are rows that `read_dataset` finds bad, and those with an image that is missing, damaged
    or too large. Each image is decoded once; what had to be converted is counted aloud. Raises InputError naming row and reason.
    """
    require_pillow()
    opened = source if isinstance(source, Source) else read_source(source)
    frame, path = opened.table.frame, opened.path
    image = _column(frame, path, image, "--image", _IMAGE, set())
    if prompt_text is None:
        prompt = _column(frame, path, prompt, "--prompt", _PROMPT, {image, answer})
    elif prompt is not None:
        raise InputError("--prompt names a column and --prompt-text is the prompt itself. Give one of the two.")
    elif not prompt_text.strip():
        raise InputError("--prompt-text is empty. Write what is asked of every image.")
    else:
        prompt = _PROMPT_TEXT
        frame = frame.with_columns(pl.lit(prompt_text).alias(prompt))
    columns = [prompt]
    if answers:
        columns.append(_column(frame, path, answer, "--answer", _ANSWER, {image, prompt}))
    frame = frame.with_columns(pl.Series(_NUMBER, opened.table.numbers, dtype=pl.Int64))
    texts = opened._replace(table=opened.table._replace(frame=frame))
    dataset = read_dataset(texts, columns, None, id, labels="none", on_bad_row=on_bad_row, limit=limit)
    root = image_root if image_root is not None else _beside(path)
    cells = tuple(_cells(value) for value in dataset.frame[image].to_list())
    keys, reasons = _looked_at(cells, root)
    numbers = dataset.frame[_NUMBER].to_list()
    dataset = replace(dataset, frame=dataset.frame.drop(_NUMBER, _PROMPT_TEXT, strict=False))
    rows = VlmRows(dataset, cells, tuple(key or "" for key in keys), root)
    if not reasons:
        return rows
    unit = opened.table.unit
    more = f"; and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
    told = "; ".join(f"{unit} {numbers[row]}: {reason}" for row, reason in list(reasons.items())[:SHOWN]) + more
    if on_bad_row == "fail" or len(reasons) == len(rows):
        advice = "" if len(reasons) == len(rows) else ", or set them aside with --on-bad-row skip"
        raise InputError(
            f"{path}: {len(reasons)} of {len(rows)} rows have no usable image: {told}. Correct them{advice}."
        )
    note(f"{path}: {len(reasons)} of {len(rows)} rows set aside: {told}.")
    bad = [(numbers[row], str(dataset.ids[row]), reason) for row, reason in reasons.items()]
    aside = pl.concat([dataset.set_aside, pl.DataFrame(bad, schema=SET_ASIDE, orient="row")]).sort("row")
    kept = rows.take([row for row in range(len(rows)) if row not in reasons])
    return replace(kept, dataset=replace(kept.dataset, set_aside=aside))


def _looked_at(cells: Sequence[tuple[Stored, ...]], root: Path) -> tuple[list[str | None], dict[int, str]]:
    """Return by row the SHA-256 of its images, and the reasons by row where they cannot be used."""
    known: dict[str, str | None] = {}  # by the hash of its bytes: why an image cannot be used
    keys: list[str | None] = []
    reasons: dict[int, str] = {}
    converted: Counter[str] = Counter()
    with step("looking at images", len(cells), "rows") as advance:
        for row, of_row in enumerate(cells):
            hashes = []
            try:
                if not of_row:
                    raise BadImage("there is no image")
                for cell in of_row:
                    data = stored_bytes(cell, root)
                    key = hashlib.sha256(data).hexdigest()
                    if key not in known:
                        known[key] = "it is not known"
                        try:
                            converted.update(decoded(data).conversions)
                            known[key] = None
                        except BadImage as error:
                            known[key] = str(error)
                    if (reason := known[key]) is not None:
                        raise BadImage(reason)
                    hashes.append(key)
            except BadImage as error:
                reasons[row] = str(error)
            keys.append("+".join(hashes) if row not in reasons else None)
            advance(1)
    if converted:
        note(f"Images converted: {'; '.join(f'{count:,} {what}' for what, count in sorted(converted.items()))}.")
    return keys, reasons


def _cells(value: Any) -> tuple[Stored, ...]:
    """Return the images of one cell."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (value,)


def _beside(path: str) -> Path:
    """Return the folder of a table; a name on the hub and standard input have the current one."""
    folder = Path(path)
    if folder.is_dir():
        return folder
    return folder.parent if folder.is_file() else Path()


def _column(
    frame: pl.DataFrame, path: str, named: str | None, option: str, names: Sequence[str], taken: set[str | None]
) -> str:
    """Return the column that was named, or the one whose name says so."""
    if named is None:
        found = [name for name in frame.columns if name.casefold() in names and name not in taken]
        if len(found) != 1:
            raise InputError(
                f"{path}: which column is meant by {option} is not certain. Name it with {option}. Its columns: {', '.join(frame.columns)}."
            )
        note(f"{path}: column guessed by name: {option.strip('-')} {found[0]!r}.")
        return found[0]
    if named not in frame.columns:
        raise InputError(
            f"{path} has no column {named!r} ({option}).{nearest_name(named, frame.columns)} Its columns: {', '.join(frame.columns)}."
        )
    return named
