"""Writing tables, so that reading them back gives the same strings."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl

from curatekit.errors import InputError
from curatekit.files import atomic, check_writable

_BINARY = frozenset({".parquet", ".arrow", ".feather", ".ipc"})


def write_table(frame: pl.DataFrame, path: str | Path) -> None:
    """Write `frame` in the format that the suffix of `path` tells, whole or not at all; .gz and .zst compress it.

    csv and tsv hold nested values as JSON and nulls as empty cells. Parquet pages carry checksums. The same frame
    gives the same bytes.
    Raises InputError when the suffix or the folder will not do, NoSpace when the disk is full.
    """
    import pyarrow as pa

    path = check_format(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compress = _COMPRESSORS[suffixes.pop()] if suffixes[-1] in _COMPRESSORS else None
    check_writable(path)
    bytes_in = [name for name, kind in frame.schema.items() if _holds_bytes(kind)]
    if bytes_in and suffixes[-1] not in _BINARY:
        raise InputError(
            f"{path}: column {bytes_in[0]!r} holds bytes, which {suffixes[-1]} cannot. Write .parquet instead."
        )
    if nul := next((name for name in frame.columns if "\0" in name), None):
        raise InputError(f"{path}: the column name {nul!r} holds a NUL byte. Rename it.")
    try:
        data = _FORMATS[suffixes[-1]](frame)
    except (pl.exceptions.PolarsError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} cannot hold this table: {reason}. Write .parquet or .jsonl instead.") from error
    with atomic(path) as temporary:
        temporary.write_bytes(compress(data) if compress else data)


def check_format(path: str | Path) -> Path:
    """Return `path` if its suffix tells a format that a table can be written in; raises InputError listing them."""
    path = Path(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSORS:
        suffixes.pop()
    if not suffixes or suffixes[-1] not in _FORMATS:
        raise InputError(
            f"{path}: the format is told by the suffix, and this is none of {', '.join(_FORMATS)} (also with .gz or .zst)."
        )
    return path


def _holds_bytes(kind: pl.DataType) -> bool:
    if isinstance(kind, pl.List | pl.Array):
        return _holds_bytes(kind.inner)  # type: ignore[arg-type]
    if isinstance(kind, pl.Struct):
        return any(_holds_bytes(field.dtype) for field in kind.fields)  # type: ignore[arg-type]
    return isinstance(kind, pl.Binary)


def _csv(frame: pl.DataFrame) -> bytes:
    return _delimited(frame, ",")


def _tsv(frame: pl.DataFrame) -> bytes:
    return _delimited(frame, "\t")


def _delimited(frame: pl.DataFrame, separator: str) -> bytes:
    flat = frame.with_columns(_json_text(frame[name]) for name, kind in frame.schema.items() if kind.is_nested())
    if flat.width == 1:
        # A lone null would be a blank line, which is no row; the empty string is written as quotes.
        flat = flat.select(pl.all().cast(pl.String).fill_null(""))
    stream = io.BytesIO()
    flat.write_csv(stream, separator=separator)
    return stream.getvalue()


def _json_text(series: pl.Series) -> pl.Series:
    values = [
        None if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in series.to_list()
    ]
    return pl.Series(series.name, values, dtype=pl.String)


def _jsonl(frame: pl.DataFrame) -> bytes:
    stream = io.BytesIO()
    frame.write_ndjson(stream)
    return stream.getvalue()


def _parquet(frame: pl.DataFrame) -> bytes:
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(frame.to_arrow(), stream, compression="zstd", write_page_checksum=True)
    return stream.getvalue()


def _arrow(frame: pl.DataFrame) -> bytes:
    stream = io.BytesIO()
    frame.write_ipc(stream, compat_level=pl.CompatLevel.oldest())
    return stream.getvalue()


def _gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def _zst(data: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


_FORMATS: dict[str, Callable[[pl.DataFrame], bytes]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".feather": _arrow,
    ".ipc": _arrow,
}
_COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {".gz": _gz, ".zst": _zst}
