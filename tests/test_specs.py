"""Specification files: what is read, what is refused, and that tests stay out of reach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curatekit.errors import InputError
from curatekit.reporting import reporting
from curatekit.specs import example_cases, folded, read_specifications, specification_files, stand_among, test_cases
from tests.notes import Notes

YAML = """
specifications:
  - id: 007
    statement: Norway is no negation.
    label: no
    examples: [yes, 1e3, null, "~", 2020-01-01, .inf]
    tests: [0x10, off]
"""


def spec(folder: Path, *entries: dict[str, Any], name: str = "specs.json") -> Path:
    path = folder / name
    path.write_text(json.dumps({"specifications": entries}), encoding="utf-8")
    return path


def entry(**changes: Any) -> dict[str, Any]:
    return {"id": "a", "label": "x", "examples": ["One."], "tests": ["Two."], **changes}


def test_every_yaml_scalar_is_the_string_that_was_written(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(YAML, encoding="utf-8")
    (found,) = read_specifications(tmp_path / "s.yaml", tests=True)
    assert (found.id, found.label, found.statement) == ("007", "no", "Norway is no negation.")
    assert found.examples == ("yes", "1e3", "null", "~", "2020-01-01", ".inf")
    assert found.tests == ("0x10", "off")


def test_the_three_formats_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "specifications: [{id: a, statement: s, label: x, examples: [One, 2], tests: [Three]}]", encoding="utf-8"
    )
    (tmp_path / "s.toml").write_text(
        '[[specifications]]\nid = "a"\nstatement = "s"\nlabel = "x"\nexamples = ["One", 2]\ntests = ["Three"]\n',
        encoding="utf-8",
    )
    as_json = spec(tmp_path, entry(statement="s", examples=["One", 2], tests=["Three"]))
    read = [read_specifications(path, tests=True) for path in (tmp_path / "s.yaml", tmp_path / "s.toml", as_json)]
    assert read[0] == read[1] == read[2]


def test_texts_come_from_the_rows_that_match_every_condition(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    frame = pl.DataFrame({"case": ["One", "Two", "Three"], "role": ["e", "e", "t"], "n": [1, 2, 1]})
    frame.write_parquet(tmp_path / "data" / "cases.parquet")

    def where(**conditions: str) -> dict[str, Any]:
        return {"file": "data/cases.parquet", "where": conditions, "text": "case"}

    path = spec(tmp_path, entry(examples=where(role="e", n="1"), tests=where(role="t")))
    (found,) = read_specifications(path, tests=True)
    assert (found.examples, found.tests) == (("One",), ("Three",))
    assert specification_files(path) == (path, tmp_path / "data" / "cases.parquet")


def test_without_tests_no_file_that_only_tests_name_is_opened(tmp_path: Path) -> None:
    path = spec(tmp_path, entry(tests={"file": "there_is_no_such.parquet"}))
    (found,) = read_specifications(path)
    assert found.tests is None
    assert specification_files(path) == (path,)
    with pytest.raises(InputError, match="does not exist"):
        read_specifications(path, tests=True)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([], "no specification"),
        ([entry(exmaples=["One."])], "unknown key 'exmaples'. Did you mean 'examples'"),
        ([entry(), entry()], "has the id 'a', as one before"),
        ([entry(examples=[])], "examples of 'a': there are none"),
        ([entry(examples=["  "])], "an empty text"),
        ([entry(examples="One.")], "neither a list of texts nor"),
        ([{"id": "a", "label": "x"}], "has no examples"),
        ([entry(label="")], "has no label"),
        ([entry(label=["x"])], "has no label"),
        ([entry(id=None)], "None is not a string"),
        ([entry(label=True)], "True is not a string"),
        ([entry(tests=["One."])], "the test 'One.' of 'a' is the example 'One.' of 'a'"),
        ([entry(tests=["one !"])], "the test 'one !' of 'a' is the example 'One.' of 'a'"),
        ([entry(tests=["ｏｎｅ"])], "is the example 'One.'"),
        ([entry(), entry(id="b", examples=["Three."], tests=["One."])], "of 'b' is the example 'One.' of 'a'"),
        (["a"], "is not a mapping"),
        (
            [entry(examples={"file": "f.csv", "where": {"role": ["spec", "x"]}})],
            "`where` maps each column to one value",
        ),
        ([entry(examples={"file": "f.csv", "text": ["a"]})], "`text` names one column"),
        ([entry(examples={"file": ["f.csv"]})], "a reference needs a file"),
        ([{**entry(), "tests": []}], "has no tests, so nothing can be measured"),
        ([{"id": "a", "label": "x", "examples": ["One."]}], "has no tests, so nothing can be measured"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_in_one_sentence(
    tmp_path: Path, entries: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(InputError) as raised:
        read_specifications(spec(tmp_path, *entries), tests=True)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("specifications: &a [{id: *a}]", "line 1: an alias"),
        ("specifications:\n  - {id: a, id: b}", "line 2: the key 'id' is given twice"),
        ("specifications: [", "not valid YAML"),
        ("- a\n- b", "no list under the key 'specifications'"),
        ("specifications: {a: b}", "no list under the key"),
        ("", "no list under the key"),
        ("specs: []\nspecifications: []", "unknown key 'specs'"),
    ],
)
def test_yaml_tricks_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as raised:
        read_specifications(tmp_path / "s.yaml")
    assert message in str(raised.value)


def test_a_tag_makes_nothing(tmp_path: Path) -> None:
    text = "specifications: [{id: !!python/name:os.system a, label: !!int 3, examples: [!!python/object/apply:os.getcwd []]}]"
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="neither a list of texts"):
        read_specifications(tmp_path / "s.yaml")


def test_a_reference_names_what_is_missing(tmp_path: Path) -> None:
    pl.DataFrame({"text": ["One"], "role": ["e"]}).write_csv(tmp_path / "cases.csv")
    for where, message in (({"rôle": "e"}, "no column 'rôle'. Did you mean 'role'"), ({"role": "f"}, "no row of")):
        with pytest.raises(InputError) as raised:
            read_specifications(spec(tmp_path, entry(examples={"file": "cases.csv", "where": where})))
        assert message in str(raised.value)
    with pytest.raises(InputError, match=r"does not exist\. Did you mean 'cases.csv'"):
        read_specifications(spec(tmp_path, entry(examples={"file": "case.csv"})))


def test_a_reference_without_conditions_takes_every_row(tmp_path: Path) -> None:
    pl.DataFrame({"text": ["One", "Two"], "parts": [["a"], ["b"]]}).write_parquet(tmp_path / "cases.parquet")
    (found,) = read_specifications(spec(tmp_path, entry(examples={"file": "cases.parquet"})))
    assert found.examples == ("One", "Two")
    with pytest.raises(InputError, match=r"column 'parts' of .* holds List"):
        read_specifications(spec(tmp_path, entry(examples={"file": "cases.parquet", "text": "parts"})))


def test_specifications_without_tests_are_said_and_the_others_measured(tmp_path: Path) -> None:
    path = spec(tmp_path, entry(), {"id": "b", "label": "y", "examples": ["Three."]})
    notes = Notes()
    with reporting(notes):
        found = read_specifications(path, tests=True)
        assert [one.tests for one in read_specifications(path)] == [None, None]
    assert [one.tests for one in found] == [("Two.",), ()]
    assert len(notes.lines) == 1
    assert "1 of 2 specifications have no tests, and are not measured: 'b'" in notes.lines[0]


def test_texts_stand_among_others_but_for_case_spaces_and_punctuation() -> None:
    assert stand_among(["A b.", "c", ":-)"], ["AB", "d", ":-( "]).tolist() == [True, False, False]
    assert stand_among([], ["a"]).tolist() == []


def test_a_test_that_is_an_example_of_another_specification_but_for_spaces_is_set_aside_and_said(
    tmp_path: Path,
) -> None:
    path = spec(tmp_path, entry(tests=["Two.", "T h r e e"]), entry(id="b", examples=["Three"], tests=["Four"]))
    notes = Notes()
    with reporting(notes):
        found = read_specifications(path, tests=True)
    assert [one.tests for one in found] == [("Two.",), ("Four",)]
    assert "1 tests are set aside" in notes.lines[0]


def test_folding_keeps_a_text_of_punctuation_alone() -> None:
    assert folded(" :-) ") == ":-)"
    assert folded("Straße, 1!") == folded("STRASSE 1")


def test_cases_are_coded_into_the_classes(tmp_path: Path) -> None:
    path = spec(
        tmp_path, entry(examples=["One.", "Uno."]), entry(id="b", label="y", examples=["Three."], tests=["Four."])
    )
    found = read_specifications(path, tests=True)
    examples, tests = example_cases(found, ("x", "y")), test_cases(found, ("x", "y"))
    assert examples.texts == ("One.", "Uno.", "Three.")
    assert examples.labels.tolist() == [0, 0, 1]
    assert examples.specifications.tolist() == [0, 0, 1]
    assert tests.labels.tolist() == [0, 1]
    with pytest.raises(InputError, match="'b' has the label 'y', which the training data does not have"):
        example_cases(found, ("x", "z"))


def test_the_29_functionalities_of_hatecheck_are_read(real_data: Path, tmp_path: Path) -> None:
    from benchmarks.guided_hate import build

    build(tmp_path, real_data)
    examples = read_specifications(tmp_path / "specs.json")
    assert (len(examples), sum(len(one.examples) for one in examples)) == (29, 1865)
    both = read_specifications(tmp_path / "specs.json", tests=True)
    assert (
        sum(len(one.tests or ()) for one in both) == 1863 - 141
    )  # 141 differ from an example elsewhere by spaces alone
