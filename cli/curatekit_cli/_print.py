"""Printing: aligned tables and one result on stdout. Text from data is shown with its control characters escaped."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from curatekit.intervals import Interval
    from curatekit_cli._options import DataOptions


def result(as_json: bool, payload: Mapping[str, Any], lines: Iterable[str]) -> None:
    """Print the result of a command: `payload` as one JSON object with --json, otherwise `lines`.

    A reader that has gone (`| head`) is no fault: the rest is not printed, and the command ends well, with its manifest.
    """
    if as_json:
        from curatekit.run import plain

        lines = [json.dumps(plain(payload), ensure_ascii=False, allow_nan=False)]
    try:
        for line in lines:
            click.echo(line)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Return the lines of a table: numbers to the right with three decimals, text to the left."""
    cells = [[_cell(value) for value in row] for row in rows]
    numeric = [all(right for _, right in column) for column in zip(*cells, strict=True)] or [False] * len(header)
    texts = [list(header), *([text for text, _ in row] for row in cells)]
    widths = [max(len(text) for text in column) for column in zip(*texts, strict=True)]
    return [
        "  ".join(text.rjust(w) if right else text.ljust(w) for text, w, right in zip(row, widths, numeric, strict=True)).rstrip()
        for row in texts
    ]  # fmt: skip


def shown(text: str, width: int = 72) -> str:
    """Return `text` on one line of at most `width` characters, safe for a terminal (no escape codes, no bidi tricks)."""
    short = text if len(text) <= width else text[: width - 1] + "…"
    return "".join(
        char if char.isprintable() else (" " if char in "\n\r\t" else f"\\u{ord(char):04x}") for char in short
    )


def following(*words: object, columns: DataOptions | None = None, why: str = "") -> str:
    """Return "Next: curate …", to be pasted: words quoted for a shell, with the data options that this run was given.

    `why` stands behind as a comment. A file that was standard input can be read no more: FILE stands for it.
    """
    options: list[str] = []
    if columns is not None:
        for name in columns.text:
            options += ["--text", name]
        for option, value in (("--label", columns.label), ("--id", columns.id)):
            options += [option, value] if value is not None else []
        options += ["--on-bad-row", "skip"] if columns.on_bad_row == "skip" else []
        options += ["--normalise-labels"] if columns.normalise_labels else []
    command = shlex.join(["curate", *("FILE" if str(word) == "-" else str(word) for word in words), *options])
    return f"Next: {command}" + (f"  # {why}" if why else "")


def interval(of: Interval) -> str:
    """Return an estimate with its limits, such as "0.912 [0.900, 0.923]"."""
    return f"{of.value:.3f} [{of.low:.3f}, {of.high:.3f}]"


def _cell(value: Any) -> tuple[str, bool]:
    if value is None:
        return "", True
    if isinstance(value, bool | str):
        return shown(str(value)), False
    if isinstance(value, int) or (hasattr(value, "dtype") and value.dtype.kind in "iu"):
        return f"{value:,}", True
    return f"{value:.3f}", True
