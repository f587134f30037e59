"""curate finetune: what it writes, what it prints, what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit.train.model import load_model
from curatekit_cli.finetune import _TRAINING, command
from tests.tiny import CLASSES, easy_task, tiny_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """train.csv, chosen.csv with its columns in another order, eval.csv; the working folder is theirs."""
    for name, n, seed in (("train", 80, 0), ("chosen", 20, 2), ("eval", 40, 1)):
        (texts,), labels = easy_task(n, seed)
        frame = pl.DataFrame(
            {"text": [f"{text} {name}" for text in texts], "label": [CLASSES[code] for code in labels]}
        )
        if name == "chosen":
            frame = frame.select(pl.lit("s1").alias("specification"), "label", "text")
        frame.write_csv(tmp_path / f"{name}.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def quick(base: Path) -> list[Any]:
    return ["--base", base, "--epochs", 8, "--learning-rate", "3e-3", "--batch-size", 8, "--no-bf16"]


def test_it_trains_on_both_files_and_measures(files: Path, base: Path) -> None:
    ran = run("train.csv", "--add", "chosen.csv", "--eval", "eval.csv", *quick(base), "-o", "model", "--json")
    assert ran.exit_code == 0, ran.output
    said = json.loads(ran.stdout)
    assert (said["rows"], said["added"]) == (100, 20)
    assert sum(said["rows_per_class"].values()) == 100
    assert said["eval"]["accuracy"]["value"] > 0.9
    written = json.loads((files / "model" / "metrics.json").read_text())
    assert written["eval"] == said["eval"]
    manifest = json.loads((files / "model.run.json").read_text())
    assert [entry["path"] for entry in manifest["inputs"]] == ["train.csv", "chosen.csv", "eval.csv"]
    assert manifest["metrics"]["eval"]["mcc"] == said["eval"]["mcc"]
    assert (files / "model" / "log.jsonl").read_text().count("eval_loss") == 8
    # the figures are those of the saved model on the rows as they stand in the file
    frame = pl.read_csv("eval.csv")
    probs = load_model("model").pred_probs((frame["text"].to_list(),))
    right = [CLASSES[code] == label for code, label in zip(probs.argmax(1), frame["label"], strict=True)]
    assert sum(right) / 40 == said["eval"]["accuracy"]["value"]


def test_the_same_command_again_is_instant_and_another_needs_overwrite(files: Path, base: Path) -> None:
    arguments = ["train.csv", "--base", base, "--max-steps", 1, "-o", "model"]
    assert run(*arguments).exit_code == 0
    again = run(*arguments)
    assert again.exit_code == 0
    assert "already holds this very model" in again.stderr
    other = run(*arguments, "--seed", 1)
    assert other.exit_code == 2
    assert "holds another run, with other seed" in other.stderr
    assert run(*arguments, "--seed", 1, "--overwrite", "--lora").exit_code == 0
    assert (files / "model" / "adapter_config.json").is_file()
    assert not (files / "model" / "model.safetensors").exists()


def test_the_probe(files: Path, base: Path) -> None:
    ran = run("train.csv", "--eval", "eval.csv", "--base", "probe", "--encoder", base, "-o", "model")
    assert ran.exit_code == 0, ran.output
    assert "accuracy  0.9" in ran.stdout or "accuracy  1.0" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "Next: curate evaluate model eval.csv --spec SPEC"
    assert load_model("model").classes == CLASSES


def test_rows_weigh_by_what_find_errors_wrote(files: Path, base: Path) -> None:
    from curatekit_cli.main import main

    found = CliRunner().invoke(main, ["find-errors", "train.csv", "--encoder", str(base), "-o", "issues.csv"])
    assert found.exit_code == 0, found.output
    arguments = ["train.csv", "--add", "chosen.csv", "--base", base, "--max-steps", 1, "--loss", "gce:0.5"]
    ran = run(*arguments, "--class-weights", "balanced", "--weights", "issues.csv", "-o", "model")
    assert ran.exit_code == 0, ran.output
    assert "issues.csv says nothing of 20 of 100 rows; they weigh 1." in ran.stderr
    recorded = json.loads((files / "model" / "training.json").read_text())
    assert (recorded["loss"], recorded["class_weights"]) == ("gce:0.5", "balanced")
    manifest = json.loads((files / "model.run.json").read_text())
    assert [entry["path"] for entry in manifest["inputs"]] == ["train.csv", "chosen.csv", "issues.csv"]


def test_evaluation_rows_that_are_trained_on_are_counted(files: Path, base: Path) -> None:
    ran = run("train.csv", "--eval", "train.csv", "--base", "probe", "--encoder", base, "-o", "model")
    assert "80 of 80 evaluation texts are also trained on" in ran.stderr
    ran = run("train.csv", "--add", "train.csv", "--base", "probe", "--encoder", base, "-o", "model2")
    assert "80 of the added rows have a text that also stands in the training file" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--eval", "neutral.csv"], "'neutral'"),
        (["--text", "text", "--add", "other.csv"], "other.csv has no column 'text' (--text)"),
        (
            ["--add", "joyful.csv"],
            "joyful.csv has labels that train.csv does not have: 'Pos', 'joyful'. Did you mean 'pos'?",
        ),
        (["--add", "joyful.csv", "--normalise-labels"], "does not have: 'joyful'"),
        (["--max-length", "9999"], "more than the 64 tokens"),
        (["--base", "coded"], "brings its own code"),
        (["-o", "thesis", "--overwrite"], "holds no model of ours"),
        (["--base", "./nowhere"], "nowhere"),
        (["--base", "probe", "--lora", "--epochs", "2"], "--lora, --epochs: the probe has no such setting"),
        (["--base", "probe", "--weights", "text"], "--weights: the probe has no such setting"),
        (["--weights", "trust"], "--weights trust: train.csv has no such column, and there is no such file"),
        (["--weights", "text"], "in column 'text', which is none"),
        (["--loss", "gce:7"], "'7' is not a number from 0 to 1"),
        (["--loss", "gec"], "Did you mean 'gce'?"),
        (["--encoder", "x"], "only --base probe has an encoder"),
        (["--metric-for-best-model", "accuracy"], "give --eval FILE"),
        (["--eval", "eval.csv", "--early-stopping-patience", "1"], "needs --metric-for-best-model"),
        (["--report-to", "trackio"], "trackio is not installed"),
        (["-o", "no/such/model"], "does not exist"),
        (["-o", "thesis"], "is not empty"),
        (["-o", "eval.csv"], "eval.csv is a file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input(files: Path, base: Path, arguments: list[str], message: str) -> None:
    pl.DataFrame({"text": ["a plot"], "label": ["neutral"]}).write_csv("neutral.csv")
    pl.DataFrame({"review": ["a plot"], "label": ["pos"]}).write_csv("other.csv")
    pl.DataFrame({"text": ["a plot", "a scene"], "label": ["Pos", "joyful"]}).write_csv("joyful.csv")
    (files / "thesis").mkdir()
    (files / "thesis" / "model.safetensors").write_text("mine")
    (files / "thesis" / "training.json").write_text("[]")
    coded = shutil.copytree(base, files / "coded")
    (coded / "config.json").write_text('{"auto_map": {"AutoModel": "evil.Model"}}')
    before = sorted(files.rglob("*"))
    own_base = [] if "--base" in arguments else ["--base", base]
    ran = run("train.csv", *own_base, "-o", "model", *arguments)
    assert ran.exit_code == 2, (ran.output, ran.exception)
    assert message in ran.stderr
    assert len([line for line in ran.stderr.splitlines() if not line.startswith("note:")]) == 1
    assert sorted(files.rglob("*")) == before  # nothing half-written


def test_one_class_is_refused(files: Path, base: Path) -> None:
    pl.DataFrame({"text": ["a plot", "a scene"], "label": ["pos", "pos"]}).write_csv("one.csv")
    ran = run("one.csv", "--base", base, "-o", "model")
    assert ran.exit_code == 2
    assert "one.csv has too few classes: 'pos'" in ran.stderr
    assert not (files / "model").exists()


def test_a_class_with_one_row_is_refused_unless_the_added_rows_help(files: Path, base: Path) -> None:
    pl.concat([pl.read_csv("train.csv"), pl.DataFrame({"text": ["a plot"], "label": ["rare"]})]).write_csv("rare.csv")
    pl.DataFrame({"text": ["a scene"], "label": ["rare"]}).write_csv("more.csv")
    arguments = ["--base", "probe", "--encoder", base, "-o", "model"]
    ran = run("rare.csv", *arguments)
    assert ran.exit_code == 2
    assert "rare.csv has classes with fewer than 2" in ran.stderr
    assert "'rare' (1)" in ran.stderr
    assert not (files / "model").exists()
    assert run("rare.csv", "--add", "more.csv", *arguments).exit_code == 0


def test_labels_of_later_files_take_the_spelling_of_the_training_file(files: Path, base: Path) -> None:
    shouted = pl.read_csv("chosen.csv").with_columns(pl.col("label").str.to_titlecase() + " ")
    shouted.write_csv("shouted.csv")
    arguments = ["train.csv", "--add", "shouted.csv", "--eval", "shouted.csv", "--base", "probe", "--encoder", base]
    ran = run(*arguments, "-o", "model", "--normalise-labels", "--json")
    assert ran.exit_code == 0, ran.output
    said = json.loads(ran.stdout)
    plain = run("train.csv", "--add", "chosen.csv", "--base", "probe", "--encoder", base, "-o", "same", "--json")
    assert said["rows_per_class"] == json.loads(plain.stdout)["rows_per_class"]
    assert said["eval"]["accuracy"]["value"] > 0.9
    assert "shouted.csv: label 'Pos' is read as 'pos'" in ran.stderr
    assert load_model("model").classes == CLASSES


def test_columns_are_guessed_file_by_file(files: Path, base: Path) -> None:
    pl.read_csv("train.csv").rename({"text": "sentence", "label": "class"}).write_csv("named.csv")
    arguments = ["named.csv", "--add", "chosen.csv", "--eval", "eval.csv", "--base", "probe", "--encoder", base]
    ran = run(*arguments, "-o", "model", "--json")
    assert ran.exit_code == 0, ran.output
    assert (json.loads(ran.stdout)["rows"], json.loads(ran.stdout)["added"]) == (100, 20)
    ran = run(*arguments, "-o", "other", "--text", "sentence")
    assert ran.exit_code == 2
    assert "chosen.csv has no column 'sentence' (--text)" in ran.stderr


def test_a_command_that_was_refused_can_be_corrected(files: Path, base: Path) -> None:
    arguments = ["train.csv", "--base", base, "--max-steps", 1, "-o", "model"]
    assert run(*arguments, "--max-length", 9999).exit_code == 2
    assert run(*arguments, "--max-length", 32).exit_code == 0
    finished = sorted((files / "model").iterdir())
    assert run(*arguments, "--max-length", 9999, "--overwrite").exit_code == 2
    assert sorted((files / "model").iterdir()) == finished  # an earlier model is not lost to a refusal


def test_an_interrupted_run_says_how_to_go_on(files: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from curatekit import hf

    training_step = hf.Trainer.training_step

    def dying(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step == 12:
            raise KeyboardInterrupt
        return training_step(self, *args, **kwargs)

    arguments = ["train.csv", "--base", base, "--batch-size", 8, "--epochs", 2, "-o", "model"]
    with monkeypatch.context() as patch:
        patch.setattr(hf.Trainer, "training_step", dying)
        ran = run(*arguments)
    assert ran.exit_code == 130
    assert not (files / "model.run.json").exists()
    ran = run(*arguments)
    assert ran.exit_code == 0
    assert "Going on from model/checkpoint-10" in ran.stderr
    assert not list((files / "model").glob("checkpoint-*"))


def test_every_setting_of_training_is_an_option() -> None:
    from dataclasses import fields

    from curatekit.train.classifier import Training

    assert set(_TRAINING) == {field.name for field in fields(Training)}
    params = command.make_context("finetune", ["train.csv", "-o", "model"]).params
    for field in fields(Training):
        if field.name != "max_steps":  # -1 there
            assert params[field.name] == field.default, field.name
