"""parquet, arrow, feather, ipc and Hugging Face folders, by pyarrow: it checks the pages' checksums, which polars does not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from curatekit.errors import InputError
from curatekit.readers.source import check_size, read_bytes
from curatekit.readers.table import Table, counted

if TYPE_CHECKING:
    import pyarrow

_ADVICE = "Copy or write the file again."


def read_parquet(data: bytes, path: str) -> Table:
    """Return the table of parquet `data`, batch by batch, so that a bomb is stopped before it is unfolded.

    Raises InputError when it is damaged, as far as its checksums can tell; NoSpace beyond the limits on unfolding.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        check_size(path, _unfolded(data), len(data))
        file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        return to_table(_within_limits(file.iter_batches(batch_size=1024), file.schema_arrow, len(data), path), path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is damaged or no parquet file ({_first_line(error)}). {_ADVICE}") from error


def _unfolded(data: bytes) -> int:
    """Return the bytes of parquet `data`'s strings, counted without copying those that repeat.

    By pyarrow, which checks a page before it decodes it: polars aborts the process over some damaged pages.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    schema = pq.read_schema(pa.BufferReader(data))
    strings = [field.name for field in schema if field.type in (pa.string(), pa.large_string(), pa.string_view())]
    file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=strings, page_checksum_verification=True)
    size = 0
    for batch in file.iter_batches(batch_size=1024, columns=strings) if strings else ():
        for column in batch.columns:
            column.validate(full=True)
            # a column whose name occurs twice comes as plain strings
            folded = pa.types.is_dictionary(column.type)
            lengths = pc.binary_length(column.dictionary).take(column.indices) if folded else pc.binary_length(column)
            size += pc.sum(lengths).as_py() or 0
    return size


def read_arrow(data: bytes, path: str) -> Table:
    """Return the table of Arrow IPC `data`, in the file format (feather 2) or the stream format."""
    return to_table(arrow_table(data, path), path)


def arrow_table(data: bytes, path: str) -> pyarrow.Table:
    """Return the Arrow table of IPC `data`; the errors are those of `read_parquet`."""
    import pyarrow as pa

    try:
        if data.startswith(b"ARROW1"):
            file = pa.ipc.open_file(pa.BufferReader(data))
            batches: Iterable[Any] = map(file.get_batch, range(file.num_record_batches))
            return _within_limits(batches, file.schema, len(data), path)
        stream = pa.ipc.open_stream(pa.BufferReader(data))
        return _within_limits(stream, stream.schema, len(data), path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is damaged or no Arrow file ({_first_line(error)}). {_ADVICE}") from error


def _within_limits(batches: Iterable[Any], schema: Any, stored: int, path: str) -> pyarrow.Table:
    import pyarrow as pa

    kept, size = [], 0
    for batch in batches:
        batch.validate(full=True)  # offsets and UTF-8: nothing below looks at them, and wrong ones crash the process
        size += batch.nbytes
        check_size(path, size, stored)
        kept.append(batch)
    return pa.Table.from_batches(kept, schema)


def to_table(table: pyarrow.Table, path: str) -> Table:
    """Return the Arrow `table` as ours; the codes of a Hugging Face ClassLabel column become its names, -1 becomes null."""
    try:
        _check_names(table.schema)
        if twice := next((name for name in table.column_names if table.column_names.count(name) > 1), None):
            raise InputError(f"{path} has two columns named {twice!r}. Rename one of them.")
        frame = pl.from_arrow(table)
        class_labels = _class_labels(table.schema)
    except (ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError(f"{path} has a schema that cannot be read ({_first_line(error)}). {_ADVICE}") from error
    assert isinstance(frame, pl.DataFrame)
    for column, classes in class_labels.items():
        if column in frame.columns and frame[column].dtype.is_integer():
            codes = frame[column]
            names = dict(enumerate(classes)) | {-1: None}
            if unknown := sorted(set(codes.drop_nulls().unique()) - set(names)):
                raise InputError(
                    f"{path}: column {column!r} has the code {unknown[0]}, but {len(classes)} class names."
                )
            frame = frame.with_columns(codes.replace_strict(names, default=None, return_dtype=pl.String))
    return counted(frame)


def _check_names(fields: Iterable[Any]) -> None:
    """Read the name of every field, nested ones too: one that is not UTF-8 is a ValueError here and a panic in polars."""
    for field in fields:
        _ = field.name
        _check_names(field.type.field(child) for child in range(field.type.num_fields))


def _class_labels(schema: Any) -> dict[str, list[str]]:
    stored = (schema.metadata or {}).get(b"huggingface")
    if not stored:
        return {}
    features = (json.loads(stored).get("info") or {}).get("features") or {}
    return {
        name: feature["names"]
        for name, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
    }


def read_folder(folder: Path) -> Table:
    """Return the table of a Hugging Face `save_to_disk` folder: its Arrow files in the order of state.json, then its indices.

    Raises InputError naming the splits for the folder of a DatasetDict, and saying what is missing for any other folder.
    """
    import pyarrow as pa

    if (folder / "dataset_dict.json").is_file():
        splits = ", ".join(_json(folder / "dataset_dict.json").get("splits", []))
        raise InputError(f"{folder} holds several splits: {splits}. Name one of them: {folder}/SPLIT")
    if not (folder / "state.json").is_file():
        raise InputError(
            f"{folder} is a folder without a dataset: it has no state.json of Hugging Face's save_to_disk. Give a file."
        )
    state = _json(folder / "state.json")
    try:
        table = pa.concat_tables(_parts(folder, state["_data_files"]))
        if state.get("_indices_data_files"):
            table = table.take(pa.concat_tables(_parts(folder, state["_indices_data_files"]))["indices"])
    except (KeyError, TypeError, pa.ArrowException) as error:
        raise InputError(
            f"{folder} is no whole dataset ({_first_line(error)}). Save it again with save_to_disk."
        ) from error
    return to_table(table, str(folder))


def _parts(folder: Path, listed: Any) -> list[Any]:
    names = [str(entry["filename"]) for entry in listed]
    if not names:
        raise InputError(f"{folder}/state.json lists no data files. Save the dataset again with save_to_disk.")
    parts = []
    for name in names:
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise InputError(
                f"{folder}/state.json lists {name!r}, which is not a file in that folder. Copy the folder again."
            )
        parts.append(arrow_table(read_bytes(path), str(path)))
    return parts


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}). Copy the folder again.") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} is no JSON object. Copy the folder again.")
    return value


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
