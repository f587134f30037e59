"""curate check as a user runs it, on the sample with duplicates and faults put in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit_cli.check import command

TEXTS = [
    f"The {thing} {what}." for thing in ("lamp", "train", "soup") for what in ("is late", "broke", "is good", "is cold")
]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve texts, a copy in the other split with another label, a near copy, and a row without text."""
    texts = [*TEXTS, TEXTS[0], "The lamp broke!", ""]
    labels = ["a", "b"] * 6 + ["b", "b", "a"]
    path = tmp_path_factory.mktemp("check") / "data.csv"
    split = ["train"] * 12 + ["test", "test", "test"]
    pl.DataFrame({"id": [f"r{i}" for i in range(15)], "text": texts, "label": labels, "split": split}).write_csv(path)
    return path


@pytest.fixture(scope="module")
def found(encoder: Any, data: Path) -> dict[str, Any]:
    output = data.with_name("problems.csv")
    ran = run(data, "--split", "split", "--threshold", 0.8, "-o", output, "--json")
    assert ran.exit_code == 0, ran.output
    payload: dict[str, Any] = json.loads(ran.stdout)
    return payload


def test_each_problem_is_found(found: dict[str, Any]) -> None:
    rows = pl.read_csv(found["output"])
    lines = set(rows.select("check", "id", "with_id").iter_rows())
    assert {
        ("conflicting-labels", "r0", "r12"),
        ("conflicting-labels", "r12", "r0"),
        ("exact-duplicates", "r12", "r0"),
        ("near-duplicates", "r13", "r1"),
        ("leakage", "r12", "r0"),
        ("leakage", "r13", "r1"),
        ("broken", "r14", None),
    } <= lines
    assert found["n"] == 15
    assert sum(found["problems"].values()) == len(rows)
    assert found["class_shares"] == {"a": 6 / 14, "b": 8 / 14}
    assert Path(f"{found['output']}.run.json").exists()


def test_another_file_is_held_against(encoder: Any, data: Path) -> None:
    other = data.with_name("other.csv")
    pl.DataFrame({"text": ["Nothing alike at all", TEXTS[3]]}).write_csv(other)
    ran = run(data, "--against", other, "--only", "leakage", "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["problems"] == {"leakage": 1}


def test_too_many_problems_fail_and_the_table_is_still_written(data: Path) -> None:
    output = data.with_name("failed.csv")
    arguments = (data, "--only", "exact-duplicates", "-o", output)
    ran = run(*arguments, "--fail-over", "6%")
    assert ran.exit_code == 6, ran.output
    assert "6.67% of the rows have a problem, over 6.00%" in ran.stdout
    assert output.exists()
    assert Path(f"{output}.run.json").exists()
    assert run(*arguments, "--fail-over", "0.07").exit_code == 0


def test_no_labels_are_needed(data: Path) -> None:
    bare = data.with_name("bare.csv")
    pl.read_csv(data).select("id", "text").write_csv(bare)
    ran = run(bare, "--only", "exact-duplicates", "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["problems"] == {"exact-duplicates": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "duplicates"], "Did you mean"),
        (["--only", "leakage"], "--split"),
        (["--split", "spilt", "--only", "leakage"], "Did you mean 'split'"),
        (["--split", "label", "--label", "txet"], "txet"),
        (["--fail-over", "200%"], "no share"),
    ],
)
def test_bad_input_is_one_sentence(data: Path, arguments: list[str], said: str) -> None:
    ran = run(data, *arguments)
    assert ran.exit_code == 2, ran.output
    assert said in ran.output
    assert "Traceback" not in ran.output
