"""What people decided, in one SQLite file: durable before it is acknowledged, with a log from which all can be undone."""

from __future__ import annotations

import sqlite3
import time
import unicodedata
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from curatekit.errors import CurateError, InputError, Locked, NoSpace, VerificationFailed

LABEL, KEEP, WRONG, DROP, UNSURE, SKIP, UNDECIDED = "label", "keep", "wrong", "drop", "unsure", "skip", ""
SAID = (LABEL, KEEP, WRONG, DROP, UNSURE, SKIP)
"""Another label is right; the given one is; it is wrong, in a way nobody named; no label fits; cannot tell; later."""

MOST_CHARACTERS = 10_000  # of a note
PATIENCE_S = 5.0  # for another process that writes
_APPLICATION = 0x63757261  # "cura": told from any other SQLite file
_LAYOUT = """
CREATE TABLE decisions (
    reviewer TEXT NOT NULL, key TEXT NOT NULL, said TEXT NOT NULL, label TEXT, note TEXT NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (reviewer, key)
) WITHOUT ROWID;
CREATE TABLE log (
    number INTEGER PRIMARY KEY AUTOINCREMENT, batch INTEGER NOT NULL, undoes INTEGER, at TEXT NOT NULL,
    reviewer TEXT NOT NULL, key TEXT NOT NULL, said TEXT NOT NULL, label TEXT, note TEXT NOT NULL,
    said_before TEXT NOT NULL, label_before TEXT, note_before TEXT NOT NULL, version INTEGER NOT NULL,
    UNIQUE (reviewer, key, version)
);
CREATE INDEX log_of_batch ON log (batch);
CREATE INDEX log_of_undone ON log (undoes);
CREATE TABLE drafts (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, reviewer TEXT NOT NULL,
    specification TEXT NOT NULL, statement TEXT NOT NULL, label TEXT NOT NULL, example TEXT NOT NULL,
    UNIQUE (specification, example)
);
"""


class Stale(CurateError):
    """The row was decided elsewhere since it was shown: another tab, or a key pressed twice."""


class Decision(NamedTuple):
    """What one reviewer says of one row. `version` counts the changes, so that an answer to an old page is refused."""

    said: str = UNDECIDED
    label: str | None = None
    note: str = ""
    version: int = 0


class Change(NamedTuple):
    """A decision to be made: on which row, and on which version of it."""

    key: str
    version: int
    said: str
    label: str | None = None
    note: str | None = None  # None leaves it as it is


class Example(NamedTuple):
    """An example of a specification that is being written."""

    specification: str
    statement: str
    label: str
    example: str


