"""curate evaluate: on labelled rows, on specifications, on both."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit.encoders import load_encoder
from curatekit.intervals import wilson
from curatekit.train.probe import fit_probe_classifier
from curatekit_cli.evaluate import command
from tests.tiny import CLASSES, easy_task, tiny_base

SPECIFICATIONS = """
specifications:
  - id: praise
    statement: A text with a good word is positive.
    label: pos
    examples: ["the plot was great"]
    tests: ["the story was lovely", "a fine scene", "the awful end"]
  - id: blame
    statement: A text with a bad word is negative.
    label: neg
    examples: ["the plot was bad"]
    tests: ["quite awful", "a dreadful actor"]
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    encoder = load_encoder(str(tiny_base(folder / "base")), precision="float32")
    x, y = easy_task(200)
    fit_probe_classifier(x, y, CLASSES, encoder=encoder, output_dir=folder / "model")
    return folder / "model"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (texts,), labels = easy_task(60, seed=1)
    given = [CLASSES[code] for code in labels]
    given[0] = "neg" if given[0] == "pos" else "pos"  # one error for certain
    frame = pl.DataFrame({"id": [f"r{i}" for i in range(60)], "text": texts, "label": given})
    frame.write_csv(tmp_path / "heldout.csv")
    (tmp_path / "specs.yaml").write_text(SPECIFICATIONS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_on_labelled_rows(files: Path, model: Path) -> None:
    ran = run(model, "heldout.csv", "-o", "predictions.csv", "--json")
    assert ran.exit_code == 0, ran.output
    said = json.loads(ran.stdout)
    rows = pl.read_csv("predictions.csv", schema_overrides={"specification": pl.String})
    assert rows.columns == ["id", "text", "label", "predicted_label", "specification", "p_neg", "p_pos"]
    assert rows["id"].to_list() == [f"r{i}" for i in range(60)]
    right = int((rows["label"] == rows["predicted_label"]).sum())
    assert said["accuracy"] == pytest.approx(wilson(right, 60)._asdict())
    assert right < 60
    assert (rows["p_neg"] + rows["p_pos"] - 1).abs().max() < 1e-9  # type: ignore[operator]
    assert sum(map(sum, said["confusion"])) == 60
    manifest = json.loads((files / "predictions.csv.run.json").read_text())
    assert len(manifest["inputs"]) == 2


def test_on_specifications(files: Path, model: Path) -> None:
    ran = run(model, "--spec", "specs.yaml", "-o", "report.json")
    assert ran.exit_code == 0, ran.output
    report = json.loads((files / "report.json").read_text())["failure_rate"]
    by_name = {row["specification"]: row for row in report["per_specification"]}
    assert (by_name["praise"]["n"], by_name["praise"]["failures"]) == (3, 1)
    assert (by_name["blame"]["n"], by_name["blame"]["failures"]) == (2, 0)
    assert report["overall"] == pytest.approx(wilson(1, 5)._asdict())
    assert report["by_label_mean"]["value"] == pytest.approx(1 / 6)
    assert "failure rate                 0.200 [0.036, 0.624]" in ran.stdout
    lines = ran.stdout.splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("specification"))
    assert lines[header + 1].startswith("praise")  # the worst first
    assert lines[-1].startswith("Next: curate select")


