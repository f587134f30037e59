"""curate spec as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit_cli.main import main
from tests.guided_sample import SPECIFICATIONS, plain, write


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["spec", *(str(argument) for argument in arguments)])


@pytest.fixture
def paths(tmp_path: Path, encoder: Any) -> dict[str, Path]:
    return write(tmp_path)


def test_specifications_without_a_fault_pass(paths: dict[str, Path]) -> None:
    ran = run("check", paths["spec"], "--train", paths["train"], "--threshold", 0.99, "--json", "--fail-over", "0%")
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert found["problems"] == {"labels": 0, "leaks": 0, "contradictions": 0, "conflicts": 0}
    assert [(one["examples"], one["tests"], one["served"]) for one in found["specifications"]] == [(9, 9, None)] * 2


def test_faults_are_listed_and_fail_over_their_share(
    paths: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # rows that are set aside are written there
    planted = [
        {**SPECIFICATIONS[0], "tests": [str(SPECIFICATIONS[0]["examples"][0]).upper()]},
        {"id": "weak", "statement": "Quantum chromodynamics.", "label": "bad"},
        {"id": "other", "label": "good", "examples": ["The moon is made of basalt.", "Ducks swim."], "tests": ["Tea."]},
    ]
    paths["spec"].write_text(json.dumps({"specifications": planted}), encoding="utf-8")
    wrong = pl.DataFrame({"number": [99], "text": ["Ducks swim!"], "label": ["bad"]})
    pl.concat([pl.read_csv(paths["train"]), wrong], how="vertical_relaxed").write_csv(paths["train"])
    output = tmp_path / "problems.csv"
    ran = run("check", paths["spec"], "--train", paths["train"], "--fail-over", "60%", "-o", output, "--json")
    assert ran.exit_code == 6, ran.output
    assert Path(f"{output}.run.json").exists()
    problems = pl.read_csv(output)
    told = set(problems.select("check", "specification", "with_text").iter_rows())
    assert ("leaks", "slang-praise", SPECIFICATIONS[0]["examples"][0]) in told
    assert ("conflicts", "other", "Ducks swim!") in told
    found = json.loads(ran.stdout)
    assert found["share_affected"] == pytest.approx(2 / 3)
    assert [one["weak"] for one in found["specifications"]] == [False, True, False]
    assert run("check", paths["spec"], "--train", paths["train"], "--fail-over", "67%").exit_code == 0
    with paths["train"].open("a", encoding="utf-8") as stream:
        stream.write("100,,bad\n")
    aside = ("check", paths["spec"], "--train", paths["train"], "--on-bad-row", "skip", "--fail-over")
    assert [run(*aside, share).exit_code for share in ("67%", "60%")] == [
        3,
        6,
    ]  # a failed check has its own code in any case


def test_a_pool_that_is_about_something_else_serves_nothing(paths: dict[str, Path], tmp_path: Path) -> None:
    banking = [f"Where is the fee for card number {n} on my statement?" for n in range(12)]
    rows = {"text": [*banking, *banking], "label": ["good"] * 12 + ["bad"] * 12}
    pl.DataFrame(rows).write_csv(tmp_path / "bank.csv")
    ran = run("check", paths["spec"], "--pool", tmp_path / "bank.csv")
    assert ran.exit_code == 0, ran.output
    assert "coverage: 6 (the pool has no rows like it, of its label)" in ran.stdout
    assert "Where is the fee" in ran.stdout


def test_bad_input_is_one_sentence(paths: dict[str, Path]) -> None:
    for arguments, said in (
        (("check", "no.yaml"), "cannot be read"),
        (("check", paths["train"]), "name the column whose values are the specifications"),
        (("check", paths["spec"], "--train", "no.csv"), "does not exist"),
    ):
        ran = run(*arguments)
        assert ran.exit_code == 2, ran.output
        assert said in ran.output


@pytest.fixture
def heldout(paths: dict[str, Path], tmp_path: Path) -> Path:
    """Rows of the held-out kind, and a slice of parcels that are praised where everything like it in training is bad."""
    parcels = [f"My {kind} parcel came {when}." for kind in ("big", "small", "red", "blue", "grey", "old") for when in
               ("late", "at last", "on Monday", "in May", "at noon", "broken")]  # fmt: skip
    others = pl.DataFrame(
        plain(["boat", "book", "cake", "door", "garden", "lamp", "play", "desk", "walk", "wine"]), orient="row"
    )
    path = tmp_path / "slices.csv"
    pl.concat(
        [others.rename({"column_0": "text", "column_1": "label"}), pl.DataFrame({"text": parcels, "label": "good"})]
    ).write_csv(path)
    return path


def predictions(heldout: Path, tmp_path: Path) -> Path:
    """A model that is right but on every parcel."""
    from curatekit.readers import read_dataset

    dataset = read_dataset(heldout)
    says_good = [
        label == "good" and "parcel" not in text for text, label in zip(dataset.texts, dataset.label_names, strict=True)
    ]
    good = [0.9 if one else 0.1 for one in says_good]
    frame = {"id": dataset.ids.tolist(), "p_good": good, "p_bad": [1 - p for p in good]}
    path = tmp_path / "predictions.csv"
    pl.DataFrame(frame).write_csv(path)
    return path


def test_the_slice_that_a_model_always_fails_on_is_suggested_first(heldout: Path, tmp_path: Path) -> None:
    output = tmp_path / "drafts.yaml"
    ran = run("suggest", heldout, "--pred-probs", predictions(heldout, tmp_path), "-o", output, "--json")
    assert ran.exit_code == 0, ran.output
    first = json.loads(ran.stdout)["suggested"][0]
    assert "parcel" in first["words"]
    assert (first["label"], first["error_rate"]["value"]) == ("good", 1.0)
    assert all("parcel" in text for text in first["nearest"])
    assert Path(f"{output}.run.json").exists()
    assert "is a draft that nobody has read" in run("check", output).output
    output.write_text(
        output.read_text(encoding="utf-8").replace('- "draft": "true"\n  "id"', '- "id"'), encoding="utf-8"
    )
    checked = run("check", output, "--json")
    assert checked.exit_code == 0, checked.output
    assert json.loads(checked.stdout)["specifications"][0]["id"] == first["id"]


def test_a_model_of_training_data_is_asked(paths: dict[str, Path], heldout: Path) -> None:
    ran = run("suggest", heldout, "--train", paths["train"])
    assert ran.exit_code == 0, ran.output
    assert "trained on" in ran.stdout


def test_what_cannot_be_suggested_is_said(paths: dict[str, Path], heldout: Path, tmp_path: Path) -> None:
    for arguments, said in (
        (("--train", paths["train"], "--model", tmp_path), "Give one of them"),
        (("-o", tmp_path / "drafts.csv"), "drafts are YAML"),
        (("--model", tmp_path / "none"), "There is no model folder"),
    ):
        ran = run("suggest", heldout, *arguments)
        assert ran.exit_code == 2, ran.output
        assert said in ran.output


def test_a_slice_gets_a_name_by_value_or_by_ids(heldout: Path, tmp_path: Path) -> None:
    frame = pl.read_csv(heldout).with_row_index("id")
    frame = frame.with_columns(
        kind=pl.when(pl.col("text").str.contains("parcel")).then(pl.lit("post")).otherwise(pl.lit(""))
    )
    data, ids, output = tmp_path / "kinds.csv", tmp_path / "ids.csv", tmp_path / "queries.csv"
    frame.write_csv(data)
    frame.filter(kind="post").select("id").write_csv(ids)
    ran = run("describe", data, "--where", "kind=post", "--text", "text", "-o", output, "--json")
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert found["wanted"] == 36
    words = next(one for one in found["queries"] if one["kind"] == "words")
    chance = next(one for one in found["queries"] if one["kind"] == "random")
    assert words["recall"] > chance["recall"]
    assert words["recall"] >= 0.9
    assert pl.read_csv(output)["kind"].to_list() == [one["kind"] for one in found["queries"]]
    assert Path(f"{output}.run.json").exists()
    by_ids = run("describe", data, "--rows", ids, "--text", "text", "--json")
    assert json.loads(by_ids.stdout)["queries"] == found["queries"]
    said = run("describe", data, "--rows", ids, "--text", "text", "--beam", 1, "--words", 1)
    assert "rows are described best by the" in said.stdout
    for arguments, message in (
        ((), "Say which rows to describe"),
        (("--where", "kind"), "Write it as COLUMN=VALUE"),
        (("--where", "kid=post"), "Did you mean 'kind'"),
        (("--where", "kind=pots"), "Did you mean 'post'"),
        (("--rows", data.with_name("predictions.csv")), "does not exist"),
        (("--where", "id=3"), "two or more different texts are needed"),
    ):
        ran = run("describe", data, *arguments, "--text", "text")
        assert ran.exit_code == 2, ran.output
        assert message in ran.output
