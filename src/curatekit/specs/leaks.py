"""A test that guided the selection measures nothing: no test may be an example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from curatekit.errors import InputError
from curatekit.reporting import note
from curatekit.specs.folding import folded
from curatekit.specs.specification import Specification


class Leak(NamedTuple):
    """A test that is an example too, but perhaps for case, spaces and punctuation."""

    test: str
    specification: str
    example: str
    of: str
    """The id of the specification that the example is of."""

    @property
    def refused(self) -> bool:
        """An exact copy, or a folded one within one specification, is a mistake in the file.

        Of another specification but for spaces: two may rightly differ by those (spelling variants do).
        """
        return self.of == self.specification or self.example == self.test


def leaks(specifications: Sequence[Specification]) -> list[Leak]:
    """Return every pair of a test and an example that are the same but for case, spaces and punctuation."""
    examples: dict[str, list[tuple[str, str]]] = {}
    for specification in specifications:
        for text in specification.examples:
            examples.setdefault(folded(text), []).append((text, specification.id))
    return [
        Leak(test, specification.id, example, other)
        for specification in specifications
        for test in specification.tests or ()
        for example, other in examples.get(folded(test), [])
    ]


def without_leaks(specifications: Sequence[Specification], path: Path) -> tuple[Specification, ...]:
    """Return the specifications without the tests that are an example of another but for spaces; these are counted aloud.

    Raises InputError for the others, and where no test of a specification is left.
    """
    found = leaks(specifications)
    refused = [
        f"the test {leak.test!r} of {leak.specification!r} is the example {leak.example!r} of {leak.of!r}"
        for leak in found
        if leak.refused
    ]
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise InputError(
            f"{path}: {refused[0]}{more}. Take one of the two out: a test that guided the selection measures nothing."
        )
    leaked = {(leak.specification, leak.test) for leak in found}
    kept = [
        replace(one, tests=tuple(test for test in one.tests or () if (one.id, test) not in leaked))
        for one in specifications
    ]
    for before, after in zip(specifications, kept, strict=True):
        if before.tests and not after.tests:
            raise InputError(
                f"{path}: every test of {before.id!r} is an example of another specification. Give it others."
            )
    aside = sum(len(s.tests or ()) for s in specifications) - sum(len(s.tests or ()) for s in kept)
    if aside:
        note(
            f"{path}: {aside} tests are set aside, since but for case, spaces and punctuation each is an example of another "
            "specification."
        )
    return tuple(kept)
