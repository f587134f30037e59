"""One spelling a label: those that differ by case or spaces alone are refused, or merged when told so."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from curatekit.arrays import Ints
from curatekit.dataset import quoted
from curatekit.errors import InputError
from curatekit.reporting import note

_PLACEHOLDERS = frozenset({"nan", "na", "n/a", "null", "none"})
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


def one_spelling(
    names: list[str | None], numbers: Ints, path: str, unit: str, column: str | None, normalise: bool
) -> list[str | None]:
    """Return the labels with one spelling each. Raises InputError naming two spellings and their rows, unless told to merge."""
    counts = Counter(name for name in names if name is not None)
    spellings: dict[str, list[str]] = {}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        spellings.setdefault(folded_label(name), []).append(name)
    if normalise:
        changed = {name: group[0].strip() for group in spellings.values() for name in group if name != group[0].strip()}
        for old, new in changed.items():
            note(f"{path}: label {quoted(old)} ({counts[old]} rows) is read as {quoted(new)}.")
        return [None if name is None else changed.get(name, name) for name in names]
    for first, *others in spellings.values():
        if others:
            where = [
                f"{quoted(name)} ({unit} {numbers[names.index(name)]}, {counts[name]} rows)"
                for name in (first, others[0])
            ]
            raise InputError(
                f"{path}: two labels in column {column!r} differ by case or spaces alone: {' and '.join(where)}. "
                "Correct them, or merge such labels with --normalise-labels."
            )
    if placeholders := [name for name in counts if name.casefold() in _PLACEHOLDERS]:
        note(f"{path}: kept as labels, though they may stand for none: {', '.join(map(repr, sorted(placeholders)))}.")
    for group in _same_number(counts):
        note(f"{path}: kept as different labels, though the same number: {', '.join(map(repr, group))}.")
    return names


def folded_label(name: str) -> str:
    """Return what labels that differ by case or spaces alone have in common."""
    return " ".join(name.split()).casefold()


def _same_number(names: Iterable[str]) -> list[list[str]]:
    groups: dict[float, list[str]] = {}
    for name in sorted(names):
        if _NUMBER.fullmatch(name):
            groups.setdefault(float(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]
