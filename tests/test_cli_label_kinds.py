"""curate find-errors on several labels a row, on numbers, and on preferences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit_cli.find_errors import command

SUBJECTS = {
    "battery": ["The battery", "Its battery", "This battery", "That old battery", "My battery"],
    "screen": ["The screen", "Its screen", "This screen", "That old screen", "My screen"],
    "camera": ["The camera", "Its camera", "This camera", "That old camera", "My camera"],
}
WORDS = {
    "good": [
        "works perfectly",
        "is wonderful",
        "exceeded my hopes",
        "was worth every cent",
        "makes me happy",
        "is a delight",
    ],
    "bad": [
        "broke at once",
        "is a waste of money",
        "was a disappointment",
        "never worked",
        "is horrible",
        "is a shame",
    ],
}
ROWS = [
    (f"{subject} {word}.", thing, mood)
    for thing, subjects in SUBJECTS.items()
    for subject in subjects
    for mood, words in WORDS.items()
    for word in words
]
OTHER = {"good": "bad", "bad": "good"}
WRONG = {5, 47, 101, 150}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, encoder: Any) -> Path:
    """180 short reviews: with several labels, with a number, and in pairs; a few of each are wrong."""
    folder = tmp_path_factory.mktemp("kinds")
    ids, texts = [f"r{i}" for i in range(len(ROWS))], [text for text, _, _ in ROWS]
    tags = [[thing, OTHER[mood] if i in WRONG else mood] for i, (_, thing, mood) in enumerate(ROWS)]
    tags[20] = []
    pl.DataFrame({"id": ids, "text": texts, "label": tags}).write_parquet(folder / "tags.parquet")
    joined = [";".join(labels) or None for labels in tags]
    pl.DataFrame({"id": ids, "text": texts, "label": joined}).write_csv(folder / "joined.csv")
    stars = [(4.5 if mood == "good" else 1.5) + i % 6 / 10 for i, (_, _, mood) in enumerate(ROWS)]
    stars = [round(6 - star, 1) if i in WRONG else round(star, 1) for i, star in enumerate(stars)]
    stars[77] = 45.0
    pl.DataFrame({"id": ids, "text": texts, "stars": stars}).write_csv(folder / "stars.csv")
    good, bad = ([text for text, _, mood in ROWS if mood == wanted] for wanted in ("good", "bad"))
    pairs = [(b, g) if i in {4, 39, 74} else (g, b) for i, (g, b) in enumerate(zip(good, bad, strict=True))]
    pairs[10] = pairs[10][0], pairs[10][0].upper()
    pl.DataFrame(
        {"id": [f"p{i}" for i in range(90)], "chosen": [a for a, _ in pairs], "rejected": [b for _, b in pairs]}
    ).write_csv(folder / "pairs.csv")
    return folder


def found(folder: Path, name: str, *arguments: object) -> tuple[dict[str, Any], pl.DataFrame]:
    output = folder / f"{name}.issues.csv"
    ran = run(folder / name, *arguments, "-o", output, "--json")
    assert ran.exit_code == 0, ran.output
    payload: dict[str, Any] = json.loads(ran.stdout)
    return payload, pl.read_csv(output)


def test_several_labels_a_row(folder: Path) -> None:
    payload, issues = found(folder, "tags.parquet")
    assert payload["label_kind"] == "multi"
    assert {"r20", *(f"r{i}" for i in WRONG)} == set(issues["id"][:5])
    worst = issues.row(by_predicate=pl.col("id") == "r5", named=True)
    assert json.loads(worst["superfluous"]) == ["bad"]
    assert json.loads(worst["missing"]) == ["good"]
    assert json.loads(worst["suggested_label"]) == ["battery", "good"]
    assert payload["n_issues"] == issues["is_issue"].sum()
    manifest = json.loads((folder / "tags.parquet.issues.csv.run.json").read_text())
    assert manifest["metrics"]["label_kind"] == "multi"
    assert any("--label-kind multi" in line for line in manifest["notes"])


def test_fix_takes_it_from_there(folder: Path) -> None:
    from curatekit_cli.fix import command as fix

    found(folder, "tags.parquet")
    output = folder / "fixed.parquet"
    ran = CliRunner().invoke(fix, [str(folder / "tags.parquet.issues.csv"), "-o", str(output), "--top", "5"])
    assert ran.exit_code == 0, ran.output
    before, after = (pl.read_parquet(path)["label"].to_list() for path in (folder / "tags.parquet", output))
    assert {i for i in range(180) if set(before[i]) != set(after[i])} == {20, *WRONG}
    issues = pl.read_csv(folder / "tags.parquet.issues.csv").head(5)
    suggested = {id: set(json.loads(labels)) for id, labels in issues.select("id", "suggested_label").iter_rows()}
    assert all(set(after[i]) == suggested[f"r{i}"] for i in {20, *WRONG})
    assert set(after[5]) == {ROWS[5][1], ROWS[5][2]}


def test_several_labels_joined(folder: Path) -> None:
    ran = run(
        folder / "joined.csv", "--label-separator", ";", "--on-bad-row", "skip", "--top", 7, "-o", folder / "j.csv"
    )
    assert ran.exit_code == 3, ran.output  # the row without labels is set aside
    issues = pl.read_csv(folder / "j.csv")
    assert {f"r{i}" for i in WRONG} <= set(issues["id"])
    assert len(issues) == 7
    assert issues.row(by_predicate=pl.col("id") == "r5", named=True)["suggested_label"] == "battery;good"
    assert f"Next: curate fix {folder / 'j.csv'}" in ran.stdout
    assert "probably have a wrong label" in ran.stdout


def test_numbers(folder: Path) -> None:
    payload, issues = found(folder, "stars.csv", "--label", "stars")
    assert payload["label_kind"] == "number"
    assert {"r77", *(f"r{i}" for i in WRONG)} == set(issues["id"][:5])
    assert issues["id"][0] == "r77"
    assert issues["is_outlier"].to_list()[:2] == [True, False]
    assert issues["is_issue"][0]
    assert payload["n_outliers"] == 1
    assert float(issues["suggested_label"][0]) <= 5
    ran = run(folder / "stars.csv", "--label", "stars", "--label-kind", "class")
    assert ran.exit_code == 2  # 45.0 is a class of one row then
    assert "'45.0'" in ran.stderr


def test_preferences(folder: Path) -> None:
    payload, issues = found(folder, "pairs.csv")
    assert payload["label_kind"] == "preference"
    assert {"p4", "p39", "p74"} == set(issues["id"][:3])
    assert issues["is_issue"].to_list()[:3] == [True] * 3
    assert issues["suggested_label"].to_list()[:3] == ["rejected"] * 3
    same = issues.row(by_predicate=pl.col("id") == "p10", named=True)
    assert same["is_near_tie"]
    assert not same["is_issue"]
    assert (payload["n_same_text"], payload["n"]) == (1, 90)
    ran = run(folder / "pairs.csv", "--chosen", "rejected", "--rejected", "chosen", "--json")
    assert json.loads(ran.stdout)["n_issues"] == payload["n_issues"], "the other way round, the same model"
    ran = run(folder / "pairs.csv")
    assert "are probably the wrong way round" in ran.stdout
    assert "Next: the same with -o issues.csv" in ran.stdout


def test_a_second_run_takes_predictions_from_the_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(folder / "stars.csv", "--label", "stars", "--json")

    def never(*arguments: object, **more: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("curatekit.predict.ridge.cross_fit_numbers", never)
    second = run(folder / "stars.csv", "--label", "stars", "--json")
    assert second.exit_code == 0, second.output
    assert first.stdout == second.stdout


def test_bad_input_is_one_sentence_and_writes_nothing(folder: Path, tmp_path: Path) -> None:
    one = tmp_path / "one.csv"
    one.write_text("text,label\na,1.5\nb,1.5\n")
    output = tmp_path / "never.csv"
    for arguments, says in [
        ((folder / "stars.csv", "--label", "stars", "--score", "pvi"), "--score is for labels of one class a row"),
        ((folder / "stars.csv", "--label", "stars", "--family", "mlp"), "by the probe alone, not by 'mlp'"),
        (
            (folder / "stars.csv", "--label", "stars", "--label-separator", ";", "--label-kind", "number"),
            "--label-kind multi, not number",
        ),
        ((folder / "joined.csv", "--label-separator", ""), "--label-separator is empty"),
        ((folder / "joined.csv", "--label-kind", "number"), "which is no number"),
        ((folder / "tags.parquet", "--label-kind", "class"), "not one name a row"),
        ((folder / "pairs.csv", "--chosen", "chosen"), "needs both texts"),
        ((folder / "pairs.csv", "--chosen", "chosen", "--rejected", "rejectd"), "no column 'rejectd'"),
        (
            (folder / "pairs.csv", "--chosen", "chosen", "--rejected", "rejected", "--label", "id"),
            "has no --text and no --label",
        ),
        (
            (folder / "pairs.csv", "--chosen", "chosen", "--rejected", "rejected", "--label-kind", "multi"),
            "--label-kind preference, not multi",
        ),
        ((one, "--label-kind", "number"), "the value 1.5"),
        ((one, "--label-kind", "multi"), "1 different labels"),
    ]:
        ran = run(*arguments, "-o", output)
        assert ran.exit_code == 2, (arguments, ran.output)
        assert says in ran.stderr, ran.stderr
        assert "Traceback" not in ran.stderr
        assert ran.stdout == ""
    assert sorted(tmp_path.iterdir()) == [one]
