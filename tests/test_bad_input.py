"""Bad input as a user gives it: one clear sentence on stderr, exit code 2, no traceback, nothing written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit_cli.main import main

TEXTS = ["the parcel came late", "what a lovely pillow", "it broke in a day", "the staff were kind"]
GOOD = "id,text,label\n" + "".join(
    f"{row},{TEXTS[row % 4]} {row},{'bad' if row % 2 == 0 else 'good'}\n" for row in range(40)
)
SPEC = """specifications:
  - id: late
    statement: A late parcel is bad.
    label: bad
    examples: [the parcel is two weeks late, they came late again]
    tests: [my parcel was late once more]
"""


def refused(folder: Path, *arguments: str, code: int = 2) -> str:
    """Run a command that must refuse, and return its sentence."""
    before = sorted(folder.rglob("*"))
    result: Result = CliRunner().invoke(main, arguments)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert sorted(folder.rglob("*")) == before, "something was left behind"
    sentences = [
        line for line in result.stderr.strip().splitlines() if not line.startswith(("note:", "Usage:", "Try ", "\n"))
    ]
    assert len([line for line in sentences if line]) == 1, result.stderr
    return result.stderr


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("good.csv").write_text(GOOD, encoding="utf-8")
    Path("specs.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def write(content: str | bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content.encode())


FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing file": (lambda path: None, "bad.csv"),
    "empty file": (write(""), "empty"),
    "header only": (write("id,text,label\n"), "no rows"),
    "one class only": (write("text,label\n" + "".join(f"text {i},good\n" for i in range(9))), "'good'"),
    "labels that differ by case": (write(GOOD + "90,more,Good\n91,some,good\n"), "'Good'"),
    "labels that differ by spaces": (write(GOOD + '90,more," good"\n'), "' good'"),
    "invalid UTF-8": (write(GOOD.encode() + b"90,caf\xe9,good\n"), "UTF-8"),
    "a NUL byte": (write(GOOD + "90,nul\0l,good\n"), "NUL"),
    "a text of 2 MB": (write(GOOD + f"90,{'long ' * 400_000},good\n"), "line 42"),
    "ragged rows": (write(GOOD + "90,too,many,fields\n"), "42"),
    "duplicate ids": (write(GOOD + "7,again,good\n"), "line 42"),
    "a class with one row": (write(GOOD + "90,completely different,rare\n"), "'rare'"),
    "empty text": (write(GOOD + "90,,good\n"), "line 42"),
    "no label": (write(GOOD + "90,text,\n"), "line 42"),
    "UTF-16": (write(GOOD.encode("utf-16")), "UTF-16"),
    "duplicate columns": (write("text,text,label\na,b,c\n"), "'text'"),
}


@pytest.mark.parametrize("command", ["pvi", "find-errors"])
@pytest.mark.parametrize("case", FILES)
def test_a_bad_file_is_refused_in_one_sentence(case: str, command: str, folder: Path) -> None:
    make, expected = FILES[case]
    make(folder / "bad.csv")
    sentence = refused(folder, command, "bad.csv", "--text", "text", "--label", "label", "-o", "out.csv")
    assert expected in sentence
    assert "bad.csv" in sentence


def test_a_column_that_is_not_there_names_the_nearest(folder: Path) -> None:
    assert "'label'" in refused(folder, "pvi", "good.csv", "--label", "lable", "-o", "out.csv")
    assert "'text'" in refused(folder, "find-errors", "good.csv", "--text", "texts", "--label", "label")
    assert "label" in refused(folder, "pvi", "good.csv", "--label", "label", "--group", "author")


def test_an_output_folder_that_is_missing_or_shut(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not exist" in refused(folder, "pvi", "good.csv", "-o", "none/out.csv")
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)  # root may write anywhere
    assert "not writable" in refused(folder, "pvi", "good.csv", "-o", "out.csv")


SELECT = ("select", "good.csv", "--spec", "specs.yaml", "--train", "good.csv", "-o", "out.csv")


def test_k_larger_than_the_pool(folder: Path) -> None:
    sentence = refused(folder, *SELECT, "-k", "41")
    assert "41" in sentence
    assert "40" in sentence


def test_a_specification_whose_label_the_data_does_not_have(folder: Path) -> None:
    Path("specs.yaml").write_text(SPEC.replace("label: bad", "label: bda"))
    sentence = refused(folder, *SELECT, "-k", "4")
    assert "'bda'" in sentence
    assert "'bad'" in sentence


def test_tests_that_leak_into_the_examples(folder: Path) -> None:
    Path("specs.yaml").write_text(SPEC.replace("my parcel was late once more", '"They came late, again!"'))
    protocol = ("guided", "--train", "good.csv", "--heldout", "good.csv", "--pool", "good.csv", "--spec", "specs.yaml")
    sentence = refused(folder, *protocol, "-k", "4", "-o", "out.csv")
    assert "They came late, again!" in sentence
    assert "they came late again" in sentence


def test_an_unknown_method_gets_the_list_from_the_table(folder: Path) -> None:
    sentence = refused(folder, *SELECT, "-k", "4", "--method", "nearst")
    assert all(name in sentence for name in ("random", "random-matched", "nearest", "influence"))
    sentence = refused(folder, "find-errors", "good.csv", "--score", "self-confidence")
    assert all(name in sentence for name in ("combined", "self_confidence", "knn_agreement"))


def test_an_encoder_that_cannot_be_found_offline(folder: Path) -> None:
    sentence = refused(folder, "pvi", "good.csv", "--encoder", "nobody/nothing")
    assert "nobody/nothing" in sentence
    assert "pip install" in sentence


def probabilities(path: str, row_7: str, header: str = "id,fold,bad,good") -> str:
    rows = [f"{row},{row % 5},{row_7 if row == 7 else '0.5,0.5'}" for row in range(40)]
    Path(path).write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.mark.parametrize(
    ("row_7", "header", "says"),
    [
        ("0.9,0.3", "id,fold,bad,good", "id '7' are no distribution (their sum is 1.2)"),
        ("nan,0.5", "id,fold,bad,good", "id '7' are no distribution ('nan' in the column 'bad' is no finite number)"),
        ("inf,0.5", "id,fold,bad,good", "id '7' are no distribution ('inf' in the column 'bad'"),
        ("-0.2,1.2", "id,fold,bad,good", "id '7' are no distribution (-0.2 in the column 'bad' is negative)"),
        (",0.5", "id,fold,bad,good", "id '7' are no distribution ('' in the column 'bad'"),
        ("high,0.5", "id,fold,bad,good", "id '7' are no distribution ('high' in the column 'bad'"),
        ("0.5,0.5", "id,fold,bad,fine", "no column 'p_good' nor 'good'"),
    ],
)
def test_probabilities_that_are_none(row_7: str, header: str, says: str, folder: Path) -> None:
    path = probabilities("probs.csv", row_7, header)
    assert says in refused(folder, "find-errors", "good.csv", "--label", "label", "--pred-probs", path, "-o", "out.csv")


def test_a_class_that_is_never_predicted_gives_numbers_all_the_same(folder: Path) -> None:
    Path("probs.csv").write_text("id,fold,bad,good\n" + "".join(f"{row},{row % 5},1,0\n" for row in range(40)))
    find = ("find-errors", "good.csv", "--label", "label", "--pred-probs", "probs.csv", "--score", "self_confidence")
    result = CliRunner().invoke(main, [*find, "--json", "-o", "issues.csv"])
    assert result.exit_code == 0, result.output
    assert "1 of 2 labels are predicted for no row, such as 'good' (20 rows)" in result.stderr
    payload = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} among the numbers"))
    assert [sum(row) for row in payload["confident_joint"]] == [20, 20]
    assert CliRunner().invoke(main, ["audit-sample", "issues.csv", "-n", "8", "-o", "review.csv"]).exit_code == 0


def test_reviews_that_fit_no_row_or_contradict_each_other(folder: Path) -> None:
    probs = probabilities("probs.csv", "0.5,0.5")
    find = ("find-errors", "good.csv", "--label", "label", "--pred-probs", probs, "--score", "self_confidence")
    assert CliRunner().invoke(main, [*find, "-o", "issues.csv"]).exit_code == 0
    for content, says in (("0,keep\n99,bad", "'99', no row"), ("0,keep\n0,good", "contradict each other on row '0'")):
        Path("review.csv").write_text(f"id,verdict\n{content}\n")
        for command in (find, ("fix", "issues.csv", "--policy", "reviewed")):
            assert says in refused(folder, *command, "--reviews", "review.csv", "-o", "out.csv")


def test_a_patch_undoes_only_the_file_that_it_belongs_to(folder: Path) -> None:
    find = ("find-errors", "good.csv", "--label", "label", "--pred-probs", probabilities("probs.csv", "0.9,0.1"))
    for command in (
        (*find, "--score", "self_confidence", "-o", "issues.csv"),
        ("fix", "issues.csv", "-o", "fixed.csv"),
    ):
        assert CliRunner().invoke(main, command).exit_code == 0
    Path("fixed.csv").write_text(GOOD)
    sentence = refused(folder, "fix", "--undo", "fixed.csv.patch.jsonl", "-o", "restored.csv", code=5)
    assert "fixed.csv" in sentence
    assert "the patch does not fit it" in sentence


def test_votes_of_one_annotator(folder: Path) -> None:
    sentence = refused(folder, "annotators", "good.csv", "--label-columns", "label", "-o", "out.csv")
    assert "one annotator" in sentence


@pytest.mark.parametrize("command", ["pvi", "find-errors", "predict"])
def test_more_classes_than_fit_into_memory(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curatekit.dataset._memory", lambda: 40 * 2 * 8)
    sentence = refused(folder, command, "good.csv", "--label", "label", "-o", "out.csv", code=12)
    assert "2 classes on 40 rows" in sentence
    assert "GB" in sentence


def test_bad_rows_can_be_set_aside(folder: Path, encoder: Any) -> None:
    Path("bad.csv").write_text(GOOD + "90,,good\n7,again,good\n91,no label,\n")
    result = CliRunner().invoke(main, ["pvi", "bad.csv", "-o", "out.csv", "--on-bad-row", "skip"])
    assert result.exit_code == 3, result.output
    aside = pl.read_ndjson("out.csv.skipped.jsonl")
    assert aside["row"].to_list() == [42, 43, 44]
    assert len(pl.read_csv("out.csv")) == 40
    assert "3 of 43" in result.stderr
