"""From a specification file, or a column of a table, to specifications."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curatekit.errors import InputError, nearest_name
from curatekit.reporting import note
from curatekit.specs.columns import column_specifications
from curatekit.specs.entries import Document, read_document
from curatekit.specs.leaks import without_leaks
from curatekit.specs.specification import Specification
from curatekit.specs.templates import expansions, held_out, slots_of
from curatekit.specs.texts import Files, texts_of


def read_specifications(path: str | Path, tests: bool = False) -> tuple[Specification, ...]:
    """Return the specifications in a YAML, TOML or JSON file, with their tests only when `tests` is true.

    The top key is `specifications`, a list of {id, statement, label, examples, tests}. Examples and tests are a list of
    texts or {file, where: {column: value, ...}, text: column}, the file's path relative to the specification file; examples may
    be templates with slots instead; a statement without either is weak. "FILE::COLUMN" (and the key `columns`) makes the values
    of a column specifications. docs/specifications.md has them all. Every scalar is a string as written. Without `tests`, no
    file that only the tests name is opened. Raises InputError on unknown keys,
    missing fields, ids given twice, no example, and a test that is an example too: exactly, or of the same specification
    but for case, spaces and punctuation. Of another specification but for those: the test is set aside, and it is said. With
    `tests`, specifications without any are said (their tests are an empty tuple), and a file without any is refused.
    """
    path = Path(path)
    found = specifications_in(path, tests)
    weak = [repr(one.id) for one in found if one.weak]
    if weak:
        note(
            f"{path}: {len(weak)} of {len(found)} specifications have a statement alone, and are weak (weak: true): rows are looked for "
            f"by the statement's own embedding, which is a guess. Give them examples: {_first(weak)}."
        )
    if not tests:
        return found
    untested = [repr(specification.id) for specification in found if not specification.tests]
    if len(untested) == len(found):
        raise InputError(f"{path} has no tests, so nothing can be measured. Give its specifications tests.")
    if untested:
        note(
            f"{path}: {len(untested)} of {len(found)} specifications have no tests, and are not measured: {', '.join(untested)}."
        )
    return without_leaks(found, path)


def specification_files(path: str | Path, tests: bool = False) -> tuple[Path, ...]:
    """Return the specification file and every file that its examples (and tests) take texts from, each once."""
    document = read_document(Path(path))
    files = [
        document.path.parent / reference["file"]
        for reference in document.references(tests)
        if isinstance(reference, dict) and isinstance(reference.get("file"), str)
    ]
    # the address of a column is no file
    own = [document.path] if document.path.is_file() else []
    return tuple(dict.fromkeys([*own, *files]))


def specifications_in(path: Path, tests: bool) -> tuple[Specification, ...]:
    """Return the specifications as they are written: no test is looked for among the examples yet."""
    document = read_document(path)
    files = Files(path.parent)
    found = [_specification(entry, document, files, tests) for entry in document.entries]
    for number, column in enumerate(document.columns, start=1):
        where = f"{path}: column {number}" if document.path.is_file() else str(path)
        found += column_specifications(column, where, files, tests)
    ids = [one.id for one in found]
    twice = next((id for id in ids if ids.count(id) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: two specifications have the id {twice!r}. Give each its own.")
    return tuple(found)


def _specification(entry: dict[str, Any], document: Document, files: Files, tests: bool) -> Specification:
    id, statement = entry["id"], entry.get("statement", "")
    where = f"{document.path}: examples of {id!r}"
    examples = texts_of(entry["examples"], where, files) if "examples" in entry else ()
    given = entry.get("tests")
    measured: tuple[str, ...] = ()
    if "templates" in entry:
        made = f"{document.path}: templates of {id!r}"
        slots = _slots(entry, document, files, made)
        sample = int(entry["sample"]) if "sample" in entry else None
        found = expansions(entry["templates"], slots, made, sample, int(entry.get("seed", 0)))
        if given:
            examples += found.texts
        else:
            by_test = held_out(found, slots, entry.get("tests_by"), made).tolist()
            examples += tuple(text for text, test in zip(found.texts, by_test, strict=True) if not test)
            measured = tuple(text for text, test in zip(found.texts, by_test, strict=True) if test)
    if tests and given:
        measured = texts_of(given, f"{document.path}: tests of {id!r}", files)
    return Specification(
        id, statement, entry["label"], examples or (statement,), measured if tests else None, weak=not examples
    )


def _slots(entry: Mapping[str, Any], document: Document, files: Files, where: str) -> dict[str, tuple[str, ...]]:
    """Return the fillers of the slots that the entry lists, and of every lexicon that its templates name as a slot."""
    slots: dict[str, tuple[str, ...]] = {}
    named = {slot for template in entry["templates"] for slot in slots_of(template, where)}
    for name, given in entry.get("slots", {}).items():
        if isinstance(given, str) and given not in document.lexicons:
            raise InputError(
                f"{where}: the slot {name!r} takes the lexicon {given!r}, which is not there."
                f"{nearest_name(given, document.lexicons)} List the fillers, or the lexicon at the top."
            )
        source, what = (
            (document.lexicons[given], f"lexicon {given!r}") if isinstance(given, str) else (given, f"slot {name!r}")
        )
        slots[name] = _fillers(source, f"{where}, {what}", files)
    for name, given in document.lexicons.items():
        if name not in slots and name in named:
            slots[name] = _fillers(given, f"{document.path}: lexicon {name!r}", files)
    return slots


def _fillers(given: Any, where: str, files: Files) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts_of(given, where, files)))


def _first(names: list[str], most: int = 10) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
