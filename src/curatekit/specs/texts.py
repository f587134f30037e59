"""Texts as they are given: a list of them, or the rows of a file that meet every condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from curatekit.errors import InputError, nearest_name

_REFERENCE = ("file", "where", "text")


class Files:
    """The tables that a specification file takes texts from, their paths relative to its folder, each read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._frames: dict[str, pl.DataFrame] = {}

    def frame(self, name: str) -> pl.DataFrame:
        """Return the columns of the file with this path."""
        from curatekit.readers import read_frame

        if name not in self._frames:
            self._frames[name] = read_frame(self.folder / name)
        return self._frames[name]

    def rows(self, name: str, conditions: Any, where: str) -> pl.DataFrame:
        """Return the rows of a file in which every column named has the value named; InputError where there is none."""
        require_conditions(conditions, where)
        frame = self.frame(name)
        for column in conditions:
            require_column(frame, column, self.folder / name, where)
        matching = frame.filter(*(pl.col(column).cast(pl.String) == value for column, value in conditions.items()))
        if not len(matching):
            asked = ", ".join(f"{column} = {value!r}" for column, value in conditions.items())
            raise InputError(f"{where}: no row of {self.folder / name} has {asked or 'a text'}. Check the values.")
        return matching


def texts_of(given: Any, where: str, files: Files) -> tuple[str, ...]:
    """Return the texts of a list or of a reference {file, where: {column: value, ...}, text: column}.

    `where` in messages is the place in the specification file. Raises InputError for anything else, no text, and an empty one.
    """
    if isinstance(given, dict):
        given = _referenced(given, where, files)
    if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
        raise InputError(f"{where}: neither a list of texts nor {{file: ..., where: {{column: value}}}}.")
    if not given or not all(text.strip() for text in given):
        raise InputError(f"{where}: {'an empty text is among them' if given else 'there are none'}. Give texts.")
    return tuple(given)


def _referenced(reference: dict[str, Any], where: str, files: Files) -> list[str]:
    known_keys(reference, _REFERENCE, where)
    conditions, column, name = reference.get("where", {}), reference.get("text", "text"), reference.get("file")
    if not isinstance(conditions, dict) or not all(
        isinstance(value, str) for value in (name, column, *conditions.values())
    ):
        raise InputError(
            f"{where}: a reference needs a file, `text` names one column, and `where` maps each column to one value."
        )
    require_column(files.frame(str(name)), column, files.folder / str(name), where)
    return [text or "" for text in files.rows(str(name), conditions, where)[column].cast(pl.String).to_list()]


def require_conditions(given: Any, where: str) -> None:
    """Raise InputError unless `given` maps columns to one value each."""
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise InputError(f"{where}: a condition maps each column to one value.")


def require_column(frame: pl.DataFrame, name: str, path: Path, where: str) -> None:
    """Raise InputError unless the frame, of the file `path`, has the column and one text a row in it."""
    if name not in frame.columns:
        raise InputError(
            f"{where}: {path} has no column {name!r}.{nearest_name(name, frame.columns)} Columns: {', '.join(frame.columns)}."
        )
    if frame.schema[name].is_nested() or frame.schema[name] == pl.Binary:
        raise InputError(f"{where}: the column {name!r} of {path} holds {frame.schema[name]}, and not one text a row.")


def known_keys(mapping: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Raise InputError for a key that is not among the known ones."""
    for key in mapping:
        if key not in known:
            raise InputError(
                f"{where} has the unknown key {key!r}.{nearest_name(key, known)} Known: {', '.join(known)}."
            )
