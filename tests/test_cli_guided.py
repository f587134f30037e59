"""curate guided, from raw text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit.run import read_manifest
from curatekit_cli.guided import command
from tests.guided_sample import SPECIFICATIONS, write


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write(tmp_path_factory.mktemp("guided"))


def run(paths: dict[str, Path], *more: object, **changes: Path) -> Result:
    given = {**paths, **changes}
    arguments = [word for name in ("train", "heldout", "pool", "spec") for word in (f"--{name}", given[name])]
    return CliRunner().invoke(command, [str(argument) for argument in [*arguments, *more]])


def test_one_command_gives_the_whole_table(encoder: Any, paths: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "guided.csv"
    ran = run(paths, "--budgets", "4,8", "--seeds", 2, "--method", "influence", "--method", "nearest", "-o", output)
    assert ran.exit_code == 0, ran.output
    rows = pl.read_csv(output)
    assert rows["model"].to_list() == ["M0", "M1", "M1'", "M2", "M2", "M1", "M1'", "M2", "M2"]
    assert rows["k"].to_list() == [0] + [4] * 4 + [8] * 4
    assert rows["runs"].to_list() == [1, 2, 2, 1, 1, 2, 2, 1, 1]
    for name in ("failure_rate", "failure_rate_by_label", "accuracy", "macro_f1", "expected", "failure_rate_sd"):
        assert name in rows.columns
    for one in SPECIFICATIONS:
        assert f"failure_rate of {one['id']}" in rows.columns
    for words in (
        "M1'",
        "random-matched",
        "averaged over labels",
        " ± ",
        "times as often as M1'",
        "Spearman",
        "slang-praise",
        "Expected against measured failure rate over",
    ):
        assert words in ran.stdout
    assert len((tmp_path / "guided.csv.runs.jsonl").read_text().splitlines()) == 1 + 2 * (2 + 2 + 1 + 1)
    manifest = read_manifest(output)
    assert manifest is not None
    assert {Path(one["path"]).name for one in manifest["inputs"]} == {
        "train.csv",
        "heldout.csv",
        "pool.csv",
        "specs.json",
    }
    assert manifest["metrics"]["trained"] == "probe"
    assert {one["path"] for one in manifest["outputs"]} == {"guided.csv", "guided.csv.runs.jsonl"}


def test_json_holds_every_run_and_a_second_command_takes_them_from_the_file(
    encoder: Any, paths: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "guided.json"
    first = run(paths, "-k", 6, "--seeds", 2, "-o", output, "--json")
    assert first.exit_code == 0, first.output
    payload, stored = json.loads(first.stdout), json.loads(output.read_text())
    assert payload["table"] == stored["table"]
    assert [one["method"] for one in stored["runs"]] == ["none", *["random"] * 2, *["random-matched"] * 2, "influence"]

    def never(*given: Any) -> None:
        raise AssertionError("run again")

    monkeypatch.setattr("curatekit.guided.choose", never)
    second = run(paths, "-k", 6, "--seeds", 2, "-o", output, "--json")
    assert second.exit_code == 0, second.output
    assert json.loads(second.stdout) == payload


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["-k", 37], "k is 37, and the pool has 36 rows"),
        (["--budgets", "4,many"], "'4,many' is no list of whole numbers such as 200,500"),
        (["--epochs", "3"], "The probe is not trained in epochs"),
        (["--heldout", "TRAIN"], "rows of TRAIN stand in TRAIN too, and what was trained on measures nothing"),
        (["--method", "influense"], "Did you mean 'influence'?"),
    ],
)
def test_bad_usage_is_one_sentence_and_leaves_nothing(
    encoder: Any, paths: dict[str, Path], tmp_path: Path, more: list[object], message: str
) -> None:
    more = [str(paths["train"]) if word == "TRAIN" else word for word in more]
    ran = run(paths, *more, "-o", tmp_path / "guided.csv")
    assert ran.exit_code == 2
    assert message.replace("TRAIN", str(paths["train"])) in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_run_beside_another_on_the_same_output_is_told_so(
    encoder: Any, paths: dict[str, Path], tmp_path: Path
) -> None:
    from curatekit.guided import _opened

    with _opened(tmp_path / "guided.csv.runs.jsonl"):
        ran = run(paths, "-k", 4, "-o", tmp_path / "guided.csv")
        assert ran.exit_code == 11
        assert f"Another run is writing {tmp_path / 'guided.csv.runs.jsonl'}" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_leaking_test_is_refused_before_anything_is_embedded(paths: dict[str, Path], tmp_path: Path) -> None:
    leak = SPECIFICATIONS[0]["examples"][0].upper().replace(",", " ;")
    (tmp_path / "s.json").write_text(
        json.dumps({"specifications": [{**SPECIFICATIONS[0], "tests": [leak]}]}), encoding="utf-8"
    )
    ran = run(paths, "-k", 4, "-o", tmp_path / "guided.csv", spec=tmp_path / "s.json")
    assert ran.exit_code == 2
    assert f"the test {leak!r} of 'slang-praise' is the example" in ran.stderr
    assert not (tmp_path / "guided.csv").exists()
