"""curate annotators, from votes to consensus, and on to fix and find-errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit_cli.annotators import command

SUBJECTS = ["The battery", "My new phone", "This charger", "The screen", "Their camera", "The keyboard", "That lamp"]
GOOD = ["works perfectly", "is wonderful", "exceeded my hopes", "was worth every cent", "makes me happy every day"]
BAD = ["broke within a week", "is a waste of money", "was a disappointment", "never worked", "should be refunded"]
WRONG = {3, 17, 40}
PEOPLE = ("anna", "ben", "caro")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def annotators(*names: str) -> list[str]:
    return [word for name in names for word in ("--label-columns", name)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """70 reviews with the votes of three good annotators and of one who always says the same; three labels in use are wrong."""
    rows = [(f"{s} {p}.", label) for s in SUBJECTS for label, ps in (("good", GOOD), ("bad", BAD)) for p in ps]
    true = [label for _, label in rows]
    other = {"good": "bad", "bad": "good"}
    rng = np.random.default_rng(0)
    votes = {name: [other[t] if rng.random() < 0.05 else t for t in true] for name in PEOPLE}
    path = tmp_path_factory.mktemp("annotators") / "votes.csv"
    pl.DataFrame(
        {
            "id": [f"r{i}" for i in range(70)],
            "text": [text for text, _ in rows],
            "mood": [other[t] if i in WRONG else t for i, t in enumerate(true)],
            **votes,
            "idle": ["good"] * 70,
            "n_good": [sum(votes[name][i] == "good" for name in PEOPLE) for i in range(70)],
            "n_bad": [sum(votes[name][i] == "bad" for name in PEOPLE) for i in range(70)],
        }
    ).write_csv(path)
    return path


@pytest.fixture(scope="module")
def found(encoder: Any, data: Path) -> dict[str, Any]:
    output, people = data.with_name("consensus.csv"), data.with_name("people.csv")
    ran = run(data, "--label", "mood", *annotators(*PEOPLE, "idle"), "-o", output, "--per-annotator", people, "--json")
    assert ran.exit_code == 0, ran.output
    payload: dict[str, Any] = json.loads(ran.stdout)
    return payload


def test_wrong_labels_stand_first_and_the_idle_annotator_is_named(found: dict[str, Any]) -> None:
    rows = pl.read_csv(found["output"])
    assert found["method"] == "crowdlab"
    assert (found["n"], found["n_votes"], found["n_annotators"]) == (70, 280, 4)
    assert set(rows["id"][:3]) == {f"r{i}" for i in WRONG}
    assert set(rows.filter(pl.col("is_issue"))["id"]) >= {f"r{i}" for i in WRONG}
    people = pl.read_csv(found["per_annotator"])
    assert people.row(0, named=True)["annotator"] == "idle"
    assert people.row(0, named=True)["pattern"] == "always good"
    assert found["annotators"] == people.to_dicts()
    assert found["alpha"]["low"] < found["alpha"]["value"] < found["alpha"]["high"]


def test_fix_takes_it_from_there(found: dict[str, Any], data: Path) -> None:
    from curatekit_cli.fix import command as fix

    output = data.with_name("fixed.csv")
    ran = CliRunner().invoke(fix, [found["output"], "-o", str(output), "--top", "3"])
    assert ran.exit_code == 0, ran.output
    before, after = pl.read_csv(data), pl.read_csv(output)
    assert {i for i in range(70) if before["mood"][i] != after["mood"][i]} == WRONG


def test_the_next_step_is_printed_and_runs(encoder: Any, data: Path) -> None:
    from curatekit_cli.find_errors import command as find_errors

    output = data.with_name("majority.csv")
    ran = run(data, *annotators(*PEOPLE), "--method", "majority", "--text", "text", "-o", output)
    assert ran.exit_code == 0, ran.output
    assert f"Next: curate find-errors {output} --label suggested_label" in ran.stdout
    assert "Krippendorff's alpha" in ran.stdout
    assert "That is no error" in ran.stdout
    assert CliRunner().invoke(find_errors, [str(output), "--label", "suggested_label"]).exit_code == 0


def test_counts_have_no_annotators(encoder: Any, data: Path) -> None:
    arguments = (data, "--text", "text", "--votes", "n_good", "--votes", "n_bad")
    ran = run(*arguments, "--method", "majority", "--json")
    assert ran.exit_code == 0, ran.output
    payload = json.loads(ran.stdout)
    assert (payload["n_annotators"], payload["annotators"]) == (None, None)
    assert payload["classes"] == ["bad", "good"]
    ran = run(*arguments, "--method", "majority", "--per-annotator", data.with_name("nobody.csv"))
    assert ran.exit_code == 2
    assert not data.with_name("nobody.csv").exists()


def test_one_vote_a_line_needs_no_text_without_a_model(data: Path, tmp_path: Path) -> None:
    wide = pl.read_csv(data)
    long = wide.unpivot(list(PEOPLE), index="id", variable_name="who", value_name="vote")
    long.write_csv(tmp_path / "long.csv")
    arguments = (
        tmp_path / "long.csv",
        "--item",
        "id",
        "--annotator",
        "who",
        "--label",
        "vote",
        "--method",
        "dawid-skene",
    )
    ran = run(*arguments, "--json")
    assert ran.exit_code == 0, ran.output
    payload = json.loads(ran.stdout)
    assert (payload["n"], payload["n_annotators"]) == (70, 3)
    assert run(*arguments).stdout.splitlines()[0] == "70 rows, 210 votes of 3 annotators; consensus by dawid-skene."


def test_probabilities_of_another_program(data: Path, tmp_path: Path) -> None:
    wide = pl.read_csv(data)
    good = np.clip((wide["anna"] == "good").to_numpy().astype(float), 0.1, 0.9)
    pl.DataFrame({"id": wide["id"], "bad": 1 - good, "good": good, "fold": np.arange(70) % 5}).write_csv(
        tmp_path / "p.csv"
    )
    arguments = (data, *annotators(*PEOPLE), "--text", "text", "--pred-probs", tmp_path / "p.csv")
    ran = run(*arguments, "--encoder", "nobody/nothing", "-o", tmp_path / "c.csv", "--json")
    assert ran.exit_code == 0, ran.output
    manifest = json.loads((tmp_path / "c.csv.run.json").read_text())
    assert [Path(entry["path"]).name for entry in manifest["inputs"]] == ["votes.csv", "p.csv"]


def test_bad_input_is_one_sentence_and_writes_nothing(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    for arguments, says in [
        (annotators("anna"), "one annotator, 'anna'"),
        (annotators("anna", "annna"), "Did you mean 'anna'"),
        ([], "three ways"),
        (["--item", "id", "--annotator", "anna"], "three ways"),
        (["--item", "id", "--annotator", "anna", "--label", "ben", "--id", "id"], "--id has nothing to name"),
        (["--votes", "n_good", "--votes", "mood"], "no number of votes"),
        ([*annotators("anna", "ben"), "--label", "text"], "named both"),
    ]:
        ran = run(data, "--text", "text", "--method", "majority", *arguments, "-o", output)
        assert ran.exit_code == 2, ran.output
        assert says in ran.stderr, ran.stderr
        assert "Traceback" not in ran.stderr
        assert ran.stdout == ""
    assert not list(tmp_path.iterdir())
