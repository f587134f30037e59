"""What a specification file says, checked; texts of other files are not looked up yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curatekit.errors import InputError
from curatekit.specs.columns import column_address
from curatekit.specs.formats import parsed
from curatekit.specs.templates import MOST
from curatekit.specs.texts import known_keys

_TOP = ("specifications", "lexicons", "columns")
_KEYS = ("id", "statement", "label", "examples", "tests", "templates", "slots", "tests_by", "sample", "seed", "draft")
_OF_TEMPLATES = ("slots", "tests_by", "sample", "seed")


@dataclass(frozen=True)
class Document:
    """A specification file: its entries, the word lists that they share, and the columns whose values are specifications."""

    path: Path
    entries: tuple[dict[str, Any], ...]
    lexicons: dict[str, Any]
    columns: tuple[Any, ...]

    def references(self, tests: bool) -> Iterator[Any]:
        """Yield every value that may name a file to take texts from; those of `tests` only when asked for."""
        yield from self.columns
        yield from self.lexicons.values()
        for entry in self.entries:
            yield entry.get("examples")
            yield from entry.get("slots", {}).values()
            if tests:
                yield entry.get("tests")


def read_document(path: Path) -> Document:
    """Return what the file says, or the one column that "FILE::COLUMN" names; raises InputError for what cannot be meant."""
    address = column_address(path)
    if address is not None:
        file, column = address
        return Document(path, (), {}, ({"file": file.name, "column": column},))
    document = parsed(path)
    if not isinstance(document, dict) or not any(
        isinstance(document.get(key), list) for key in ("specifications", "columns")
    ):
        raise InputError(f"{path} has no list under the key 'specifications'. Begin it with that key.")
    known_keys(document, _TOP, str(path))
    entries, columns = (document.get(key, []) for key in ("specifications", "columns"))
    lexicons = document.get("lexicons", {})
    if not isinstance(lexicons, dict) or not isinstance(entries, list) or not isinstance(columns, list):
        raise InputError(
            f"{path}: 'lexicons' maps names to lists of words, 'specifications' and 'columns' are lists. Write them so."
        )
    if not entries and not columns:
        raise InputError(f"{path} holds no specification. Write at least one.")
    seen: set[str] = set()
    for number, entry in enumerate(entries, start=1):
        where = f"{path}: specification {number}"
        if not isinstance(entry, dict):
            raise InputError(f"{where} is not a mapping. Give it {', '.join(_KEYS[:5])}.")
        known_keys(entry, _KEYS, where)
        _check(entry, where)
        if entry["id"] in seen:
            raise InputError(f"{where} has the id {entry['id']!r}, as one before it has. Give each its own.")
        seen.add(entry["id"])
    return Document(path, tuple(entries), lexicons, tuple(columns))


def _check(entry: dict[str, Any], where: str) -> None:
    for key in ("id", "statement", "label"):
        value = entry.get(key, "" if key == "statement" else None)
        if not isinstance(value, str) or (key != "statement" and not value.strip()):
            raise InputError(f"{where} has no {key}. Write it as one string.")
    if "draft" in entry:
        raise InputError(
            f"{where} ({entry['id']!r}) is a draft that nobody has read. Say in its statement what the model must get right, correct "
            "its examples, and take the line `draft` out."
        )
    if not any(key in entry for key in ("examples", "templates")) and not entry.get("statement", "").strip():
        raise InputError(f"{where} ({entry['id']!r}) has no examples. They are what guides the selection.")
    templates, slots = entry.get("templates", []), entry.get("slots", {})
    if not isinstance(templates, list) or not all(isinstance(one, str) and one.strip() for one in templates):
        raise InputError(f"{where}: templates are a list of texts such as 'I {{feel}} {{group}}.'. Write it so.")
    if not isinstance(slots, dict):
        raise InputError(f"{where}: slots map each name to its fillers, or to the name of a lexicon. Write them so.")
    if not templates:
        for key in ("templates", *_OF_TEMPLATES):
            if key in entry:
                raise InputError(f"{where} has {key!r} and no templates. Write `templates`, or leave it out.")
    for key in ("sample", "seed"):
        value = entry.get(key, "1")
        if not (
            isinstance(value, str)
            and value.isascii()
            and value.isdigit()
            and (key == "seed" or 1 <= int(value) <= MOST)
        ):
            raise InputError(
                f"{where}: {key} is {value!r}. Give a whole number{f' of 1 to {MOST:,}' if key == 'sample' else ''}."
            )
