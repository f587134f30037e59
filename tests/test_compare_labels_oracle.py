"""Oracles: a column, a file by text or id, a fitted model; and one file taken apart by its sources."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from curatekit.artifacts import Artifacts
from curatekit.compare_labels.oracle import NONE, codes, names_in_column, names_in_file, predicted
from curatekit.compare_labels.sources import split_by
from curatekit.dataset import Dataset, from_lists
from curatekit.errors import InputError
from curatekit.predict.crossfit import Predictions
from curatekit.reporting import reporting
from tests.notes import Notes


def sets() -> list[Dataset]:
    return [
        from_lists(["one", "two"], ["x", "y"], ids=["a1", "a2"]),
        from_lists(["two", "three"], ["y", "x"], ids=["b1", "b2"]),
    ]


def with_column(dataset: Dataset, **columns: list[object]) -> Dataset:
    return replace(dataset, frame=dataset.frame.with_columns(**{n: pl.Series(v) for n, v in columns.items()}))


def test_a_column_with_gaps() -> None:
    dataset = with_column(sets()[0], gold=[" x ", " "], number=[1, None], many=[["x"], []])
    assert names_in_column("a", dataset, "gold") == ["x", None]
    assert names_in_column("a", dataset, "number") == ["1", None]
    with pytest.raises(InputError, match="Did you mean 'gold'"):
        names_in_column("a", dataset, "gould")
    with pytest.raises(InputError, match="not labels"):
        names_in_column("a", dataset, "many")


def test_a_file_is_matched_by_text_or_else_by_id() -> None:
    by_text = pl.DataFrame({"text": ["two", "one", "one"], "label": ["y", "x", ""], "id": ["b2", "?", "!"]})
    assert names_in_file("gold.csv", by_text, sets()) == [["x", "y"], ["y", None]]
    by_id = pl.DataFrame({"id": ["b1", "a2"], "truth": ["x", "y"]})
    assert names_in_file("gold.csv", by_id, sets(), "truth") == [[None, "y"], ["x", None]]


def test_files_that_cannot_be_an_oracle() -> None:
    with pytest.raises(InputError, match=r"no column 'label'\..*gold.csv:COLUMN"):
        names_in_file("gold.csv", pl.DataFrame({"text": ["one"], "truth": ["x"]}), sets())
    with pytest.raises(InputError, match="no column 'id'"):
        names_in_file("gold.csv", pl.DataFrame({"label": ["x"]}), sets())
    with pytest.raises(InputError, match="calls the text 'one' both 'x' and 'y'"):
        names_in_file("gold.csv", pl.DataFrame({"text": ["one", "one"], "label": ["x", "y"]}), sets())
    twice = [sets()[0], from_lists(["three"], ["x"], ids=["a1"])]
    with pytest.raises(InputError, match="the id 'a1' stands in two of the datasets"):
        names_in_file("gold.csv", pl.DataFrame({"id": ["a1"], "label": ["x"]}), twice)


def test_codes_of_names() -> None:
    assert codes(["y", None, "x"], ("x", "y"), "gold").tolist() == [1, NONE, 0]
    with pytest.raises(InputError, match="says 'z', which is no label"):
        codes(["z"], ("x", "y"), "gold")


class Said(Artifacts):
    """Calls every row that it is asked about the last class."""

    asked: tuple[str, ...] = ()

    def predict(self, evaluated: Artifacts, *, in_sample: bool = False) -> Predictions:
        self.asked = evaluated.texts
        probs = np.tile(np.eye(len(evaluated.classes))[-1], (len(evaluated.texts), 1))
        nothing = np.zeros(len(probs), np.int64)
        return Predictions(probs, probs, nothing, nothing.astype(bool), "said")


def test_rows_that_the_model_was_trained_on_are_left_out_and_counted() -> None:
    classes = ("x", "y", "z")
    trained = Said(from_lists(["two", "four"], ["x", "y"]).with_classes(classes))
    asked = Artifacts(from_lists(["two", "three", "five"], ["y", "x", "z"]).with_classes(classes))
    notes = Notes()
    with reporting(notes):
        found = predicted("b", asked, trained)
    assert found.tolist() == [NONE, 2, NONE]
    assert trained.asked == ("three",)
    assert "1 of 3 rows are left out, since the oracle was trained on their texts" in notes.lines[0]
    assert "1 rows are left out, since the oracle knows no row of their label" in notes.lines[1]


def test_the_oracles_own_rows_are_asked_of_other_folds() -> None:
    dataset = from_lists(["one", "two"], ["x", "y"])
    probs = np.array([[0.2, 0.8], [0.6, 0.4]])
    made = Predictions(probs, probs, np.array([0, 1]), np.zeros(2, bool), "made")
    trained = Said(dataset)
    assert predicted("a", Artifacts(dataset, predictions=made), trained).tolist() == [1, 0]
    assert trained.asked == ()


def test_one_file_is_taken_apart_by_source() -> None:
    dataset = with_column(
        from_lists(list("abcde"), ["x", "y", "x", "z", "y"]), source=["forum", "news", "news", None, "forum"]
    )
    notes = Notes()
    with reporting(notes):
        found = split_by(dataset, "source")
    assert {name: (one.texts, one.label_names, one.classes) for name, one in found.items()} == {
        "forum": (("a", "e"), ("x", "y"), ("x", "y")),
        "news": (("b", "c"), ("y", "x"), ("x", "y")),
    }
    assert "1 of 5 rows have no 'source'" in notes.lines[0]
    with pytest.raises(InputError, match="Did you mean 'source'"):
        split_by(dataset, "sourc")
    with pytest.raises(InputError, match="has 1 values"):
        split_by(dataset.take([0, 4]), "source")
    many = with_column(from_lists([str(i) for i in range(13)], ["x"] * 13), source=list(range(13)))
    with pytest.raises(InputError, match="2 to 12 are needed"):
        split_by(many, "source")
