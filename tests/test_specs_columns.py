"""A column of a table as specifications, and statements alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.errors import InputError
from curatekit.reporting import reporting
from curatekit.specs import folded, read_specifications, specification_files
from curatekit.specs.sides import on_test_side, on_test_sides
from tests.notes import Notes

KINDS = ["negation", "praise", "question"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Thirty texts of three kinds; a question may be of either label, and one has none."""
    rows = [
        {"text": f"The {kind} number {n}.", "label": ["good", "bad"][n % 2 if kind == "question" else kind == "negation"],
         "kind": kind, "role": ["spec", "test"][n % 3 == 0], "why": f"About {kind}."}
        for kind in KINDS
        for n in range(10)
    ]  # fmt: skip
    rows.append({"text": "Nothing said.", "label": "good", "kind": None, "role": "spec", "why": None})
    path = tmp_path / "cases.parquet"
    pl.DataFrame(rows).write_parquet(path)
    return path


def spec(folder: Path, *columns: Any, specifications: Any = ()) -> Path:
    path = folder / "specs.json"
    path.write_text(json.dumps({"specifications": specifications, "columns": columns}), encoding="utf-8")
    return path


def test_each_value_is_a_specification_and_one_of_two_labels_is_two(table: Path) -> None:
    notes = Notes()
    with reporting(notes):
        found = read_specifications(f"{table}::kind", tests=True)
    assert [(one.id, one.label) for one in found] == [
        ("negation", "bad"),
        ("praise", "good"),
        ("question (bad)", "bad"),
        ("question (good)", "good"),
    ]
    assert [len(one.examples) + len(one.tests or ()) for one in found] == [10, 10, 5, 5]
    assert all(one.examples and one.tests for one in found)
    assert found[0].statement == "kind: negation"
    said = " ".join(notes.lines)
    assert "1 of 31 rows have no 'kind', label or text" in said
    assert "1 of 3 values of 'kind' have rows of several labels" in said
    assert specification_files(f"{table}::kind") == (table,)


def test_the_sides_hang_on_the_text_and_not_on_the_other_rows(table: Path, tmp_path: Path) -> None:
    every = read_specifications(f"{table}::kind", tests=True)
    fewer = tmp_path / "fewer.parquet"
    pl.read_parquet(table).reverse()[::2].write_parquet(fewer)
    some = read_specifications(f"{fewer}::kind", tests=True)
    sides = {text: side for one in every for side in ("examples", "tests") for text in getattr(one, side)}
    moved = [
        text for one in some for side in ("examples", "tests") for text in getattr(one, side) if sides[text] != side
    ]
    assert len(moved) <= 1  # only where a side would be empty
    (alone, *_), (both, *_) = read_specifications(f"{table}::kind"), every
    assert alone.tests is None
    assert alone.examples == both.examples


def test_a_text_of_several_values_is_on_one_side_in_all(tmp_path: Path) -> None:
    """Of two values the one has one text alone, which must be its example, so that the other may not test it."""
    texts = [f"text {n}" for n in range(40)]
    by_hash = dict(zip(texts, on_test_side(texts).tolist(), strict=True))
    tests, examples = ([text for text in texts if by_hash[text] is side][:5] for side in (True, False))
    values = {
        "alone": tests[:1], "many": [*tests, *examples], "all tests": tests[:3], "all examples": [examples[0], examples[4]],
        "shared": examples[:2],
    }  # fmt: skip
    rows = [{"text": text, "label": "x", "kind": kind} for kind, of in values.items() for text in of]
    pl.DataFrame(rows).write_csv(tmp_path / "cases.csv")
    found = {one.id: one for one in read_specifications(f"{tmp_path / 'cases.csv'}::kind", tests=True)}
    assert {id: sorted((*one.examples, *(one.tests or ()))) for id, one in found.items()} == {
        kind: sorted(of) for kind, of in values.items()
    }
    guiding = {text for one in found.values() for text in one.examples}
    assert not guiding & {text for one in found.values() for text in one.tests or ()}
    assert found["alone"].examples == tuple(tests[:1])
    assert all(one.examples for one in found.values())


@given(st.lists(st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=6), min_size=1, max_size=8))
def test_a_key_has_one_side_and_every_group_an_example(groups: list[list[str]]) -> None:
    sides = on_test_sides(groups)
    side: dict[str, bool] = {}
    for group, tests in zip(groups, sides, strict=True):
        assert not tests.all()
        for key, test in zip(group, tests.tolist(), strict=True):
            assert side.setdefault(key, test) == test
    for group in groups:
        by_itself = on_test_side(group) if len(set(group)) > 1 else [False] * len(group)
        assert np.array_equal(on_test_sides([group])[0], by_itself)


