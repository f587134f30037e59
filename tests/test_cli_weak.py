"""Statements alone, column addresses and templates through the commands that take --spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit_cli.main import main
from tests.guided_sample import SPECIFICATIONS, write


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def paths(tmp_path: Path, encoder: Any) -> dict[str, Path]:
    return write(tmp_path)


def test_select_marks_a_statement_and_retrieves_by_it(paths: dict[str, Path], tmp_path: Path) -> None:
    stated = {"id": "stated", "statement": "This lamp rocks, friends.", "label": "good"}
    paths["spec"].write_text(json.dumps({"specifications": [stated, SPECIFICATIONS[1]]}), encoding="utf-8")
    common = (
        "select",
        paths["pool"],
        "--spec",
        paths["spec"],
        "--train",
        paths["train"],
        "-k",
        4,
        "-o",
        tmp_path / "c.csv",
    )
    ran = run(*common, "--method", "nearest", "--json")
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert [one["weak"] for one in found["specifications"]] == [True, False]
    assert found["specifications"][0]["failure_rate_after"] is None
    assert "This lamp rocks, friends." in pl.read_csv(tmp_path / "c.csv")["text"].to_list()
    assert "weak" in run(*common, "--method", "nearest").stdout
    learnt = run(*common, "--method", "influence")
    assert learnt.exit_code == 0, learnt.output
    assert "1 specifications of a statement alone (weak: true) are not heard" in learnt.output


def test_a_column_guides_select_and_evaluate(paths: dict[str, Path], tmp_path: Path) -> None:
    rows = [
        {"text": text, "label": one["label"], "kind": one["id"]}
        for one in SPECIFICATIONS
        for text in (*one["examples"], *one["tests"])
    ]
    pl.DataFrame(rows).write_parquet(tmp_path / "cases.parquet")
    spec = f"{tmp_path / 'cases.parquet'}::kind"
    ran = run(
        "select", paths["pool"], "--spec", spec, "--train", paths["train"], "-k", 4, "-o", tmp_path / "c.csv", "--json"
    )
    assert ran.exit_code == 0, ran.output
    assert [one["id"] for one in json.loads(ran.stdout)["specifications"]] == ["slang-praise", "slang-scorn"]
    manifest = json.loads((tmp_path / "c.csv.run.json").read_text(encoding="utf-8"))
    assert "cases.parquet" in json.dumps(manifest["inputs"])
    assert run("finetune", paths["train"], "--base", "probe", "-o", tmp_path / "model").exit_code == 0
    ran = run("evaluate", tmp_path / "model", "--spec", spec, "--json")
    assert ran.exit_code == 0, ran.output
    measured = json.loads(ran.stdout)["failure_rate"]["per_specification"]
    assert sum(one["n"] for one in measured) < len(rows)
    assert {one["specification"] for one in measured} == {"slang-praise", "slang-scorn"}


def test_of_statements_alone_nothing_is_expected_and_no_sentence_is_made_of_it(
    paths: dict[str, Path], tmp_path: Path
) -> None:
    stated = [
        {"id": f"stated {label}", "statement": f"This lamp {word}, friends.", "label": label}
        for word, label in (("rocks", "good"), ("reeks", "bad"))
    ]
    paths["spec"].write_text(json.dumps({"specifications": stated}), encoding="utf-8")
    ran = run(
        "select", paths["pool"], "--spec", paths["spec"], "--train", paths["train"], "-k", 4, "--method", "nearest",
        "--curve", "2,6", "--target", "0.9", "-o", tmp_path / "c.csv",
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    assert "the specifications have no examples, which could fail" in ran.stderr
    assert "nothing can be expected, so no number of rows is told" in ran.stdout
    for words in ("nan", "doubling", "A failure rate of"):
        assert words not in ran.stdout
    tested = [{**one, "tests": of["tests"]} for one, of in zip(stated, SPECIFICATIONS, strict=True)]
    paths["spec"].write_text(json.dumps({"specifications": tested}), encoding="utf-8")
    given = [word for name in ("train", "heldout", "pool", "spec") for word in (f"--{name}", paths[name])]
    ran = run(
        "guided", *given, "--budgets", "2,4,6", "--method", "nearest", "--seeds", 2, "--plot", tmp_path / "g.html",
        "-o", tmp_path / "g.csv",
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    assert "Where it is blank nothing can be expected" in ran.stdout
    for words in ("nan", "Expected against measured"):
        assert words not in ran.stdout
    assert pl.read_csv(tmp_path / "g.csv")["expected"].null_count() == len(pl.read_csv(tmp_path / "g.csv"))
    assert "Nothing was expected of any model before training." in (tmp_path / "g.html").read_text()
