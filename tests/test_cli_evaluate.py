"""curate evaluate: on labelled rows, on specifications, on both."""

from __future__ import annotations

import json
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


def test_on_both(files: Path, model: Path) -> None:
    ran = run(model, "heldout.csv", "--spec", "specs.yaml", "-o", "rows.jsonl")
    assert ran.exit_code == 0, ran.output
    rows = pl.read_ndjson("rows.jsonl", infer_schema_length=None)
    assert len(rows) == 65
    assert rows["specification"].drop_nulls().to_list() == ["praise"] * 3 + ["blame"] * 2
    assert rows["id"].to_list()[-2:] == ["blame#0", "blame#1"]
    assert "60 rows of heldout.csv" in ran.stdout
    assert "5 tests of 2 specifications" in ran.stdout


def test_bad_input(files: Path, model: Path) -> None:
    pl.DataFrame({"text": ["a plot"], "label": ["neutral"]}).write_csv("neutral.csv")
    (files / "odd.yaml").write_text(SPECIFICATIONS.replace("label: pos", "label: joyful"))
    (files / "untested.yaml").write_text("\n".join(line for line in SPECIFICATIONS.splitlines() if "tests" not in line))
    for arguments, message in [
        ([model], "Give DATA with labels, --spec with tests, or both"),
        (["nowhere", "heldout.csv"], "no model folder"),
        ([model, "neutral.csv"], "'neutral'"),
        ([model, "--spec", "odd.yaml"], "'joyful'"),
        ([model, "--spec", "untested.yaml"], "test"),
        ([model, "missing.csv"], "missing.csv"),
    ]:
        ran = run(*arguments, "-o", "out.json")
        assert ran.exit_code == 2, (arguments, ran.output, ran.exception)
        assert message in ran.stderr
        assert not (files / "out.json").exists()
