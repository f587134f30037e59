"""What the library says while it works."""

from __future__ import annotations

from curatekit.reporting import note, reporting, step, unreported
from tests.notes import Notes


def test_a_part_is_not_reported_and_the_rest_is() -> None:
    notes = Notes()
    with reporting(notes):
        note("first")
        with unreported():
            note("of a part")
            with step("a part", 1) as advance:
                advance(1)
        note("last")
    assert notes.lines == ["first", "last"]
    note("nobody listens")
