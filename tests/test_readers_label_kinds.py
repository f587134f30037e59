"""The kind of a label column, told by its values, and the values themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.errors import InputError
from curatekit.readers import read_dataset
from curatekit.readers.label_kinds import label_kind, labels_in, lists_of, numbers_of
from curatekit.readers.tables import read_source
from curatekit.reporting import reporting
from tests.notes import Notes

MANY = [x / 4 for x in range(20)]


def written(folder: Path, name: str, data: dict[str, Any]) -> Path:
    path = folder / name
    frame = pl.DataFrame(data)
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".jsonl":
        frame.write_ndjson(path)
    else:
        frame.write_csv(path)
    return path


@pytest.mark.parametrize(
    ("name", "labels", "kind", "says"),
    [
        ("a.parquet", [["x"], ["x", "y"]] * 10, "multi", "holds lists"),
        ("a.jsonl", [["x"], []] * 10, "multi", "holds lists"),
        ("a.csv", ['["x"]', '["x", "y"]'] * 10, "multi", "holds lists"),
        ("a.parquet", MANY, "number", "--label-kind class, each is a class"),
        ("a.csv", [str(x) for x in MANY], "number", "holds numbers"),
        ("a.csv", list(range(20)), "class", "--label-kind number"),
        ("a.csv", [1.5, 2.5] * 10, "class", None),
        ("a.parquet", [1.0, 2.0] * 10, "class", None),
        ("a.csv", ["x", "y"] * 10, "class", None),
        ("a.csv", ["x", "y", "x|y", "y|x"] * 5, "class", "--label-separator '|'"),
        ("a.csv", ["x", "y", "x|z", "y"] * 5, "class", None),
        ("a.csv", ["[sic]", "y"] * 10, "class", None),
        ("a.csv", ["nan", "1.5"] * 10, "class", None),
    ],
)
def test_kinds(name: str, labels: list[Any], kind: str, says: str | None, tmp_path: Path) -> None:
    path = written(tmp_path, name, {"text": [f"t{i}" for i in range(20)], "label": labels})
    with reporting(notes := Notes()):
        assert label_kind(read_source(path)) == kind
    assert [says in line for line in notes.lines] == ([True] if says else [])


def test_preferences_are_told_by_their_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", {"chosen": ["a"], "rejected": ["b"]})
    assert label_kind(read_source(path)) == "preference"
    assert label_kind(read_source(path), text=("chosen",)) == "class"
    path = written(tmp_path, "b.csv", {"chosen": ["a"], "rejected": ["b"], "label": ["x"]})
    assert label_kind(read_source(path)) == "class"
    assert label_kind(read_source(path), label="none such") == "class"


def test_lists_from_every_form(tmp_path: Path) -> None:
    expected = [["x"], ["x", "y"], ["y"]]
    for name, labels, separator in [
        ("a.parquet", expected, None),
        ("b.csv", ['["x"]', '["x", "y"]', "y"], None),
        ("c.csv", ["x", "x | y", "y|"], "|"),
        ("d.parquet", [["x"], ["x ", "y", None], ["y", ""]], None),
    ]:
        path = written(tmp_path, name, {"text": ["a", "b", "c"], "label": labels})
        assert lists_of(read_dataset(path, labels="lists"), separator) == expected
    path = written(tmp_path, "e.parquet", {"text": ["a", "b", "c"], "label": [[1], [], [2, 1]]})
    assert lists_of(read_dataset(path, labels="lists")) == [["1"], [], ["2", "1"]]
    path = written(tmp_path, "f.csv", {"text": ["a", "b"], "label": ["x|Y", "y"]})
    dataset = read_dataset(path, labels="lists")
    with pytest.raises(InputError, match="'Y'"):
        lists_of(dataset, "|")
    assert lists_of(dataset, "|", normalise=True) in ([["x", "Y"], ["Y"]], [["x", "y"], ["y"]])


def test_a_row_without_labels_is_bad_and_an_empty_list_is_not(tmp_path: Path) -> None:
    path = written(tmp_path, "a.parquet", {"text": ["a", "b", "c"], "label": [["x"], None, []]})
    with pytest.raises(InputError, match="row 2: column 'label' has no label"):
        read_dataset(path, labels="lists")
    dataset = read_dataset(path, labels="lists", on_bad_row="skip")
    assert dataset.set_aside["row"].to_list() == [2]
    assert lists_of(dataset) == [["x"], []]
    assert (dataset.labels == -1).all()
    with pytest.raises(InputError, match="not one name a row"):
        read_dataset(path)


def test_numbers_and_what_is_none(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", {"text": ["a", "b", "c"], "label": ["1.5", " 2 ", "1e3"]})
    assert numbers_of(read_dataset(path, labels="numbers")).tolist() == [1.5, 2, 1000]
    for bad in ("two", "nan", "inf", "1,5"):
        path = written(tmp_path, "b.csv", {"text": ["a", "b", "c"], "label": ["1", bad, "2"]})
        with pytest.raises(InputError, match=f"line 3: column 'label' holds {bad}, which is no number"):
            read_dataset(path, labels="numbers")
    path = written(tmp_path, "c.parquet", {"text": ["a", "b"], "label": [1, None]})
    assert numbers_of(read_dataset(path, labels="numbers", on_bad_row="skip")).tolist() == [1]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Z", "C"]), min_size=1), max_size=4))
def test_a_json_list_is_read_as_the_list(labels: list[str]) -> None:
    assert labels_in(json.dumps(labels)) == labels_in(labels) == labels
    assert labels_in(" ; ".join(labels), ";") == [part for label in labels for part in label.split(";") if part]
