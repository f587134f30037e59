"""What the library says while it works: steps with progress, and notes. The library never prints; a reporter may."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol

Advance = Callable[[int], object]


class Reporter(Protocol):
    """Receives progress and notes; the CLI installs one that draws on stderr and keeps the notes for the manifest."""

    def step(self, name: str, total: int, unit: str) -> AbstractContextManager[Advance]: ...

    def note(self, text: str) -> None: ...


_reporter: ContextVar[Reporter | None] = ContextVar("curatekit_reporter", default=None)


@contextmanager
def reporting(reporter: Reporter) -> Iterator[None]:
    """Send the steps and notes of the enclosed code to `reporter`."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


def step(name: str, total: int, unit: str = "rows") -> AbstractContextManager[Advance]:
    """Return a context manager that yields `advance(n)`, to be called as the n next of `total` units are done."""
    reporter = _reporter.get()
    return reporter.step(name, total, unit) if reporter else nullcontext(lambda done: None)


def note(text: str) -> None:
    """Say one sentence about a decision or a finding, such as which column was guessed and why."""
    reporter = _reporter.get()
    if reporter:
        reporter.note(text)


@contextmanager
def unreported() -> Iterator[None]:
    """Keep back the steps and notes of the enclosed code: it is a part of something that is reported as a whole."""
    token = _reporter.set(None)
    try:
        yield
    finally:
        _reporter.reset(token)
