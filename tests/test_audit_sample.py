"""The file to review: what it holds, and which issues it is refused from."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from curatekit.audit.sample import audit_sample, read_issues
from curatekit.errors import InputError


def issues(n: int = 300) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": [f"r{i}" for i in range(n)],
            "text": [f"text {i}" for i in range(n)],
            "given_label": ["a"] * n,
            "suggested_label": ["b"] * 40 + ["a"] * (n - 40),
            "score": [round(i / n, 6) for i in range(n)],
            "is_issue": [True] * 30 + [False] * (n - 30),
            "reasons": [""] * n,
            "self_confidence": [i / n for i in range(n)],
        }
    )


def test_the_columns_are_all_that_a_reviewer_and_an_estimate_need() -> None:
    sample = audit_sample(issues(), 60)
    assert sample.columns == [
        "id", "text", "given_label", "suggested_label", "verdict", "stratum", "stratum_rows", "inclusion_probability",
    ]  # fmt: skip
    assert len(sample) == sample["id"].n_unique() == 60
    assert sample["verdict"].null_count() == 60
    strata = sample.group_by("stratum").agg(pl.len(), pl.col("stratum_rows", "inclusion_probability").first())
    assert strata["stratum_rows"].sum() == 300
    assert (strata["len"] / strata["stratum_rows"]).to_list() == pytest.approx(strata["inclusion_probability"].to_list(), abs=1e-6)  # fmt: skip


def test_each_row_is_of_the_stratum_in_which_it_ranks() -> None:
    sample = audit_sample(issues(), 60)
    end = sample.group_by("stratum").agg(pl.col("stratum_rows").first()).sort("stratum")["stratum_rows"].cum_sum()
    for id, stratum in sample.select("id", "stratum").iter_rows():
        rank = int(id[1:])
        assert (end[stratum - 2] if stratum > 1 else 0) <= rank < end[stratum - 1]


def test_the_doubtful_are_drawn_more_often() -> None:
    sample = audit_sample(issues(), 60).sort("stratum")
    assert sample["inclusion_probability"][0] > 3 * sample["inclusion_probability"][-1]


def test_all_rows_where_there_are_no_more() -> None:
    sample = audit_sample(issues(50), 200)
    assert set(sample["id"]) == {f"r{i}" for i in range(50)}
    assert (sample["inclusion_probability"] == 1).all()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_issues_come_back_as_they_were_written(tmp_path: Path, suffix: str) -> None:
    from curatekit.writers import write_table

    frame = issues().with_columns(score=pl.when(pl.col("id") == "r299").then(None).otherwise(pl.col("score")))
    path = tmp_path / f"issues{suffix}"
    write_table(frame, path)
    back = read_issues(path)
    assert back.equals(frame.select(back.columns))
    assert audit_sample(back, 40, 3).equals(audit_sample(frame, 40, 3))


def test_a_file_that_was_sorted_by_something_else_is_put_in_order(tmp_path: Path) -> None:
    path = tmp_path / "issues.csv"
    issues().sort("text").write_csv(path)
    assert read_issues(path)["id"].to_list() == issues()["id"].to_list()


def test_what_is_no_list_of_issues_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "issues.csv"
    for frame, says in [
        (issues().drop("score"), "no column 'score'"),
        (issues().rename({"is_issue": "isissue"}), "Did you mean 'isissue'"),
        (issues().with_columns(score=pl.lit("low")), "'low' in column 'score' is no number"),
        (issues().with_columns(score=pl.lit("nan")), "'nan' in column 'score' is no number"),
        (pl.concat([issues(), issues().head(1)]), "the id 'r0' more than once"),
    ]:
        frame.write_csv(path)
        with pytest.raises(InputError, match=says):
            read_issues(path)


def test_the_first_rows_alone_are_refused_by_their_manifest(tmp_path: Path) -> None:
    path = tmp_path / "issues.csv"
    issues().head(20).write_csv(path)
    manifest = {
        "command": "find-errors",
        "argv": [],
        "parameters": {"top": 20},
        "started": "",
        "inputs": [],
        "outputs": [],
    }
    path.with_name("issues.csv.run.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="only the 20 most doubtful rows"):
        read_issues(path)
