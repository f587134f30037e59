"""curate select, from raw text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit.run import read_manifest
from curatekit_cli.select import command
from tests.guided_sample import POOL, SPECIFICATIONS, write


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write(tmp_path_factory.mktemp("select"))


def run(paths: dict[str, Path], *more: object, **changes: Path) -> Result:
    given = {**paths, **changes}
    arguments = [given["pool"], "--spec", given["spec"], "--train", given["train"], *more]
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_the_chosen_rows_carry_all_columns_and_why(encoder: Any, paths: dict[str, Path], tmp_path: Path) -> None:
    ran = run(paths, "-k", 6, "--heldout", paths["heldout"], "-o", tmp_path / "chosen.csv", "--json")
    assert ran.exit_code == 0, ran.output
    payload = json.loads(ran.stdout)
    rows = pl.read_csv(tmp_path / "chosen.csv")
    assert rows.columns == ["number", "text", "label", "specification", "reason", "value", "p_wrong"]
    assert [POOL[number] for number in rows["number"]] == list(zip(rows["text"], rows["label"], strict=True))
    assert rows["number"].n_unique() == 6
    assert set(payload["expected"]) == {"none", "influence", "random", "random-matched"}
    assert payload["expected"]["influence"]["failure_rate"] <= payload["expected"]["random"]["failure_rate"]
    assert set(payload["expected"]["none"]) == {"failure_rate", "failure_rate_by_label", "accuracy", "macro_f1"}
    assert [of["k"] for of in payload["expected_by_budget"]["budgets"]] == [0, 6]
    for one in payload["specifications"]:
        rate = one["failure_rate_after"]
        assert rate["low"] <= rate["value"] <= rate["high"]
    assert [one["id"] for one in payload["specifications"]] == [one["id"] for one in SPECIFICATIONS]
    assert sum(payload["labels"].values()) == 6
    manifest = read_manifest(tmp_path / "chosen.csv")
    assert manifest is not None
    assert [Path(one["path"]).name for one in manifest["inputs"]] == [
        "train.csv",
        "pool.csv",
        "heldout.csv",
        "specs.json",
    ]
    assert manifest["metrics"]["C"] == payload["C"]


@pytest.mark.parametrize("method", ["random", "random-matched", "nearest"])
def test_the_text_shows_signal_and_counts_for_every_method(
    encoder: Any, paths: dict[str, Path], tmp_path: Path, method: str
) -> None:
    ran = run(paths, "-k", 4, "--method", method, "-o", tmp_path / "chosen.parquet")
    assert ran.exit_code == 0, ran.output
    assert f"4 of {len(POOL)} rows chosen by {method}: " in ran.stdout
    assert "fails before  fails after" in ran.stdout
    assert "fails after [95 %]" in ran.stdout
    assert "Expected on new cases" not in ran.stdout
    assert f"Next: curate finetune {paths['train']} --add {tmp_path / 'chosen.parquet'} -o model" in ran.stdout
    assert len(pl.read_parquet(tmp_path / "chosen.parquet")) == 4


def test_a_curve_tells_where_more_rows_stop_helping_and_how_many_a_target_takes(
    encoder: Any, paths: dict[str, Path], tmp_path: Path
) -> None:
    asked = ("-k", 8, "--curve", "2,16", "--target", "0.9", "--plot", tmp_path / "curve.svg", "-o", tmp_path / "c.csv")
    ran = run(paths, *asked)
    assert ran.exit_code == 0, ran.output
    assert "Expected on new cases of the specifications" in ran.stdout
    assert "A failure rate of 0.9 takes about 0 rows." in ran.stdout
    assert "doubling" in ran.stdout
    assert "Expected failure rate of rows chosen by influence" in (tmp_path / "curve.svg").read_text()
    again = run(paths, *asked[:-2], "-o", tmp_path / "d.csv", "--json")
    payload = json.loads(again.stdout)["expected_by_budget"]
    assert [of["k"] for of in payload["budgets"]] == [0, 2, 8, 16]
    assert payload["rows_needed"] == 0
    assert payload["knee"] in (0, 2, 8, 16)
    alone = run(paths, "-k", 16, "-o", tmp_path / "e.csv", "--json")
    last = json.loads(alone.stdout)["expected_by_budget"]["budgets"][-1]
    assert last == payload["budgets"][-1]


def test_the_tests_of_the_specifications_are_never_opened(encoder: Any, paths: dict[str, Path], tmp_path: Path) -> None:
    entries = [{**one, "tests": {"file": "nowhere.csv"}} for one in SPECIFICATIONS]
    (tmp_path / "s.json").write_text(json.dumps({"specifications": entries}), encoding="utf-8")
    without = run(paths, "-k", 4, "-o", tmp_path / "a.csv", spec=tmp_path / "s.json")
    assert without.exit_code == 0, without.output
    run(paths, "-k", 4, "-o", tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["-k", 37], "k is 37, and the pool has 36 rows. Ask for 1 to 36."),
        (["-k", 0], "k is 0, and the pool has 36 rows"),
        (
            ["--method", "influense"],
            "Did you mean 'influence'? Choose one of: random, random-matched, balanced, quota, nearest",
        ),
        (["--label", "lable"], "Did you mean 'label'?"),
    ],
)
def test_bad_usage_is_one_sentence_and_leaves_nothing(
    paths: dict[str, Path], tmp_path: Path, more: list[object], message: str
) -> None:
    ran = run(paths, *more, "-o", tmp_path / "chosen.csv")
    assert ran.exit_code == 2
    assert message in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_label_that_the_training_data_lacks_is_named(paths: dict[str, Path], tmp_path: Path) -> None:
    entries = [{**SPECIFICATIONS[0], "label": "goood"}]
    (tmp_path / "s.json").write_text(json.dumps({"specifications": entries}), encoding="utf-8")
    ran = run(paths, "-k", 4, "-o", tmp_path / "chosen.csv", spec=tmp_path / "s.json")
    assert ran.exit_code == 2
    assert "has the label 'goood', which the training data does not have. Did you mean 'good'?" in ran.stderr
    assert not (tmp_path / "chosen.csv").exists()


def test_rows_that_were_trained_on_or_measure_are_not_chosen_and_said(
    encoder: Any, paths: dict[str, Path], tmp_path: Path
) -> None:
    parts = [pl.read_csv(paths[name])[:rows] for name, rows in (("pool", 30), ("train", 3), ("heldout", 2))]
    pl.concat(parts).with_columns(pl.col("text").str.to_uppercase()).write_csv(tmp_path / "pool.csv")
    given = ("--heldout", paths["heldout"], "-o", tmp_path / "chosen.csv")
    ran = run(paths, "-k", 30, *given, pool=tmp_path / "pool.csv")
    assert ran.exit_code == 0, ran.output
    assert f"3 of 35 rows of {tmp_path / 'pool.csv'} stand in {paths['train']} too" in ran.stderr
    assert f"2 of 32 rows of {tmp_path / 'pool.csv'} stand in {paths['heldout']} too" in ran.stderr
    assert sorted(pl.read_csv(tmp_path / "chosen.csv")["text"]) == sorted(text.upper() for text, _ in POOL[:30])
    more = run(paths, "-k", 31, *given, pool=tmp_path / "pool.csv")
    assert more.exit_code == 2
    assert "k is 31, and the pool has 30 rows" in more.stderr


def test_data_that_measure_or_teach_nothing_are_refused(paths: dict[str, Path], tmp_path: Path) -> None:
    for name in ("heldout", "pool"):
        given = {"pool": paths["train"]} if name == "pool" else {}
        ran = run(paths, "-k", 4, "--heldout", paths["train"], "-o", tmp_path / "chosen.csv", **given)
        assert ran.exit_code == 2
        assert f"{paths['train']} stand in {paths['train']} too" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_training_class_of_a_single_row_is_refused(paths: dict[str, Path], tmp_path: Path) -> None:
    frame = pl.read_csv(paths["train"])
    pl.concat([frame, pl.DataFrame({"number": [99], "text": ["Other."], "label": ["rare"]}, schema=frame.schema)]).write_csv(tmp_path / "train.csv")  # fmt: skip
    ran = run(paths, "-k", 4, "-o", tmp_path / "chosen.csv", train=tmp_path / "train.csv")
    assert ran.exit_code == 2
    assert "'rare' (1)" in ran.stderr
    assert not (tmp_path / "chosen.csv").exists()


def test_a_column_of_the_pool_is_not_overwritten(encoder: Any, paths: dict[str, Path], tmp_path: Path) -> None:
    pool = pl.read_csv(paths["pool"]).with_columns(pl.lit("theirs").alias("reason"))
    pool.write_csv(tmp_path / "pool.csv")
    ran = run(paths, "-k", 2, "--text", "text", "-o", tmp_path / "chosen.csv", pool=tmp_path / "pool.csv")
    assert ran.exit_code == 0, ran.output
    rows = pl.read_csv(tmp_path / "chosen.csv")
    assert rows["reason"].to_list() == ["theirs", "theirs"]
    assert rows["selection_reason"][0].startswith("round 1: ")


def test_one_example_is_selected_by_and_nothing_is_expected(
    encoder: Any, paths: dict[str, Path], tmp_path: Path
) -> None:
    entries = [{**SPECIFICATIONS[0], "examples": SPECIFICATIONS[0]["examples"][:1]}]
    (tmp_path / "s.json").write_text(json.dumps({"specifications": entries}), encoding="utf-8")
    more = ("-k", 4, "--curve", "2,6", "--target", "0.01", "--plot", tmp_path / "c.svg")
    ran = run(paths, *more, "-o", tmp_path / "chosen.csv", spec=tmp_path / "s.json")
    assert ran.exit_code == 0, ran.output
    assert ran.stderr.count("Nothing can be expected of") == 1
    assert "no picture is written" in ran.stderr
    assert "nothing can be expected, so no number of rows is told" in ran.stdout
    for words in ("nan", "doubling", "A failure rate of"):
        assert words not in ran.stdout
    assert len(pl.read_csv(tmp_path / "chosen.csv")) == 4
    assert not (tmp_path / "c.svg").exists()
    ran = run(paths, *more[:-2], "-o", tmp_path / "chosen.csv", "--json", spec=tmp_path / "s.json")
    payload = json.loads(ran.stdout)["expected_by_budget"]
    assert payload["knee"] is None
    assert payload["budgets"][0]["failure_rate"]["value"] is not None
    assert [of["failure_rate"]["value"] for of in payload["budgets"][1:]] == [None, None, None]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (("--target", "0.1"), "--target does"),
        (("--plot", "c.svg"), "--plot does"),
        (("--target", "0.1", "--plot", "c.svg"), "--target and --plot do"),
    ],
)
def test_a_target_or_a_plot_without_a_curve_is_refused(
    paths: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run(paths, "-k", 4, *more, "-o", "chosen.csv")
    assert ran.exit_code == 2
    assert f"{named} nothing without --curve. Give --curve N,N" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_curve_of_one_budget_is_told(encoder: Any, paths: dict[str, Path], tmp_path: Path) -> None:
    ran = run(paths, "-k", 4, "--curve", "4", "--target", "0.9", "-o", tmp_path / "chosen.csv")
    assert ran.exit_code == 0, ran.output
    assert "A failure rate of 0.9 takes about 0 rows." in ran.stdout


def test_a_curve_beyond_what_trust_leaves_is_refused_before_anything_is_chosen(
    encoder: Any, paths: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*given: Any) -> None:
        raise AssertionError("chosen")

    monkeypatch.setattr("curatekit.select.choose", never)
    flipped = pl.read_csv(paths["pool"]).with_columns(
        pl.when(pl.col("text") == "The lamp was lovely.").then(pl.lit("bad")).otherwise(pl.col("label")).alias("label")
    )
    flipped.write_csv(tmp_path / "pool.csv")
    ran = run(
        paths, "-k", 4, "--curve", "36", "--trust", "drop", "-o", tmp_path / "chosen.csv", pool=tmp_path / "pool.csv"
    )
    assert ran.exit_code == 2, ran.output
    assert "k is 36, and the pool has" in ran.stderr
    assert not (tmp_path / "chosen.csv").exists()


def test_the_ways_to_trust_are_the_library_s() -> None:
    from curatekit.select.trust import TRUST as ways
    from curatekit_cli.select import TRUST

    assert tuple(TRUST) == ways
