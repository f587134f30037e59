"""What a language model is taught: prompts with their completions, from Alpaca, chat and prompt/completion files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

from curatekit.arrays import Ints
from curatekit.dataset import SET_ASIDE
from curatekit.errors import InputError, nearest_name
from curatekit.readers.read import Bad, unusable
from curatekit.readers.table import Table
from curatekit.readers.tables import Source, read_source
from curatekit.reporting import note

Message = Mapping[str, str]  # role, content

FORMATS = {
    "messages": ("messages",),
    "conversations": ("conversations",),
    "prompt-completion": ("prompt", "completion"),
    "alpaca": ("instruction", "output"),
}
"""The columns that tell each format; the first that fits is taken. "conversations" is the ShareGPT way to write messages."""
_SHAREGPT = {"system": "system", "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}
# Taori et al. (2023), Stanford Alpaca: its prompts with and without an input
_ALPACA_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n"
)
_ALPACA = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Response:\n"
)


class Example(NamedTuple):
    """One completion and what comes before it.

    messages  what comes before as a chat, for a tokenizer with a chat template; None where the file has plain text
    text      the same as plain text, for a base without one; None where the file has a chat
    """

    messages: tuple[Message, ...] | None
    text: str | None
    completion: str


@dataclass(frozen=True, eq=False)
class Conversations:
    """The usable rows of one file, m of them, as n completions: more than rows where every turn of the assistant counts.

    format     a name in FORMATS
    examples   n prompts with their completions, in the order of the file
    numbers    (n,) where each stands in the file
    unit       "line" or "row", what `numbers` counts
    set_aside  the rows that could not be used: row (as counted in the file), id (always null), reason
    """

    format: str
    examples: tuple[Example, ...]
    numbers: Ints
    unit: str
    path: str = ""
    sha256: str = ""
    set_aside: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SET_ASIDE))

    def __len__(self) -> int:
        return len(self.examples)


def read_conversations(
    source: str | Path | Source,
    format: str | None = None,
    *,
    every_turn: bool = False,
    on_bad_row: Literal["fail", "skip"] = "fail",
    limit: int | None = None,
) -> Conversations:
    """Return the prompts and completions in `source`, a file of any kind that `read_source` reads.

    format      a name in FORMATS; None recognises it from the columns, through `note`
    every_turn  each turn of the assistant is a completion, what came before it its prompt; otherwise the last turn alone
    on_bad_row  "fail": any bad row is an error; "skip": bad rows are in `set_aside`. Bad are rows that cannot be parsed, empty
                prompts and completions, chats without an assistant, and chats that do not end with it
    limit       only the first so many usable rows

    Raises InputError naming file and row, and when the columns are of no format.
    """
    table, path, sha256 = source if isinstance(source, Source) else read_source(source)
    kind = format or _recognised(table.frame.columns, path)
    if missing := [name for name in FORMATS[kind] if name not in table.frame.columns]:
        raise InputError(f"{path} has no column {missing[0]!r}, which the format {kind} needs. {_formats()}")
    examples: list[Example] = []
    numbers: list[int] = []
    bad = [Bad(row, None, reason) for row, reason in table.broken]
    usable = 0
    for number, cells in zip(table.numbers.tolist(), _cells(table, kind), strict=True):
        if usable == limit:
            bad = [one for one in bad if one.row < number]
            break
        try:
            found = list(_examples(kind, cells, every_turn))
        except _Unusable as reason:
            bad.append(Bad(number, None, str(reason)))
            continue
        usable += 1
        examples += found
        numbers += [number] * len(found)
    bad.sort()
    if bad and (on_bad_row == "fail" or not usable):
        raise InputError(
            f"{path}: {unusable(table.unit, bad, usable)}. Correct them, or set them aside with --on-bad-row skip."
        )
    if not usable:
        raise InputError(f"{path} has no rows. Give a file with at least one row.")
    if bad:
        note(f"{path}: {len(bad)} of {len(bad) + usable} rows are set aside, the first for: {bad[0].reason}.")
    note(
        f"{path} is read as {kind}: {_how(kind, every_turn)}; {len(examples)} completions in {usable} rows.{_unread(table, kind)}"
    )
    return Conversations(
        kind, tuple(examples), np.array(numbers, np.int64), table.unit, path, sha256,
        pl.DataFrame(bad, schema=SET_ASIDE, orient="row"),
    )  # fmt: skip


def _how(kind: str, every_turn: bool) -> str:
    if kind == "alpaca":
        return "instruction and input are the prompt, output is the completion"
    if kind == "prompt-completion":
        return "prompt and completion are joined as they stand"
    return "each turn of the assistant is a completion" if every_turn else "the assistant's last turn is the completion"


def _unread(table: Table, kind: str) -> str:
    used = {*FORMATS[kind], "input"} if kind == "alpaca" else set(FORMATS[kind])
    left = [name for name in table.frame.columns if name not in used]
    return f" Not read: {', '.join(left)}." if left else ""


class _Unusable(ValueError):
    """Why a row cannot be used."""


def _recognised(columns: Sequence[str], path: str) -> str:
    found = [kind for kind, needed in FORMATS.items() if set(needed) <= set(columns)]
    if not found:
        known = [name for needed in FORMATS.values() for name in needed]
        near = next((hint for name in columns if name not in known and (hint := nearest_name(name, known))), "")
        raise InputError(
            f"{path} has the columns {', '.join(columns)}, and no format of ours has these.{near} {_formats()}"
        )
    if len(found) > 1:
        raise InputError(f"{path} has the columns of {' and of '.join(found)}. Choose with --format.")
    return found[0]


def _formats() -> str:
    return f"Give {'; or '.join(' and '.join(needed) for needed in FORMATS.values())}."


def _cells(table: Table, kind: str) -> Iterator[tuple[Any, ...]]:
    """Return by row the cells of the format's columns; Alpaca's input comes behind, None where the file has none."""
    names = list(FORMATS[kind])
    columns = [_values(table, name) for name in names]
    if kind == "alpaca":
        rows = table.frame.height
        columns.append(_values(table, "input") if "input" in table.frame.columns else [None] * rows)
    return zip(*columns, strict=True)


def _values(table: Table, name: str) -> list[Any]:
    """Return a column's cells: lists and records as they are, everything else as the text that stands in the file."""
    return table.frame[name].to_list() if table.frame[name].dtype.is_nested() else table.strings(name).to_list()


