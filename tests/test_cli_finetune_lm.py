"""curate finetune lm: what it writes, what it prints, what a smoke run finds, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit import hf
from curatekit.train.lm import load_lm
from curatekit_cli.finetune_lm import command
from tests.tiny_lm import WORDS, tiny_lm


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "base"
    with hf.quiet():
        hf.save(*tiny_lm(), folder)
    return folder


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """train.jsonl and eval.jsonl; the working folder is theirs."""
    rows = [
        {"prompt": f"what is {WORDS[n]} plus one ?", "completion": f" it is {WORDS[(n + 1) % 10]}"} for n in range(10)
    ]
    for name, some in (("train", rows), ("eval", rows[:4])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def quick(base: Path) -> list[Any]:
    return ["--base", base, "--learning-rate", "0.015", "--batch-size", 4, "--no-bf16", "--max-new-tokens", 6]


def test_it_trains_and_scores_what_is_answered(files: Path, base: Path) -> None:
    ran = run("train.jsonl", "--eval", "eval.jsonl", *quick(base), "--max-steps", 60, "--metric", "exact_match",
              "--metric", "rouge_l", "--eval-strategy", "no", "-o", "model", "--json")  # fmt: skip
    assert ran.exit_code == 0, ran.output
    said = json.loads(ran.stdout)
    assert (said["completions"], said["left_out"], said["format"]) == (10, 0, "prompt-completion")
    assert said["eval"]["exact_match"] == said["eval"]["rouge_l"] == 1.0
    assert said["eval"]["intervals"]["exact_match"]["low"] < 1
    assert "is read as prompt-completion" in ran.stderr
    assert pl.read_csv(files / "model" / "predictions-final.csv")["answer"][0] == "it is one"
    assert load_lm(files / "model").max_length == 64
    manifest = json.loads((files / "model.run.json").read_text())
    assert [entry["path"] for entry in manifest["inputs"]] == ["train.jsonl", "eval.jsonl"]
    metrics = json.loads((files / "model" / "metrics.json").read_text())
    assert metrics["eval"] == said["eval"]
    again = run("train.jsonl", "--eval", "eval.jsonl", *quick(base), "--max-steps", 60, "--metric", "exact_match",
                "--metric", "rouge_l", "--eval-strategy", "no", "-o", "model", "--json")  # fmt: skip
    assert json.loads(again.stdout) == said, "a finished model keeps its evaluation"
    assert json.loads((files / "model" / "metrics.json").read_text()) == metrics
    assert json.loads((files / "model.run.json").read_text())["metrics"] == manifest["metrics"]


def test_a_smoke_run_checks_the_way_and_keeps_nothing(files: Path, base: Path) -> None:
    before = sorted(files.iterdir())
    ran = run("train.jsonl", "--eval", "eval.jsonl", *quick(base), "--lora", "--smoke")
    assert ran.exit_code == 0, ran.output
    assert ran.stdout.count("ok    ") == 4
    assert "evaluation prompts do not hold the answer (4 prompts, the same for other answers)" in ran.stdout
    assert "The full training is expected to take" in ran.stdout
    assert sorted(files.iterdir()) == before
    ran = run("train.jsonl", *quick(base), "--smoke", "--json")
    said = json.loads(ran.stdout)
    assert said["passed"]
    assert 0 < said["seconds"] < 600
    assert said["bytes"] > 0


def test_a_smoke_run_compares_prompts_of_rows_that_are_kept(files: Path, base: Path) -> None:
    """One row is too long by its answer alone; and more steps than the epochs have are counted."""
    with (files / "eval.jsonl").open("a") as stream:
        stream.write(json.dumps({"prompt": "what is one plus one ?", "completion": " it is" + " and" * 70}) + "\n")
    ran = run("train.jsonl", "--eval", "eval.jsonl", *quick(base), "--max-steps", 10**9, "--smoke", "--json")
    said = json.loads(ran.stdout)
    (leak,) = [check for check in said["checks"] if check["name"] == "evaluation prompts do not hold the answer"]
    assert (leak["passed"], leak["seen"]) == (True, "4 prompts, the same for other answers")
    assert said["seconds"] > 10**5


def test_a_metric_is_checked_without_an_evaluation_too(files: Path, base: Path) -> None:
    ran = run("train.jsonl", *quick(base), "--metric", "blue", "-o", "model")
    assert ran.exit_code == 2
    assert "no 'blue' in the table 'generation_metrics'. Did you mean 'bleu'?" in ran.stderr
    assert not (files / "model").exists()


def test_a_smoke_run_that_finds_a_fault_says_so(files: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curatekit.hf_smoke.change_by_later_token", lambda model, row: 1.0)
    ran = run("train.jsonl", *quick(base), "--smoke")
    assert ran.exit_code == 6
    assert "FAILED  no answer token sees a later one (logits before a changed token differ by 1)" in ran.stdout
    assert "Do not train yet." in ran.stdout


def test_rows_that_cannot_be_used(files: Path, base: Path) -> None:
    with (files / "train.jsonl").open("a") as stream:
        stream.write(json.dumps({"prompt": "what", "completion": ""}) + "\n")
    ran = run("train.jsonl", *quick(base), "-o", "model")
    assert ran.exit_code == 2
    assert "train.jsonl: 1 of 11 rows cannot be used: line 11: column 'completion' is empty" in ran.stderr
    ran = run("train.jsonl", *quick(base), "--max-steps", 1, "-o", "model", "--on-bad-row", "skip")
    assert ran.exit_code == 3, "some rows were set aside"
    assert pl.read_ndjson(files / "model.skipped.jsonl")["row"].to_list() == [11]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give -o FOLDER, or --smoke"),
        (["-o", "model", "--metric", "blue"], "no 'blue' in the table 'generation_metrics'. Did you mean 'bleu'?"),
        (["-o", "model", "--base", "nowhere/at/all"], "There is no encoder folder"),
    ],
)
def test_what_is_refused(files: Path, base: Path, arguments: list[str], message: str) -> None:
    ran = run("train.jsonl", *([] if "--base" in arguments else quick(base)), "--eval", "eval.jsonl", *arguments)
    assert ran.exit_code == 2
    assert message in ran.stderr
    assert not (files / "model").exists()