def test_what_the_model_was_trained_on_is_counted(files: Path, model: Path) -> None:
    (texts,), labels = easy_task(200)  # the training data
    known = [f"{texts[0].upper()} !", texts[1]]  # but for case, spaces and punctuation
    frame = pl.DataFrame({"text": [*known, "never seen"], "label": [CLASSES[labels[0]], CLASSES[labels[1]], "pos"]})
    frame.write_csv("mixed.csv")
    (files / "known.yaml").write_text(SPECIFICATIONS.replace('"quite awful"', json.dumps(known[0])))
    ran = run(model, "mixed.csv", "--spec", "known.yaml", "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["trained_on"] == {"rows": 2, "tests": 1}
    assert "2 of 3 rows of mixed.csv were among the training texts" in ran.stderr
    assert "1 of 5 tests in known.yaml were among the training texts" in ran.stderr
    unknown = shutil.copytree(model, files / "unknown")
    (unknown / "trained_on.txt").unlink()
    ran = run(unknown, "mixed.csv", "--json")
    assert json.loads(ran.stdout)["trained_on"] == {"rows": None}
    assert "unknown does not tell what it was trained on" in ran.stderr


def test_every_file_that_the_specifications_take_texts_from_is_recorded(files: Path, model: Path) -> None:
    pl.DataFrame({"text": ["a fine scene"]}).write_csv("tests.csv")
    referring = SPECIFICATIONS.replace('["the story was lovely", "a fine scene", "the awful end"]', "{file: tests.csv}")
    (files / "referring.yaml").write_text(referring)
    assert run(model, "--spec", "referring.yaml", "-o", "report.json").exit_code == 0
    manifest = json.loads((files / "report.json.run.json").read_text())
    assert [entry["path"] for entry in manifest["inputs"]][1:] == ["referring.yaml", "tests.csv"]


def test_a_model_of_pairs_is_given_pairs(files: Path, model: Path) -> None:
    (texts,), labels = easy_task(60)
    encoder = load_encoder(str(model.parent / "base"), precision="float32")
    fit_probe_classifier((texts, texts[::-1]), labels, CLASSES, encoder=encoder, output_dir=files / "pairs")
    frame = pl.DataFrame({"text": texts, "other": texts[::-1], "label": [CLASSES[code] for code in labels]})
    frame.write_csv("pairs.csv")
    both = ["pairs.csv", "--text", "text", "--text", "other"]
    ran = run("pairs", *both, "--json")
    assert json.loads(ran.stdout)["trained_on"] == {"rows": 60}
    for arguments, message in [
        (["pairs", "--spec", "specs.yaml"], "pairs reads pairs of texts, and the tests in specs.yaml are single texts"),
        (
            ["pairs", "heldout.csv"],
            "The model reads pairs of texts and was given 1 column. Name both columns with --text",
        ),
        ([model, *both], "The model reads one text a row and was given 2 columns. Name one column with --text"),
    ]:
        ran = run(*arguments)
        assert ran.exit_code == 2, (arguments, ran.output, ran.exception)
        assert message in ran.stderr


def test_on_both(files: Path, model: Path) -> None:
    ran = run(model, "heldout.csv", "--spec", "specs.yaml", "-o", "rows.jsonl")
    assert ran.exit_code == 0, ran.output
    rows = pl.read_ndjson("rows.jsonl", infer_schema_length=None)
    assert len(rows) == 65
    assert rows["specification"].drop_nulls().to_list() == ["praise"] * 3 + ["blame"] * 2
    assert rows["id"].to_list()[-2:] == ["blame#0", "blame#1"]
    assert "60 rows of heldout.csv" in ran.stdout
    assert "5 tests of 2 specifications" in ran.stdout


def test_a_model_that_predicts_one_class_is_told_of(files: Path, model: Path) -> None:
    rows = pl.read_csv("heldout.csv").filter(pl.col("text").str.contains("great|lovely|fine|good"))
    texts = rows["text"].to_list()[:10]
    for labels, told in ((["neg", "pos"] * 5, True), (["pos"] * 10, False)):
        pl.DataFrame({"text": texts, "label": labels}).write_csv("positive.csv")
        ran = run(model, "positive.csv")
        assert ran.exit_code == 0, ran.output
        assert ("the model predicts 'pos' for every row: more epochs" in ran.stderr) == told


def test_the_model_is_looked_at_before_the_data(files: Path) -> None:
    pl.DataFrame({"a": ["x"], "b": ["y"]}).write_csv("odd.csv")
    ran = run("nosuchmodel", "odd.csv")
    assert ran.exit_code == 2
    assert "There is no model folder nosuchmodel" in ran.stderr


def test_bad_input(files: Path, model: Path) -> None:
    pl.DataFrame({"text": ["a plot"], "label": ["neutral"]}).write_csv("neutral.csv")
    pl.DataFrame({"text": ["a plot"], "label": ["Pos"]}).write_csv("shouted.csv")
    (files / "odd.yaml").write_text(SPECIFICATIONS.replace("label: pos", "label: joyful"))
    (files / "untested.yaml").write_text("\n".join(line for line in SPECIFICATIONS.splitlines() if "tests" not in line))
    for arguments, message in [
        ([model], "Give DATA with labels, --spec with tests, or both"),
        (["nowhere", "heldout.csv"], "no model folder"),
        ([model, "neutral.csv"], "'neutral'"),
        ([model, "shouted.csv"], "'Pos'. Did you mean 'pos'?"),
        ([model, "--spec", "odd.yaml"], "'joyful'"),
        ([model, "--spec", "untested.yaml"], "test"),
        ([model, "missing.csv"], "missing.csv"),
    ]:
        ran = run(*arguments, "-o", "out.json")
        assert ran.exit_code == 2, (arguments, ran.output, ran.exception)
        assert message in ran.stderr
        assert not (files / "out.json").exists()