def test_conditions_tell_examples_from_tests(table: Path, tmp_path: Path) -> None:
    column = {
        "file": "cases.parquet", "column": "kind", "text": "text", "label": "label", "statement": "why",
        "where": {"label": "good"}, "examples": {"role": "spec"}, "tests": {"role": "test"},
    }  # fmt: skip
    path = spec(
        tmp_path, column, specifications=[{"id": "own", "label": "good", "examples": ["One."], "tests": ["Two."]}]
    )
    own, praise, question = read_specifications(path, tests=True)
    assert own.examples == ("One.",)
    assert (praise.id, praise.statement) == ("praise", "About praise.")
    assert praise.tests == tuple(f"The praise number {n}." for n in (0, 3, 6, 9))
    assert (question.id, question.tests) == ("question", ("The question number 0.", "The question number 6."))
    assert specification_files(path) == (path, table)


def test_a_path_with_two_colons_is_a_path(tmp_path: Path) -> None:
    odd = tmp_path / "a::b.json"
    odd.write_text(json.dumps({"specifications": [{"id": "a", "label": "x", "examples": ["One."]}]}), encoding="utf-8")
    (found,) = read_specifications(odd)
    assert found.examples == ("One.",)
    assert specification_files(odd) == (odd,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"column": "knd"}, "no column 'knd'. Did you mean 'kind'"),
        ({"label": "lable"}, "no column 'lable'. Did you mean 'label'"),
        ({"where": {"label": "goood"}}, "no row of"),
        ({"tests": {"role": "test"}}, "conditions for the examples and for the tests go together"),
        ({"examples": {"role": "spec"}, "tests": {"role": "x"}}, "no row of"),
        ({"examples": {"text": "The praise number 1."}, "tests": {"role": "test"}}, "has no examples"),
        ({"colunm": "kind"}, "unknown key 'colunm'. Did you mean 'column'"),
        ({"file": None}, "not a string"),
        ({"where": "label"}, "a condition maps each column to one value"),
        ({"examples": ["a"], "tests": {"role": "test"}}, "a condition maps each column to one value"),
        ({"examples": {"role": "spec"}, "tests": {"role": ["test"]}}, "a condition maps each column to one value"),
        ({"text": ["text"]}, "text is ['text']. Name one column"),
    ],
)
def test_a_column_that_cannot_be_meant_is_refused(table: Path, tmp_path: Path, changes: Any, message: str) -> None:
    with pytest.raises(InputError) as raised:
        read_specifications(spec(tmp_path, {"file": "cases.parquet", "column": "kind", **changes}), tests=True)
    assert message in str(raised.value)


def test_a_table_without_a_column_and_too_many_values_are_refused(table: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"name the column whose values are the specifications: cases.parquet::COLUMN"):
        read_specifications(table)
    pl.DataFrame({"text": [f"t{n}" for n in range(1001)], "label": "x", "n": range(1001)}).write_csv(tmp_path / "n.csv")
    with pytest.raises(InputError, match="1,001 values, over 1,000"):
        read_specifications(tmp_path / "n.csv::n")


def test_an_id_of_the_list_and_of_a_column_is_refused(table: Path, tmp_path: Path) -> None:
    own = {"id": "praise", "label": "good", "examples": ["One."]}
    with pytest.raises(InputError, match="two specifications have the id 'praise'"):
        read_specifications(spec(tmp_path, {"file": "cases.parquet", "column": "kind"}, specifications=[own]))


def test_a_statement_alone_is_weak_and_said(tmp_path: Path) -> None:
    stated = {"id": "a", "statement": "Sarcasm is negative.", "label": "x"}
    path = spec(tmp_path, specifications=[stated, {"id": "b", "label": "y", "examples": ["One."]}])
    notes = Notes()
    with reporting(notes):
        weak, strong = read_specifications(path)
    assert (weak.weak, weak.examples, strong.weak) == (True, ("Sarcasm is negative.",), False)
    assert "1 of 2 specifications have a statement alone, and are weak (weak: true)" in notes.lines[0]


def test_a_draft_is_refused_until_somebody_has_read_it(tmp_path: Path) -> None:
    draft = {"id": "a", "statement": "s", "label": "x", "examples": ["One."], "draft": "true"}
    with pytest.raises(InputError, match="is a draft that nobody has read"):
        read_specifications(spec(tmp_path, specifications=[draft]))


def test_the_29_functionalities_of_hatecheck_are_a_column(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "all_cases.parquet").symlink_to(real_data / "hatecheck" / "all_cases.parquet")
    column = {
        "file": "all_cases.parquet", "column": "functionality", "label": "label", "where": {"split": "test_suite"},
        "examples": {"protocol_half": "spec"}, "tests": {"protocol_half": "heldout"},
    }  # fmt: skip
    found = read_specifications(spec(tmp_path, column))
    assert (len(found), sum(len(one.examples) for one in found)) == (29, 1865)
    hashed = read_specifications(f"{tmp_path / 'all_cases.parquet'}::functionality")
    assert len(hashed) == 29
    assert len({folded(text) for one in hashed for text in one.examples}) > 1_500