def _examples(kind: str, cells: tuple[Any, ...], every_turn: bool) -> Iterator[Example]:
    """Yield the completions of one row. Raises _Unusable."""
    if kind == "alpaca":
        instruction, output, given = cells
        if not isinstance(given, str | None):
            raise _Unusable("column 'input' is no text")
        yield _alpaca(_text(instruction, "instruction"), given or "", _text(output, "output"))
    elif kind == "prompt-completion":
        yield _pair(*cells)
    else:
        yield from _turns(_messages(cells[0], kind), every_turn)


def _alpaca(instruction: str, given: str, output: str) -> Example:
    if given.strip():
        text = _ALPACA_INPUT.format(instruction=instruction, input=given)
        return Example(({"role": "user", "content": f"{instruction}\n\n{given}"},), text, output)
    return Example(({"role": "user", "content": instruction},), _ALPACA.format(instruction=instruction), output)


def _pair(prompt: Any, completion: Any) -> Example:
    told = _is_told(prompt) or _is_told(completion)
    if isinstance(prompt, str) and isinstance(completion, str) and not told:
        return Example(None, _text(prompt, "prompt"), _text(completion, "completion"))
    if prompt is None or completion is None:
        raise _Unusable(f"column {'prompt' if prompt is None else 'completion'!r} is empty")
    before, answer = _messages(prompt, "prompt"), _messages(completion, "completion")
    if [message["role"] for message in answer] != ["assistant"]:
        raise _Unusable(
            f"column 'completion' holds messages of {', '.join(message['role'] for message in answer)}, and a completion is one of the "
            "assistant"
        )
    (example,) = _turns([*before, *answer], every_turn=False)
    return example


def _is_told(cell: Any) -> bool:
    """Return whether a text is the JSON of a list of messages, as a CSV holds it; another list in a text stays text."""
    if not isinstance(cell, str) or not cell.lstrip().startswith("["):
        return False
    try:
        found = json.loads(cell)
    except ValueError:
        return False
    return bool(found) and all(isinstance(one, dict) and "role" in one and "content" in one for one in found)


def _turns(messages: Sequence[Message], every_turn: bool) -> Iterator[Example]:
    turns = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    if not turns:
        raise _Unusable("no message has the role 'assistant', so there is nothing to learn")
    if turns[-1] != len(messages) - 1:
        raise _Unusable(f"the last message has the role {messages[-1]['role']!r}, and no assistant answers it")
    if turns[0] == 0:
        raise _Unusable("the assistant speaks first, and a completion needs a prompt")
    if empty := [place for place in turns if not messages[place]["content"].strip()]:
        raise _Unusable(f"message {empty[0] + 1}, of the assistant, is empty")
    for place in turns if every_turn else turns[-1:]:
        yield Example(tuple(messages[:place]), None, messages[place]["content"])


def _messages(cell: Any, column: str) -> list[Message]:
    """Return the messages of a cell, a list or its JSON, each with its role and content alone."""
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except ValueError:
            raise _Unusable(f"column {column!r} is no list of messages") from None
    if not isinstance(cell, list) or not cell:
        raise _Unusable(f"column {column!r} is no list of messages" if cell else f"column {column!r} is empty")
    role, content = ("from", "value") if column == "conversations" else ("role", "content")
    messages: list[Message] = []
    for place, message in enumerate(cell, start=1):
        known = isinstance(message, dict) and isinstance(message.get(role), str)
        if not known or not isinstance(message.get(content), str):
            raise _Unusable(f"message {place} has no {role!r} and {content!r} that are text")
        if said := [name for name, value in message.items() if value and name not in (role, content)]:
            raise _Unusable(f"message {place} has {said[0]!r} beside {role!r} and {content!r}, which would be lost")
        who = _SHAREGPT.get(message[role]) if column == "conversations" else message[role]
        if who is None:
            raise _Unusable(f"message {place} is from {message[role]!r}, which is none of {', '.join(_SHAREGPT)}")
        messages.append({"role": who, "content": message[content]})
    return messages


def _text(cell: Any, column: str) -> str:
    if not isinstance(cell, str):
        raise _Unusable(f"column {column!r} is empty" if cell is None else f"column {column!r} is no text")
    if not cell.strip():
        raise _Unusable(f"column {column!r} is empty")
    return cell
