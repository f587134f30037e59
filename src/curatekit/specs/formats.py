"""The three formats of a specification file; every scalar is the string that was written."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from curatekit.errors import InputError


def parsed(path: Path) -> Any:
    """Return the document in a YAML, TOML or JSON file; raises InputError for another suffix and for what is not valid."""
    parsers = {".yaml": _yaml, ".yml": _yaml, ".toml": _toml, ".json": _json}
    if path.suffix.lower() not in parsers:
        raise InputError(
            f"{path} is no specification file: its suffix is none of {', '.join(parsers)}. Of a table, name the column whose values "
            f"are the specifications: {path.name}::COLUMN."
        )
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
