"""curate pvi tokens, from files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit.information.token_changes import TokenChanges, token_changes
from curatekit_cli import pvi_tokens
from curatekit_cli.main import main

THINGS = ["battery", "phone", "charger", "screen", "camera", "keyboard", "lamp", "mouse", "cable", "speaker"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(pvi_tokens.command, [str(argument) for argument in (*arguments, "--folds", 2)])


def asked(*arguments: object) -> dict[str, Any]:
    ran = run(*arguments, "--json")
    assert ran.exit_code == 0, ran.output
    payload: dict[str, Any] = json.loads(ran.stdout)
    return payload


def reviews(n: int = 80) -> pl.DataFrame:
    """Rows whose label only "never" tells, and one that is mislabelled."""
    texts = [f"The {THINGS[i % 10]} {'never ' if i % 2 else ''}works,  order {i}" for i in range(n)]
    labels = ["bad" if i % 2 else "good" for i in range(n)]
    return pl.DataFrame({"id": [f"r{i}" for i in range(n)], "text": texts, "mood": ["bad", *labels[1:]]})


@pytest.fixture
def data(tmp_path: Path, encoder: object) -> Path:
    path = tmp_path / "reviews.csv"
    reviews().write_csv(path)
    return path


def test_the_planted_token_is_found_and_the_wrong_row_is_shown(data: Path, tmp_path: Path) -> None:
    output, rows, picture = tmp_path / "tokens.csv", tmp_path / "rows.jsonl", tmp_path / "tokens.html"
    payload = asked(data, "--label", "mood", "-o", output, "--rows-output", rows, "--plot", picture)
    assert (payload["rows"], payload["measured"], payload["family"]) == (80, 80, "probe")
    first = payload["leans_on"][0]
    assert (first["label"], first["token"], first["column"], first["rows"]) == ("bad", "never", "text", 40 - 0)
    assert 0 < first["low"] < first["delta"] < first["high"]
    table = pl.read_csv(output)
    assert payload["tested"] == len(table)
    assert table.columns == ["label", "token", "column", "rows", "delta", "low", "high", "p_value", "q_value"]
    assert table.filter(pl.col("token") == "never")["label"].to_list() == ["bad"]
    assert table.filter(pl.col("token") == "works")["rows"].to_list() == [41, 39]
    (wrong, *_) = payload["doubtful"]
    assert (wrong["id"], wrong["label"], wrong["predicted_label"]) == ("r0", "bad", "good")
    written = pl.read_ndjson(rows)
    assert written["id"].to_list() == reviews()["id"].to_list()
    for row in written.iter_rows(named=True):
        text = row["texts"]["text"]
        assert [text[token["start"] : token["end"]] for token in row["tokens"]] == re.findall(r"\w+|,", text)
        assert all(token["token"] == text[token["start"] : token["end"]] for token in row["tokens"])
    deltas = {row["id"]: {t["token"]: t["delta"] for t in row["tokens"]} for row in written.iter_rows(named=True)}
    assert np.mean([deltas[f"r{i}"]["never"] for i in range(1, 80, 2)]) == pytest.approx(first["delta"])
    assert "Most doubtful rows" in picture.read_text()
    manifest = json.loads(output.with_name("tokens.csv.run.json").read_text())
    assert manifest["metrics"]["leans_on"] == payload["leans_on"]
    assert len(manifest["outputs"]) == 3


def test_text_output_marks_tokens_without_colour_and_says_what_comes_next(data: Path) -> None:
    ran = run(data, "--label", "mood", "--rows", 20, "--top", 1)
    assert ran.exit_code == 0, ran.output
    assert "20 of 80 rows measured" in ran.stdout
    assert re.search(r"^r0: label bad, predicted good, PVI -\d", ran.stdout, flags=re.MULTILINE)
    assert re.search(r"\[-\d\.\d\d \w+\]", ran.stdout)
    assert "\x1b" not in ran.stdout
    assert "Next: curate find-errors" in ran.stdout
    assert "20 of 80 rows are measured, drawn with the labels taking turns" in ran.stderr


def test_control_characters_are_escaped(data: Path) -> None:
    frame = reviews().with_columns(
        text=pl.when(pl.col("id") == "r0").then(pl.lit("The \x1b[31mred\u202e lamp\nworks")).otherwise("text")
    )
    frame.write_csv(data)
    ran = run(data, "--label", "mood", "--rows", 4)
    assert ran.exit_code == 0, ran.output
    assert "\x1b" not in ran.stdout
    assert "\u202e" not in ran.stdout
    assert "\\u001b" in ran.stdout


def test_pairs_name_the_side(tmp_path: Path, encoder: object) -> None:
    n = 80
    frame = pl.DataFrame(
        {
            "premise": [f"The {THINGS[i % 10]} is on the table {i}" for i in range(n)],
            "hypothesis": [f"The {THINGS[i % 10]} is {'not ' if i % 2 else ''}there" for i in range(n)],
            "label": ["contradiction" if i % 2 else "entailment" for i in range(n)],
        }
    )
    path = tmp_path / "pairs.csv"
    frame.write_csv(path)
    sides = ("--text", "premise", "--text", "hypothesis")
    payload = asked(path, *sides, "--plot", tmp_path / "pairs.svg")
    first = payload["leans_on"][0]
    assert (first["label"], first["token"], first["column"]) == ("contradiction", "not", "hypothesis")
    assert {token["column"] for token in payload["doubtful"][0]["tokens"]} == {"premise", "hypothesis"}
    assert set(payload["doubtful"][0]["texts"]) == {"premise", "hypothesis"}
    ran = run(path, *sides)
    assert "  premise: The" in ran.stdout
    assert re.search(r"contradiction +not +hypothesis +40", ran.stdout)
    assert (tmp_path / "pairs.svg").read_text().startswith("<svg")


def test_an_evaluation_file_is_measured_by_the_model_of_the_training_file(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "test.csv"
    reviews(140)[80:].write_csv(other)
    payload = asked(data, "--label", "mood", "--eval", other)
    assert (payload["rows"], payload["leans_on"][0]["token"]) == (60, "never")
    ran = run(data, "--label", "mood", "--eval", data)
    assert ran.exit_code == 2
    assert "--in-sample" in ran.stderr
    assert run(data, "--label", "mood", "--eval", data, "--in-sample").exit_code == 0


def test_without_a_token_that_counts_that_is_said(data: Path, tmp_path: Path) -> None:
    labels = np.random.default_rng(0).permutation(["x", "y"] * 40)
    reviews().with_columns(mood=pl.Series(labels)).write_csv(data)
    ran = run(data, "--label", "mood", "--min-rows", 30)
    assert ran.exit_code == 0, ran.output
    assert re.search(
        r"Tokens that a label is misled by, 0.02 bits or more: 0 of \d+ pairs of label and token\.", ran.stdout
    )
    picture = tmp_path / "t.svg"
    refused = run(data, "--label", "mood", "--min-rows", 79, "--plot", picture, "-o", tmp_path / "t.csv")
    assert refused.exit_code == 2
    assert not picture.exists()
    assert not (tmp_path / "t.csv").exists()


def test_many_labels_are_shown_within_bounds(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 labels with one sure token each: as many lines as fit, the strongest."""
    n = 200
    told = pl.DataFrame(
        {
            "label": [f"l{i:03d}" for i in range(n)], "token": "a", "column": "text", "rows": 5,
            "delta": np.arange(1.0, n + 1), "low": 0.5, "high": 999.0, "p_value": 0.0, "q_value": 0.0,
        }
    )  # fmt: skip
    lines = pvi_tokens._effect_lines("leans on", told, {"tested": n}, 10, False)
    assert len(lines) == 1 + 1 + pvi_tokens.MOST_LINES + 1
    assert lines[2].startswith("l199")


def test_it_is_a_command_of_pvi(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[dict[str, Any]] = []

    def measured(*arguments: Any, **how: Any) -> TokenChanges:
        called.append(how)
        return token_changes(*arguments, **how)

    monkeypatch.setattr("curatekit.information.token_changes.token_changes", measured)
    words = ["pvi", "tokens", data, "--label", "mood", "--rows", 4, "--case-sensitive", "--folds", 2]
    ran = CliRunner().invoke(main, [str(word) for word in words])
    assert ran.exit_code == 0, ran.output
    assert called == [{"rows": 4, "doubtful": 5, "fold_case": False}]
