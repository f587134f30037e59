"""curate audit-sample, and curate find-errors --reviews: from a file of labels to a count, by way of a reviewer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit_cli.audit_sample import command as audit_sample
from curatekit_cli.find_errors import command as find_errors
from curatekit_cli.fix import command as fix

N = 400
WRONG = set(range(0, 120, 2))  # 60 rows


def invoke(command: Any, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def truth(row: int) -> str:
    return ("complaint", "praise")[row % 3 == 0]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 rows, 60 of them with the wrong label, and probabilities of another program that know the truth fairly well."""
    folder = tmp_path_factory.mktemp("audit")
    rng = np.random.default_rng(0)
    ids = [f"m{i}" for i in range(N)]
    labels = [
        truth(i) if i not in WRONG else {"praise": "complaint", "complaint": "praise"}[truth(i)] for i in range(N)
    ]
    pl.DataFrame({"id": ids, "text": [f"message {i}" for i in range(N)], "mood": labels}).write_csv(folder / "data.csv")
    p_true = 1 / (1 + np.exp(-rng.normal(2, 1.2, N)))
    praise = np.where([truth(i) == "praise" for i in range(N)], p_true, 1 - p_true)
    probs = pl.DataFrame({"id": ids, "complaint": 1 - praise, "praise": praise, "fold": [i % 5 for i in range(N)]})
    probs.write_csv(folder / "probs.csv")
    return folder / "data.csv"


def find(data: Path, *more: object) -> Result:
    options = ("--label", "mood", "--pred-probs", data.with_name("probs.csv"), "--score", "self_confidence")
    return invoke(find_errors, data, *options, *more)


def answer(sample: pl.DataFrame, first: int | None = None) -> pl.DataFrame:
    verdicts = [truth(int(id[1:])) if row < (first or N) else None for row, id in enumerate(sample["id"])]
    return sample.with_columns(verdict=pl.Series(verdicts, dtype=pl.String))


@pytest.fixture(scope="module")
def issues(data: Path) -> Path:
    path = data.with_name("issues.csv")
    ran = find(data, "-o", path)
    assert ran.exit_code == 0, ran.output
    return path


@pytest.fixture(scope="module")
def sample(issues: Path) -> Path:
    path = issues.with_name("review.csv")
    ran = invoke(audit_sample, issues, "-n", 120, "-o", path, "--json")
    assert ran.exit_code == 0, ran.output
    payload = json.loads(ran.stdout)
    assert payload["rows"] == N
    assert payload["drawn"] == 120
    assert payload["strata"] == 15
    assert 0 < payload["expected_half_width"] < 1
    return path


@pytest.fixture(scope="module")
def reviewed(sample: Path) -> Path:
    path = sample.with_name("reviewed.csv")
    answer(pl.read_csv(sample)).write_csv(path)
    return path


