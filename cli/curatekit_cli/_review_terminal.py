"""curate review --terminal: the same desk as the page, for machines reached by ssh, and for answers from a pipe."""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass
from typing import NamedTuple

import click

from curatekit.errors import CurateError
from curatekit.review.desk import NOTHING_TO_UNDO, Answer, Desk
from curatekit.review.drafts import drafts_path, write_drafts
from curatekit.review.filters import Filter
from curatekit_cli._print import shown

SAID = {"k": "keep", "a": "accept", "x": "drop", "w": "wrong", "u": "unsure", "s": "skip"}
WITH_WORDS = {"o": "label", "n": "note", "/": "search for", "p": "name of the specification"}
HELP = (
    "a suggested is right  k keep given  1-9 this label  o another label  x no label fits  w wrong, unnamed  u unsure",
    "s later  n note  z undo  / search  p make it a specification  > next  < before  e estimate  ? keys  q end",
)
LINES, WIDTH, DIGITS = 20, 100, 9


class Key(NamedTuple):
    """What was pressed, and the words that belong to it."""

    key: str
    words: str = ""


def review_here(desk: Desk) -> None:
    """Show row after row and take a key for each, until q or the end of the input.

    From a pipe each line is a key and what follows it, such as "o complaint".
    """
    here = _Here(desk)
    _echo(HELP)
    here.show()
    while (key := _key()) is not None and key.key != "q":
        try:
            here.take(key)
        except CurateError as error:
            click.echo(f"NOT SAVED. {shown(str(error), 500)}")
        here.show()


@dataclass
class _Here:
    """Where the reviewer stands: on which row (-1: before the first, None: none is left) of those that the filter asks for."""

    desk: Desk
    filter: Filter = Filter()  # noqa: RUF009 (a tuple)
    row: int | None = -1

    def __post_init__(self) -> None:
        self.row = self.desk.next_row(self.filter)

    def take(self, key: Key) -> None:
        """Do what a key asks for, and go to the row that follows from it."""
        desk = self.desk
        if key.key == "z":
            undone = desk.undo()
            click.echo(NOTHING_TO_UNDO if undone is None else shown(undone.told, 300))
            self.row = self.row if undone is None else undone.row
        elif key.key == "/":
            self.filter = self.filter._replace(search=key.words)
            self.row = desk.next_row(self.filter)
        elif key.key == "e":
            click.echo(_estimate(desk))
        elif key.key == "?":
            _echo(HELP)
        elif self.row is not None:
            self._of_row(self.row, key)

    def _of_row(self, row: int, key: Key) -> None:
        desk = self.desk
        content, version = desk.queue.keys[row], desk.decision(row).version
        if key.key in (">", "<"):
            before = desk.row_before(self.filter, row)
            self.row = desk.next_row(self.filter, row) if key.key == ">" else row if before is None else before
        elif key.key == "n":
            desk.note(Answer(content, version, "", None, key.words))
        elif key.key == "p":
            desk.draft(row, key.words, "", desk.right_label(row) or "")
            path = drafts_path(desk.store.path)
            write_drafts(desk.store.drafts(), path)
            click.echo(f"An example of {shown(key.words)} now: {path}")
        elif (said := _said(key, desk)) is not None:
            desk.answer([Answer(content, version, *said)])
            self.row = desk.next_row(self.filter, row)
        else:
            click.echo(f"{shown(key.key)!r} is no key here; ? tells them.")

    def show(self) -> None:
        """Show the row and what is known of it."""
        if self.row is None:
            click.echo("\nNo row is left here. z undoes, / searches for others, q ends.")
            return
        queue, decision, progress = self.desk.queue, self.desk.decision(self.row), self.desk.progress()
        click.secho(f"\nRow {self.row + 1:,} of {progress.rows:,}, {progress.decided:,} decided", bold=True)
        text = queue.cell(self.row, "text") or "(no text in the issues)"
        lines = [line for part in text.splitlines() for line in textwrap.wrap(shown(part, 10_000), WIDTH)]
        _echo(lines[:LINES])
        if len(lines) > LINES:
            click.echo(f"… {len(lines) - LINES:,} more lines")
        given, suggested = (shown(queue.cell(self.row, f"{of}_label") or "") for of in ("given", "suggested"))
        click.echo(
            f"given {given}, suggested {suggested}"
            + (f"; {shown(said, 300)}" if (said := str(queue.cell(self.row, "reasons") or "")) else "")
        )
        if decision.said or decision.note:
            click.echo(
                f"decided: {decision.said or 'nothing'} {shown(decision.label or '')} {shown(decision.note)}".rstrip()
            )
        if len(queue.classes) <= DIGITS:
            click.echo("  ".join(f"{number} {shown(name, 30)}" for number, name in enumerate(queue.classes, 1)))


def _said(key: Key, desk: Desk) -> tuple[str, str | None] | None:
    """Return what a key says of the row, and the label that it names; None where it says nothing."""
    if key.key in SAID:
        return SAID[key.key], None
    if key.key == "o":
        return "label", key.words
    classes = desk.queue.classes
    if key.key in tuple("123456789"[: len(classes)]) and len(classes) <= DIGITS:
        return "label", classes[int(key.key) - 1]
    return None


def _estimate(desk: Desk) -> str:
    found = desk.running()
    count = found.count
    first = f"{count.value:,.0f} labels are wrong [{count.low:,.0f}, {count.high:,.0f}]. " if count else ""
    return f"{first}{found.wrong:,} found wrong, {found.right:,} right. {found.reading}"


def _key() -> Key | None:
    """Return the next key, None at the end of the input."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        return Key(line[:1].strip() or "?", line[1:].strip()) if line else None
    key = click.getchar()
    if key in ("\x03", "\x04"):
        return None
    if key not in WITH_WORDS:
        return Key(key)
    return Key(key, click.prompt(WITH_WORDS[key], default="", show_default=False))


def _echo(lines: tuple[str, ...] | list[str]) -> None:
    for line in lines:
        click.echo(line)
