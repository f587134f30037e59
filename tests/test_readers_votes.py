"""Votes from files: the three forms, and what each refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from curatekit.errors import InputError
from curatekit.readers.votes import Columns, read_votes
from curatekit.reporting import reporting
from tests.notes import Notes

TEXTS = ["one fish", "two fish", "red fish", "blue fish"]


def written(folder: Path, name: str, data: dict[str, Any]) -> Path:
    path = folder / name
    frame = pl.DataFrame(data)
    frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(path)
    return path


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    return written(
        tmp_path,
        "wide.csv",
        {
            "id": list("abcd"),
            "text": TEXTS,
            "label": ["x", "y", "x", "y"],
            "anna": ["x", "y", "", ""],
            "ben": ["x", "x", "", "z"],
            "idle": ["", "", "", ""],
        },
    )


def test_one_column_for_each_annotator(wide: Path) -> None:
    with reporting(notes := Notes()):
        voted = read_votes(wide, Columns(("anna", "ben", "idle")), label="label")
    assert voted.votes.names == ("anna", "ben")
    assert voted.votes.classes == voted.dataset.classes == ("x", "y", "z")
    np.testing.assert_array_equal(voted.votes.counts, [[2, 0, 0], [1, 1, 0], [0, 0, 1]])
    assert voted.dataset.ids.tolist() == ["a", "b", "d"]
    assert voted.dataset.label_names == ("x", "y", "y")
    assert any("'idle' gave no vote" in line for line in notes.lines)
    assert any("1 of 4 rows bear no vote" in line for line in notes.lines)


def test_whole_numbers_that_pandas_made_floats_are_the_same_label(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "floats.parquet",
        {"text": TEXTS, "a": [1, 0, 1, 0], "b": [1.0, None, float("nan"), 0.0], "c": [0.5, 1.0, None, None]},
    )
    assert read_votes(path, Columns(("a", "b"))).votes.classes == ("0", "1")
    assert read_votes(path, Columns(("a", "c"))).votes.classes == ("0", "0.5", "1", "1.0")


def test_one_vote_a_line(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "long.csv",
        {
            "task": ["t2", "t1", "t2", "t1"],
            "who": ["a", "a", "b", "b"],
            "said": ["x", "y", "x", "x"],
            "text": ["two", "one", "two", "one"],
        },
    )
    voted = read_votes(path, Columns(item="task", annotator="who", label="said"))
    assert voted.dataset.ids.tolist() == ["t2", "t1"]
    assert voted.dataset.texts == ("two", "one")
    np.testing.assert_array_equal(voted.votes.counts, [[2, 0], [1, 1]])
    assert (voted.dataset.labels == -1).all()


def test_one_vote_a_line_may_go_without_text(tmp_path: Path) -> None:
    path = written(tmp_path, "long.parquet", {"task": [7, 7, 8], "who": [1, 2, 1], "said": [True, False, True]})
    columns = Columns(item="task", annotator="who", label="said")
    voted = read_votes(path, columns, needs_text=False)
    assert voted.dataset.ids.tolist() == ["7", "8"]
    assert voted.votes.classes == ("false", "true")
    with pytest.raises(InputError, match="which column holds the text is not certain"):
        read_votes(path, columns)


def test_counts_by_class_and_objects(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "counts.csv",
        {
            "text": TEXTS,
            "votes_good": [2, 0, 1, 0],
            "votes_bad": [0, 3, 1, 0],
            "by": [json.dumps(v) for v in ({"a": "good", "b": "good"}, {"a": "bad", "c": "bad"}, {"a": None}, {})],
        },
    )
    with reporting(notes := Notes()):
        counted = read_votes(path, Columns(counts=("votes_good", "votes_bad")), text=("text",)).votes
    assert (counted.classes, counted.named) == (("bad", "good"), False)
    np.testing.assert_array_equal(counted.counts, [[0, 2], [3, 0], [1, 1]])
    assert any("who gave them is not known" in line for line in notes.lines)
    named = read_votes(path, Columns(counts=("by",)), text=("text",)).votes
    assert named.names == ("a", "b", "c")
    np.testing.assert_array_equal(named.counts, [[0, 2], [2, 0]])


BAD: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"a": ["x"], "b": ["y"]}, {"columns": Columns(("a", "c"))}, "no column 'c'"),
    ({"a": ["x"], "b": ["y"]}, {"columns": Columns(("a", "a"))}, "names a column twice"),
    ({"a": ["x"], "b": ["y"]}, {"columns": Columns()}, "three ways"),
    ({"a": ["x"], "b": ["y"]}, {"columns": Columns(item="a", annotator="b")}, "three ways"),
    ({"a": ["x"], "b": ["y"]}, {"columns": Columns(("a",), counts=("b",))}, "three ways"),
    ({"a": ["", ""], "b": ["", ""]}, {"columns": Columns(("a", "b"))}, "no vote"),
    ({"a": ["x", "X"], "b": ["x", "x"]}, {"columns": Columns(("a", "b"))}, "'X'.*--normalise-labels"),
    ({"a": ["x"], "b": ["x"], "l": ["z"]}, {"columns": Columns(("a", "b")), "label": "l"}, "none in common"),
    ({"a": ["1", "2.5"], "b": ["0", "1"]}, {"columns": Columns(counts=("a", "b"))}, "'2.5'.*no number of votes"),
    ({"a": ["1", "-1"], "b": ["0", "1"]}, {"columns": Columns(counts=("a", "b"))}, "'-1'.*no number of votes"),
    ({"a": ["x", "y"]}, {"columns": Columns(counts=("a",))}, "no object"),
    ({"a": ["t", ""], "b": ["p", "p"], "l": ["x", "x"]}, {"columns": Columns((), "a", "b", "l")}, "line 3: column 'a' is empty"),
    ({"a": ["t", "t"], "b": ["p", "q"], "l": ["x", "x"]}, {"columns": Columns((), "a", "b", "l")}, "two different texts"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "how", "says"), BAD)
def test_what_is_refused(data: dict[str, Any], how: dict[str, Any], says: str, tmp_path: Path) -> None:
    rows = len(next(iter(data.values())))
    path = written(tmp_path, "bad.csv", {"text": TEXTS[:rows], **data})
    with pytest.raises(InputError, match=says):
        read_votes(path, text=("text",), **how)


def test_lines_without_item_can_be_set_aside(tmp_path: Path) -> None:
    path = written(
        tmp_path, "long.csv", {"t": ["1", "", "1"], "p": ["a", "b", "c"], "l": ["x", "x", ""], "text": ["w"] * 3}
    )
    voted = read_votes(path, Columns((), "t", "p", "l"), on_bad_row="skip")
    assert voted.dataset.set_aside["row"].to_list() == [3, 4]
    assert len(voted.votes) == 1
