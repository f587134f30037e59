"""From any source to its table: by suffix, folder, hub address, or standard input."""

from __future__ import annotations

import codecs
import hashlib
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl

from curatekit.errors import InputError, nearest_name
from curatekit.files import sha256_file
from curatekit.readers.arrow import read_arrow, read_folder, read_parquet
from curatekit.readers.delimited import read_csv, read_tsv
from curatekit.readers.hub import PREFIX, read_hub
from curatekit.readers.json_lines import read_jsonl
from curatekit.readers.source import COMPRESSED, decompress, read_bytes, read_stdin
from curatekit.readers.table import Table

STDIN = "-"
PARSERS: dict[str, Callable[[bytes, str], Table]] = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".parquet": read_parquet,
    ".arrow": read_arrow,
    ".feather": read_arrow,
    ".ipc": read_arrow,
}


class Source(NamedTuple):
    """A table, what to call the place it came from, and the SHA-256 of what was read there."""

    table: Table
    path: str
    sha256: str


def read_source(source: str | Path) -> Source:
    """Return the table of a file, a save_to_disk folder, hf://owner/name[/config]:split, or "-" (jsonl on standard input).

    Raises InputError when there is no such thing, or it is of no kind in PARSERS, or holds no bytes, or is damaged.
    """
    address = str(source)
    path = Path(source)
    if address == STDIN:
        data = read_stdin()
        table = read_jsonl(data, "standard input")
        if not table.frame.height and not data.lstrip(codecs.BOM_UTF8 + b" \t\r\n").startswith(b"{"):
            raise InputError(
                "standard input is read as jsonl, and its first line is no JSON object: give the file itself, or convert it."
            )
        return Source(table, "standard input", _sha256(data))
    if address.startswith(PREFIX):
        table = read_hub(address)
        return Source(table, address, _sha256(table.frame.write_ipc(None).getvalue()))
    if _is_folder(path):
        return Source(read_folder(path), address, sha256_file(path))
    parser, compression = _format(path)
    data = read_bytes(path)
    return Source(parser(decompress(data, compression, address), address), address, _sha256(data))


def read_frame(source: str | Path) -> pl.DataFrame:
    """Return all the columns of `source` as they are. Raises InputError naming the first row that cannot be read."""
    table, path, _ = read_source(source)
    if table.broken:
        first = table.broken[0]
        raise InputError(f"{path}, {table.unit} {first.number}: {first.reason}. Correct it.")
    return table.frame


def _format(path: Path) -> tuple[Callable[[bytes, str], Table], str]:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compression = suffixes.pop() if suffixes and suffixes[-1] in COMPRESSED else ""
    if not suffixes or suffixes[-1] not in PARSERS:
        known = ", ".join(PARSERS)
        raise InputError(
            f"{path}: the format is told by the suffix, and this is none of {known} (also with .gz or .zst)."
        )
    return PARSERS[suffixes[-1]], compression


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the name
        raise InputError(f"{path} does not exist.{_neighbour(path)}") from None
    except OSError as error:
        raise InputError(
            f"{path} cannot be reached: {error.strerror}. Check its name and who may read its folder."
        ) from error


def _neighbour(path: Path) -> str:
    try:
        return nearest_name(path.name, [file.name for file in path.parent.iterdir()])
    except (OSError, ValueError):  # the folder is not there, or not ours to list
        return ""


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
