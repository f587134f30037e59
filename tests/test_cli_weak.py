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