class Decisions:
    """The decisions in a file, of all reviewers; any number of processes may use it at once.

    Every call that changes something is one transaction, on the disk when it returns (WAL with synchronous=FULL). `log`
    is only ever added to: an undo is an entry too.
    """

    def __init__(self, path: Path | str) -> None:
        """Open the file, or make it.

        Raises InputError for a file that is no such store, VerificationFailed for a damaged one, Locked for one held by others.
        """
        self.path = Path(path)
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            raise _told(error, self.path) from error
        except OSError as error:
            raise InputError(f"{self.path} cannot be opened: {error.strerror}.") from error

    def _open(self) -> None:
        # One thread at a time uses it, but not always the same one.
        self._file = sqlite3.connect(self.path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False)
        with self._transaction("DEFERRED"):
            self._is_new()  # before anything is changed in a file that may be another program's
        self._into_wal()
        self._file.execute("PRAGMA synchronous = FULL")
        with self._transaction():
            if self._is_new():
                self._file.execute(f"PRAGMA application_id = {_APPLICATION}")
                for statement in _LAYOUT.split(";"):
                    self._file.execute(statement)
        damage = self._file.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise VerificationFailed(f"{self.path} is damaged ({damage}). Take a copy of it that is whole.")

    def _is_new(self) -> bool:
        (tables,) = self._file.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = self._file.execute("PRAGMA application_id").fetchone()
        if tables and application != _APPLICATION:
            raise InputError(f"{self.path} is a database of another program. Name another file with --store.")
        return not tables

    def _into_wal(self) -> None:
        # SQLite does not wait here for another process that opens the same new file, so we do
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._file.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def close(self) -> None:
        """Close the file; what is in the write-ahead log goes into it."""
        self._file.close()

    def changed_by_others(self) -> int:
        """Return a number that differs when another process has changed something since it was asked last."""
        return int(self._file.execute("PRAGMA data_version").fetchone()[0])

    def of(self, reviewer: str) -> dict[str, Decision]:
        """Return the decisions of a reviewer by the row's key, also of rows about which there is only a note."""
        rows = self._file.execute(
            "SELECT key, said, label, note, version FROM decisions WHERE reviewer = ?", (reviewer,)
        )
        return {key: Decision(*decision) for key, *decision in rows}

    def reviewers(self) -> tuple[str, ...]:
        """Return the names of all who decided something, sorted."""
        found = self._file.execute("SELECT DISTINCT reviewer FROM decisions WHERE said <> '' ORDER BY reviewer")
        return tuple(name for (name,) in found)

    def decide(self, reviewer: str, changes: Sequence[Change]) -> dict[str, Decision]:
        """Return the new decisions by key, once all of them are on the disk; they are undone together.

        Raises Stale, and changes nothing, where a row is at another version than the one that was answered; InputError for
        a note that is too long.
        """
        for change in changes:
            if len(change.note or "") > MOST_CHARACTERS:
                raise InputError(
                    f"A note may have {MOST_CHARACTERS:,} characters, and this has {len(change.note or ''):,}."
                )
        with self._transaction():
            before = {change.key: self._one(reviewer, change.key) for change in changes}
            for change in changes:
                if change.version != before[change.key].version:
                    raise Stale(
                        "The row was decided since it was shown here, in another window or by a key pressed twice. "
                        "Nothing was changed: look at it again."
                    )
            batch = self._next_batch()
            made = {}
            for change in changes:
                note = before[change.key].note if change.note is None else change.note
                after = Decision(change.said, change.label, note, change.version + 1)
                self._write(batch, None, reviewer, change.key, before[change.key], after)
                made[change.key] = after
        return made

    def undo(self, reviewer: str, among: Container[str] | None = None) -> dict[str, Decision]:
        """Return the decisions by key as they were before the reviewer's last batch that still stands; none where none does.

        among: the keys that may be undone; batches of other keys alone are passed over. Raises InputError, and undoes
        nothing, where the batch has both.
        """
        with self._transaction():
            batch, entries = self._last_standing(reviewer, among)
            if not entries:
                return {}
            own, made = self._next_batch(), {}
            for key, said, label, note in entries:
                now = self._one(reviewer, key)
                made[key] = Decision(said, label, note, now.version + 1)
                self._write(own, batch, reviewer, key, now, made[key])
        return made

    def draft(self, reviewer: str, draft: Example) -> None:
        """Keep an example of a specification; one that is there already changes nothing.

        Raises InputError where the specification so named has another label.
        """
        with self._transaction():
            other = self._file.execute(
                "SELECT label FROM drafts WHERE specification = ? AND label <> ?", (draft.specification, draft.label)
            ).fetchone()
            if other:
                raise InputError(
                    f"The specification {draft.specification!r} has the label {other[0]!r}, not {draft.label!r}. "
                    "Name another specification."
                )
            self._file.execute(
                "INSERT OR IGNORE INTO drafts (at, reviewer, specification, statement, label, example) VALUES (?, ?, ?, ?, ?, ?)",
                (_now(), reviewer, *draft),
            )

    def drafts(self) -> tuple[Example, ...]:
        """Return all examples of specifications being written, in the order in which they came."""
        found = self._file.execute("SELECT specification, statement, label, example FROM drafts ORDER BY number")
        return tuple(Example(*row) for row in found)

    def _one(self, reviewer: str, key: str) -> Decision:
        found = self._file.execute(
            "SELECT said, label, note, version FROM decisions WHERE reviewer = ? AND key = ?", (reviewer, key)
        ).fetchone()
        return Decision(*found) if found else Decision()

    def _last_standing(
        self, reviewer: str, among: Container[str] | None
    ) -> tuple[int, list[tuple[str, str, str | None, str]]]:
        """Return the reviewer's last batch that is not undone and has a key that may be, and what was before it."""
        standing = self._file.execute(
            "SELECT batch, key, said_before, label_before, note_before FROM log WHERE reviewer = ? AND undoes IS NULL "
            "AND batch NOT IN (SELECT undoes FROM log WHERE undoes IS NOT NULL) ORDER BY batch DESC, number",
            (reviewer,),
        )
        for batch, rows in groupby(standing, key=itemgetter(0)):
            entries = [tuple(row[1:]) for row in rows]
            others = 0 if among is None else sum(key not in among for key, *_ in entries)
            if others == len(entries):
                continue
            if others:
                raise InputError(
                    f"The last answer decided {len(entries)} rows together, of which {others} are not shown here. Undo it where "
                    "all of them are."
                )
            return batch, entries
        return 0, []

    def _next_batch(self) -> int:
        return int(self._file.execute("SELECT coalesce(max(batch), 0) + 1 FROM log").fetchone()[0])

    def _write(
        self, batch: int, undoes: int | None, reviewer: str, key: str, before: Decision, after: Decision
    ) -> None:
        self._file.execute(
            "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (reviewer, key) DO UPDATE SET said = excluded.said, "
            "label = excluded.label, note = excluded.note, version = excluded.version",
            (reviewer, key, *after),
        )
        self._file.execute(
            "INSERT INTO log (batch, undoes, at, reviewer, key, said, label, note, said_before, label_before, note_before, version) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (batch, undoes, _now(), reviewer, key, *after[:3], *before[:3], after.version),
        )

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        try:
            self._file.execute(f"BEGIN {kind}")
            yield
            self._file.execute("COMMIT")
        except BaseException as error:
            if self._file.in_transaction:  # a full disk has ended it already
                self._file.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise _told(error, self.path) from error
            raise


def name_of(reviewer: str) -> str:
    """Return a reviewer's name as it is kept: composed, without spaces around it. Raises InputError for none, or a page of it."""
    name = unicodedata.normalize("NFC", reviewer).strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise InputError(f"{reviewer[:100]!r} is no name of a reviewer. Give one on one line with --reviewer NAME.")
    return name


def _told(error: sqlite3.Error, path: Path) -> CurateError:
    """Return the fault as a sentence: nothing of what was to be written is in the file."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Locked(f"{path} is held by another process. Nothing was saved: try again.")
    if code == sqlite3.SQLITE_FULL:
        return NoSpace(f"No space left for {path}. Nothing was saved: free some disk and try again.")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return VerificationFailed(f"{path} is damaged, or no file of decisions ({error}). Name another with --store.")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return InputError(f"{path} cannot be written ({error}). Name another place with --store.")
    return CurateError(f"{path}: {error}. Nothing was saved.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
