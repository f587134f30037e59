"""curate pvi words, from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit_cli import finetune, pvi_words

THINGS = ["battery", "phone", "charger", "screen", "camera", "keyboard", "lamp", "mouse", "cable", "speaker"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(pvi_words.command, [str(argument) for argument in arguments])


def asked(*arguments: object) -> dict[str, Any]:
    ran = run(*arguments, "--json")
    assert ran.exit_code == 0, ran.output
    payload: dict[str, Any] = json.loads(ran.stdout)
    return payload


def reviews() -> pl.DataFrame:
    rows = [
        (f"The {thing} {'works' if good else 'never works'}, order {number}", "good" if good else "bad")
        for number, thing in enumerate(THINGS)
        for good in (True, False, True, False)
    ]
    texts, labels = zip(*rows, strict=True)
    return pl.DataFrame({"text": texts, "mood": labels})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    reviews().write_csv(path)
    return path


@pytest.fixture
def word_list(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("never\nworks\nnever works\nunseen\n")
    return path


def test_the_planted_word_is_found_and_written(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "words.csv"
    payload = asked(data, "--label", "mood", "-o", output)
    (telling,) = payload["telling"]["per_label"]
    assert (telling["word"], telling["label"], telling["rows"], telling["label_rows"]) == ("never", "bad", 20, 20)
    assert (payload["telling"]["words"], payload["telling"]["associations"]) == (1, 1)
    (pair,) = payload["pairs"]["furthest"]
    assert (pair["first"], pair["second"]) == ("bad", "good")
    assert pair["p_value"] < 0.1  # the other words are as balanced as no shuffle makes them
    assert pair["divergence"] > pair["chance"]
    rows = pl.read_csv(output)
    assert rows["word"][0] == "never"
    assert set(rows["column"]) == {"text"}
    assert rows.filter(pl.col("word") == "works")["label_rows"].to_list() == [20, 20]
    assert json.loads(output.with_name("words.csv.run.json").read_text())["metrics"]["pairs"] == payload["pairs"]


def test_text_output_says_what_it_shows_and_what_comes_next(data: Path) -> None:
    ran = run(data, "--label", "mood")
    assert ran.exit_code == 0, ran.output
    assert "40 rows, 2 labels" in ran.stdout
    assert "never" in ran.stdout
    assert "Anisotropy" not in ran.stdout
    assert f"Next: curate pvi {data} --label mood" in ran.stdout


def test_without_a_telling_word_that_is_said(data: Path) -> None:
    reviews().with_columns(mood=pl.Series(["x", "x", "y", "y"] * 10)).write_csv(data)
    ran = run(data, "--label", "mood")
    assert ran.exit_code == 0, ran.output
    assert "0 of the" in ran.stdout


def test_the_sides_of_a_pair_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    frame = reviews()
    frame.select(a=pl.lit("never works"), b="text", label="mood").write_csv(path)
    ran = run(path, "--text", "a", "--text", "b")
    assert ran.exit_code == 0, ran.output
    assert [line.split()[:3] for line in ran.stdout.splitlines() if "never" in line] == [["bad", "never", "b"]]


def test_many_labels_show_pairs_at_both_ends(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    labels = [f"c{k}" for k in range(12) for _ in range(4)]
    texts = [f"word{k} word{k // 2} same" for k in range(12) for _ in range(4)]
    pl.DataFrame({"text": texts, "label": labels}).write_csv(path)
    payload = asked(path, "--top", 3)
    furthest, closest = ([pair["divergence"] for pair in payload["pairs"][end]] for end in ("furthest", "closest"))
    assert payload["pairs"]["pairs"] == 66
    assert furthest == sorted(furthest, reverse=True)
    assert closest == sorted(closest)
    assert closest[-1] <= payload["pairs"]["mean"] <= furthest[-1]
    assert "closest together:" in run(path, "--top", 3).stdout


def test_pinned_bias_of_a_list_by_the_data(data: Path, word_list: Path) -> None:
    bias = asked(data, "--label", "mood", "--word-list", word_list, "--positive", "bad")["pinned_bias"]
    never, phrase, *others = bias["per_word"]
    assert (never["word"], never["rows"], never["positive_rows"]) == ("never", 20, 20)
    assert (phrase["word"], phrase["positive"]) == ("never works", pytest.approx(21 / 22))
    assert [word["deviation"] for word in others] == [0, 0]
    assert bias["data"] == pytest.approx((21 / 22 - 0.5) / 2)
    assert (bias["words"], bias["words_in_rows"], bias["model"]) == (4, 3, None)


def test_pinned_bias_of_a_model_that_reads_each_word_alone(
    encoder: Any, data: Path, word_list: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    ran = CliRunner().invoke(finetune.command, [str(data), "--label", "mood", "--base", "probe", "-o", str(model)])
    assert ran.exit_code == 0, ran.output
    arguments = (data, "--label", "mood", "--word-list", word_list, "--positive", "bad", "--model", model)
    bias = asked(*arguments)["pinned_bias"]
    by_word = {word["word"]: word["model_positive"] for word in bias["per_word"]}
    assert by_word["never"] > by_word["works"]
    assert bias["model"] == pytest.approx(sum(max(p - 0.5, 0) for p in by_word.values()) / 4)
    assert "by the model" in run(*arguments).stdout
    output = tmp_path / "words.csv"
    reviews().with_columns(mood=pl.col("mood").str.to_uppercase()).write_csv(data)
    ran = run(*arguments[:5], "--positive", "BAD", *arguments[7:], "-o", output)
    assert ran.exit_code == 2
    assert "no label of" in ran.stderr
    assert not output.exists(), "nothing is written when the model does not fit"


def test_anisotropy_of_every_layer_when_asked(encoder: Any, data: Path) -> None:
    measured = asked(data, "--label", "mood", "--embeddings")["anisotropy"]
    assert [of["of"] for of in measured] == ["embedding", *(f"layer {number}" for number in range(7))]
    assert all(-1 <= of["mean_cosine"] <= 1 and 0 < of["effective_rank"] <= 39 for of in measured)
    assert "Anisotropy" in run(data, "--label", "mood", "--embeddings").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--word-list", "words.txt"], "both --word-list FILE and --positive LABEL"),
        (["--positive", "bad"], "both --word-list FILE and --positive LABEL"),
        (["--model", "model"], "Give a list"),
        (["--word-list", "empty.txt", "--positive", "bad"], "empty.txt is empty"),
        (["--word-list", "none.txt", "--positive", "bad"], "none.txt cannot be read"),
        (["--word-list", "words.txt", "--positive", "Bad"], "Did you mean 'bad'?"),
        (["--word-list", "words.txt", "--positive", "bad", "--model", "none"], "no model folder none"),
        (["-o", "words.txt"], "the format is told by the suffix"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(
    data: Path, word_list: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(data.parent)
    Path("empty.txt").write_text("\n")
    before = sorted(Path().iterdir())
    ran = run(data, "--label", "mood", *arguments)
    assert ran.exit_code == 2, ran.output
    assert said in ran.stderr
    assert "Traceback" not in ran.output
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("one two,x\ntwo one,x\n", "too few classes"),
        ("one two,x\nthree four,y\n", "2 rows or more"),
        ("?!,x\n...,y\n", "2 rows or more"),
    ],
)
def test_data_without_anything_to_compare_are_refused(tmp_path: Path, rows: str, said: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(f"text,label\n{rows}")
    ran = run(path)
    assert ran.exit_code == 2, ran.output
    assert said in ran.stderr
