"""Every format, every bad input, and the lies of the libraries below (each of which was seen)."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curatekit.errors import InputError, NoSpace
from curatekit.readers import read_dataset, read_frame, source
from curatekit.readers.json_lines import read_jsonl
from curatekit.reporting import Advance, reporting
from curatekit.writers import write_table


class Notes:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def step(self, name: str, total: int, unit: str) -> AbstractContextManager[Advance]:
        return nullcontext(lambda done: None)

    def note(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def notes() -> Iterator[Notes]:
    kept = Notes()
    with reporting(kept):
        yield kept


@pytest.fixture
def put(tmp_path: Path) -> Any:
    def write(content: str | bytes, name: str = "rows.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def refused(path: Path | str, **options: Any) -> str:
    """Return the sentence with which reading fails."""
    with pytest.raises(InputError) as caught:
        read_dataset(path, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


# Formats


def frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": ["007", "7"],
            "text": ['a, "quoted"\nline', "ünïcode \u2028 \U0001f600"],
            "label": ["001", "1"],
            "extra": ["x", ""],
        }
    )


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
@pytest.mark.parametrize(
    "suffix", [".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather", ".ipc", ".CSV"]
)
def test_every_format_gives_the_same_dataset(tmp_path: Path, suffix: str, compression: str) -> None:
    path = tmp_path / f"rows{suffix}{compression}"
    write_table(frame(), path)
    dataset = read_dataset(path)
    assert list(dataset.ids) == ["007", "7"]
    assert dataset.texts == tuple(frame()["text"])
    assert dataset.label_names == ("001", "1")
    assert dataset.columns == (("text",), "label", "id")
    assert dataset.frame.equals(frame())
    assert dataset.path == str(path)
    assert len(dataset.sha256) == 64


def test_arrow_streams_are_read_too(tmp_path: Path) -> None:
    frame().write_ipc_stream(tmp_path / "rows.arrow", compat_level=pl.CompatLevel.oldest())
    assert read_dataset(tmp_path / "rows.arrow").frame.equals(frame())


def test_standard_input_is_jsonl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "a", "label": "x"}\n')))
    dataset = read_dataset("-")
    assert (dataset.texts, dataset.path) == (("a",), "standard input")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert "Standard input is empty" in refused("-")
    for piped in (b"text,label\na,x\nb,y\n", b"\n[1]\n"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(piped)))
        assert "is read as jsonl, and its first line is no JSON object: give the file itself" in refused("-")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "a"')))
    assert "1 of 1 rows cannot be used: line 1: not JSON" in refused("-")


def test_pairs(put: Any) -> None:
    dataset = read_dataset(put("q1,q2,label\na,b,x\nc,d,y\n"), text=("q1", "q2"))
    assert dataset.inputs == (("a", "c"), ("b", "d"))
    assert dataset.texts == ("a\nb", "c\nd")
    assert "names the same column twice" in refused(put("q1,q2,label\na,b,x\n"), text=("q1", "q1"))


def test_one_column_is_not_text_and_label_at_once(put: Any) -> None:
    path = put("id,body,class\n1,a,x\n")
    assert "column 'body' is named both as --text and as --label" in refused(path, text="body", label="body")
    assert "column 'id' is named both as --id and as --label" in refused(path, id="id", label="id")
    assert read_dataset(path, text="body", label="body", labels="none").columns.label is None


# Hugging Face


def save_to_disk(folder: Path, parts: list[pa.Table], indices: list[int] | None = None) -> Path:
    """Write the layout of `save_to_disk`, as `datasets` did when it still kept indices."""
    folder.mkdir()
    state: dict[str, Any] = {"_data_files": [], "_split": "train"}
    for number, part in enumerate(parts):
        name = f"data-{number:05d}-of-{len(parts):05d}.arrow"
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_stream(sink, part.schema) as writer:
            writer.write_table(part)
        state["_data_files"].append({"filename": name})
    if indices is not None:
        table = pa.table({"indices": pa.array(indices, pa.uint64())})
        with pa.OSFile(str(folder / "indices.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        state["_indices_data_files"] = [{"filename": "indices.arrow"}]
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def class_label_table(texts: list[str], codes: list[int]) -> pa.Table:
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
    }
    table = pa.table({"text": texts, "label": pa.array(codes, pa.int64())})
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def test_save_to_disk_folder_in_the_order_of_its_state(tmp_path: Path) -> None:
    folder = save_to_disk(tmp_path / "saved", [class_label_table(["a", "b"], [0, 1]), class_label_table(["c"], [1])])
    dataset = read_dataset(folder)
    assert dataset.texts == ("a", "b", "c")
    assert dataset.label_names == ("neg", "pos", "pos")
    state = json.loads((folder / "state.json").read_text())
    state["_data_files"].reverse()
    (folder / "state.json").write_text(json.dumps(state))
    assert read_dataset(folder).texts == ("c", "a", "b")


def test_save_to_disk_indices_are_obeyed(tmp_path: Path) -> None:
    folder = save_to_disk(tmp_path / "saved", [class_label_table(["a", "b", "c"], [0, 1, 1])], indices=[2, 0])
    assert read_dataset(folder).texts == ("c", "a")


def test_save_to_disk_indices_beyond_the_rows(tmp_path: Path) -> None:
    folder = save_to_disk(tmp_path / "saved", [class_label_table(["a"], [0])], indices=[1])
    assert "is no whole dataset" in refused(folder)


def test_class_label_minus_one_is_no_label_and_a_code_without_name_is_refused(tmp_path: Path) -> None:
    folder = save_to_disk(tmp_path / "test", [class_label_table(["a", "b"], [-1, 1])])
    dataset = read_dataset(folder, on_bad_row="skip")
    assert dataset.label_names == ("pos",)
    assert dataset.set_aside["reason"].to_list() == ["column 'label' has no label"]
    folder = save_to_disk(tmp_path / "broken", [class_label_table(["a", "b"], [0, 2])])
    assert "has the code 2, but 2 class names" in refused(folder)


def test_what_datasets_itself_saves(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})
    rows = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [0, 1, 0]}, features=features)
    datasets.disable_progress_bars()
    rows.select([2, 1]).save_to_disk(tmp_path / "saved", num_shards=2)
    dataset = read_dataset(tmp_path / "saved")
    assert (dataset.texts, dataset.label_names) == (("c", "b"), ("neg", "pos"))
    rows.to_parquet(tmp_path / "rows.parquet")
    assert read_dataset(tmp_path / "rows.parquet").label_names == ("neg", "pos", "neg")
    datasets.DatasetDict({"train": rows, "test": rows}).save_to_disk(tmp_path / "dict")
    assert refused(tmp_path / "dict") == (
        f"{tmp_path}/dict holds several splits: train, test. Name one of them: {tmp_path}/dict/SPLIT"
    )
    assert len(read_dataset(tmp_path / "dict" / "train")) == 3


def test_hub_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    asked: list[Any] = []

    def load_dataset(name: str, config: str | None, split: str) -> Any:
        asked.append((name, config, split))
        return datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": ["x", "y", "x"]}).select([1, 2])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    dataset = read_dataset("hf://owner/name:train[:2]")
    assert (dataset.texts, dataset.path) == (("b", "c"), "hf://owner/name:train[:2]")
    assert read_dataset("hf://owner/name/config:test").sha256 == dataset.sha256
    assert asked == [("owner/name", None, "train[:2]"), ("owner/name", "config", "test")]
    for wrong in ("hf://name", "hf://owner/name", "hf://a/b/c/d:train", "hf://owner/name:"):
        assert "hf://owner/name:split" in refused(wrong)


def test_hub_offline_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    assert "cannot be had" in refused("hf://owner/name:train")
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    assert "pip install 'curatekit[hub]'" in refused("hf://owner/name:train")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"_data_files": []}, "lists no data files"),
        ({"_data_files": [{"filename": "../rows.csv"}]}, "lists '../rows.csv', which is not a file in that folder"),
        ({"_data_files": [{"filename": "gone.arrow"}]}, "lists 'gone.arrow'"),
        ([], "is no JSON object"),
        ({}, "is no whole dataset"),
        ({"_data_files": [1]}, "is no whole dataset"),
        ({"_data_files": [{}]}, "is no whole dataset"),
    ],
)
def test_damaged_folders(tmp_path: Path, state: Any, said: str) -> None:
    (tmp_path / "rows.csv").write_text("text,label\na,b\n")
    folder = tmp_path / "saved"
    folder.mkdir()
    assert "has no state.json" in refused(folder)
    (folder / "state.json").write_text(json.dumps(state))
    assert said in refused(folder)


# Columns


def test_guesses_are_said(put: Any, notes: Notes) -> None:
    dataset = read_dataset(put("guid,Review,other,sentiment\n1,good,x,pos\n2,bad,y,neg\n"))
    assert dataset.columns == (("Review",), "sentiment", "guid")
    assert notes.said == [f"{dataset.path}: columns guessed by name: text 'Review', label 'sentiment', id 'guid'."]
    notes.said.clear()
    read_dataset(dataset.path, text="Review", label="sentiment", id="guid")
    assert notes.said == []


def test_the_only_string_column_is_the_text(put: Any) -> None:
    rows = put('{"phrase": "a", "label": 0, "stars": 3}\n{"phrase": "b", "label": 1, "stars": 4}\n', "rows.jsonl")
    assert read_dataset(rows).columns == (("phrase",), "label", None)


def test_an_uncertain_guess_is_refused(put: Any) -> None:
    assert "it may be 'text', 'sentence'" in refused(put("text,sentence,label\na,b,c\n"))
    assert "it may be 'one', 'two'" in refused(put("one,two,label\na,b,c\n"))
    assert "which column holds the labels is not certain" in refused(put("text,label,class\na,b,c\n"))
    assert "no column holds strings" in refused(put('{"label": 1}\n', "rows.jsonl"))


def test_labels_none_reads_no_label_and_never_takes_it_for_the_text(put: Any) -> None:
    path = put("phrase,label\na,x\nb,\n")
    dataset = read_dataset(path, labels="none")
    assert (dataset.columns, dataset.classes) == ((("phrase",), None, None), ())
    assert list(dataset.labels) == [-1, -1]


def test_missing_column_names_the_nearest_and_all(put: Any) -> None:
    path = put("text,sentiment\na,b\n")
    assert refused(path, label="sentimant") == (
        f"{path} has no column 'sentimant' (--label). Did you mean 'sentiment'? Its columns: text, sentiment."
    )
    assert "has no column 'nothing' (--text)" in refused(path, text="nothing")
    assert "Is the separator ';'?" in refused(put("text;label\na;b\n"), label="label")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text,text,label\na,b,c\n", "two columns named 'text'"),
        (",text,label\n0,b,c\n", "a column without a name (number 1)"),
        ("text,label,__curate_row\na,b,c\n", "'__curate_row'"),
        ("text,label,a\0b\na,b,c\n", "holds a NUL byte"),
    ],
)
def test_bad_column_names(put: Any, content: str, said: str) -> None:
    assert said in refused(put(content))


def test_duplicate_columns_of_parquet(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "rows.parquet")
    assert "'text'" in refused(tmp_path / "rows.parquet")


def test_column_types(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"text": ["a"], "stars": [3], "tags": [["x"]], "label": ["l"]}).write_parquet(path)
    assert "column 'stars' holds values of type Int64, not text" in refused(path, text="stars")
    assert "column 'tags' holds values of type List(String)" in refused(path, label="tags")
    assert "Name another with --id" in refused(path, id="tags")


# Labels and ids are strings


def test_csv_labels_are_not_numbers(put: Any, notes: Notes) -> None:
    dataset = read_dataset(put("text,label\na,001\nb,1\nc,1.0\nd,NaN\ne,NA\nf,nan \n"), normalise_labels=False, limit=5)
    assert dataset.label_names == ("001", "1", "1.0", "NaN", "NA")
    assert any("'NA', 'NaN'" in note for note in notes.said)
    assert any("the same number: '001', '1', '1.0'" in note for note in notes.said)


def test_jsonl_labels_as_written(put: Any) -> None:
    written = ["1", "1.0", "1e0", "true", "12345678901234567890123", '"01"', "0.10"]
    path = put("".join(f'{{"text": "t{i}", "label": {label}}}\n' for i, label in enumerate(written)), "rows.jsonl")
    assert read_dataset(path).label_names == ("1", "1.0", "1e0", "true", "12345678901234567890123", "01", "0.10")


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (pl.Series([1, -2, None], dtype=pl.Int8), ("1", "-2", None)),
        (pl.Series([1.0, 0.5, None]), ("1.0", "0.5", None)),
        (pl.Series([1.0, float("nan"), None]), ("1.0", None, None)),
        (pl.Series([0.1, 2.0, None], dtype=pl.Float32), ("0.1", "2.0", None)),
        (pl.Series([True, False, None]), ("true", "false", None)),
        (pl.Series(["a", " ", ""]), ("a", None, None)),
        (pl.Series(["b", "a", None], dtype=pl.Categorical), ("b", "a", None)),
        (pl.Series(["b", "a", None], dtype=pl.Enum(["a", "b"])), ("b", "a", None)),
    ],
)
def test_parquet_labels(tmp_path: Path, values: pl.Series, names: tuple[str | None, ...]) -> None:
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"text": ["a", "b", "c"], "label": values}).write_parquet(path)
    dataset = read_dataset(path, on_bad_row="skip")
    kept = [name for name in names if name is not None]
    assert list(dataset.label_names) == kept
    assert dataset.frame["label"].dtype == values.dtype
    assert list(dataset.labels) == [dataset.classes.index(name) for name in kept]


def test_labels_that_differ_by_case_or_spaces(put: Any, notes: Notes) -> None:
    path = put("text,label\na,pos\nb,Pos\nc,pos\nd, pos\ne,not  good\nf,not good\n")
    assert refused(path) == (
        f"{path}: two labels in column 'label' differ by case or spaces alone: 'pos' (line 2, 2 rows) and ' pos' (line 5, "
        "1 rows). Correct them, or merge such labels with --normalise-labels."
    )
    dataset = read_dataset(path, normalise_labels=True)
    assert dataset.label_names == ("pos", "pos", "pos", "pos", "not  good", "not  good")
    assert any("label 'Pos' (1 rows) is read as 'pos'" in note for note in notes.said)


def test_given_classes(put: Any) -> None:
    path = put("text,label\na,y\nb,x\n")
    dataset = read_dataset(path, classes=("z", "y", "x"))
    assert (dataset.classes, list(dataset.labels)) == (("z", "y", "x"), [1, 2])
    assert "not among the classes: 'x'. The classes are 'y', 'z'" in refused(path, classes=("y", "z"))


def test_generated_ids_are_the_content_and_its_occurrence(put: Any) -> None:
    first = read_dataset(put("text,label\nsame,x\nother,y\nsame,y\n"))
    moved = read_dataset(put("text,label\nnew,x\nother,x\nsame,x\n", "moved.csv"))
    assert len(set(first.ids)) == 3
    assert first.ids[2] == f"{first.ids[0]}-2"
    assert (moved.ids[1], moved.ids[2]) == (first.ids[1], first.ids[0])


# Rows that cannot be used


def test_bad_rows_are_refused_together(put: Any) -> None:
    path = put("id,text,label\n1,a,x\n2,,x\n3,c,\n1,d,x\n,e,x\n6,f\n7,g,x,y\n8,\0,x\n")
    assert refused(path) == (
        f"{path}: 7 of 8 rows cannot be used: line 3: column 'text' is empty; line 4: column 'label' has no label; "
        "line 5: the id 1 is that of line 2; line 6: column 'id' has no id; line 7: the row has 2 cells and the header 3; "
        "and 2 more. Correct them, or set them aside with --on-bad-row skip. If 'id' is no id, --id '' makes ids from the texts."
    )


def test_bad_rows_are_set_aside(put: Any, notes: Notes) -> None:
    path = put('id,text,label\n1,a,x\n2, ,x\n3,c,\n1,d,x\n6,f\n7,"two\nlines",y\n8,\0,x\n')
    dataset = read_dataset(path, on_bad_row="skip")
    assert dataset.texts == ("a", "two\nlines")
    assert dataset.frame["id"].to_list() == ["1", "7"]
    assert dataset.set_aside.rows() == [
        (3, "2", "column 'text' is empty"),
        (4, "3", "column 'label' has no label"),
        (5, "1", "the id 1 is that of line 2"),
        (6, None, "the row has 2 cells and the header 3"),
        (9, "8", "column 'text' holds a NUL byte"),
    ]
    assert any("5 of 7 rows set aside" in note for note in notes.said)
    assert [reason for _, _, reason in read_dataset(path, on_bad_row="skip", labels="none").set_aside.rows()] == [
        "column 'text' is empty",
        "the id 1 is that of line 2",
        "the row has 2 cells and the header 3",
        "column 'text' holds a NUL byte",
    ]


def test_an_unusable_row_does_not_hold_its_id(put: Any) -> None:
    path = put("id,text,label\n1,,good\n1,fine,good\n1,again,good\n2,kind,good\n")
    dataset = read_dataset(path, on_bad_row="skip")
    assert dataset.texts == ("fine", "kind")
    assert dataset.set_aside.rows() == [(2, "1", "column 'text' is empty"), (4, "1", "the id 1 is that of line 3")]


def test_a_guessed_id_that_repeats(put: Any) -> None:
    path = put("id,text,label\n1,a,x\n1,b,y\n")
    assert refused(path).endswith("If 'id' is no id, --id '' makes ids from the texts.")
    assert refused(path, id="id").endswith("--on-bad-row skip.")
    dataset = read_dataset(path, id="")
    assert (dataset.columns.id, len(dataset)) == (None, 2)


def test_nothing_usable(put: Any) -> None:
    sentence = refused(put("text,label\n,x\n"), on_bad_row="skip")
    assert "1 of 1 rows cannot be used: line 2: column 'text' is empty. Correct them." in sentence


def test_nothing_but_broken_rows(put: Any) -> None:
    for on_bad_row in ("fail", "skip"):
        path = put('{"text": "a"\n', "rows.jsonl")
        assert "1 of 1 rows cannot be used: line 1: not JSON at character" in refused(path, on_bad_row=on_bad_row)
        sentence = refused(put("a,b\n1\n"), on_bad_row=on_bad_row)
        assert "1 of 1 rows cannot be used: line 2: the row has 1 cells" in sentence
        assert "at least one row" not in sentence


def test_what_a_file_holds_cannot_steer_the_terminal(put: Any) -> None:
    name = "\x1b[31m\n" + "x" * 1000
    sentence = refused(put(f'id,text,label\n"{name}",a,x\n"{name}",b,y\n'))
    assert "the id \\x1b[31m\\nxxx" in sentence
    assert len(sentence) < 600


def test_limit_takes_the_first_usable_rows(put: Any) -> None:
    path = put("text,label\na,x\n,x\nc,y\nd,y\n,y\n")
    dataset = read_dataset(path, limit=2, on_bad_row="skip")
    assert dataset.texts == ("a", "c")
    assert dataset.set_aside["row"].to_list() == [3]
    assert read_dataset(path, limit=1).texts == ("a",)  # the bad rows are behind it
    assert "1 of 3 rows cannot be used" in refused(path, limit=2)
    assert "limit of 0" in refused(path, limit=0)


def test_two_megabytes_of_text(put: Any) -> None:
    path = put(f"text,label\na,x\n{'long ' * 400_000},y\n")
    assert "line 3: column 'text' holds 2000000 bytes, more than 1048576" in refused(path)
    assert read_dataset(path, on_bad_row="skip").set_aside["row"].to_list() == [3]


@pytest.mark.parametrize("column", ["text", "label", "id"])
def test_nul_in_any_used_column(tmp_path: Path, column: str) -> None:
    rows = pl.DataFrame({"id": ["1", "2"], "text": ["a", "b"], "label": ["x", "y"]})
    rows[1, column] = "\0b"
    write_table(rows, tmp_path / "rows.jsonl")
    assert f"line 2: column {column!r} holds a NUL byte" in refused(tmp_path / "rows.jsonl")


# Encodings


def test_byte_order_mark_is_removed(put: Any) -> None:
    assert read_dataset(put(b"\xef\xbb\xbftext,label\na,x\n")).texts == ("a",)
    assert read_dataset(put(b'\xef\xbb\xbf{"text": "a", "label": "x"}', "rows.jsonl")).texts == ("a",)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_other_encodings_are_told(put: Any, encoding: str) -> None:
    sentence = refused(put("text,label\na,x\n".encode(encoding)))
    assert "not UTF-8. Convert it: iconv -f UTF-" in sentence


def test_invalid_utf8_names_row_column_and_byte(put: Any) -> None:
    path = put(b"text,label\na,x\ncaf\xe9,y\n\xc3\xa9\xff,z\n")
    assert "2 of 3 rows" in refused(path)
    assert "line 3: column 'text': byte 4 (0xe9) is not valid UTF-8" in refused(path)
    assert "line 4: column 'text': byte 3 (0xff) is not valid UTF-8" in refused(path)
    assert read_dataset(path, on_bad_row="skip").texts == ("a",)
    assert "a column name cannot be read: byte 1 (0xff)" in refused(put(b"\xfftext,label\na,x\n"))
    path = put(b'{"text": "a", "label": "x"}\n{"text": "\xe9", "label": "y"}\n', "rows.jsonl")
    assert "line 2: byte 11 (0xe9) is not valid UTF-8" in refused(path)


def test_latin_1_is_told_with_the_way_out(put: Any) -> None:
    rows = b"caf\xe9,y\n" * 7
    for plain in (b"", b"ascii,x\n"):
        path = put(b"text,label\n" + plain + rows)
        sentence = refused(path)
        assert f"7 of {7 + bool(plain)} rows cannot be used" in sentence
        assert sentence.endswith(f"(it looks like latin-1): iconv -f latin1 -t utf-8 {path} > utf8.csv")
    assert "latin-1" in refused(put(b"text,label\n" + rows), on_bad_row="skip")
    # one damaged row in a file that is UTF-8
    assert "latin-1" not in refused(put("text,label\nünï,x\n".encode() + rows))


def test_a_binary_file_under_a_text_suffix(put: Any, tmp_path: Path) -> None:
    write_table(frame(), tmp_path / "rows.parquet")
    assert "a .parquet file by its first bytes" in refused(put((tmp_path / "rows.parquet").read_bytes()))
    assert "a .gz file by its first bytes" in refused(put(gzip.compress(b"text\na\n")))


# csv


def test_csv_quoting(put: Any) -> None:
    dataset = read_dataset(put('text,label\r\n"a ""b"", c\r\nd",x\r\n\r\ne "f",y\r\n'))
    assert dataset.texts == ('a "b", c\r\nd', 'e "f"')


def test_csv_rows_are_counted_by_the_line_where_they_begin(put: Any) -> None:
    assert "line 5: column 'text' is empty" in refused(put('text,label\n"a\nb\nc",x\n,y\n'))


@pytest.mark.parametrize("content", ['text,label\na,x\n"b,y\nc,z\n', 'text,label\na,x\n"b"c,y\n'])
def test_csv_quotes_that_do_not_add_up(put: Any, content: str) -> None:
    assert "line 3: the row that begins here cannot be parsed" in refused(put(content))


def test_csv_leaves_the_field_limit_of_the_process_alone(put: Any) -> None:
    import csv

    before = csv.field_size_limit()
    assert read_dataset(put(f"text,label\n{'a' * 200_000},x\n")).texts == ("a" * 200_000,)
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet", "rows.csv.gz"])
def test_zero_bytes(put: Any, name: str) -> None:
    assert "is empty (0 bytes)" in refused(put(b"", name))
    if name.endswith(".gz"):
        assert "holds 0 bytes" in refused(put(gzip.compress(b""), name))


def test_header_only(put: Any, tmp_path: Path) -> None:
    assert "has no rows" in refused(put("text,label\n"))
    assert "has no rows" in refused(put("\n\n"))
    assert "has no rows" in refused(put("\n \n", "rows.jsonl"))
    frame().clear().write_parquet(tmp_path / "rows.parquet")
    assert "has no rows" in refused(tmp_path / "rows.parquet")


# jsonl


def test_jsonl_keys_that_appear_late_are_kept(put: Any) -> None:
    lines = ['{"text": "a"}'] * 200 + ['{"text": "b", "label": "x"}']
    path = put("\n".join(lines), "rows.jsonl")
    assert read_dataset(path, on_bad_row="skip").label_names == ("x",)
    assert "200 of 201 rows cannot be used" in refused(path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"text": "b", "label": "x", "label": "y"}', "the key 'label' occurs twice"),
        ('{"text": "b", "label": NaN}', "NaN is not JSON; write null"),
        ('{"text": "b", "label": -Infinity}', "-Infinity is not JSON"),
        ('{"text": "b" "label": "x"}', "not JSON at character 14 (expecting ',' delimiter)"),
        ('["b", "x"]', "not a JSON object but a list"),
        ('{"text": "b", "label": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"text": "b", "label": ' + "[" * 100 + "]" * 100 + "}", "nested too deeply"),
        ('{"text": "b", "label": ' + "9" * 5000 + "}", "4300 digits"),
        ('{"text": "b\\ud800", "label": "x"}', "column 'text': character 2 is a lone surrogate (U+D800)"),
        ('{"text": "b", "label": "x", "e": [{"\\udfff": 1}]}', "column 'e': character 4 is a lone surrogate"),
        ('{"text": "b", "label": "x", "\\ud800": 1}', "a key holds a lone surrogate"),
    ],
)
def test_jsonl_lines_that_cannot_be_read(put: Any, line: str, said: str) -> None:
    path = put(f'{{"text": "a", "label": "x"}}\n{line}\n{{"text": "c", "label": "y"}}\n', "rows.jsonl")
    sentence = refused(path)
    assert "1 of 3 rows" in sentence
    assert "line 2: " in sentence
    assert said in sentence
    dataset = read_dataset(path, on_bad_row="skip")
    assert dataset.texts == ("a", "c")
    assert dataset.set_aside["row"].to_list() == [2]


def test_surrogate_pairs_are_one_character(put: Any) -> None:
    assert read_dataset(put('{"text": "\\ud83d\\ude00", "label": "x"}', "rows.jsonl")).texts == ("\U0001f600",)


def test_jsonl_that_is_still_being_written(put: Any) -> None:
    path = put('{"text": "a", "label": "x"}\n{"text": "b", "la', "rows.jsonl")
    assert "line 2: not JSON" in refused(path)
    assert "the last: is the file still being written?" in refused(path)


def test_jsonl_types_are_kept_or_read_as_text(notes: Notes) -> None:
    lines = [
        {
            "s": "a",
            "i": 1,
            "f": 1,
            "b": True,
            "n": {"x": [1.5]},
            "mixed": 1,
            "lists": [1],
            "keys": {"a": 1},
            "big": 2**70,
        },
        {
            "s": None,
            "i": 2,
            "f": 0.5,
            "b": False,
            "n": {"x": []},
            "mixed": "1",
            "lists": [2.5],
            "keys": {"b": 1},
            "big": 1,
        },
    ]
    table = read_jsonl("\n".join(map(json.dumps, lines)).encode(), "rows.jsonl")
    rows = table.frame.rows(named=True)
    plain = ("s", "i", "f", "b", "n")
    assert [{name: row[name] for name in plain} for row in rows] == [
        {name: line[name] for name in plain} for line in lines
    ]
    assert table.frame["mixed"].to_list() == ["1", "1"]
    assert table.frame["lists"].to_list() in ([[1], [2.5]], ["[1]", "[2.5]"])
    assert table.frame["keys"].to_list() == ['{"a": 1}', '{"b": 1}']
    assert table.frame["big"].to_list() == [str(2**70), "1"]
    assert len([note for note in notes.said if "read as text" in note]) >= 3


def test_jsonl_with_a_key_per_row(put: Any) -> None:
    rows = "".join(f'{{"row{i}": "a"}}\n' for i in range(5000))
    assert "has 5000 different keys" in refused(put(rows, "rows.jsonl"))


# Damage and bombs


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv.gz", ".csv.zst"])
def test_truncated(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows{suffix}"
    write_table(pl.DataFrame({"text": [f"{i} {i * i}" for i in range(3000)], "label": ["x", "y"] * 1500}), path)
    path.write_bytes(path.read_bytes()[:-100])
    assert "is damaged or no" in refused(path)


def test_a_flipped_bit_in_a_page_of_parquet_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    texts = [f"{i} {i * i}" for i in range(3000)]
    stream = io.BytesIO()
    table = pa.table({"text": texts, "label": ["x", "y"] * 1500})
    pq.write_table(table, stream, compression="none", use_dictionary=False, write_page_checksum=True)
    data = bytearray(stream.getvalue())
    position = data.index(b"1234 ")
    data[position] ^= 1
    path.write_bytes(data)
    assert pl.read_parquet(path)["text"][1234] != texts[1234]  # polars does not notice
    assert "is damaged or no parquet file" in refused(path)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv.gz", ".csv.zst"])
def test_not_what_the_suffix_says(put: Any, suffix: str) -> None:
    assert "is damaged or no" in refused(put(b"text,label\na,x\n" * 100, f"rows{suffix}"))


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
def test_compressed_bombs(put: Any, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "SMALL", 1 << 20)
    zeros = b"0" * (1 << 24)
    data = gzip.compress(zeros) if suffix.endswith("gz") else zstandard.ZstdCompressor().compress(zeros)
    path = put(data, f"bomb{suffix}")
    with pytest.raises(NoSpace, match="unfolds from"):
        read_dataset(path)
    monkeypatch.setattr(source, "MAX_RATIO", 10**9)
    monkeypatch.setattr(source, "MAX_BYTES", 1 << 22)
    with pytest.raises(NoSpace, match="unfolds from"):
        read_dataset(path)


def test_concatenated_compressed_files_are_read_to_the_end(put: Any) -> None:
    parts = [b"text,label\na,x\n", b"b,y\n"]
    assert read_dataset(put(b"".join(map(gzip.compress, parts)), "rows.csv.gz")).texts == ("a", "b")
    compress = zstandard.ZstdCompressor().compress
    assert read_dataset(put(b"".join(map(compress, parts)), "rows.csv.zst")).texts == ("a", "b")


def test_parquet_bomb_is_stopped_before_it_unfolds(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "bomb.parquet"
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 3000), pa.array(["x" * 1_000_000]))
    pq.write_table(pa.table({"text": texts, "label": ["a"] * 3000}), path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 20_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(NoSpace, match="unfolds from"):
        read_dataset(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 * 1024  # KiB; unfolded it is 3 GB


# Paths


def test_paths(tmp_path: Path, put: Any) -> None:
    put("text,label\na,x\n", "reviews.csv")
    assert refused(tmp_path / "review.csv") == f"{tmp_path}/review.csv does not exist. Did you mean 'reviews.csv'?"
    assert "does not exist" in refused(tmp_path / "no" / "where.csv")
    assert "does not exist" in refused("a\0b.csv")
    assert "does not exist" in refused(tmp_path / "reviews.csv" / "inside.csv")
    assert "cannot be reached" in refused("x" * 5000 + ".csv")
    assert "none of .csv, .tsv, .jsonl" in refused(put("x", "model.pkl"))
    assert "none of .csv" in refused(put("x", "noname"))


def test_no_permission(put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put("text,label\na,x\n")

    def shut(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", shut)
    assert "permission denied" in refused(path)


# read_frame


def test_read_frame_keeps_all_columns_and_refuses_broken_rows(put: Any) -> None:
    assert read_frame(put("a,b\n1,\n")).rows() == [("1", "")]
    with pytest.raises(InputError, match="line 3: the row has 1 cells and the header 2"):
        read_frame(put("a,b\n1,2\n3\n"))


# Any content


characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
words = st.text(characters, min_size=1).filter(str.strip)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(words, words, st.text(characters)), min_size=1, max_size=6))
def test_any_text_label_and_id_come_back(tmp_path: Path, suffix: str, rows: list[tuple[str, str, str]]) -> None:
    texts, labels, others = map(list, zip(*rows, strict=True))
    ids = [f"{label}{row}" for row, label in enumerate(labels)]
    path = tmp_path / f"rows{suffix}"
    write_table(pl.DataFrame({"text": texts, "label": labels, "id": ids, "other": others}), path)
    distinct = len({" ".join(label.split()).casefold() for label in labels}) == len(set(labels))
    if not distinct:
        assert "differ by case or spaces" in refused(path)
        return
    dataset = read_dataset(path)
    assert dataset.texts == tuple(texts)
    assert dataset.label_names == tuple(labels)
    assert list(dataset.ids) == ids
    assert dataset.frame["other"].to_list() == others


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".arrow", ".csv.gz", ".csv.zst"])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode(errors="surrogatepass")))
def test_any_bytes_give_a_dataset_or_one_sentence(tmp_path: Path, suffix: str, data: bytes) -> None:
    path = tmp_path / f"rows{suffix}"
    path.write_bytes(data)
    try:
        dataset = read_dataset(path, labels="none", on_bad_row="skip")
    except (InputError, NoSpace):
        return
    assert len(dataset) == len(dataset.texts) == len(dataset.labels) == dataset.frame.height > 0


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    position=st.integers(0, 10**6),
    bit=st.integers(0, 7),
    suffix=st.sampled_from([".parquet", ".arrow", ".csv.gz", ".csv.zst"]),
)
def test_any_flipped_bit_gives_the_strings_or_one_sentence(
    tmp_path: Path, position: int, bit: int, suffix: str
) -> None:
    # Nested: a wrong offset in a list crashed pyarrow, which is why batches are validated.
    rows = pl.DataFrame({"text": ["one text", "another text"], "label": ["x", "y"]})
    nested = pl.Series("list", [["a"], []] if ".csv" not in suffix else ["a", ""])
    path = tmp_path / f"rows{suffix}"
    write_table(rows.with_columns(nested), path)
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= 1 << bit
    path.write_bytes(data)
    try:
        dataset = read_dataset(path, text="text", label="label", on_bad_row="skip")
    except (InputError, NoSpace):
        return
    assert suffix == ".arrow" or dataset.texts == tuple(rows["text"])


@pytest.mark.parametrize("bit", [600, 1480])
def test_a_damaged_page_is_found_before_it_is_decoded(tmp_path: Path, bit: int) -> None:
    """polars 2.1 aborts the process over these two bits of the rows of the test before this one."""
    rows = pl.DataFrame({"text": ["one text", "another text"], "label": ["x", "y"]})
    path = tmp_path / "rows.parquet"
    write_table(rows.with_columns(pl.Series("list", [["a"], []])), path)
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    code = f"from curatekit import read_dataset; read_dataset({str(path)!r}, 'text', 'label')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "InputError" in ran.stderr
    assert "is damaged or no parquet file" in ran.stderr


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from("abcde"), st.none() | st.booleans() | st.integers() | st.text(characters)),
        max_size=5,
    )
)
def test_jsonl_against_one_json_loads_a_line(rows: list[dict[str, Any]]) -> None:
    table = read_jsonl("\n".join(map(json.dumps, rows)).encode(), "rows.jsonl")
    assert table.frame.height == len(rows) or not table.frame.width
    for name in table.frame.columns:
        values = [row.get(name) for row in rows]
        simple = [None if value is None else value if isinstance(value, str) else json.dumps(value) for value in values]
        assert table.strings(name).to_list() == simple


def test_real_data(real_data: Path) -> None:
    dataset = read_dataset(real_data / "davidson" / "tweets.parquet", limit=1000)
    assert dataset.columns == (("text",), "label", "id")
    expected = pl.read_parquet(real_data / "davidson" / "tweets.parquet").head(1000)
    assert dataset.texts == tuple(expected["text"])
    assert dataset.label_names == tuple(expected["label"])
    assert np.array_equal(dataset.labels, [dataset.classes.index(name) for name in expected["label"]])


def test_a_hub_that_cannot_be_reached_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    from curatekit import hub

    asked: list[str | None] = []
    fake = types.ModuleType("datasets")
    fake.exceptions = types.SimpleNamespace(DatasetsError=ValueError)  # type: ignore[attr-defined]

    def load_dataset(*_: Any, **__: Any) -> Any:
        asked.append(os.environ.get("HF_HUB_OFFLINE"))
        raise ConnectionError("not in the cache")

    fake.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", fake)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(hub, "answers", lambda: False)
    with pytest.raises(InputError, match="cannot be had: not in the cache"):
        read_dataset("hf://owner/name:train")
    assert asked == ["1"]
