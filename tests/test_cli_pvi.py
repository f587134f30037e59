"""curate pvi and curate predict, from raw text."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit_cli import predict, pvi
from tests.tiny import CLASSES, easy_task, tiny_base

SUBJECTS = ["The battery", "My new phone", "This charger", "The screen", "Their camera", "The keyboard", "That lamp"]
GOOD = ["works perfectly", "is wonderful", "exceeded my hopes", "was worth every cent", "makes me happy every day"]
WRONG = {3, 17, 40, 55}
BAD = ["broke within a week", "is a waste of money", "was a disappointment", "never worked", "should be refunded"]


def run(command: click.Command, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def asked(command: click.Command, *arguments: object) -> dict[str, Any]:
    ran = run(command, *arguments, "--json")
    assert ran.exit_code == 0, ran.output
    payload: dict[str, Any] = json.loads(ran.stdout)
    return payload


def reviews() -> pl.DataFrame:
    rows = [(f"{s} {p}.", label) for s in SUBJECTS for label, ps in (("good", GOOD), ("bad", BAD)) for p in ps]
    labels = [("bad" if label == "good" else "good") if i in WRONG else label for i, (_, label) in enumerate(rows)]
    return pl.DataFrame({"id": [f"r{i}" for i in range(70)], "text": [text for text, _ in rows], "mood": labels})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pvi") / "reviews.csv"
    reviews().write_csv(path)
    return path


@pytest.fixture
def stored(encoder: Any, data: Path) -> Path:
    path = data.with_name("probs.parquet")
    asked(predict.command, data, "--label", "mood", "-o", path)
    return path


def test_rows_in_the_order_of_the_data_and_bits_that_add_up(encoder: Any, data: Path) -> None:
    output = data.with_name("pvi.csv")
    payload = asked(pvi.command, data, "--label", "mood", "-o", output)
    rows = pl.read_csv(output)
    assert rows["id"].to_list() == reviews()["id"].to_list()
    bits = np.log2(rows["p_given"].to_numpy()) - np.log2(rows["p_null"].to_numpy())
    assert np.abs(bits - rows["pvi"].to_numpy()).max() < 1e-9
    assert payload["v_information"]["value"] == pytest.approx(bits.mean())
    assert payload["v_information"]["low"] < bits.mean() < payload["v_information"]["high"]
    assert payload["family"] == "probe"
    assert [each["label"] for each in payload["per_class"]] == ["bad", "good"]
    assert payload["doubtful"][0]["pvi"] == rows["pvi"].min()
    manifest = json.loads(output.with_name("pvi.csv.run.json").read_text())
    assert manifest["metrics"]["v_information"] == payload["v_information"]


def test_text_output_names_the_family_and_what_to_do_next(encoder: Any, data: Path) -> None:
    ran = run(pvi.command, data, "--label", "mood")
    assert ran.exit_code == 0, ran.output
    assert "family: probe" in ran.stdout
    assert "right above" in ran.stdout
    assert "Next: curate find-errors" in ran.stdout


def test_stored_predictions_give_the_same_result(data: Path, stored: Path) -> None:
    frame = pl.read_parquet(stored)
    assert frame.columns[:3] == ["id", "label", "fold"]
    assert np.allclose(frame["p_bad"] + frame["p_good"], 1)
    assert np.allclose(frame["null_bad"] + frame["null_good"], 1)
    again = asked(pvi.command, data, "--label", "mood", "--pred-probs", stored)
    assert again["v_information"] == asked(pvi.command, data, "--label", "mood")["v_information"]
    assert again["family"] == "probe"


def test_stored_predictions_are_matched_by_id(data: Path, stored: Path) -> None:
    shuffled = data.with_name("shuffled.csv")
    pl.read_parquet(stored).sample(fraction=1, shuffle=True, seed=0).drop("unscorable", "family").write_csv(shuffled)
    again = asked(pvi.command, data, "--label", "mood", "--pred-probs", shuffled)
    direct = asked(pvi.command, data, "--label", "mood", "--pred-probs", stored)
    assert again["v_information"]["value"] == pytest.approx(direct["v_information"]["value"], abs=1e-9)
    assert again["family"] == "external (shuffled.csv)"
    output = data.with_name("again.csv")
    ran = run(pvi.command, data, "--label", "mood", "--pred-probs", shuffled, "-o", output)
    assert "(family: external (shuffled.csv))" in ran.stdout
    manifest = json.loads(output.with_name("again.csv.run.json").read_text())
    assert manifest["metrics"]["family"] == "external (shuffled.csv)"


def test_probabilities_without_folds_are_refused_unless_asked_for_by_name(data: Path, stored: Path) -> None:
    foldless = data.with_name("foldless.parquet")
    pl.read_parquet(stored).select("id", bad="p_bad", good="p_good").write_parquet(foldless)
    ran = run(pvi.command, data, "--label", "mood", "--pred-probs", foldless)
    assert ran.exit_code == 2
    assert "no column 'fold'" in ran.stderr
    assert "--in-sample" in ran.stderr
    ran = run(pvi.command, data, "--label", "mood", "--pred-probs", foldless, "--in-sample")
    assert ran.exit_code == 0
    assert "in-sample" in ran.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.drop("id"), "no column 'id'"),
        (lambda f: f.head(60), "lacks 10 of the 70 rows"),
        (lambda f: f.drop("p_good"), "'p_good' nor 'good'"),
        (lambda f: f.with_columns(p_bad=pl.lit(0.9)), "no distribution"),
        (lambda f: f.with_columns(p_bad=pl.lit(None, pl.Float64)), "no distribution"),
        (lambda f: f.with_columns(p_bad=pl.lit("much")), "is no finite number"),
        (lambda f: pl.concat([f, f.head(1)]), "more than once"),
    ],
)
def test_a_file_that_does_not_fit_is_one_sentence(data: Path, stored: Path, change: Any, said: str) -> None:
    path = data.with_name("unfit.parquet")
    change(pl.read_parquet(stored)).write_parquet(path)
    ran = run(pvi.command, data, "--label", "mood", "--pred-probs", path)
    assert ran.exit_code == 2
    assert said in ran.stderr


def test_an_evaluation_file_is_measured_by_a_model_of_the_data(encoder: Any, data: Path) -> None:
    train, test = data.with_name("train.csv"), data.with_name("test.csv")
    reviews().filter(pl.int_range(70) % 7 != 0).write_csv(train)
    reviews().filter(pl.int_range(70) % 7 == 0).write_csv(test)
    output = data.with_name("eval.csv")
    payload = asked(pvi.command, train, "--eval", test, "--label", "mood", "-o", output)
    assert payload == {**asked(pvi.command, "--train", train, "--eval", test, "--label", "mood"), "output": str(output)}
    assert payload["rows"] == 10
    assert payload["accuracy"] > 0.7
    assert pl.read_csv(output)["id"].to_list() == [f"r{i}" for i in range(0, 70, 7)]


@pytest.mark.parametrize("family", ["mlp", "knn", "ensemble"])
def test_every_family_measures_an_evaluation_file_too(encoder: Any, data: Path, family: str) -> None:
    train, test = data.with_name("train.csv"), data.with_name("test.csv")
    reviews().filter(pl.int_range(70) % 7 != 0).write_csv(train)
    reviews().filter(pl.int_range(70) % 7 == 0).write_csv(test)
    payload = asked(pvi.command, train, "--eval", test, "--label", "mood", "--family", family)
    assert payload["family"] == family
    assert payload["rows"] == 10
    assert payload["accuracy"] > 0.7


def test_a_family_of_another_package_is_found_by_name(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from curatekit.predict.probe_family import ProbeFamily

    made = []

    def other(model: str | None, tuning: Any) -> ProbeFamily:
        made.append(model)
        return ProbeFamily()

    monkeypatch.setattr("importlib.metadata.EntryPoint.load", lambda point: other)
    point = EntryPoint("other", "theirs:other", "curatekit.families")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group, name: [point] if name == "other" else [])
    assert run(pvi.command, data, "--label", "mood", "--family", "other:small").exit_code == 0
    assert set(made) == {"small"}
    ran = run(pvi.command, data, "--eval", data, "--label", "mood", "--family", "bert")
    assert ran.exit_code == 2
    assert "Choose one of: probe, mlp" in ran.stderr


def test_a_family_without_model_refuses_one(data: Path) -> None:
    ran = run(pvi.command, data, "--label", "mood", "--family", "knn:large")
    assert ran.exit_code == 2
    assert "'knn' takes no model" in ran.stderr


def test_evaluating_on_the_training_file_is_refused_unless_asked_for_by_name(encoder: Any, data: Path) -> None:
    ran = run(pvi.command, data, "--eval", data, "--label", "mood")
    assert ran.exit_code == 2
    assert "70 of 70 evaluation texts also stand in the training file" in ran.stderr
    assert "--in-sample" in ran.stderr
    assert run(pvi.command, data, "--eval", data, "--label", "mood", "--in-sample").exit_code == 0


def test_an_unknown_class_in_the_evaluation_file_is_listed(encoder: Any, data: Path) -> None:
    other = data.with_name("other.csv")
    reviews().head(10).with_columns(mood=pl.lit("mixed")).write_csv(other)
    ran = run(pvi.command, data, "--eval", other, "--label", "mood")
    assert ran.exit_code == 2
    assert "'mixed'" in ran.stderr


def test_groups_of_a_column_share_a_fold(encoder: Any, data: Path) -> None:
    grouped = data.with_name("grouped.csv")
    reviews().with_columns(subject=pl.Series([s for s in SUBJECTS for _ in range(10)])).write_csv(grouped)
    output = data.with_name("grouped_probs.csv")
    asked(predict.command, grouped, "--label", "mood", "--group", "subject", "-o", output, "--folds", 3)
    folds = pl.read_csv(output)["fold"].to_numpy().reshape(7, 10)
    assert (folds == folds[:, :1]).all()
    ran = run(pvi.command, grouped, "--label", "mood", "--group", "sujbect")
    assert ran.exit_code == 2
    assert "Did you mean 'subject'?" in ran.stderr


def test_one_class_is_refused(data: Path, tmp_path: Path) -> None:
    one = tmp_path / "one.csv"
    reviews().filter(pl.col("mood") == "good").write_csv(one)
    ran = run(pvi.command, one, "--label", "mood", "-o", tmp_path / "out.csv")
    assert ran.exit_code == 2
    assert not (tmp_path / "out.csv").exists()


def test_several_seeds_give_mean_and_spread_by_row(encoder: Any, data: Path) -> None:
    output = data.with_name("seeds.csv")
    payload = asked(pvi.command, data, "--label", "mood", "--seeds", 3, "-o", output)
    rows = pl.read_csv(output)
    alone = [asked(pvi.command, data, "--label", "mood", "--seed", seed) for seed in range(3)]
    values = [each["v_information"]["value"] for each in alone]
    assert len(set(values)) == 3
    assert payload["seeds"]["v_information"] == pytest.approx(values)
    assert rows["pvi"].mean() == pytest.approx(values[0])
    assert rows["pvi_mean"].mean() == pytest.approx(np.mean(values))
    assert rows["pvi_sd"].min() >= 0
    assert rows["pvi_sd"].max() > 0
    assert "Over 3 seeds" in run(pvi.command, data, "--label", "mood", "--seeds", 3).stdout


def test_seeds_and_stored_probabilities_exclude_each_other(data: Path, stored: Path) -> None:
    ran = run(pvi.command, data, "--label", "mood", "--pred-probs", stored, "--seeds", 2)
    assert ran.exit_code == 2
    assert "--pred-probs brings one run" in ran.stderr


def test_a_family_without_epochs_has_no_dynamics(encoder: Any, data: Path) -> None:
    ran = run(pvi.command, data, "--label", "mood", "--dynamics", data.with_name("dynamics.csv"))
    assert ran.exit_code == 2
    assert "no training dynamics" in ran.stderr
    assert not data.with_name("dynamics.csv").exists()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (texts,), labels = easy_task(240)
    path = tmp_path_factory.mktemp("films") / "films.csv"
    pl.DataFrame({"text": texts, "label": [CLASSES[label] for label in labels]}).write_csv(path)
    return path


def test_a_fine_tuned_family_gives_dynamics_of_the_rows_trained_on(base: Path, films: Path) -> None:
    family = f"finetune:{base}"
    dynamics = films.with_name("dynamics.csv")
    how = ("--family", family, "--epochs", 4, "--batch-size", 8, "--learning-rate", "0.005", "--folds", 2)
    payload = asked(pvi.command, films, *how, "--dynamics", dynamics)
    assert payload["family"] == family
    assert payload["accuracy"] > 0.75
    rows = pl.read_csv(dynamics)
    assert rows["text"].to_list() == pl.read_csv(films)["text"].to_list()
    assert set(rows["correctness"].unique()) <= {0.0, 0.25, 0.5, 0.75, 1.0}  # of four epochs
    assert rows["confidence"].is_between(0, 1).all()
    assert dynamics.with_name("dynamics.csv.run.json").exists()
    again = asked(pvi.command, films, *how, "--dynamics", dynamics)
    assert again["v_information"] == payload["v_information"]
    # with an evaluation file they are those of the training file
    test = films.with_name("test.csv")
    texts = [f"quite the end {word}" for word in ("good", "bad", "great", "awful")]
    pl.DataFrame({"text": texts, "label": ["pos", "neg", "pos", "neg"]}).write_csv(test)
    payload = asked(pvi.command, films, "--eval", test, *how, "--dynamics", dynamics)
    assert payload["rows"] == 4
    assert len(pl.read_csv(dynamics)) == 240


def test_a_fitted_null_is_near_the_prior(base: Path, films: Path) -> None:
    how = ("--family", f"finetune:{base}", "--epochs", 2, "--learning-rate", "0.01", "--folds", 2)
    prior, fitted = (asked(pvi.command, films, *how, "--null", null) for null in ("prior", "fit"))
    assert fitted["conditional_entropy"] == pytest.approx(prior["conditional_entropy"])
    assert fitted["label_entropy"] != prior["label_entropy"]
    assert fitted["label_entropy"] == pytest.approx(prior["label_entropy"], abs=0.1)


def test_a_model_that_is_not_there_is_told_before_the_data_is_read(films: Path) -> None:
    ran = run(pvi.command, films, "--family", "finetune:/no/such/model")
    assert ran.exit_code == 2
    assert "/no/such/model" in ran.stderr


def test_slices_thresholds_and_a_picture(encoder: Any, data: Path) -> None:
    sliced = data.with_name("sliced.csv")
    reviews().with_columns(
        stars=pl.int_range(70) % 30, source=pl.Series([s.split()[0] for s in SUBJECTS for _ in range(10)])
    ).write_csv(sliced)
    page = data.with_name("pvi.html")
    how = ("--label", "mood", "--slice-by", "stars", "--slice-by", "source", "--slice-by", "length")
    payload = asked(pvi.command, sliced, *how, "--plot", page)
    assert list(payload["slices"]) == ["stars", "source", "length"]
    for parts in payload["slices"].values():
        assert sum(part["rows"] for part in parts) == 70
        assert sum(part["rows"] * part["V"] for part in parts) / 70 == pytest.approx(payload["v_information"]["value"])
    assert len(payload["slices"]["stars"]) == 5
    assert {part["slice"] for part in payload["slices"]["source"]} >= {"source The", "source My"}
    assert set(payload["mostly_wrong_below"]["per_class"]) == {"bad", "good"}
    html = page.read_text(encoding="utf-8")
    assert "By source" in html
    assert "r3" in html  # the rows with planted errors are named
    assert page.with_name("pvi.html.run.json").exists()
    ran = run(pvi.command, sliced, *how, "--plot", data.with_name("pvi.svg"))
    assert "By length:" in ran.stdout
    assert data.with_name("pvi.svg").read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--slice-by", "strs"), "no column 'strs'"),
        (("--slice-by", "id"), "All values of the column 'id' are different"),
        (("--plot", "plot.png"), "told by the suffix"),
        (("-o", "same.csv", "--dynamics", "same.csv"), "named for two outputs"),
    ],
)
def test_wrong_slices_and_outputs_are_one_sentence(
    encoder: Any, data: Path, arguments: tuple[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data.parent)
    ran = run(pvi.command, data, "--label", "mood", *arguments)
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert not Path("plot.png").exists()


@pytest.mark.parametrize("arguments", [(), ("a.csv", "--train", "b.csv"), ("--train", "b.csv")])
def test_one_file_to_train_on_is_asked_for(arguments: tuple[str, ...]) -> None:
    ran = run(pvi.command, *arguments)
    assert ran.exit_code == 2
    assert "FILE" in ran.stderr
