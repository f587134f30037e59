"""curate find-errors with specifications, and with detectors that watch a fine-tune."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit_cli.find_errors import command
from tests.tiny import easy_task, tiny_base

THINGS = ["battery", "phone", "charger", "screen", "camera", "keyboard", "lamp", "kettle"]
SAID = {
    "good": ["works perfectly", "is wonderful", "exceeded my hopes", "was worth every cent", "makes me happy"],
    "bad": ["broke within a week", "is a waste of money", "was a disappointment", "never worked", "should be refunded"],
}
OPENINGS = ["The {} {}.", "Honestly, my {} {}!", "I must say that this {} {}."]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """240 reviews; every review of the kettle has the wrong label."""
    other = {"good": "bad", "bad": "good"}
    rows = [
        (opening.format(thing, said), other[mood] if thing == "kettle" else mood, thing)
        for mood, every in SAID.items() for said in every for thing in THINGS for opening in OPENINGS
    ]  # fmt: skip
    path = tmp_path_factory.mktemp("spec") / "reviews.csv"
    text, mood, thing = zip(*rows, strict=True)
    pl.DataFrame({"id": [f"r{i}" for i in range(len(rows))], "text": text, "mood": mood, "thing": thing}).write_csv(
        path
    )
    return path


@pytest.fixture(scope="module")
def spec(data: Path) -> Path:
    """Examples of both moods, of the same things in other words of opening."""
    listed = [
        {"id": f"{mood} reviews", "label": mood, "examples": [f"Honestly, our {thing} {said}!" for thing in THINGS for said in every]}
        for mood, every in SAID.items()
    ]  # fmt: skip
    path = data.with_name("spec.json")
    path.write_text(json.dumps({"specifications": listed}))
    return path


def test_a_slice_of_wrong_labels_shows_against_the_specifications(encoder: Any, data: Path, spec: Path) -> None:
    output = data.with_name("issues.csv")
    ran = run(data, "--label", "mood", "--id", "id", "--spec", spec, "-o", output, "--json")
    assert ran.exit_code == 0, ran.output
    payload = json.loads(ran.stdout)
    assert payload["guided"] is True
    assert payload["covered"] > 0.9
    issues = pl.read_csv(output)
    of_kettle = pl.read_csv(data).filter(pl.col("thing") == "kettle")["id"].implode()
    found = issues.with_columns(kettle=pl.col("id").is_in(of_kettle))
    assert found.head(30)["kettle"].mean() > 0.9
    marked = found.filter("is_issue")
    assert marked["kettle"].mean() > 0.9
    assert 10 <= len(marked) <= 36
    of_slice, of_others = found.filter("kettle")["p_wrong"].mean(), found.filter(~pl.col("kettle"))["p_wrong"].mean()
    assert of_slice > 0.3 > 0.1 > of_others
    assert any("contradicts specification" in reason and "bits" in reason for reason in issues["reasons"].head(5))
    assert abs(np.sum(payload["confident_joint"]) - len(issues)) <= 2
    manifest = json.loads(Path(f"{output}.run.json").read_text())
    assert [Path(entry["path"]).name for entry in manifest["inputs"]] == ["reviews.csv", "spec.json"]
    # without them nothing of that kind is seen
    blind = json.loads(run(data, "--label", "mood", "--id", "id", "--json").stdout)
    assert blind["guided"] is False
    assert blind["covered"] is None
    said = run(data, "--label", "mood", "--id", "id", "--spec", spec)
    assert "by the specifications and all labels" in said.stdout
    assert "are trained on the examples too" in said.stderr


def test_every_detector_by_specifications_ranks_the_rows(encoder: Any, data: Path, spec: Path) -> None:
    for score in (
        "systematic",
        "specification_contrast",
        "specification_borda",
        "specification_rrf",
        "specification_rra",
    ):
        ran = run(data, "--label", "mood", "--spec", spec, "--score", score, "--json")
        assert ran.exit_code == 0, ran.output
        assert json.loads(ran.stdout)["score"] == score


def test_specifications_that_are_asked_for_but_not_given_are_one_sentence(encoder: Any, data: Path) -> None:
    ran = run(data, "--label", "mood", "--score", "specification_rrf")
    assert ran.exit_code == 2
    assert "Give them with --spec FILE" in ran.stderr


def test_specifications_far_from_the_data_are_said_and_not_heard(encoder: Any, data: Path) -> None:
    far = data.with_name("far.json")
    texts = ["integral of x dx", "sum of the series", "matrix of rank two", "prime above a hundred"]
    listed = [{"id": mood, "label": mood, "examples": texts[k::2]} for k, mood in enumerate(("good", "bad"))]
    far.write_text(json.dumps({"specifications": listed}))
    ran = run(data, "--label", "mood", "--spec", far, "--json")
    assert ran.exit_code == 0, ran.output
    payload = json.loads(ran.stdout)
    assert payload["guided"] is False
    assert payload["covered"] < 0.5
    assert "too far from this data" in ran.stderr
    plain = json.loads(run(data, "--label", "mood", "--json").stdout)
    assert {**payload, "covered": None} == plain


def test_specifications_are_for_classes(encoder: Any, data: Path, spec: Path) -> None:
    path = data.with_name("numbers.csv")
    pl.DataFrame({"text": [f"text {k}" for k in range(30)], "stars": [k / 7 for k in range(30)]}).write_csv(path)
    ran = run(path, "--label", "stars", "--label-kind", "number", "--spec", spec)
    assert ran.exit_code == 2
    assert "--spec is for one class a row" in ran.stderr


@pytest.mark.parametrize("score", ["early_loss", "aum"])
def test_a_fine_tune_that_is_watched_finds_flips(tmp_path: Path, encoder: Any, score: str) -> None:
    base = tiny_base(tmp_path / "base")
    (texts,), labels = easy_task(120)
    flipped = np.arange(120) % 12 == 5
    path = tmp_path / "easy.csv"
    pl.DataFrame(
        {
            "id": [f"r{i}" for i in range(120)],
            "text": texts,
            "mood": [f"m{k}" for k in np.where(flipped, 1 - labels, labels)],
        }
    ).write_csv(path)
    output = tmp_path / "issues.csv"
    ran = run(path, "--label", "mood", "--id", "id", "--score", score, "--family", f"finetune:{base}", "--epochs", 6,
              "--learning-rate", 3e-3, "--batch-size", 8, "--neighbours", 5, "-o", output, "--json")  # fmt: skip
    assert ran.exit_code == 0, ran.output
    assert ran.stderr.count("One model of all rows is fine-tuned") == 1
    first = pl.read_csv(output)["id"].head(10).to_list()
    assert sum(int(id[1:]) % 12 == 5 for id in first) >= 5
    refused = run(path, "--label", "mood", "--score", score)
    assert refused.exit_code == 2
    assert "Give --family finetune" in refused.stderr
