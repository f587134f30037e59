"""The values of a column as specifications: a test suite that is a table, such as HateCheck's functionalities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from curatekit.errors import InputError
from curatekit.reporting import note
from curatekit.specs.sides import on_test_sides
from curatekit.specs.specification import Specification
from curatekit.specs.texts import Files, known_keys, require_column, require_conditions

SEPARATOR = "::"
MOST = 1_000
"""Values of a column; with more of them it is a column of something else."""

_KEYS = ("file", "column", "text", "label", "statement", "where", "examples", "tests")


def column_address(path: Path) -> tuple[Path, str] | None:
    """Return the file and the column of "FILE::COLUMN"; None for the path of a file, which may hold "::" too."""
    name, separator, column = path.name.partition(SEPARATOR)
    return (path.with_name(name), column) if separator and name and column and not path.is_file() else None


def column_specifications(given: Any, where: str, files: Files, tests: bool) -> Iterator[Specification]:
    """Yield a specification for each value of a column, in the order of the values: its id is the value.

    given: file and column, and perhaps the columns text and label (else guessed by name, and said), a column `statement`,
    conditions `where` on all rows, and conditions `examples` and `tests` that tell the two apart; without these each text
    is on one side by its hash. Rows without value, label or text are left out and counted. A value with rows of two labels becomes a
    specification for each, "value (label)", and is said: a specification has one label. A value with one text has no tests.
    Raises InputError for columns that are not there, and for more than MOST values.
    """
    known_keys(given, _KEYS, where) if isinstance(given, dict) else None
    if not isinstance(given, dict) or not all(isinstance(given.get(key), str) for key in ("file", "column")):
        raise InputError(f"{where}: not a mapping with a file and a column. Give it {', '.join(_KEYS)}.")
    if ("examples" in given) != ("tests" in given):
        raise InputError(f"{where}: conditions for the examples and for the tests go together. Give both or neither.")
    for key in ("text", "label", "statement"):
        if not isinstance(given.get(key, ""), str):
            raise InputError(f"{where}: {key} is {given[key]!r}. Name one column.")
    for key in ("where", "examples", "tests"):
        require_conditions(given.get(key, {}), where)
    name, column = given["file"], given["column"]
    path = files.folder / name
    rows = files.rows(name, given.get("where", {}), where)
    for key in ("column", "text", "label", "statement"):
        if key in given:
            require_column(rows, given[key], path, where)
    text, label = _text_and_label(rows, path, given)
    sides = [
        files.rows(name, {**given.get("where", {}), **given[key]}, where)
        for key in ("examples", "tests")
        if key in given
    ]
    wanted = [column, label, text, *([given["statement"]] if "statement" in given else [])]
    whole, *parts = ([*map(_strings, frame.select(wanted).iter_rows())] for frame in (rows, *sides))
    usable = [row for row in whole if all(cell.strip() for cell in row[:3])]
    if not usable:
        raise InputError(f"{where}: no row of {path} has a value of {column!r}, a label and a text. Check the columns.")
    if len(usable) < len(whole):
        note(
            f"{path}: {len(whole) - len(usable)} of {len(whole)} rows have no {column!r}, label or text, and are left out."
        )
    own = _grouped(usable)
    labels: dict[str, list[str]] = {}
    for value, of in sorted(own):
        labels.setdefault(value, []).append(of)
    if len(labels) > MOST:
        raise InputError(
            f"{where}: the column {column!r} of {path} has {len(labels):,} values, over {MOST:,}. Name another."
        )
    several = [repr(value) for value in labels if len(labels[value]) > 1]
    if several:
        note(
            f"{path}: {len(several)} of {len(labels)} values of {column!r} have rows of several labels, and become a specification "
            f"for each label: {', '.join(several[:5])}{' …' if len(several) > 5 else ''}. Where that is a label error, correct it."
        )
    told = [_grouped([row for row in part if row[2].strip()]) for part in parts]
    groups = sorted(own.items())
    divided = _divided([_different(rows_of) for _, rows_of in groups])
    for place, ((value, of), rows_of) in enumerate(groups):
        id = value if len(labels[value]) == 1 else f"{value} ({of})"
        examples, measured = (_different(side.get((value, of), [])) for side in told) if told else divided[place]
        if not examples:
            raise InputError(
                f"{where}: {id!r} of {path} has no examples. Change the conditions, or leave it out with `where`."
            )
        statement = next((row[3] for row in rows_of if len(row) > 3 and row[3].strip()), f"{column}: {value}")
        yield Specification(id, statement, of, examples, measured if tests else None)


def _grouped(rows: Sequence[tuple[str, ...]]) -> dict[tuple[str, str], list[tuple[str, ...]]]:
    """Return the rows (value, label, text, …) by value and label."""
    groups: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for row in rows:
        groups.setdefault((row[0], row[1]), []).append(row)
    return groups


def _different(rows: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row[2] for row in rows))


def _divided(groups: Sequence[tuple[str, ...]]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return the examples and the tests of each group of texts."""
    found = []
    for texts, tests in zip(groups, on_test_sides(groups), strict=True):
        examples = tuple(text for text, test in zip(texts, tests.tolist(), strict=True) if not test)
        found.append((examples, tuple(text for text, test in zip(texts, tests.tolist(), strict=True) if test)))
    return found


def _strings(row: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple("" if cell is None else str(cell) for cell in row)


def _text_and_label(frame: pl.DataFrame, path: Path, given: Mapping[str, Any]) -> tuple[str, str]:
    from curatekit.readers.columns import choose_columns

    text = (given["text"],) if "text" in given else ()
    chosen = choose_columns(frame, str(path), text, given.get("label"), "", "required")
    return chosen.text[0], str(chosen.label)
