"""The sample in data/: made again byte by byte, planted as its README says, disjoint, varied."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

DATA = Path(__file__).resolve().parents[1] / "data"
FILES = ("train", "pool", "heldout")
LABELS = {"complaint", "praise", "question", "request"}

Rows = list[dict[str, str]]


def read(name: str) -> Rows:
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def fold(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


@pytest.fixture(scope="module")
def rows() -> dict[str, Rows]:
    return {name: read(name) for name in FILES}


@pytest.fixture(scope="module")
def truth() -> Rows:
    return read("truth")


@pytest.fixture(scope="module")
def specifications() -> list[dict[str, object]]:
    document = yaml.load((DATA / "specs.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 (it builds strings only)
    return list(document["specifications"])


def texts_of(specification: dict[str, object], family: str) -> list[str]:
    texts = specification[family]
    assert isinstance(texts, list)
    return [str(text) for text in texts]


def test_the_script_makes_the_committed_bytes_again(tmp_path: Path) -> None:
    script = DATA / "make_sample.py"
    subprocess.run([sys.executable, "-S", str(script), "--output", str(tmp_path)], check=True, stdout=subprocess.PIPE)
    for name in ("train.csv", "pool.csv", "heldout.csv", "votes.csv", "truth.csv", "specs.yaml"):
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes(), name


def test_another_seed_makes_other_texts(tmp_path: Path) -> None:
    command = [sys.executable, "-S", str(DATA / "make_sample.py"), "--output", str(tmp_path), "--seed", "21"]
    subprocess.run(command, check=True, stdout=subprocess.PIPE)
    with (tmp_path / "heldout.csv").open(encoding="utf-8", newline="") as file:
        other = {fold(row["text"]) for row in csv.DictReader(file)}
    assert len(other & {fold(row["text"]) for row in read("heldout")}) < 240  # short messages recur


def test_counts_columns_and_labels(rows: dict[str, Rows]) -> None:
    assert {name: len(table) for name, table in rows.items()} == {
        "train": 2400,
        "pool": 4800,
        "heldout": 1200,
    }
    for table in rows.values():
        assert list(table[0]) == ["id", "text", "label"]
        assert {row["label"] for row in table} == LABELS
        assert min(Counter(row["label"] for row in table).values()) > 0.15 * len(table)
    ids = [row["id"] for table in rows.values() for row in table]
    assert len(set(ids)) == len(ids)
    assert sum(path.stat().st_size for path in DATA.iterdir() if path.is_file()) < 1_500_000


def test_no_text_occurs_twice_in_any_two_files(rows: dict[str, Rows], specifications: list[dict[str, object]]) -> None:
    texts = [row["text"] for table in rows.values() for row in table]
    texts += [text for item in specifications for family in ("examples", "tests") for text in texts_of(item, family)]
    assert all(fold(text) for text in texts)
    assert len({fold(text) for text in texts}) == len(texts)


def test_planted_errors(rows: dict[str, Rows], truth: Rows) -> None:
    errors = {name: [row for row in truth if row["file"] == name and row["error"]] for name in FILES}
    assert Counter(row["error"] for row in errors["train"]) == {
        "uniform": 72,
        "confusable": 72,
        "systematic": 48,
    }
    assert len(errors["train"]) == 0.08 * len(rows["train"])
    assert len(errors["pool"]) == 0.02 * len(rows["pool"])
    assert not errors["heldout"]
    assert all((row["given_label"] != row["true_label"]) == bool(row["error"]) for row in truth)
    given = {row["id"]: row["label"] for table in rows.values() for row in table}
    assert all(given[row["id"]] == row["given_label"] for row in truth)


def test_the_systematic_slice_is_wrong_in_train_and_right_in_heldout(truth: Rows) -> None:
    slices = {name: [row for row in truth if row["file"] == name and row["slice"] == "pause"] for name in FILES}
    assert {(row["given_label"], row["true_label"]) for row in slices["train"]} == {("question", "request")}
    assert {(row["given_label"], row["true_label"]) for row in slices["heldout"]} == {("request", "request")}
    assert (len(slices["train"]), len(slices["heldout"])) == (48, 24)


def test_the_phenomena_are_rare_in_train_and_a_minority_of_the_pool(
    truth: Rows, specifications: list[dict[str, object]]
) -> None:
    labels = {str(item["id"]): item["label"] for item in specifications}
    bearing = [row for row in truth if row["phenomenon"]]
    assert all(row["true_label"] == labels[row["phenomenon"]] for row in bearing)
    counts = Counter(row["file"] for row in bearing)
    assert counts["train"] == counts["heldout"] == len(labels)
    assert 0.05 * 4800 <= counts["pool"] <= 0.10 * 4800


def test_order_and_ids_tell_nothing(rows: dict[str, Rows], truth: Rows) -> None:
    wrong = {row["id"] for row in truth if row["file"] == "train" and row["error"]}
    positions = [index for index, row in enumerate(rows["train"]) if row["id"] in wrong]
    assert abs(sum(positions) / len(positions) / 2400 - 0.5) < 0.08
    first = [int(id_[:4], 16) / 65_536 for id_ in wrong]
    assert abs(sum(first) / len(first) - 0.5) < 0.08


def test_specifications(specifications: list[dict[str, object]]) -> None:
    assert len({str(item["id"]) for item in specifications}) == len(specifications) >= 8
    assert {str(item["label"]) for item in specifications} == LABELS
    for item in specifications:
        assert set(item) == {"id", "statement", "label", "examples", "tests"}
        assert (len(texts_of(item, "examples")), len(texts_of(item, "tests"))) == (18, 28)


def frames_by_heading() -> dict[str, list[str]]:
    frames: dict[str, list[str]] = {}
    for path in sorted((DATA / "blocks").glob("*.txt")):
        heading = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("# "):
                heading = line[2:]
            elif line and not heading.endswith(" words"):
                frames.setdefault(heading, []).append(line)
    return frames


def test_several_hundred_blocks_and_no_frame_in_two_families(specifications: list[dict[str, object]]) -> None:
    frames = frames_by_heading()
    assert len({frame for family in frames.values() for frame in family}) > 900
    for item in specifications:
        families = [{fold(frame) for frame in frames[f"{item['id']} {name}"]} for name in ("pool", "examples", "tests")]
        assert sum(map(len, families)) == len(set.union(*families)), item["id"]


def test_variety(rows: dict[str, Rows]) -> None:
    for table in rows.values():
        words = [row["text"].casefold().split() for row in table]
        prefixes = Counter(" ".join(message[:6]) for message in words if len(message) >= 6)
        assert prefixes.most_common(1)[0][1] <= 0.015 * len(table)
        assert len({word for message in words for word in message}) > 2000
        lengths = sorted(map(len, words))
        assert lengths[len(lengths) // 20] <= 8
        assert lengths[-len(lengths) // 20] >= 25
        assert sum(row["text"] == row["text"].lower() for row in table) > 0.08 * len(table)
