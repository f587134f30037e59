"""Labels of each kind as they stand in a table: compared with an issue, and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curatekit.errors import InputError
from curatekit.label_cells import Cells, PairCells, cells_of
from curatekit.readers import read_dataset
from curatekit.readers.pairs import read_pairs
from curatekit.readers.tables import read_source


def cells(folder: Path, name: str, labels: list[Any], kind: str, **how: Any) -> Cells:
    path = folder / name
    frame = pl.DataFrame({"text": [f"text {i}" for i in range(len(labels))], "label": labels})
    frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(path)
    read = {"class": "required", "multi": "lists", "number": "numbers"}[kind]
    return cells_of(kind, read_dataset(path, labels=read), **how)  # type: ignore[arg-type]


def test_classes_are_written_as_other_rows_write_them(tmp_path: Path) -> None:
    found = cells(tmp_path, "a.parquet", [1, 2, 2], "class")
    assert found.agrees(0, "1")
    assert not found.agrees(0, "2")
    assert (found.value(0), found.suggested(0, "2", "r"), found.label(0)) == (1, 2, "1")
    with pytest.raises(InputError, match="'r' suggests '3', which is no label"):
        found.suggested(0, "3", "r")


def test_numbers_agree_however_they_are_written(tmp_path: Path) -> None:
    found = cells(tmp_path, "a.csv", ["1.50", "2", "3"], "number")
    assert found.agrees(0, "1.5")
    assert not found.agrees(0, "1.51")
    assert not found.agrees(0, "many")
    assert (found.value(0), found.suggested(0, "2.5", "r")) == ("1.50", "2.5")
    whole = cells(tmp_path, "b.parquet", [1, 2, 3], "number")
    assert whole.suggested(0, "2", "r") == 2
    assert isinstance(whole.suggested(0, "2.0", "r"), int)
    assert cells(tmp_path, "c.parquet", [1.5, 2.0], "number").suggested(0, "2", "r") == 2.0
    for suggestion, says in [("2.5", "whole numbers"), ("many", "no number")]:
        with pytest.raises(InputError, match=says):
            whole.suggested(0, suggestion, "r")


@pytest.mark.parametrize(
    ("name", "labels", "separator", "given", "suggested", "value"),
    [
        ("a.parquet", [["x", "y"], ["z"]], None, '["y", "x"]', '["z"]', ["z"]),
        ("b.parquet", [[1, 2], [3]], None, '["2", "1"]', '["3"]', [3]),
        ("c.csv", ["x|y", "z"], "|", "y|x", "z|x", "z|x"),
        ("d.csv", ['["x", "y"]', '["z"]'], None, '["x", "y"]', '["z"]', '["z"]'),
        ("e.parquet", [["x", "y"], ["z"]], None, '["y", "x"]', "[]", []),
    ],
)
def test_several_labels_agree_in_any_order(
    name: str, labels: list[Any], separator: str | None, given: str, suggested: str, value: Any, tmp_path: Path
) -> None:
    found = cells(tmp_path, name, labels, "multi", separator=separator)
    assert found.agrees(0, given)
    assert not found.agrees(0, suggested)
    assert found.suggested(0, suggested, "r") == value
    assert found.value(0) == labels[0]
    with pytest.raises(InputError, match="'w', which is no label"):
        found.suggested(0, "w" if separator else '["w"]', "r")


def test_a_pair_is_swapped(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    pl.DataFrame({"good": ["a", "b"], "bad": ["c", "d"]}).write_csv(path)
    found = PairCells(read_pairs(read_source(path), "good", "bad"), ("good", "bad"))
    assert found.agrees(1, "good")
    assert not found.agrees(1, "bad")
    assert (found.value(1), found.suggested(1, "bad", "r"), found.suggested(1, "good", "r")) == (
        ["b", "d"],
        ["d", "b"],
        ["b", "d"],
    )
    with pytest.raises(InputError, match="neither 'good' nor 'bad'"):
        found.suggested(0, "worse", "r")
