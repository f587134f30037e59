"""Specification files: what a model must get right, said in words and by examples, and measured by tests.

The examples guide the selection; the tests measure, so they are read only where a caller asks for them.
"""

from __future__ import annotations

import json
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from curatekit.arrays import Bools, Ints
from curatekit.errors import InputError, nearest_name
from curatekit.reporting import note

_KEYS = ("id", "statement", "label", "examples", "tests")
_REFERENCE = ("file", "where", "text")


@dataclass(frozen=True)
class Specification:
    """One thing that a model must get right: every text that falls under the statement has this label."""

    id: str
    statement: str
    label: str
    examples: tuple[str, ...]
    tests: tuple[str, ...] | None = None  # None where they were not asked for


class Cases(NamedTuple):
    """Texts of all specifications in one sequence, each with its label and its specification."""

    texts: tuple[str, ...]
    labels: Ints
    """(n,) codes into the classes."""
    specifications: Ints
    """(n,) index into the specifications."""


def read_specifications(path: str | Path, tests: bool = False) -> tuple[Specification, ...]:
    """Return the specifications in a YAML, TOML or JSON file, with their tests only when `tests` is true.

    The top key is `specifications`, a list of {id, statement, label, examples, tests}. Examples and tests are a list of
    texts or {file, where: {column: value, ...}, text: column}, the file's path relative to the specification file. Every
    scalar is a string as written. Without `tests`, no file that only the tests name is opened. Raises InputError on unknown keys,
    missing fields, ids given twice, no example, and a test that is an example too: exactly, or of the same specification
    but for case, spaces and punctuation. Of another specification but for those: the test is set aside, and it is said. With
    `tests`, specifications without any are said (their tests are an empty tuple), and a file without any is refused.
    """
    path = Path(path)
    tables: dict[Path, pl.DataFrame] = {}
    found = [
        Specification(
            entry["id"],
            entry.get("statement", ""),
            entry["label"],
            _texts(entry["examples"], f"{path}: examples of {entry['id']!r}", path.parent, tables),
            _tests(entry, path, tables) if tests else None,
        )
        for entry in _entries(path)
    ]
    if not tests:
        return tuple(found)
    untested = [repr(specification.id) for specification in found if not specification.tests]
    if len(untested) == len(found):
        raise InputError(f"{path} has no tests, so nothing can be measured. Give its specifications tests.")
    if untested:
        note(
            f"{path}: {len(untested)} of {len(found)} specifications have no tests, and are not measured: {', '.join(untested)}."
        )
    return _without_leaks(found, path)


def specification_files(path: str | Path, tests: bool = False) -> tuple[Path, ...]:
    """Return the specification file and every file that its examples (and tests) take texts from, each once."""
    path = Path(path)
    wanted = ("examples", "tests") if tests else ("examples",)
    references = [entry.get(key) for entry in _entries(path) for key in wanted]
    files = [
        path.parent / reference["file"]
        for reference in references
        if isinstance(reference, dict) and "file" in reference
    ]
    return tuple(dict.fromkeys([path, *files]))


def example_cases(specifications: Sequence[Specification], classes: Sequence[str]) -> Cases:
    """Return the examples of all specifications, their labels coded; raises InputError for a label not in `classes`."""
    return _cases(specifications, classes, lambda specification: specification.examples)


def test_cases(specifications: Sequence[Specification], classes: Sequence[str]) -> Cases:
    """Return the tests of all specifications, their labels coded; raises InputError for a label not in `classes`."""
    return _cases(specifications, classes, lambda specification: specification.tests or ())


test_cases.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test


def folded(text: str) -> str:
    """Return the text without case, spaces and punctuation; a text of nothing else is only stripped."""
    bare = "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())
    return bare or text.strip()


def stand_among(texts: Iterable[str], others: Iterable[str]) -> Bools:
    """Return (n,) whether each of the texts is one of the others, but for case, spaces and punctuation."""
    known = set(map(folded, others))
    return np.array([folded(text) in known for text in texts], bool)


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


# -- what a specification says -----------------------------------------------------------------------------------------


def _entries(path: Path) -> list[dict[str, Any]]:
    """Return the checked entries of the file; their texts are not looked up yet."""
    document = _parsed(path)
    if not isinstance(document, dict) or not isinstance(document.get("specifications"), list):
        raise InputError(f"{path} has no list under the key 'specifications'. Begin it with that key.")
    _known_keys(document, ("specifications",), str(path))
    if not document["specifications"]:
        raise InputError(f"{path} holds no specification. Write at least one.")
    entries: list[dict[str, Any]] = document["specifications"]
    seen: set[str] = set()
    for number, entry in enumerate(entries, start=1):
        where = f"{path}: specification {number}"
        if not isinstance(entry, dict):
            raise InputError(f"{where} is not a mapping. Give it {', '.join(_KEYS)}.")
        _known_keys(entry, _KEYS, where)
        for key in ("id", "statement", "label"):
            value = entry.get(key, "" if key == "statement" else None)
            if not isinstance(value, str) or (key != "statement" and not value.strip()):
                raise InputError(f"{where} has no {key}. Write it as one string.")
        if "examples" not in entry:
            raise InputError(f"{where} ({entry['id']!r}) has no examples. They are what guides the selection.")
        if entry["id"] in seen:
            raise InputError(f"{where} has the id {entry['id']!r}, as one before it has. Give each its own.")
        seen.add(entry["id"])
    return entries


