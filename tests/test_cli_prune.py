"""curate select --keep and --trust, from raw text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit.run import read_manifest
from curatekit_cli.select import command
from tests.guided_sample import TRAIN, write


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write(tmp_path_factory.mktemp("prune"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_kept_dropped_and_random_rows_are_written_with_reasons(
    encoder: Any, paths: dict[str, Path], tmp_path: Path
) -> None:
    ran = run(
        paths["train"], "--keep", "0.8", "--heldout", paths["heldout"], "--random", tmp_path / "r.csv",
        "-o", tmp_path / "kept.csv", "--json",
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    payload = json.loads(ran.stdout)
    kept, dropped, random = (pl.read_csv(tmp_path / name) for name in ("kept.csv", "kept.dropped.csv", "r.csv"))
    assert sorted([*kept["number"], *dropped["number"]]) == list(range(len(TRAIN)))
    assert len(kept) == len(random) == 24
    assert kept["label"].value_counts(sort=True).equals(random["label"].value_counts(sort=True)) or set(
        kept["label"].value_counts().rows()
    ) == set(random["label"].value_counts().rows())
    assert all(reason.startswith("kept: combined ") for reason in kept["reason"])
    assert all(reason.startswith("dropped: combined ") for reason in dropped["reason"])
    for label in ("good", "bad"):
        assert kept.filter(label=label)["value"].min() >= dropped.filter(label=label)["value"].max()  # type: ignore[operator]
    assert [one["rows_after"] for one in payload["classes"]] == [12, 12]
    assert len(payload["heldout"]["random"]) == 5
    manifest = read_manifest(tmp_path / "kept.csv")
    assert manifest is not None
    assert len(manifest["outputs"]) == 3


def test_the_text_shows_class_shares_before_and_after(encoder: Any, paths: dict[str, Path], tmp_path: Path) -> None:
    ran = run(paths["train"], "--keep", 6, "--overall", "--score", "pvi", "-o", tmp_path / "kept.csv")
    assert ran.exit_code == 0, ran.output
    assert "6 of 30 rows kept by pvi, over all classes; 24 dropped" in ran.stdout
    assert "rows before  rows after  share before  share after" in ran.stdout
    assert "held-out" not in ran.stdout
    assert f"Next: curate finetune {tmp_path / 'kept.csv'} -o model" in ran.stdout


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--keep", "0.5", "-k", 3], "-k does nothing with --keep. Leave it out."),
        (["--keep", "0.5", "--method", "quota", "--trust", "drop"], "--method, --trust do nothing with --keep"),
        (["--score", "pvi"], "--score does nothing without --keep"),
        ([], "--spec and --train are missing. Give --spec FILE"),
        (["--keep", "many"], "--keep many is neither a share such as 0.5 or 50% nor a number of rows."),
        (["--keep", "0.5", "--score", "pvii"], "Did you mean 'pvi'?"),
    ],
)
def test_bad_usage_is_one_sentence_and_leaves_nothing(
    paths: dict[str, Path], tmp_path: Path, more: list[object], message: str
) -> None:
    ran = run(paths["train"], *more, "-o", tmp_path / "kept.csv")
    assert ran.exit_code == 2
    assert message in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_suspected_rows_are_counted_and_left_out_when_asked(
    encoder: Any, paths: dict[str, Path], tmp_path: Path
) -> None:
    pool = pl.read_csv(paths["pool"])
    turned = {"good": "bad", "bad": "good"}
    wrong = pl.Series([row in (0, 7) for row in range(len(pool))])
    pool = pool.with_columns(label=pl.when(wrong).then(pl.col("label").replace(turned)).otherwise("label"))
    pool.write_csv(tmp_path / "pool.csv")
    given = (tmp_path / "pool.csv", "--spec", paths["spec"], "--train", paths["train"], "-k", 30, "--method", "random", "--json")  # fmt: skip
    everything = run(*given, "-o", tmp_path / "all.csv")
    dropped = run(*given, "--trust", "drop", "-o", tmp_path / "drop.csv")
    assert dropped.exit_code == 0, dropped.output
    counted = json.loads(everything.stdout)
    rows = pl.read_csv(tmp_path / "all.csv")
    assert counted["suspected"]["chosen"] == (rows["p_wrong"] > 0.5).sum()
    assert counted["suspected"]["pool"] >= 1
    assert json.loads(dropped.stdout)["left_out"] == counted["suspected"]["pool"]
    assert json.loads(dropped.stdout)["pool"] == 36 - counted["suspected"]["pool"]
    assert pl.read_csv(tmp_path / "drop.csv")["p_wrong"].max() <= 0.5  # type: ignore[operator]
