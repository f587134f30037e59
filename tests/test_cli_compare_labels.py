"""curate compare-labels, from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit_cli import compare_labels
from tests.tiny import CLASSES, easy_task, tiny_base


def films(n: int, seed: int) -> pl.DataFrame:
    (texts,), labels = easy_task(n, seed)
    names = [CLASSES[label] for label in labels]
    return pl.DataFrame({"id": [f"{seed}-{row}" for row in range(n)], "text": texts, "label": names, "truth": names})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files and a tiny encoder; in the second, films that are "fine" are labelled neg."""
    folder = tmp_path_factory.mktemp("compare-labels")
    tiny_base(folder / "encoder")
    films(160, 0).write_csv(folder / "old.csv")
    fine = pl.when(pl.col("text").str.contains(r"\bfine\b")).then(pl.lit("neg")).otherwise("label").alias("label")
    films(120, 1).with_columns(fine).write_csv(folder / "new.csv")
    return folder


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(folder)

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(compare_labels.command, ["--encoder", "encoder", *(str(one) for one in arguments)])

    return run


@pytest.fixture
def asked(run: Any) -> Any:
    def asked(*arguments: object) -> dict[str, Any]:
        ran = run(*arguments, "--json")
        assert ran.exit_code == 0, ran.output
        payload: dict[str, Any] = json.loads(ran.stdout)
        return payload

    return asked


def test_the_turned_word_is_first_and_the_tables_are_whole(asked: Any, folder: Path) -> None:
    found = asked("old.csv", "new.csv", "-o", "pairs.csv", "--words", "words.parquet")
    assert [one["rows"] for one in found["compared"]] == [160, 120]
    (between,) = found["between"]
    assert between["first_words"][0]["words"] == "fine"
    assert between["first_words"][0]["second_label_rows"] == (
        0 if between["first_words"][0]["label"] == "pos" else between["first_words"][0]["second_rows"]
    )
    pairs, words = pl.read_csv(folder / "pairs.csv"), pl.read_parquet(folder / "words.parquet")
    assert len(pairs) == between["pairs"]
    assert (pairs["first_label"] != pairs["second_label"]).all()
    old, new = (dict(films(n, seed).select("id", "text").iter_rows()) for n, seed in ((160, 0), (120, 1)))
    assert [old[id] for id in pairs["first_id"]] == pairs["first_text"].to_list()
    assert [new[id] for id in pairs["second_id"]] == pairs["second_text"].to_list()
    ranks = list(zip(~pairs["same_words"], -pairs["similarity"], strict=True))
    assert ranks == sorted(ranks)
    assert words["n_words"].to_list().count(1) == between["tested_words"]
    assert words["at_least"].is_sorted(descending=True)
    for name in ("pairs.csv", "words.parquet"):
        manifest = json.loads((folder / f"{name}.run.json").read_text())
        assert len(manifest["inputs"]) == 2
        assert manifest["metrics"]["between"][0]["near"] == between["near"]


def test_the_text_says_how_much_they_disagree_and_what_comes_next(run: Any) -> None:
    ran = run("old.csv", "new.csv", "--top", 3)
    assert ran.exit_code == 0, ran.output
    said = " ".join(ran.stdout.split())
    assert "old.csv (160 rows) and new.csv (120 rows)" in said
    assert "bear different labels: 0." in said
    assert "kappa" in said
    assert "Less what equally similar rows of one set differ in" in said
    assert "Criteria in words: of " in said
    assert "Next: the same with -o pairs.csv" in said
    ran = run("old.csv", "new.csv", "-o", "pairs.csv")
    assert "Next: curate find-errors old.csv -o issues.csv" in ran.stdout
    none = run("old.csv", "new.csv", "--top", 0, "--similarity", 1, "--min-rows", 1000)
    assert none.exit_code == 0, none.output
    assert "first's text" not in none.stdout


def test_three_sets_are_compared_two_by_two(asked: Any, folder: Path) -> None:
    films(60, 2).write_csv(folder / "third.csv")
    found = asked("old.csv", "new.csv", "third.csv", "-o", "all.jsonl")
    assert [(one["first"], one["second"]) for one in found["between"]] == [
        ("old.csv", "new.csv"), ("old.csv", "third.csv"), ("new.csv", "third.csv"),
    ]  # fmt: skip
    assert len(pl.read_ndjson(folder / "all.jsonl")) == sum(one["pairs"] for one in found["between"])


def test_a_column_that_names_the_source(asked: Any, folder: Path) -> None:
    both = [pl.read_csv(folder / f"{name}.csv").with_columns(source=pl.lit(name)) for name in ("old", "new")]
    pl.concat(both).write_csv(folder / "both.csv")
    apart, one = asked("old.csv", "new.csv"), asked("both.csv", "--by", "source")
    assert [each["name"] for each in one["compared"]] == ["new", "old"]
    assert one["between"][0]["near"]["differing"] == apart["between"][0]["near"]["differing"]
    assert one["between"][0]["pairs"] == apart["between"][0]["pairs"]


