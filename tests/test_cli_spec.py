"""curate spec as a user runs it."""

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
    return CliRunner().invoke(main, ["spec", *(str(argument) for argument in arguments)])


@pytest.fixture
def paths(tmp_path: Path, encoder: Any) -> dict[str, Path]:
    return write(tmp_path)


def test_specifications_without_a_fault_pass(paths: dict[str, Path]) -> None:
    ran = run("check", paths["spec"], "--train", paths["train"], "--threshold", 0.99, "--json", "--fail-over", "0%")
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert found["problems"] == {"labels": 0, "leaks": 0, "contradictions": 0, "conflicts": 0}
    assert [(one["examples"], one["tests"], one["served"]) for one in found["specifications"]] == [(9, 9, None)] * 2


def test_faults_are_listed_and_fail_over_their_share(paths: dict[str, Path], tmp_path: Path) -> None:
    planted = [
        {**SPECIFICATIONS[0], "tests": [str(SPECIFICATIONS[0]["examples"][0]).upper()]},
        {"id": "weak", "statement": "Quantum chromodynamics.", "label": "bad"},
        {"id": "other", "label": "good", "examples": ["The moon is made of basalt.", "Ducks swim."], "tests": ["Tea."]},
    ]
    paths["spec"].write_text(json.dumps({"specifications": planted}), encoding="utf-8")
    wrong = pl.DataFrame({"number": [99], "text": ["Ducks swim!"], "label": ["bad"]})
    pl.concat([pl.read_csv(paths["train"]), wrong], how="vertical_relaxed").write_csv(paths["train"])
    output = tmp_path / "problems.csv"
    ran = run("check", paths["spec"], "--train", paths["train"], "--fail-over", "60%", "-o", output, "--json")
    assert ran.exit_code == 6, ran.output
    assert Path(f"{output}.run.json").exists()
    problems = pl.read_csv(output)
    told = set(problems.select("check", "specification", "with_text").iter_rows())
    assert ("leaks", "slang-praise", SPECIFICATIONS[0]["examples"][0]) in told
    assert ("conflicts", "other", "Ducks swim!") in told
    found = json.loads(ran.stdout)
    assert found["share_affected"] == pytest.approx(2 / 3)
    assert [one["weak"] for one in found["specifications"]] == [False, True, False]
    assert run("check", paths["spec"], "--train", paths["train"], "--fail-over", "67%").exit_code == 0


def test_a_pool_that_is_about_something_else_serves_nothing(paths: dict[str, Path], tmp_path: Path) -> None:
    banking = [f"Where is the fee for card number {n} on my statement?" for n in range(12)]
    rows = {"text": [*banking, *banking], "label": ["good"] * 12 + ["bad"] * 12}
    pl.DataFrame(rows).write_csv(tmp_path / "bank.csv")
    ran = run("check", paths["spec"], "--pool", tmp_path / "bank.csv")
    assert ran.exit_code == 0, ran.output
    assert "coverage: 6 (the pool has no rows like it, of its label)" in ran.stdout
    assert "Where is the fee" in ran.stdout


def test_bad_input_is_one_sentence(paths: dict[str, Path]) -> None:
    for arguments, said in (
        (("check", "no.yaml"), "cannot be read"),
        (("check", paths["train"]), "name the column whose values are the specifications"),
        (("check", paths["spec"], "--train", "no.csv"), "does not exist"),
    ):
        ran = run(*arguments)
        assert ran.exit_code == 2, ran.output
        assert said in ran.output
