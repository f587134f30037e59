"""One specification, and the cases of several in one sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Ints
from curatekit.errors import InputError, nearest_name


@dataclass(frozen=True)
class Specification:
    """One thing that a model must get right: every text that falls under the statement has this label."""

    id: str
    statement: str
    label: str
    examples: tuple[str, ...]
    tests: tuple[str, ...] | None = None  # None where they were not asked for
    weak: bool = False  # nothing but the statement is given: it stands as the only example, and is none


class Cases(NamedTuple):
    """Texts of all specifications in one sequence, each with its label and its specification."""

    texts: tuple[str, ...]
    labels: Ints
    """(n,) codes into the classes."""
    specifications: Ints
    """(n,) index into the specifications."""


def example_cases(specifications: Sequence[Specification], classes: Sequence[str]) -> Cases:
    """Return the examples of all specifications, their labels coded; raises InputError for a label not in `classes`."""
    return _cases(specifications, classes, lambda specification: specification.examples)


def test_cases(specifications: Sequence[Specification], classes: Sequence[str]) -> Cases:
    """Return the tests of all specifications, their labels coded; raises InputError for a label not in `classes`."""
    return _cases(specifications, classes, lambda specification: specification.tests or ())


test_cases.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test


def _cases(
    specifications: Sequence[Specification], classes: Sequence[str], texts: Callable[[Specification], tuple[str, ...]]
) -> Cases:
    code = {name: number for number, name in enumerate(classes)}
    for specification in specifications:
        if specification.label not in code:
            raise InputError(
                f"The specification {specification.id!r} has the label {specification.label!r}, which the training data does not "
                f"have.{nearest_name(specification.label, classes)} Its labels: {', '.join(classes)}."
            )
    sizes = [len(texts(specification)) for specification in specifications]
    return Cases(
        tuple(text for specification in specifications for text in texts(specification)),
        np.repeat([code[specification.label] for specification in specifications], sizes).astype(np.int64),
        np.repeat(np.arange(len(specifications)), sizes),
    )