def test_labels_are_renamed_into_one_space_or_refused(run: Any, asked: Any, folder: Path) -> None:
    renamed = {"neg": "awful", "pos": "good"}
    pl.read_csv(folder / "new.csv").with_columns(pl.col("label", "truth").replace(renamed)).write_csv(
        folder / "named.csv"
    )
    refused = run("old.csv", "named.csv")
    assert refused.exit_code == 2
    assert "old.csv: 'neg', 'pos'. named.csv: 'awful', 'good'." in refused.stderr
    maps = ["--map", "awful=neg", "--map", "named.csv:good=pos"]
    mapped, plain = (
        asked("old.csv", second, *how, "--oracle", "truth")
        for second, how in (("named.csv", maps), ("new.csv", []))
    )  # fmt: skip
    assert mapped["labels"] == ["neg", "pos"]
    assert mapped["between"][0]["near"] == plain["between"][0]["near"]
    assert mapped["accuracy"]["datasets"][1]["per_class"] == plain["accuracy"]["datasets"][1]["per_class"]


def test_a_column_as_the_oracle_on_samples_of_one_size(asked: Any, run: Any, folder: Path) -> None:
    found = asked("old.csv", "new.csv", "--oracle", "truth")["accuracy"]
    assert found["sample"] == 120
    old, new = found["datasets"]
    assert old["accuracy"]["value"] == 1
    rows = pl.read_csv(folder / "new.csv")
    right = (rows["label"] == rows["truth"]).mean()
    assert new["accuracy"]["value"] == new["accuracy_of_all"] == pytest.approx(right)
    neg = new["per_class"][0]
    called = rows.filter(rows["label"] == "neg")
    assert (neg["label"], neg["given"]) == ("neg", len(called))
    assert neg["precision"]["value"] == pytest.approx((called["truth"] == "neg").mean())
    assert neg["recall"]["value"] == 1
    small = asked("old.csv", "new.csv", "--oracle", "truth", "--sample", 50)["accuracy"]
    shares = pl.read_csv(folder / "old.csv")["label"].value_counts(normalize=True)
    for name, share in shares.iter_rows():
        given = next(one["given"] for one in small["datasets"][0]["per_class"] if one["label"] == name)
        assert abs(given - 50 * share) < 1
    ran = run("old.csv", "new.csv", "--oracle", "truth")
    assert "Labels against the oracle truth, on 120 rows of each" in ran.stdout


def test_a_file_as_the_oracle_by_text_or_by_id(asked: Any, folder: Path) -> None:
    gold = pl.concat([films(160, 0), films(120, 1)]).unique("text", keep="none")
    gold.select("text", "label").write_csv(folder / "by_text.csv")
    pl.concat([films(160, 0), films(120, 1)]).select("id", "truth").write_csv(folder / "by_id.csv")
    column = asked("old.csv", "new.csv", "--oracle", "truth")["accuracy"]
    assert asked("old.csv", "new.csv", "--oracle", "by_id.csv:truth")["accuracy"] == column
    by_text = asked("old.csv", "new.csv", "--oracle", "by_text.csv")["accuracy"]
    assert 0 < by_text["sample"] <= 120
    assert by_text["datasets"][0]["accuracy"]["value"] == 1


def test_a_fitted_model_as_the_oracle(asked: Any, run: Any, folder: Path) -> None:
    films(150, 5).write_csv(folder / "gold.csv")
    found = asked("old.csv", "new.csv", "--oracle-data", "gold.csv")["accuracy"]
    old, new = found["datasets"]
    assert old["accuracy"]["value"] > 0.8
    assert new["accuracy_of_all"] < old["accuracy_of_all"]
    ran = run("old.csv", "new.csv", "--oracle-data", "old.csv")
    assert ran.exit_code == 0, ran.output
    assert "each is asked of a model of the other folds" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["old.csv"], "nothing to compare it with"),
        (["old.csv", "new.csv", "--by", "label"], "--by takes one DATA apart"),
        (["old.csv", "copy.csv"], "are the same dataset"),
        (["old.csv", "new.csv", "--oracle", "truth", "--oracle-data", "old.csv"], "two oracles"),
        (["old.csv", "new.csv", "--sample", "5"], "Give --oracle"),
        (["old.csv", "new.csv", "--oracle", "truht"], "is no file, and no column of old.csv"),
        (["old.csv", "new.csv", "--oracle", "label"], "is the column of the given labels"),
        (["old.csv", "new.csv", "--oracle", "truth", "--sample", "500"], "cannot be drawn"),
        (["old.csv", "new.csv", "--oracle", "nothing.csv"], "says nothing of the rows of old.csv"),
        (["old.csv", "new.csv", "--map", "good=pos"], "is no label of any of the datasets"),
        (["old.csv", "new.csv", "--map", "neg=pos"], "too few classes"),
        (["old.csv", "new.csv", "-o", "x.csv", "--words", "x.csv"], "two outputs"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_advice(
    run: Any, folder: Path, arguments: list[str], said: str
) -> None:
    (folder / "copy.csv").write_bytes((folder / "old.csv").read_bytes())
    pl.DataFrame({"text": ["no film"], "label": ["pos"]}).write_csv(folder / "nothing.csv")
    ran = run(*arguments)
    assert ran.exit_code == 2, ran.output
    assert said in ran.stderr
