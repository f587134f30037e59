"""From a file to the bytes that it holds: read whole, decompressed within limits, decoded as UTF-8."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path
from typing import NamedTuple

from curatekit.errors import InputError, NoSpace

COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
MAX_BYTES = 8 << 30  # of one decompressed file
MAX_RATIO = 200  # text rarely shrinks to a twentieth; a bomb to a thousandth
SMALL = 64 << 20  # below this no ratio is suspicious
NOT_UTF8 = "is not valid UTF-8"
_CHUNK = 1 << 20

# The longer marks first: the UTF-32 one begins with the UTF-16 one.
_OTHER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}

_BINARY = {
    b"PAR1": ".parquet",
    b"ARROW1": ".arrow",
    b"\x1f\x8b": ".gz",
    b"\x28\xb5\x2f\xfd": ".zst",
    b"PK\x03\x04": ".zip",
}


class Decoded(NamedTuple):
    """A file's text. Where `strict` is false, bytes that are not UTF-8 stand in it as lone surrogates (PEP 383)."""

    text: str
    strict: bool


def read_bytes(path: Path) -> bytes:
    """Return the file's bytes as stored. Raises InputError when it cannot be opened, or is empty."""
    try:
        data = path.read_bytes()
    except PermissionError:
        raise InputError(f"{path} cannot be read: permission denied. Give yourself access with chmod +r.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    if not data:
        raise InputError(f"{path} is empty (0 bytes). Give a file with at least one row.")
    return data


def read_stdin() -> bytes:
    """Return all of standard input. Raises InputError when there is none."""
    data = sys.stdin.buffer.read()
    if not data:
        raise InputError("Standard input is empty. Pipe rows in, one JSON object a line: cat rows.jsonl | curate ... -")
    return data


def decompress(data: bytes, compression: str, path: str) -> bytes:
    """Return the content of gzip or zstd `data` (".gz", ".zst"), or `data` itself when compression is "".

    Raises InputError when it is damaged; NoSpace when it grows beyond MAX_RATIO or MAX_BYTES, as a bomb does.
    """
    if not compression:
        return data
    import pyarrow as pa

    parts, size = [], 0
    try:
        # pyarrow notices a truncated stream; zstandard's reader ends there as if that were all.
        with pa.CompressedInputStream(pa.BufferReader(data), COMPRESSED[compression]) as stream:
            while part := stream.read(_CHUNK):
                size += len(part)
                check_size(path, size, len(data))
                parts.append(part)
    except OSError as error:
        raise InputError(f"{path} is damaged or no {compression} file ({error}). Copy or compress it again.") from error
    if not size:
        raise InputError(f"{path} holds 0 bytes. Give a file with at least one row.")
    return b"".join(parts)


def check_size(path: str, size: int, stored: int) -> None:
    """Raise NoSpace when `stored` bytes unfold to a `size` that no honest data would have."""
    if size > MAX_BYTES or (size > SMALL and size > MAX_RATIO * stored):
        raise NoSpace(
            f"{path} unfolds from {stored:,} bytes to {size:,} or more; the limits are {MAX_RATIO} times and "
            f"{MAX_BYTES >> 30} GiB. If it is honest data, split it, or store it uncompressed."
        )


def decode(data: bytes, path: str) -> Decoded:
    """Return the text of UTF-8 `data` without its byte-order mark. Raises InputError on UTF-16 and UTF-32."""
    if kind := next((suffix for magic, suffix in _BINARY.items() if data.startswith(magic)), None):
        raise InputError(f"{path} is no text but a {kind} file by its first bytes. Name it so, or unpack it.")
    mark = next((name for mark, name in _OTHER_MARKS.items() if data.startswith(mark)), None)
    if mark is None and data[:4096].count(0) > len(data[:4096]) // 4:
        mark = "UTF-16"
    if mark:
        raise InputError(
            f"{path} is {mark}, not UTF-8. Convert it: iconv -f {mark} -t UTF-8 {path} > utf8-{Path(path).name}"
        )
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return Decoded(data.decode(), strict=True)
    except UnicodeDecodeError:
        return Decoded(data.decode(errors="surrogateescape"), strict=False)


def unreadable(value: str) -> str | None:
    """Return what makes `value` no Unicode text, or None: a byte that is not UTF-8, or half a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        code, before = ord(value[error.start]), value[: error.start]
        if 0xDC80 <= code <= 0xDCFF:
            byte = len(before.encode(errors="surrogateescape")) + 1
            return f"byte {byte} (0x{code - 0xDC00:02x}) {NOT_UTF8}"
        return f"character {error.start + 1} is a lone surrogate (U+{code:04X})"
    return None
