"""curate pvi curve, from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit_cli import pvi, pvi_curve
from tests.test_cli_pvi import reviews
from tests.tiny import CLASSES, easy_task, tiny_base


def run(*arguments: object, command: Any = pvi_curve.command) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def asked(*arguments: object, command: Any = pvi_curve.command) -> dict[str, Any]:
    ran = run(*arguments, "--json", command=command)
    assert ran.exit_code == 0, ran.output
    payload: dict[str, Any] = json.loads(ran.stdout)
    return payload


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("curve") / "reviews.csv"
    reviews().write_csv(path)
    return path


def test_the_last_size_is_what_curate_pvi_measures(encoder: Any, data: Path) -> None:
    output = data.with_name("curve.csv")
    found = asked(data, "--label", "mood", "-o", output)
    rows = pl.read_csv(output)
    assert rows["rows"].to_list() == [14, 28, 56]
    assert rows["v"].to_list() == pytest.approx([size["v"] for size in found["sizes"]])
    whole = asked(data, "--label", "mood", command=pvi.command)
    assert rows["v"][-1] == pytest.approx(whole["v_information"]["value"])
    assert rows["accuracy"][-1] == pytest.approx(whole["accuracy"])
    assert found["label_entropy"] == pytest.approx(whole["label_entropy"])
    assert rows["gain"][0] is None
    assert rows["gain"][-1] == pytest.approx(rows["v"][-1] - rows["v"][-2])
    assert found["last_gain"]["value"] == pytest.approx(rows["gain"][-1])
    assert found["plateau"] in ("reached", "not reached", "cannot tell")
    assert found["least_gain"] == pytest.approx(min(0.01 * found["label_entropy"], 0.1 * rows["v"][-1]))
    manifest = json.loads(output.with_name("curve.csv.run.json").read_text())
    assert manifest["metrics"]["plateau"] == found["plateau"]


def test_the_text_says_the_verdict_and_what_comes_next(encoder: Any, data: Path) -> None:
    ran = run(data, "--label", "mood")
    assert ran.exit_code == 0, ran.output
    assert "70 rows measured, the same at every size (family: probe)." in ran.stdout
    assert "Plateau " in ran.stdout
    assert "the last doubling, from 28 to 56 training rows, brought" in ran.stdout
    assert "Twice the rows would bring about" in ran.stdout or "neither a limit nor the next gain is told" in ran.stdout
    assert f"Next: curate pvi compare {data} --family probe" in ran.stdout or "Next: curate find-errors" in ran.stdout


def test_an_evaluation_file_and_several_seeds(encoder: Any, data: Path, tmp_path: Path) -> None:
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    reviews().filter(pl.int_range(70) % 7 != 0).write_csv(train)
    reviews().filter(pl.int_range(70) % 7 == 0).write_csv(test)
    found = asked(train, "--eval", test, "--label", "mood", "--family", "knn")
    assert (found["rows"], found["seeds"]) == (10, 5)
    assert [size["rows"] for size in found["sizes"]] == [15, 30, 60]
    ran = run(train, "--eval", test, "--label", "mood", "--family", "knn", "--seeds", 1)
    assert "Give more --seeds" in ran.stderr
    assert "70 of 70 evaluation texts" in run(data, "--eval", data, "--label", "mood", "--family", "knn").stderr
    ran = run(data, "--eval", data, "--label", "mood", "--family", "knn", "--in-sample", "--seeds", 2)
    assert ran.exit_code == 0


def test_a_fine_tuned_family_has_fewer_sizes(tmp_path: Path) -> None:
    (texts,), labels = easy_task(420)
    data = tmp_path / "films.csv"
    pl.DataFrame({"text": texts, "label": [CLASSES[y] for y in labels]}).write_csv(data)
    base = tiny_base(tmp_path / "base")
    how = ["--family", f"finetune:{base}", "--epochs", 1, "--folds", 2, "--cache", tmp_path / "cache"]
    found = asked(data, *how)
    assert [size["rows"] for size in found["sizes"]] == [13, 26, 52, 105, 210]
    assert [size["rows"] for size in asked(data, *how, "--sizes", 3)["sizes"]] == [52, 105, 210]
    assert found["family"] == f"finetune:{base}"


def test_pairs_of_texts_and_many_labels(encoder: Any, tmp_path: Path) -> None:
    data = tmp_path / "pairs.csv"
    labels = [f"c{i % 20}" for i in range(300)]
    pl.DataFrame(
        {"a": [f"the {label}" for label in labels], "b": [f"row {i}" for i in range(300)], "label": labels}
    ).write_csv(data)
    found = asked(data, "--text", "a", "--text", "b", "--family", "knn")
    assert [size["rows"] for size in found["sizes"]] == [60, 120, 240]
    assert found["sizes"][-1]["v"] > 2


@pytest.mark.parametrize("suffix", ["svg", "html"])
def test_the_picture(encoder: Any, data: Path, tmp_path: Path, suffix: str) -> None:
    plot = tmp_path / f"curve.{suffix}"
    ran = run(data, "--label", "mood", "--plot", plot)
    assert ran.exit_code == 0, ran.output
    assert plot.read_text().count("<svg") == 1
    assert "Plateau" in plot.read_text()
    assert plot.with_name(f"curve.{suffix}.run.json").exists()


def test_bad_input_is_one_sentence(data: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.csv"
    reviews().head(49).write_csv(few)
    ran = run(few, "--label", "mood", "-o", tmp_path / "out.csv")
    assert ran.exit_code == 2
    assert "40 training rows, and there are 39" in ran.stderr
    assert not (tmp_path / "out.csv").exists()
    ran = run(data, "--label", "mood", "--sizes", 2)
    assert ran.exit_code == 2
    assert run(data, "--label", "mood", "--plot", tmp_path / "curve.png").exit_code == 2
    assert run(data, "--label", "mood", "--family", "bert").exit_code == 2


def test_few_rows_by_limit_are_refused_too(data: Path) -> None:
    assert "there are 16" in run(data, "--label", "mood", "--limit", 20).stderr
