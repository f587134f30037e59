"""One reviewer at work: which row comes next, what was decided of it, and how far the work is. The page and the terminal share it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Ints
from curatekit.errors import InputError, Locked, nearest_name
from curatekit.review.decisions import (
    DROP,
    KEEP,
    LABEL,
    SAID,
    SKIP,
    UNDECIDED,
    UNSURE,
    WRONG,
    Change,
    Decision,
    Decisions,
    Example,
)
from curatekit.review.estimate import Running, running
from curatekit.review.filters import ALL, DECIDED, SKIPPED, TODO, Filter, matching
from curatekit.review.filters import UNSURE as CANNOT_TELL
from curatekit.review.queue import Queue

ACCEPT = "accept"
"""The suggested label is right."""
NOTHING_TO_UNDO = "There is nothing to undo on these rows."
MOST_FILTERS = 50
_NUMBER = {said: number for number, said in enumerate((UNDECIDED, *SAID))}
_VERDICTS = [_NUMBER[said] for said in (LABEL, KEEP, WRONG, DROP)]

_ASKED = {
    state: np.isin(np.arange(len(_NUMBER)), numbers)
    for state, numbers in (
        (TODO, [_NUMBER[UNDECIDED]]), (DECIDED, _VERDICTS), (CANNOT_TELL, [_NUMBER[UNSURE]]), (SKIPPED, [_NUMBER[SKIP]])
    )
}  # fmt: skip
"""For each state, which of the numbers of what is said it asks for."""


class Answer(NamedTuple):
    """What was answered to a row as it was shown: its key and version, one of SAID or "accept", and a label or a note."""

    key: str
    version: int
    said: str
    label: str | None = None
    note: str | None = None


class Progress(NamedTuple):
    """How many rows are decided, cannot be, or were put off."""

    rows: int
    decided: int
    unsure: int
    skipped: int


class Undone(NamedTuple):
    """What was taken back: the first of its rows, how many these are, and what was said of that one, before and now."""

    row: int
    rows: int
    was: Decision
    now: Decision

    @property
    def told(self) -> str:
        """The same as a sentence."""
        what = "a note" if self.was[:2] == self.now[:2] else f"{self.was.said} {self.was.label or ''}".strip() or "open"
        others = f" and of {self.rows - 1:,} more" if self.rows > 1 else ""
        return f"Undone: {what}, of row {self.row + 1:,}{others}."


class Desk:
    """The queue as one reviewer sees it. What another process of the same reviewer decides is seen at the next question."""

    def __init__(self, queue: Queue, store: Decisions, reviewer: str) -> None:
        self.queue, self.store, self.reviewer = queue, store, reviewer
        self.alike: Ints = queue.alike
        self._decisions: dict[str, Decision] = {}
        self._said = np.zeros(len(queue), np.int8)  # of the first row of each content
        self._seen_changes = -1
        self._matched: dict[Filter, Ints] = {}  # by filter, whatever is decided
        self._shown: tuple[Filter, Ints] | None = None  # what was asked last, until something is decided
        self._refresh()
        self.queue.contents  # noqa: B018  # a second's work on 100,000 rows, that the first page need not wait for

    def decision(self, row: int) -> Decision:
        """Return what is decided of a row."""
        self._refresh()
        return self._decisions.get(self.queue.keys[row], Decision())

    def rows(self, filter: Filter) -> Ints:
        """Return the rows that the filter asks for, in order."""
        self._refresh()
        if self._shown is not None and self._shown[0] == filter:
            return self._shown[1]
        if filter.fixed not in self._matched:
            if len(self._matched) >= MOST_FILTERS:
                self._matched.clear()
            self._matched[filter.fixed] = np.flatnonzero(matching(self.queue, filter, self.alike))
        rows = self._matched[filter.fixed]
        if filter.state != ALL:
            rows = rows[_ASKED[filter.state][self._said[self.queue.contents[rows]]]]
        self._shown = filter, rows
        return rows

    def next_row(self, filter: Filter, after: int = -1) -> int | None:
        """Return the first row behind `after` that the filter asks for, else the first of all; None where there is none."""
        rows = self.rows(filter)
        if not len(rows):
            return None
        place = int(np.searchsorted(rows, after, side="right"))
        return int(rows[place % len(rows)])

    def row_before(self, filter: Filter, before: int) -> int | None:
        """Return the last row before `before` that the filter asks for, None where there is none."""
        rows = self.rows(filter)
        place = int(np.searchsorted(rows, before)) - 1
        return int(rows[place]) if place >= 0 else None

    def answer(self, answers: Sequence[Answer]) -> None:
        """Keep the answers, all of them or, where one is stale or says nothing that can be said, none.

        A label that is the given one keeps it. "accept" names the suggested label. Raises InputError and Stale.
        """
        changes = [self._change(answer) for answer in answers]
        if len({change.key for change in changes}) < len(changes):
            raise InputError("A row was answered twice at once. Answer each once.")
        made = self.store.decide(self.reviewer, changes)
        self._take(made)

    def note(self, answer: Answer) -> None:
        """Keep the note of an answer; what was decided of the row stays. Raises InputError and Stale."""
        row = self._row(answer.key)
        now = self.decision(row)
        self._take(
            self.store.decide(self.reviewer, [Change(answer.key, answer.version, now.said, now.label, answer.note)])
        )

    def undo(self) -> Undone | None:
        """Undo the last answer to rows of the queue that still stands; None where there is none.

        Answers to other rows, in another file of issues or order, stay. Raises InputError where one was to rows of both kinds,
        and Locked while not all rows are here.
        """
        if not self.queue.whole:
            raise Locked("The last answer may be to a row that is still being read. Undo it in a moment.")
        self._refresh()
        before = dict(self._decisions)
        made = self.store.undo(self.reviewer, self.queue.row_of)
        self._take(made)
        if not made:
            return None
        first = min(made, key=self.queue.row_of.__getitem__)
        return Undone(self.queue.row_of[first], len(made), before[first], made[first])

    def draft(self, row: int, specification: str, statement: str, label: str) -> None:
        """Keep the row's text as an example of a specification. Raises InputError where it would be none."""
        specification, statement = specification.strip(), statement.strip()
        label = self._label(label)
        text = self.queue.cell(row, "text")
        if not text or not text.strip():
            raise InputError("This row has no text, so it can be no example.")
        if not specification or not specification.isprintable() or len(specification) > 100:
            raise InputError("Name the specification in a few words, on one line.")
        self.store.draft(self.reviewer, Example(specification, statement, label, text))

    def progress(self) -> Progress:
        """Return how far the work is."""
        self._refresh()
        counts = np.bincount(self._said[self.queue.contents], minlength=len(_NUMBER))
        return Progress(
            len(self.queue), int(counts[_VERDICTS].sum()), int(counts[_NUMBER[UNSURE]]), int(counts[_NUMBER[SKIP]])
        )

    def right_label(self, row: int) -> str | None:
        """Return the label that a row should have: what is decided, else what is suggested."""
        decision = self.decision(row)
        return decision.label or self.queue.cell(row, "given_label" if decision.said == KEEP else "suggested_label")

    def take(self, queue: Queue) -> None:
        """Go on with another queue, of more rows of the same issues."""
        self.queue, self._seen_changes = queue, -1
        self.link(queue.alike)

    def link(self, alike: Ints) -> None:
        """Take these (n,) for the rows that are nearly the same, each named by the first of them."""
        self.alike = alike
        self._matched.clear()
        self._shown = None

    def wrong(self) -> Ints:
        """Return (n,) 1 for each row whose given label was found wrong, 0 right, -1 not decided."""
        self._refresh()
        wrong = np.full(len(_NUMBER), -1)
        wrong[_VERDICTS] = [1, 0, 1, 1]
        return wrong[self._said[self.queue.contents]]

    def running(self, wrong: Ints | None = None) -> Running:
        """Return how many labels are wrong, by what is decided so far."""
        return running(self.wrong() if wrong is None else wrong, self.queue.design)

    def _change(self, answer: Answer) -> Change:
        row = self._row(answer.key)
        said, label = answer.said, answer.label
        if said == ACCEPT:
            said, label = LABEL, self.queue.cell(row, "suggested_label")
        if said == LABEL:
            label = self._label(label)
            if label == self.queue.cell(row, "given_label"):
                said, label = KEEP, None
        elif said not in (*SAID, UNDECIDED):
            raise InputError(f"{said[:50]!r} is nothing that can be said of a row.{nearest_name(said, SAID)}")
        else:
            label = None
        return Change(answer.key, answer.version, said, label, answer.note)

    def _row(self, key: str) -> int:
        if key not in self.queue.row_of:
            raise InputError("There is no such row in these issues. Load the page again.")
        return self.queue.row_of[key]

    def _label(self, label: str | None) -> str:
        """Return the label that was typed, or the only one that begins so, whatever its case."""
        typed, classes = (label or "").strip(), self.queue.classes
        if label in classes:
            return str(label)
        # a form changes line ends, so spaces of any kind are the same
        same = [name for name in classes if name.casefold().split() == typed.casefold().split()]
        begins = (
            same
            if len(same) == 1
            else [name for name in classes if typed and name.casefold().startswith(typed.casefold())]
        )
        if len(begins) == 1:
            return begins[0]
        if begins:
            raise InputError(f"{typed[:100]!r} may be {', '.join(begins[:5])}. Type more of it.")
        raise InputError(
            f"{typed[:100]!r} is no label of this data.{nearest_name(typed, classes)} Where none of its labels fits, drop the row."
        )

    def _take(self, made: dict[str, Decision]) -> None:
        self._shown = None
        for key, decision in made.items():
            self._decisions[key] = decision
            row = self.queue.row_of.get(key)
            if row is not None:
                self._said[row] = _NUMBER[decision.said]

    def _refresh(self) -> None:
        changes = self.store.changed_by_others()
        if changes == self._seen_changes:
            return
        self._seen_changes = changes
        self._said = np.zeros(len(self.queue), np.int8)
        self._decisions = {}
        self._take(self.store.of(self.reviewer))
