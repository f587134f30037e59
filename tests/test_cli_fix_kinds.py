"""curate fix on several labels a row, numbers and preferences, and back again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit_cli.fix import command

TEXTS = ["one fish", "two fish", "red fish", "blue fish"]
IDS = list("abcd")


def fix(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def issues(data: Path, kind: str, rows: Sequence[tuple[str, str, str]], **parameters: Any) -> Path:
    """What find-errors would have written, with its manifest: id, given and suggested label of each issue."""
    from curatekit.run import recorded
    from curatekit.writers import write_table

    path = data.with_name("issues.csv")
    ids, given, suggested = zip(*rows, strict=True)
    with recorded("find-errors", parameters, [path]) as run:
        run.input(data)
        run.metrics["label_kind"] = kind
        table = {"id": ids, "given_label": given, "suggested_label": suggested, "score": [0.1] * len(rows)}
        write_table(pl.DataFrame({**table, "is_issue": True, "reasons": "…", "suggested_probability": 0.9}), path)
        run.output(path)
    return path


def written(folder: Path, name: str, data: dict[str, Any]) -> Path:
    path = folder / name
    frame = pl.DataFrame(data)
    frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(path)
    return path


def undone(folder: Path, data: Path, fixed: Path) -> None:
    restored = folder / f"restored{data.suffix}"
    ran = fix("--undo", f"{fixed}.patch.jsonl", "-o", restored)
    assert ran.exit_code == 0, ran.output
    read = pl.read_parquet if data.suffix == ".parquet" else pl.read_csv
    assert read(restored).equals(read(data))


def test_lists_of_labels(tmp_path: Path) -> None:
    data = written(tmp_path, "tags.parquet", {"id": IDS, "text": TEXTS, "label": [[1], [1, 2], [2], []]})
    found = issues(data, "multi", [("b", '["1", "2"]', '["2"]'), ("d", "[]", '["1"]')])
    fixed = tmp_path / "fixed.parquet"
    ran = fix(found, "-o", fixed)
    assert ran.exit_code == 0, ran.output
    assert pl.read_parquet(fixed)["label"].to_list() == [[1], [2], [2], [1]]
    assert pl.read_parquet(fixed).schema == pl.read_parquet(data).schema
    assert f"Next: curate find-errors {fixed} --label-kind multi" in ran.stdout
    undone(tmp_path, data, fixed)


def test_joined_labels(tmp_path: Path) -> None:
    data = written(tmp_path, "tags.csv", {"id": IDS, "text": TEXTS, "label": ["x", "x|y", "y", "z"]})
    found = issues(data, "multi", [("b", "y|x", "y|z")], label_separator="|")
    fixed = tmp_path / "fixed.csv"
    ran = fix(found, "-o", fixed)
    assert ran.exit_code == 0, ran.output
    assert pl.read_csv(fixed)["label"].to_list() == ["x", "y|z", "y", "z"]
    assert "--label-separator '|'" in ran.stdout
    undone(tmp_path, data, fixed)


def test_numbers(tmp_path: Path) -> None:
    data = written(tmp_path, "stars.csv", {"id": IDS, "text": TEXTS, "label": ["1.5", "45", "4.50", "2"]})
    found = issues(data, "number", [("b", "45", "4.5"), ("c", "4.5", "1.0")])
    fixed = tmp_path / "fixed.csv"
    ran = fix(found, "-o", fixed, "--top", 1, "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["changed"] == 1
    assert fixed.read_text().splitlines()[1:] == [
        "a,one fish,1.5",
        "b,two fish,4.5",
        "c,red fish,4.50",
        "d,blue fish,2",
    ]
    undone(tmp_path, data, fixed)


@pytest.mark.parametrize("policy", ["relabel", "drop"])
def test_preferences(policy: str, tmp_path: Path) -> None:
    data = written(tmp_path, "pairs.csv", {"id": IDS, "good": TEXTS, "bad": [text.upper() for text in TEXTS]})
    found = issues(data, "preference", [("c", "good", "bad")], chosen="good", rejected="bad")
    fixed = tmp_path / "fixed.csv"
    ran = fix(found, "-o", fixed, "--policy", policy)
    assert ran.exit_code == 0, ran.output
    table = pl.read_csv(fixed)
    if policy == "relabel":
        assert table["good"].to_list() == ["one fish", "two fish", "RED FISH", "blue fish"]
        assert table["bad"].to_list() == ["ONE FISH", "TWO FISH", "red fish", "BLUE FISH"]
    else:
        assert table["id"].to_list() == ["a", "b", "d"]
    assert "--chosen good --rejected bad" in ran.stdout
    undone(tmp_path, data, fixed)


def test_chats_are_swapped_as_chats(tmp_path: Path) -> None:
    def chat(answer: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": "well?"}, {"role": "assistant", "content": answer}]

    data = written(
        tmp_path,
        "chats.parquet",
        {"id": ["a", "b"], "chosen": [chat("yes"), chat("no")], "rejected": [chat("no"), chat("hm")]},
    )
    found = issues(data, "preference", [("b", "chosen", "rejected")])
    fixed = tmp_path / "fixed.parquet"
    ran = fix(found, "-o", fixed)
    assert ran.exit_code == 0, ran.output
    assert pl.read_parquet(fixed)["chosen"].to_list() == [chat("yes"), chat("hm")]
    undone(tmp_path, data, fixed)


def test_labels_that_changed_since_are_refused(tmp_path: Path) -> None:
    data = written(tmp_path, "stars.csv", {"id": IDS, "text": TEXTS, "label": [1, 2, 3, 4]})
    for kind, given, suggested, code, says in [
        ("number", "7", "1", 5, "labelled '2', but its issue says '7'"),
        ("number", "2", "one", 2, "no number"),
        ("multi", '["7"]', '["1"]', 5, "its issue says"),
        ("multi", '["2"]', '["7"]', 2, "no label"),
    ]:
        found = issues(data, kind, [("b", given, suggested)])
        ran = fix(found, "-o", tmp_path / "never.csv")
        assert ran.exit_code == code, ran.output
        assert says in ran.stderr
        assert not (tmp_path / "never.csv").exists()


def test_reviews_are_for_one_class_a_row(tmp_path: Path) -> None:
    data = written(tmp_path, "stars.csv", {"id": IDS, "text": TEXTS, "label": [1, 2, 3, 4]})
    review = written(tmp_path, "review.csv", {"id": ["b"], "verdict": ["keep"]})
    found = issues(data, "number", [("b", "2", "1")])
    ran = fix(found, "--reviews", review, "-o", tmp_path / "never.csv")
    assert ran.exit_code == 2
    assert "--reviews is for one class a row" in ran.stderr
    assert not (tmp_path / "never.csv").exists()