def test_without_reviews_the_warning_stays_and_says_how_many_would_do(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "issues.csv"
    said = find(data, "-o", path).stdout
    assert "No count is trustworthy" in said
    assert f": curate audit-sample {path} -n " in said
    payload = json.loads(find(data, "--json").stdout)
    assert payload["audit"] is None
    assert 0 < payload["reviews_needed"]["±20%"] <= payload["reviews_needed"]["±10%"] <= N


def test_the_sample_says_what_to_do_next(issues: Path, tmp_path: Path) -> None:
    path = tmp_path / "review.csv"
    said = invoke(audit_sample, issues, "-o", path).stdout
    assert "200 of 400 rows to review, from 25 strata" in said
    assert f"--reviews {path} -o audited.csv" in said
    assert json.loads(path.with_name("review.csv.run.json").read_text())["metrics"]["drawn"] == 200


def test_the_audit_counts_cuts_and_marks(data: Path, reviewed: Path) -> None:
    path = data.with_name("audited.csv")
    ran = find(data, "--reviews", reviewed, "-o", path, "--json")
    assert ran.exit_code == 0, ran.output
    payload = json.loads(ran.stdout)
    audit = payload["audit"]
    assert audit["count"]["low"] <= len(WRONG) <= audit["count"]["high"]
    assert audit["reviewed"] == audit["drawn"] == 120
    assert audit["cuts"][0]["name"] == audit["marked_by"] == "best F1"
    issues = pl.read_csv(path)
    assert issues["is_issue"].sum() == payload["n_issues"]
    assert {"p_wrong", "precision", "recall"} < set(issues.columns)
    manifest = json.loads(path.with_name("audited.csv.run.json").read_text())
    assert "reviewed.csv" in [Path(entry["path"]).name for entry in manifest["inputs"]]


def test_the_text_gives_the_count_with_its_limits_and_no_warning(data: Path, reviewed: Path) -> None:
    said = find(data, "--reviews", reviewed, "--cut-precision", 0.8).stdout
    assert " of 400 labels (" in said.splitlines()[0]
    assert "with 95 % confidence" in said.splitlines()[0]
    assert "No count is trustworthy" not in said
    assert "is_issue marks the rows before the cut 'precision 0.8'" in said
    assert "Next: " in said


def test_fix_takes_the_reviewers_labels(data: Path, reviewed: Path, tmp_path: Path) -> None:
    path = data.with_name("audited_again.csv")
    assert find(data, "--reviews", reviewed, "-o", path).exit_code == 0
    fixed = tmp_path / "fixed.csv"
    ran = invoke(fix, path, "--data", data, "--label", "mood", "-o", fixed, "--min-suggested-probability", 1)
    assert ran.exit_code == 0, ran.output
    seen = {int(id[1:]) for id in pl.read_csv(reviewed)["id"]}
    before, after = pl.read_csv(data)["mood"], pl.read_csv(fixed)["mood"]
    assert {i for i in range(N) if before[i] != after[i]} == WRONG & seen
    # the fixed data no longer is what was reviewed
    again = find(fixed, "--reviews", reviewed)
    assert again.exit_code == 5
    assert "draw a new sample" in again.stderr


def test_a_partial_review_says_what_it_assumes(data: Path, sample: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.csv"
    answer(pl.read_csv(sample), first=60).write_csv(path)
    said = find(data, "--reviews", path).stdout
    assert "60 of the 120 rows drawn are not reviewed" in said
    answer(pl.read_csv(sample), first=3).write_csv(path)
    said = find(data, "--reviews", path).stdout
    assert "No count from the reviews: 12 of the sample's 15 strata have no reviewed row" in said
    assert "No count is trustworthy" in said


def test_the_top_rows_alone_give_no_count(data: Path, issues: Path, tmp_path: Path) -> None:
    path = tmp_path / "top.csv"
    top = pl.read_csv(issues).head(30).select("id")
    top.with_columns(verdict=pl.Series([truth(int(id[1:])) for id in top["id"]])).write_csv(path)
    ran = find(data, "--reviews", path)
    assert ran.exit_code == 0, ran.output
    assert "rows that somebody picked tell nothing of the others" in ran.stdout
    assert "Of 30 rows reviewed that were not drawn, " in ran.stdout
    refused = find(data, "--reviews", path, "--cut-precision", 0.9)
    assert refused.exit_code == 2
    assert "no cut of a wanted precision" in refused.stderr


def test_two_reviewers_share_a_sample(data: Path, sample: Path, reviewed: Path, tmp_path: Path) -> None:
    whole = answer(pl.read_csv(sample))
    for name, keep in (("one", range(70)), ("two", range(60, 120))):
        mask = pl.Series([row in keep for row in range(120)])
        whole.with_columns(verdict=pl.when(mask).then(pl.col("verdict"))).write_csv(tmp_path / f"{name}.csv")
    both = find(data, "--reviews", tmp_path / "one.csv", "--reviews", tmp_path / "two.csv", "--json")
    one = find(data, "--reviews", reviewed, "--json")
    assert json.loads(both.stdout)["audit"] == json.loads(one.stdout)["audit"]


def test_bad_input_is_one_sentence_and_writes_nothing(data: Path, sample: Path, tmp_path: Path) -> None:
    def review(name: str, **columns: Any) -> Path:
        pl.DataFrame(columns).write_csv(tmp_path / name)
        return tmp_path / name

    output = tmp_path / "out.csv"
    top = tmp_path / "top.csv"
    assert find(data, "--top", 20, "-o", top).exit_code == 0
    before = sorted(path.name for path in tmp_path.iterdir())
    pairs = [
        (find, (data, "--cut-precision", 0.9), "--cut-precision needs --reviews"),
        (find, (data, "--reviews", tmp_path / "none.csv"), "does not exist"),
        (find, (data, "--reviews", sample), "no row is reviewed yet"),
        (find, (data, "--reviews", review("u.csv", id=["m0", "x1"], verdict=["keep", "keep"])), "'x1'"),
        (find, (data, "--reviews", review("c.csv", id=["m0", "m0"], verdict=["keep", "wrong"])), "contradict"),
        (find, (data, "--reviews", review("v.csv", id=["m0"], verdict=["prais"])), "Did you mean 'praise'"),
        (
            find,
            (data, "--reviews", review("l.csv", id=["m0"], verdict=["keep"], stratum=[1], stratum_rows=[9])),
            "9 rows",
        ),
        (invoke, (audit_sample, data), "no column 'given_label'"),
        (invoke, (audit_sample, top), "only the 20 most doubtful rows"),
        (invoke, (audit_sample, tmp_path / "none.csv"), "does not exist"),
    ]
    for run, arguments, says in pairs:
        ran = run(*arguments, "-o", output)
        assert ran.exit_code == 2, ran.output
        assert says in ran.stderr
        assert "Traceback" not in ran.stderr
    after = sorted(path.name for path in tmp_path.iterdir())
    assert set(after) - set(before) == {"u.csv", "c.csv", "v.csv", "l.csv"}


def test_more_reviews_than_rows_are_all_rows(issues: Path, tmp_path: Path) -> None:
    ran = invoke(audit_sample, issues, "-n", 1000, "-o", tmp_path / "all.csv")
    assert ran.exit_code == 0
    assert "All 400 rows are drawn: there are no 1,000." in ran.stderr
    assert len(pl.read_csv(tmp_path / "all.csv")) == N
