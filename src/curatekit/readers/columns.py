"""Which columns are the inputs, the label and the id: as told, else guessed where one guess alone is possible."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from curatekit.dataset import Columns
from curatekit.errors import InputError, nearest_name
from curatekit.reporting import note

# fmt: off
_TEXT = frozenset({
    "text", "texts", "sentence", "review", "comment", "tweet", "post", "message", "utterance", "content", "document",
    "body", "query", "question", "headline",
})
_LABEL = frozenset({
    "label", "labels", "class", "category", "intent", "sentiment", "target", "gold_label", "label_name", "label_text",
})
_ID = frozenset({"id", "_id", "ids", "guid", "uuid", "uid", "idx", "row_id", "text_id"})
# fmt: on
RESERVED = "__curate_"


def choose_columns(
    frame: pl.DataFrame, path: str, text: Sequence[str], label: str | None, id: str | None, labels: str
) -> Columns:
    """Return the columns to use; a guess is made known through `note`.

    Raises InputError when a named column is not there (with the nearest name), when a column cannot serve, and when
    the guess is not certain.
    """
    for name in frame.columns:
        if not name.strip():
            number = frame.columns.index(name) + 1
            raise InputError(
                f"{path} has a column without a name (number {number}). Name it, or write it without: pandas' index=False."
            )
        if "\0" in name:
            raise InputError(f"{path}: the column name {name!r} holds a NUL byte. Rename it.")
        if name.startswith(RESERVED):
            raise InputError(f"{path} has a column {name!r}; names that begin with {RESERVED} are ours. Rename it.")
    for option, names in (("--text", text), ("--label", [label]), ("--id", [id or None])):
        for named in names:
            if named is not None and named not in frame.columns:
                raise InputError(
                    f"{path} has no column {named!r} ({option}).{nearest_name(named, frame.columns)} {_has(frame)}"
                )
    if len(set(text)) != len(text):
        raise InputError(f"--text names the same column twice: {', '.join(text)}. Name two different ones for pairs.")
    if labels != "none" and label is not None and label in {*text, id}:
        other = "--text" if label in text else "--id"
        raise InputError(f"{path}: column {label!r} is named both as {other} and as --label. Name two different ones.")
    the_id = (id or None) if id is not None else _guess(frame, _ID, {*text, label})
    the_label = None
    if labels != "none":
        the_label = label if label is not None else _guess(frame, _LABEL, {*text, the_id})
        if the_label is None:
            raise InputError(
                f"{path}: which column holds the labels is not certain. Name it with --label. {_has(frame)}"
            )
    labellike = {the_label} if the_label else set(_among(frame, _LABEL, set()))
    chosen = Columns(tuple(text) or _guess_text(frame, path, {the_id, *labellike}), the_label, the_id)
    _say(path, chosen, text, label, id)
    _check_types(frame, path, chosen, nested=labels == "lists")
    return chosen


def label_column(frame: pl.DataFrame, text: Sequence[str], label: str | None, id: str | None) -> str | None:
    """Return the column of labels: the one that was named, else the one whose name says so; None where that is not certain."""
    return label if label is not None else _guess(frame, _LABEL, {*text, id})


def _among(frame: pl.DataFrame, names: frozenset[str], taken: set[str | None]) -> list[str]:
    return [name for name in frame.columns if name.casefold() in names and name not in taken]


def _guess(frame: pl.DataFrame, names: frozenset[str], taken: set[str | None]) -> str | None:
    """Return the one column with such a name, or None when there is none or a choice."""
    found = _among(frame, names, taken)
    return found[0] if len(found) == 1 else None


def _guess_text(frame: pl.DataFrame, path: str, taken: set[str | None]) -> tuple[str]:
    strings = [name for name in frame.columns if name not in taken and _is_text(frame, name)]
    named = [name for name in strings if name.casefold() in _TEXT]
    candidates = named or strings
    if len(candidates) != 1:
        why = f"it may be {', '.join(map(repr, candidates))}" if candidates else "no column holds strings"
        raise InputError(
            f"{path}: which column holds the text is not certain ({why}). Name it with --text, twice for pairs. {_has(frame)}"
        )
    return (candidates[0],)


def _say(path: str, chosen: Columns, text: Sequence[str], label: str | None, id: str | None) -> None:
    guessed = [f"text {chosen.text[0]!r}"] if not text else []
    guessed += [
        f"{what} {name!r}"
        for what, name, told in (("label", chosen.label, label), ("id", chosen.id, id))
        if name and not told
    ]
    if guessed:
        note(f"{path}: columns guessed by name: {', '.join(guessed)}.")


def _check_types(frame: pl.DataFrame, path: str, chosen: Columns, *, nested: bool) -> None:
    for name in chosen.text:
        if not _is_text(frame, name):
            raise InputError(
                f"{path}: column {name!r} holds {_kind(frame, name)}, not text. Name another with --text. {_has(frame)}"
            )
    for option, column in (("--label", chosen.label), ("--id", chosen.id)):
        if column is None or (nested and option == "--label"):
            continue
        if frame[column].dtype.is_nested() or frame[column].dtype in (pl.Binary, pl.Object):
            raise InputError(
                f"{path}: column {column!r} holds {_kind(frame, column)}, not one name a row. Name another with {option}."
            )


def _is_text(frame: pl.DataFrame, name: str) -> bool:
    return frame[name].dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null)


def _kind(frame: pl.DataFrame, name: str) -> str:
    return f"values of type {frame[name].dtype}"


def _has(frame: pl.DataFrame) -> str:
    columns = ", ".join(frame.columns) if frame.width else "none"
    mark = next((mark for mark in ";\t|" if frame.width == 1 and mark in frame.columns[0]), None)
    hint = f" Is the separator {mark!r}? Then write the file with commas." if mark else ""
    return f"Its columns: {columns}.{hint}"
