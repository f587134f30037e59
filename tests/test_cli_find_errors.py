"""curate find-errors, from raw text to the issues and on to fix."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit_cli.find_errors import command

SUBJECTS = ["The battery", "My new phone", "This charger", "The screen", "Their camera", "The keyboard", "That lamp"]
GOOD = ["works perfectly", "is wonderful", "exceeded my hopes", "was worth every cent", "makes me happy every day"]
BAD = ["broke within a week", "is a waste of money", "was a disappointment", "never worked", "should be refunded"]
WRONG = {3, 17, 40, 55}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """70 short reviews, four of them with the wrong label."""
    rows = [
        (f"{s} {p}.", label)
        for s in SUBJECTS
        for p, label in [*((g, "good") for g in GOOD), *((b, "bad") for b in BAD)]
    ]
    labels = [{"good": "bad", "bad": "good"}[label] if i in WRONG else label for i, (_, label) in enumerate(rows)]
    path = tmp_path_factory.mktemp("find") / "reviews.csv"
    pl.DataFrame({"id": [f"r{i}" for i in range(70)], "text": [text for text, _ in rows], "mood": labels}).write_csv(
        path
    )
    return path


@pytest.fixture(scope="module")
def pred_probs(data: Path) -> Path:
    """Probabilities of another program: the truth, not too sure, with folds."""
    truth = [label for _ in SUBJECTS for label in [1.0] * 5 + [0.0] * 5]
    good = np.clip(truth, 0.1, 0.9) + np.linspace(-0.05, 0.05, 70)
    path = data.with_name("probs.csv")
    pl.DataFrame(
        {"id": [f"r{i}" for i in range(70)], "bad": 1 - good, "good": good, "fold": [i % 5 for i in range(70)]}
    ).write_csv(path)
    return path


@pytest.fixture(scope="module")
def found(encoder: Any, data: Path, pred_probs: Path) -> dict[str, Any]:
    output = data.with_name("issues.csv")
    ran = run(data, "--label", "mood", "--pred-probs", pred_probs, "-o", output, "--json")
    assert ran.exit_code == 0, ran.output
    payload: dict[str, Any] = json.loads(ran.stdout)
    return payload


def test_the_planted_errors_stand_first(found: dict[str, Any]) -> None:
    issues = pl.read_csv(found["output"])
    assert len(issues) == found["n"] == 70
    assert set(issues["id"][:4]) == {f"r{i}" for i in WRONG}
    assert found["n_issues"] == issues["is_issue"].sum() >= 4
    assert issues["suggested_label"][0] != issues["given_label"][0]
    assert found["classes"] == ["bad", "good"]
    assert np.shape(found["noise_matrix"]) == np.shape(found["confident_joint"]) == (2, 2)
    assert found["family"] == "external (probs.csv)"
    assert found["neighbours"] == {"k": 11, "method": "exact", "recall": 1.0}


def test_the_manifest_names_what_was_read(found: dict[str, Any]) -> None:
    manifest = json.loads(Path(found["output"] + ".run.json").read_text())
    assert [Path(entry["path"]).name for entry in manifest["inputs"]] == ["reviews.csv", "probs.csv"]
    assert manifest["metrics"]["n_issues"] == found["n_issues"]
    assert manifest["metrics"]["family"] == "external (probs.csv)"
    assert manifest["metrics"]["neighbours"] == found["neighbours"]
    assert "11 neighbours are asked, not 50: there are 70 rows." in manifest["notes"]


def test_fix_takes_it_from_there(found: dict[str, Any], data: Path) -> None:
    from curatekit_cli.fix import command as fix

    output = data.with_name("fixed.csv")
    ran = CliRunner().invoke(fix, [found["output"], "-o", str(output), "--top", "4"])
    assert ran.exit_code == 0, ran.output
    before, after = pl.read_csv(data), pl.read_csv(output)
    assert {i for i in range(70) if before["mood"][i] != after["mood"][i]} == WRONG
    assert before.drop("mood").equals(after.drop("mood"))


def test_the_text_says_what_to_do_next(encoder: Any, data: Path, pred_probs: Path) -> None:
    output = data.with_name("top.jsonl")
    options = (data, "--label", "mood", "--pred-probs", pred_probs)
    ran = run(*options, "--score", "normalized_margin", "--top", 6, "-o", output)
    assert ran.exit_code == 0, ran.output
    assert f"Next: curate fix {output}" in ran.stdout
    assert "No count is trustworthy" in ran.stdout
    assert "score: normalized_margin; family: external" in ran.stdout
    assert pl.read_ndjson(output).height == 6


def test_so_many_neighbours_are_asked_as_told(encoder: Any, data: Path, pred_probs: Path) -> None:
    ran = run(data, "--label", "mood", "--pred-probs", pred_probs, "--neighbours", 20, "--json")
    assert json.loads(ran.stdout)["neighbours"]["k"] == 20
    assert "asked" not in ran.stderr


@pytest.mark.parametrize("score", ["self_confidence", "normalized_margin", "pvi"])
def test_own_probabilities_need_no_encoder_but_for_neighbours(data: Path, pred_probs: Path, score: str) -> None:
    options = (data, "--label", "mood", "--pred-probs", pred_probs, "--encoder", "nobody/nothing", "--json")
    ran = run(*options, "--score", score)
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["neighbours"] is None
    assert "asked" not in ran.stderr
    assert run(*options, "--score", "knn_agreement").exit_code == 2


def halved(labels: Any, pred_probs: Any) -> Any:
    return pred_probs[np.arange(len(labels)), labels] / 2


def test_a_score_of_another_package(data: Path, pred_probs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("halved", f"{__name__}:halved", "curatekit.scores")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group, name: [point] if name == "halved" else [])
    ran = run(data, "--label", "mood", "--pred-probs", pred_probs, "--score", "halved", "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["score"] == "halved"


def test_the_probe_is_the_default_family(encoder: Any, data: Path) -> None:
    ran = run(data, "--label", "mood", "--json")
    assert ran.exit_code == 0, ran.output
    payload = json.loads(ran.stdout)
    assert payload["family"] == "probe"
    assert payload["output"] is None


def test_probabilities_without_folds_are_refused_unless_told(encoder: Any, data: Path, pred_probs: Path) -> None:
    without = data.with_name("without.csv")
    pl.read_csv(pred_probs).drop("fold").write_csv(without)
    output = data.with_name("never.csv")
    refused = run(data, "--label", "mood", "--pred-probs", without, "-o", output)
    assert refused.exit_code == 2
    assert "fold" in refused.stderr
    assert not output.exists()
    assert run(data, "--label", "mood", "--pred-probs", without, "--in-sample").exit_code == 0


def test_bad_input_is_one_sentence_and_writes_nothing(data: Path, tmp_path: Path) -> None:
    one = tmp_path / "one.csv"
    one.write_text("text,mood\na,x\nb,x\n")
    single = tmp_path / "single.csv"
    single.write_text("text,mood\na,x\nb,x\nc,y\n")
    output = tmp_path / "issues.csv"
    for arguments, says in [
        ((single, "--label", "mood"), "'y' (1)"),
        ((one, "--label", "mood"), "two|classes"),
        ((data, "--label", "moood"), "Did you mean 'mood'"),
        ((tmp_path / "none.csv", "--label", "mood"), "does not exist"),
        ((data, "--label", "mood", "--score", "best"), "combined"),
        ((data, "--label", "mood", "--family", "bert"), "probe"),
        ((data, "--label", "mood", "--pred-probs", tmp_path / "none.csv"), "does not exist"),
    ]:
        ran = run(*arguments, "-o", output)
        assert ran.exit_code == 2
        assert any(part in ran.stderr for part in says.split("|")), ran.stderr
        assert "Traceback" not in ran.stderr
    assert sorted(tmp_path.iterdir()) == [one, single]


def test_rows_with_one_text_and_two_labels_are_told(encoder: Any, data: Path, pred_probs: Path) -> None:
    rows = pl.read_csv(data)
    twice = rows.with_columns(
        text=pl.when(pl.col("id") == "r5").then(pl.lit(rows["text"][0])).otherwise(pl.col("text"))
    )
    path = data.with_name("twice.csv")
    twice.write_csv(path)
    assert rows["mood"][0] != rows["mood"][5]
    arguments = (path, "--label", "mood", "--pred-probs", pred_probs)
    assert json.loads(run(*arguments, "--json").stdout)["conflicting_rows"] == 2
    said = run(*arguments).stdout
    assert "2 rows stand elsewhere with another label, in the very same words: curate check" in said
    assert (
        json.loads(run(data, "--label", "mood", "--pred-probs", pred_probs, "--json").stdout)["conflicting_rows"] == 0
    )


def test_a_statement_alone_judges_no_label(encoder: object, tmp_path: Path) -> None:
    path = tmp_path / "specs.yaml"
    stated = "specifications:\n- {id: a, label: complaint, statement: Broken things are complaints.}\n"
    path.write_text(stated, encoding="utf-8")
    (tmp_path / "data.csv").write_text("text,label\nIt broke.,complaint\nThanks.,praise\n" * 10, encoding="utf-8")
    ran = run(tmp_path / "data.csv", "--spec", path)
    assert ran.exit_code == 2
    assert "are statements alone, and labels are judged by examples" in ran.output