def _known_keys(mapping: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in mapping:
        if key not in known:
            raise InputError(
                f"{where} has the unknown key {key!r}.{nearest_name(key, known)} Known: {', '.join(known)}."
            )


def _tests(entry: dict[str, Any], path: Path, tables: dict[Path, pl.DataFrame]) -> tuple[str, ...]:
    given = entry.get("tests")
    return _texts(given, f"{path}: tests of {entry['id']!r}", path.parent, tables) if given else ()


def _texts(given: Any, where: str, folder: Path, tables: dict[Path, pl.DataFrame]) -> tuple[str, ...]:
    if isinstance(given, dict):
        given = _referenced(given, where, folder, tables)
    if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
        raise InputError(f"{where}: neither a list of texts nor {{file: ..., where: {{column: value}}}}.")
    if not given or not all(text.strip() for text in given):
        raise InputError(f"{where}: {'an empty text is among them' if given else 'there are none'}. Give texts.")
    return tuple(given)


def _referenced(reference: dict[str, Any], where: str, folder: Path, tables: dict[Path, pl.DataFrame]) -> list[str]:
    """Return the texts of the rows of a file in which every column named has the value named."""
    from curatekit.readers import read_frame

    _known_keys(reference, _REFERENCE, where)
    conditions, column = reference.get("where", {}), reference.get("text", "text")
    if not isinstance(conditions, dict) or not all(
        isinstance(value, str) for value in (reference.get("file"), column, *conditions.values())
    ):
        raise InputError(
            f"{where}: a reference needs a file, `text` names one column, and `where` maps each column to one value."
        )
    path = folder / reference["file"]
    if path not in tables:
        tables[path] = read_frame(path)
    frame = tables[path]
    for name in (column, *conditions):
        if name not in frame.columns:
            raise InputError(
                f"{where}: {path} has no column {name!r}.{nearest_name(name, frame.columns)} Columns: {', '.join(frame.columns)}."
            )
        if frame.schema[name].is_nested() or frame.schema[name] == pl.Binary:
            raise InputError(
                f"{where}: the column {name!r} of {path} holds {frame.schema[name]}, and not one text a row."
            )
    matching = frame.filter(*(pl.col(name).cast(pl.String) == value for name, value in conditions.items()))
    if not len(matching):
        asked = ", ".join(f"{name} = {value!r}" for name, value in conditions.items())
        raise InputError(f"{where}: no row of {path} has {asked or 'a text'}. Check the values.")
    return [text or "" for text in matching[column].cast(pl.String).to_list()]


def _without_leaks(specifications: Sequence[Specification], path: Path) -> tuple[Specification, ...]:
    """Return the specifications without the tests that are, once folded, an example of another specification.

    Those are set aside and counted aloud: two specifications may rightly differ by a space (spelling variants do). An exact
    copy, or a folded one within one specification, is a mistake in the file, and refused.
    """
    examples: dict[str, list[tuple[str, str]]] = {}
    for specification in specifications:
        for text in specification.examples:
            examples.setdefault(folded(text), []).append((text, specification.id))
    refused: list[str] = []
    kept: list[Specification] = []
    for specification in specifications:
        tests = specification.tests or ()
        for test in tests:
            for example, other in examples.get(folded(test), []):
                if other == specification.id or example == test:
                    refused.append(f"the test {test!r} of {specification.id!r} is the example {example!r} of {other!r}")
        kept.append(replace(specification, tests=tuple(test for test in tests if folded(test) not in examples)))
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise InputError(
            f"{path}: {refused[0]}{more}. Take one of the two out: a test that guided the selection measures nothing."
        )
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


# -- the three formats -------------------------------------------------------------------------------------------------


def _parsed(path: Path) -> Any:
    parsers = {".yaml": _yaml, ".yml": _yaml, ".toml": _toml, ".json": _json}
    if path.suffix.lower() not in parsers:
        raise InputError(f"{path} is no specification file: its suffix is none of {', '.join(parsers)}.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start + 1}). Save it as UTF-8.") from error
    return parsers[path.suffix.lower()](text, path)


def _yaml(text: str, path: Path) -> Any:
    import yaml

    class Loader(yaml.BaseLoader):
        """Every scalar is a string; a tag changes nothing."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
                raise InputError(f"{path}, line {line}: an alias (*name). Write the text out.")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise InputError(f"{path}, line {node.start_mark.line + 1}: the key {twice!r} is given twice.")
            return super().construct_mapping(node, deep)

    loader = Loader(text)
    try:
        return loader.get_single_data()
    except RecursionError:
        raise InputError(f"{path} is nested too deep. A specification file has three levels.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"{path}{line}: not valid YAML ({getattr(error, 'problem', None) or error}).") from error
    finally:
        loader.dispose()


def _toml(text: str, path: Path) -> Any:
    try:
        return _as_strings(tomllib.loads(text, parse_float=str), path)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not valid TOML ({error}).") from error


def _json(text: str, path: Path) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise InputError(f"{path}: a key is given twice in one object ({', '.join(key for key, _ in pairs)}).")
        return dict(pairs)

    try:
        parsed = json.loads(text, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=unique)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error}).") from error
    return _as_strings(parsed, path)


def _as_strings(value: Any, path: Path) -> Any:
    """Return the value with whole numbers as written; other scalars that are no strings are refused."""
    if isinstance(value, dict):
        return {key: _as_strings(item, path) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_strings(item, path) for item in value]
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise InputError(f"{path}: {value!r} is not a string. Put it in quotes.")
