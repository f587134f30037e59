"""Reading verdicts: what each word means, what was drawn, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curatekit.audit.reviews import read_reviews
from curatekit.dataset import from_lists
from curatekit.errors import InputError, VerificationFailed
from curatekit.reporting import reporting
from tests.notes import Notes

DATASET = from_lists([f"text {i}" for i in range(6)], ["a", "b", "A b", "a", "b", "a"], [f"r{i}" for i in range(6)])


def write(path: Path, **columns: Any) -> Path:
    pl.DataFrame(columns).write_csv(path)
    return path


def drawn(path: Path, verdicts: list[str | None], strata: list[int | None], rows: list[int | None]) -> Path:
    ids = [f"r{i}" for i in range(len(verdicts))]
    return write(path, id=ids, verdict=verdicts, stratum=strata, stratum_rows=rows)


def test_what_a_verdict_may_be(tmp_path: Path) -> None:
    path = write(
        tmp_path / "r.csv", id=[f"r{i}" for i in range(6)], verdict=["a", "keep", "a B", "Wrong", " unsure", ""]
    )
    verdicts = read_reviews([path], DATASET).verdicts
    assert {id: (review.wrong, review.label) for id, review in verdicts.items()} == {
        "r0": (False, "a"),
        "r1": (False, "b"),
        "r2": (False, "A b"),
        "r3": (True, None),
    }
    assert read_reviews([path], DATASET).sample is None


def test_a_label_is_itself_also_where_it_is_called_wrong(tmp_path: Path) -> None:
    answers = from_lists(["x", "y", "z"], ["wrong", "right", "wrong"], ["1", "2", "3"])
    path = write(tmp_path / "r.csv", id=["1", "2"], verdict=["wrong", "wrong"])
    heard = Notes()
    with reporting(heard):
        verdicts = read_reviews([path], answers).verdicts
    assert [verdicts[id].wrong for id in ("1", "2")] == [False, True]
    assert verdicts["2"].label == "wrong"
    assert "'wrong' is a label of the data" in heard.lines[0]


def test_two_columns_and_two_files_add_up(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", id=["r0", "r1"], verdict=["wrong", "keep"], correct_label=["b", None])
    two = write(tmp_path / "two.csv", id=["r3", "r0"], correct_label=["b", "b"])
    verdicts = read_reviews([one, two], DATASET).verdicts
    assert {id: (review.wrong, review.label) for id, review in verdicts.items()} == {
        "r0": (True, "b"),
        "r1": (False, "b"),
        "r3": (True, "b"),
    }


def test_that_no_label_fits_says_more_than_wrong(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", id=["r0", "r0", "r1", "r2", "r3"], verdict=["Drop", "wrong", "wrong", "a", "keep"])
    reviews = read_reviews([path], DATASET)
    assert {id: (of.wrong, of.label, of.drop) for id, of in reviews.verdicts.items()} == {
        "r0": (True, None, True),
        "r1": (True, None, False),
        "r2": (True, "a", False),
        "r3": (False, "a", False),
    }
    assert (reviews.n_right, reviews.n_unnamed) == (1, 1)


def test_what_was_drawn_is_known_by_its_strata(tmp_path: Path) -> None:
    path = drawn(tmp_path / "r.csv", ["a", None, "keep", "b"], [1, 2, 2, None], [2, 4, 4, None])
    reviews = read_reviews([path], DATASET)
    assert reviews.sample is not None
    assert reviews.sample.rows.tolist() == [2, 4]
    assert reviews.sample.stratum == {"r0": 0, "r1": 1, "r2": 1}
    assert set(reviews.verdicts) == {"r0", "r2", "r3"}


def test_samples_of_the_same_strata_are_one(tmp_path: Path) -> None:
    one = drawn(tmp_path / "one.csv", ["a", "b"], [1, 2], [2, 4])
    two = write(tmp_path / "two.csv", id=["r1", "r4"], verdict=["b", "b"], stratum=[2, 2], stratum_rows=[4, 4])
    other = drawn(tmp_path / "other.csv", ["a", "b"], [1, 2], [3, 3])
    three = write(tmp_path / "three.csv", id=["r0", "r4"], verdict=["a", "b"], stratum=[1, 2], stratum_rows=[2, 4])
    with pytest.raises(InputError, match="hold 4 rows"):
        read_reviews([one, two], DATASET)  # half of a file is no whole sample
    joined = read_reviews([one, three], DATASET).sample
    assert joined is not None
    assert joined.stratum == {"r0": 0, "r1": 1, "r4": 1}
    with pytest.raises(InputError, match="were drawn from different strata"):
        read_reviews([one, other], DATASET)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"id": ["r0", "r9"], "verdict": ["a", "b"]}, "reviews 'r9', no row of"),
        ({"id": ["r9", "q1", "q2"], "verdict": ["a", "b", "b"]}, "reviews 'r9' and 2 more, no row of"),
        ({"id": ["r0"], "verdict": ["c"]}, "the verdict 'c' on row 'r0' is no label"),
        ({"id": ["r0"], "verdict": ["keeep"]}, "Did you mean 'keep'"),
        ({"row": ["r0"], "verdict": ["a"]}, "no column 'id'"),
        ({"id": ["r0"], "verdicts": ["a"]}, "Did you mean 'verdicts'"),
        ({"id": ["r0", "r0"], "verdict": ["a", "b"]}, "contradict each other on row 'r0': 'a' and 'b'"),
        ({"id": ["r0", "r0"], "verdict": ["keep", "wrong"]}, "contradict each other on row 'r0': 'keep' and 'wrong'"),
        ({"id": ["r1", "r1"], "verdict": ["a", "A b"]}, "contradict each other on row 'r1'"),
        ({"id": ["r0", "r0"], "verdict": ["b", "drop"]}, "contradict each other on row 'r0': 'b' and 'drop'"),
        ({"id": ["r0", "r0"], "verdict": ["drop", "keep"]}, "contradict each other on row 'r0': 'drop' and 'keep'"),
        ({"id": ["r0"], "verdict": [" "]}, "no row is reviewed yet"),
        ({"id": ["r0"], "verdict": ["a"], "stratum": ["x"], "stratum_rows": [6]}, "the stratum 'x' of '6' rows"),
        ({"id": ["r0"], "verdict": ["a"], "stratum": [1], "stratum_rows": [5]}, "hold 5 rows, but .* has 6"),
        ({"id": ["r0"], "verdict": ["a"], "stratum": [2], "stratum_rows": [6]}, "the whole sample"),
        (
            {"id": ["r0", "r1"], "verdict": ["a", "b"], "stratum": [1, 1], "stratum_rows": [6, 4]},
            "stratum 1 of row 'r1' cannot hold 4 rows",
        ),
    ],
)
def test_a_fault_is_told_in_one_sentence(tmp_path: Path, columns: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_reviews([write(tmp_path / "r.csv", **columns)], DATASET)


def test_files_that_contradict_each_other_are_both_named(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", id=["r0"], verdict=["keep"])
    two = write(tmp_path / "two.csv", id=["r0"], verdict=["b"])
    with pytest.raises(InputError, match=r"'keep' and 'b', in .*one\.csv and in .*two\.csv"):
        read_reviews([one, two], DATASET)


def test_a_label_that_changed_since_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", id=["r0"], given_label=["b"], verdict=["keep"])
    with pytest.raises(VerificationFailed, match=r"'r0' of .* is labelled 'a', but .* reviewed it as 'b'"):
        read_reviews([path], DATASET)
