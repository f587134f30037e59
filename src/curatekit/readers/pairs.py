"""Pairs of texts of which one was preferred: two columns of strings, or of messages with their role, as chats are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import polars as pl

from curatekit.dataset import Dataset
from curatekit.errors import InputError
from curatekit.readers.read import read_dataset
from curatekit.readers.tables import Source
from curatekit.reporting import note

_TEXT, _PROMPT = "{} text", "prompt of {}"


def read_pairs(
    opened: Source,
    chosen: str = "chosen",
    rejected: str = "rejected",
    prompt: str | None = None,
    id: str | None = None,
    *,
    on_bad_row: Literal["fail", "skip"] = "fail",
    limit: int | None = None,
) -> Dataset:
    """Return the pairs as a dataset whose inputs are the chosen texts, the rejected ones and, where there are any, the prompts.

    Cells may be lists of messages {"role", "content"}: those that both begin with are the prompt, the rest the text. The frame
    is that of the file. The other parameters are those of `read_dataset`, and so are the errors.
    """
    original = opened.table.frame
    for name, option in ((chosen, "--chosen"), (rejected, "--rejected"), (prompt, "--prompt")):
        if name is not None and name not in original.columns:
            raise InputError(
                f"{opened.path} has no column {name!r} ({option}). Its columns: {', '.join(original.columns)}."
            )
    if chosen == rejected:
        raise InputError(f"--chosen and --rejected name the same column, {chosen!r}. Name two.")
    if prompt is None and original.schema.get("prompt") == pl.String:
        prompt = "prompt"
        note(f"{opened.path}: column guessed by name: prompt 'prompt'.")
    text = (chosen, rejected, *((prompt,) if prompt else ()))
    if original[chosen].dtype == pl.List and original[rejected].dtype == pl.List:
        opened, text = _taken_apart(opened, chosen, rejected, prompt)
    dataset = read_dataset(opened, text, None, id, labels="none", on_bad_row=on_bad_row, limit=limit)
    added = [name for name in dataset.frame.columns if name not in original.columns]
    return replace(dataset, frame=dataset.frame.drop(added))


def _taken_apart(opened: Source, chosen: str, rejected: str, prompt: str | None) -> tuple[Source, tuple[str, ...]]:
    """Return the table with columns of strings for chats, and these columns' names."""
    rows = [
        _split(first, second, opened.path) for first, second in opened.table.frame.select(chosen, rejected).iter_rows()
    ]
    names = [_TEXT.format(chosen), _TEXT.format(rejected), _PROMPT.format(chosen)]
    columns = [pl.Series(name, [row[k] for row in rows], dtype=pl.String) for k, name in enumerate(names)]
    asked = any(row[2] for row in rows)
    used = names[:2] if prompt or not asked else names
    note(f"{opened.path}: the messages that both texts of a pair begin with are taken as its prompt.")
    frame = opened.table.frame.with_columns(columns[: len(used)])
    return opened._replace(table=opened.table._replace(frame=frame)), (*used, *((prompt,) if prompt else ()))


def _split(first: Any, second: Any, path: str) -> tuple[str | None, str | None, str | None]:
    """Return the two texts and the prompt of two lists of messages."""
    if first is None or second is None:
        return None, None, None
    shared = 0
    while shared < min(len(first), len(second)) and first[shared] == second[shared]:
        shared += 1
    shared = min(shared, max(len(first), len(second)) - 1)  # two equal chats still have a last message each
    return _said(first[shared:], path), _said(second[shared:], path), _said(first[:shared], path)


def _said(messages: Any, path: str) -> str:
    if not all(isinstance(message, dict) and isinstance(message.get("content"), str) for message in messages):
        raise InputError(
            f'{path}: a list of texts is no list of messages {{"role": …, "content": …}}. Give strings, or such messages.'
        )
    return "\n".join(message["content"] for message in messages)
