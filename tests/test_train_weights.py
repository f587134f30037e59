"""Weights of rows: from a column, from find-errors' file, by class; what is not said, and what is no weight."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.dataset import Dataset, from_lists
from curatekit.errors import InputError
from curatekit.reporting import reporting
from curatekit.train.weights import row_weights, training_weights
from tests.notes import Notes

TRAIN = from_lists(["a", "b", "c"], ["x", "y", "x"], ids=["1", "2", "3"])
ADDED = from_lists(["d"], ["y"], ids=["9"])


def with_column(dataset: Dataset, name: str, values: list[object]) -> Dataset:
    return replace(dataset, frame=dataset.frame.with_columns(pl.Series(name, values, strict=False)))


def test_a_column_is_taken_as_it_is_and_p_wrong_turned_round() -> None:
    by_number = with_column(TRAIN, "trust", [0.5, 2, 0])
    assert row_weights("trust", [by_number]).tolist() == [0.5, 2, 0]
    assert row_weights("trust", [with_column(TRAIN, "trust", ["0.5", " 2", "0"])]).tolist() == [0.5, 2, 0]
    assert row_weights("p_wrong", [with_column(TRAIN, "p_wrong", [0.25, 1, 0])]).tolist() == [0.75, 0, 1]


def test_rows_of_which_nothing_is_said_weigh_1_and_are_counted() -> None:
    parts = [with_column(TRAIN, "trust", [0.5, None, 0.25]), ADDED]
    notes = Notes()
    with reporting(notes):
        assert row_weights("trust", parts).tolist() == [0.5, 1, 0.25, 1]
    assert "--weights trust says nothing of 2 of 4 rows; they weigh 1." in notes.lines


def test_a_file_of_find_errors_is_joined_by_id_and_text(tmp_path: Path) -> None:
    path = tmp_path / "issues.csv"
    pl.DataFrame({"id": ["3", "1", "7"], "text": ["c", "a", "d"], "p_wrong": [0.9, 0.125, 0.5]}).write_csv(path)
    np.testing.assert_allclose(row_weights(str(path), [TRAIN, ADDED]), [0.875, 1, 0.1, 1])


def test_an_added_row_with_the_id_of_another_is_not_weighed_by_what_is_said_of_that(tmp_path: Path) -> None:
    path = tmp_path / "issues.csv"
    pl.DataFrame({"id": ["1", "2", "3"], "text": ["a", "b", "c"], "p_wrong": [0.5, 0.5, 1]}).write_csv(path)
    added = from_lists(["other", "c"], ["y", "x"], ids=["1", "2"])
    notes = Notes()
    with reporting(notes):
        assert row_weights(str(path), [TRAIN, added]).tolist() == [0.5, 0.5, 0, 1, 1]
    assert any(line.endswith("says nothing of 2 of 5 rows; they weigh 1.") for line in notes.lines)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: row_weights("trust", [TRAIN]), "no such column, and there is no such file. Its columns: text, label, id"),
        (lambda folder: row_weights("trust", [with_column(TRAIN, "trust", [1, -1, 1])]), "row 2 has the weight '-1'"),
        (lambda folder: row_weights("trust", [with_column(TRAIN, "trust", ["1", "1", "much"])]), "row 3 has the weight 'much'"),
        (lambda folder: row_weights("p_wrong", [with_column(TRAIN, "p_wrong", [0, 0, 1.5])]), "row 3 has the weight '1.5'"),
        (lambda folder: row_weights(str(folder / "other.csv"), [TRAIN]), "none has the id and the text"),
        (lambda folder: row_weights(str(folder / "plain.csv"), [TRAIN]), "has no column 'p_wrong'"),
        (lambda folder: training_weights(TRAIN.labels, 2, np.zeros(3), None), "not all 0"),
        (lambda folder: training_weights(TRAIN.labels, 2, None, "square"), "no class weights 'square'"),
    ],
    ids=["no column", "negative", "word", "p over 1", "other ids", "no p_wrong", "zeros", "class weights"],
)  # fmt: skip
def test_what_is_no_weight(tmp_path: Path, make: object, message: str) -> None:
    pl.DataFrame({"id": ["70"], "text": ["a"], "p_wrong": [0.5]}).write_csv(tmp_path / "other.csv")
    pl.DataFrame({"id": ["1"], "text": ["a"], "score": [0.5]}).write_csv(tmp_path / "plain.csv")
    with pytest.raises(InputError, match=message):
        make(tmp_path)  # type: ignore[operator]


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0.1, 10)), min_size=1, max_size=20))
def test_weights_average_1_keep_their_ratios_and_balance_the_classes(rows: list[tuple[int, float]]) -> None:
    labels, given_weights = np.array([label for label, _ in rows]), np.array([weight for _, weight in rows])
    plain = training_weights(labels, 3, given_weights, None)
    assert plain is not None
    assert plain.mean() == pytest.approx(1)
    np.testing.assert_allclose(plain / plain[0], given_weights / given_weights[0])
    balanced = training_weights(labels, 3, None, "balanced")
    assert balanced is not None
    sums = np.bincount(labels, balanced)
    np.testing.assert_allclose(sums[sums > 0], len(labels) / len(np.unique(labels)))
    assert training_weights(labels, 3, None, None) is None
