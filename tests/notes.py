"""A reporter that keeps the notes, for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Notes:
    """Receives what the library says."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @contextmanager
    def step(self, name: str, total: int, unit: str) -> Iterator[Callable[[int], object]]:
        yield lambda done: None

    def note(self, text: str) -> None:
        self.lines.append(text)
