"""curate finetune vlm: what it writes, what it prints, what a smoke run finds, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

pytest.importorskip("PIL")

from curatekit.train.vlm import load_vlm
from curatekit_cli.finetune_vlm import command
from tests.tiny_vlms import digit, llava, paligemma


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {"llava": llava(folder / "llava"), "paligemma": paligemma(folder / "paligemma")}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """train.jsonl with paths of images, eval.jsonl; the working folder is theirs."""
    (tmp_path / "pictures").mkdir()
    rows = []
    for number in range(10):
        (tmp_path / "pictures" / f"{number}.png").write_bytes(digit(number))
        rows.append({"id": f"n{number}", "picture": f"pictures/{number}.png", "said": "the digit is it"})
    for name, some in (("train", rows), ("eval", rows[:3])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    monkeypatch.chdir(tmp_path)
    return tmp_path


COLUMNS = [
    "--image",
    "picture",
    "--prompt-text",
    "which ?",
    "--answer",
    "said",
    "--no-bf16",
    "--max-new-tokens",
    6,
    "--batch-size",
    5,
]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_it_trains_scores_and_records(files: Path, bases: dict[str, Path]) -> None:
    ran = run("train.jsonl", "--eval", "eval.jsonl", "--base", bases["llava"], *COLUMNS, "--max-steps", 12, "--learning-rate", 0.01,
              "--metric", "exact_match", "--metric", "token_f1", "--tune-projector", "-o", "model", "--json")  # fmt: skip
    assert ran.exit_code == 0, ran.output
    said = json.loads(ran.stdout)
    assert (said["rows"], said["too_long"]) == (10, 0)
    assert said["eval"]["exact_match"] == 1.0, "there is one answer to learn"
    table = pl.read_csv(files / "model" / "predictions-final.csv")
    assert table["answer"].to_list() == ["the digit is it"] * 3
    assert table["id"].to_list() == ["n0", "n1", "n2"]
    assert load_vlm(files / "model").final == said["eval"]
    manifest = json.loads((files / "model.run.json").read_text())
    assert [entry["path"] for entry in manifest["inputs"]] == ["train.jsonl", "eval.jsonl"]
    assert "evaluation rows ask the same of the same image" in ran.stderr


def test_a_smoke_run_sees_that_all_is_well_and_keeps_nothing(
    files: Path, bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from curatekit import hf_smoke

    rates, overfitted = [], hf_smoke.overfitted
    monkeypatch.setattr(hf_smoke, "overfitted", lambda *how: rates.append(how[2]) or overfitted(*how))
    before = sorted(files.rglob("*"))
    ran = run("train.jsonl", "--base", bases["paligemma"], *COLUMNS, "--lora", "--tune-projector", "--smoke", "--json",
              "--learning-rate", 0.004)  # fmt: skip
    assert ran.exit_code == 0, ran.output
    assert rates == [0.004], "more than ten times the usual one is tried as it is"
    said = json.loads(ran.stdout)
    assert said["passed"]
    assert len(said["checks"]) == 5
    assert said["seconds"] > 0
    assert said["bytes"] > 1e6
    assert sorted(files.rglob("*")) == before


def test_a_smoke_run_sees_an_answer_that_sees_itself(
    files: Path, bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from curatekit import hf_vlm

    monkeypatch.setattr(hf_vlm, "_ANSWER_FILL", {"attention_mask": 1})  # PaliGemma's token_type_ids are 0 on the answer
    (files / "pictures" / "3.png").write_bytes(b"")
    before = sorted(files.rglob("*"))
    ran = run("train.jsonl", "--base", bases["paligemma"], *COLUMNS, "--lora", "--smoke", "--on-bad-row", "skip")
    assert ran.exit_code == 6, ran.output
    assert sorted(files.rglob("*")) == before
    assert "FAILED  no answer token sees a later one" in ran.stdout
    assert "Do not train yet." in ran.stdout


def test_what_is_refused(files: Path, bases: dict[str, Path]) -> None:
    base = ["--base", bases["llava"], *COLUMNS, "-o", "model"]
    refused: dict[str, list[Any]] = {
        "exact_matc": ["--metric", "exact_matc", "--eval", "eval.jsonl"],
        "no column 'answer'": ["--answer", "answer"],
        "there is no file": ["--image-root", "pictures"],
        "needs evaluations": ["--metric-for-best-model", "loss"],
    }
    for reason, more in refused.items():
        ran = run("train.jsonl", *base, *more)
        assert ran.exit_code == 2, ran.output
        assert reason in ran.stderr
    assert run("train.jsonl", "--base", bases["llava"], *COLUMNS).exit_code == 2
    assert not (files / "model").exists()


def test_rows_that_cannot_be_used_are_set_aside_into_a_file(files: Path, bases: dict[str, Path]) -> None:
    (files / "pictures" / "1.png").write_bytes(b"")
    train = (files / "train.jsonl").read_text().splitlines()
    train[3] = json.dumps({**json.loads(train[3]), "said": "the digit is it " * 20})
    (files / "train.jsonl").write_text("\n".join(train))
    ran = run("train.jsonl", "--eval", "eval.jsonl", "--base", bases["llava"], *COLUMNS, "--on-bad-row", "skip",
              "--max-steps", 1, "--max-length", 60, "-o", "model")  # fmt: skip
    assert ran.exit_code == 3, ran.output
    aside = [json.loads(line) for line in (files / "model.skipped.jsonl").read_text().splitlines()]
    bad, long = "the image holds 0 bytes", "it has more tokens than are read"
    assert sorted((row["source"], row["id"], row["reason"]) for row in aside) == [
        ("eval.jsonl", "n1", bad), ("train.jsonl", "n1", bad), ("train.jsonl", "n3", long),
    ]  # fmt: skip
    assert "2 of 10 rows of train.jsonl are set aside" in ran.stderr
    assert "1 of 3 rows of eval.jsonl are set aside" in ran.stderr
