"""The queue: what it takes, in which order, and by what its rows are known."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.errors import InputError
from curatekit.review.queue import APART, alike, content_keys, read_queue, spaced
from curatekit.specs import folded
from tests.review_sample import CLASSES, issues_frame, write_issues


def test_a_key_is_the_hash_of_text_and_label() -> None:
    (key,) = content_keys(["héllo"], ["praise"], ["m1"])
    said = "héllo".encode()
    assert key == hashlib.sha256(b"4:text" + b"%d:" % len(said) + said + b"praise").hexdigest()[:32]
    # neither the id nor where one part ends and the other begins can be confused
    keys = content_keys(["ab", "ab", "a", None, None], ["c", "d", "bc", "c", "c"], ["1", "2", "3", "4", "5"])
    assert len(set(keys)) == 5
    assert content_keys(["ab"], ["c"], ["another id"])[0] == keys[0]


def test_decisions_outlive_a_new_run(tmp_path: Path) -> None:
    """Other scores, another order, another id: the row is the same as long as its text and its label are."""
    one = read_queue(write_issues(tmp_path, 30))
    again = (
        issues_frame(30)
        .sample(fraction=1.0, shuffle=True, seed=1)
        .with_columns(id=pl.Series([f"x{i}" for i in range(30)]))
    )
    again.write_csv(tmp_path / "again.csv")
    other = read_queue(tmp_path / "again.csv")
    assert set(one.keys) == set(other.keys)
    assert one.frame["text"][one.row_of[other.keys[7]]] == other.frame["text"][7]


words = st.sampled_from(
    ["Straße", "STRASSE", "one", "One!", "\u0130x", "e\u0301", "é", "ﬁne", "fine", " ", "…", "no. 5", "NO 5"]
)


@given(st.lists(st.one_of(st.text(max_size=12), st.lists(words, max_size=30).map(" ".join)), max_size=30))
def test_rows_alike_are_those_that_fold_alike(texts: list[str]) -> None:
    """Against the slow folding of the specifications, of whole texts."""
    first: dict[str, int] = {}
    assert alike(texts).tolist() == [first.setdefault(folded(text), row) for row, text in enumerate(texts)]


def test_a_row_without_text_is_like_no_other() -> None:
    assert alike([None, "A b!", None, "a B"]).tolist() == [0, 1, 2, 1]


@given(st.lists(st.integers(0, 8), max_size=120), st.integers(0, 6))
def test_what_is_nearly_the_same_stands_apart(groups: list[int], apart: int) -> None:
    first = {group: row for row, group in reversed(list(enumerate(groups)))}
    order = spaced(np.array([first[group] for group in groups], np.int64), apart)
    assert sorted(order.tolist()) == list(range(len(groups)))
    place = {row: at for at, row in enumerate(order.tolist())}
    for group in set(groups):
        rows = [row for row, of in enumerate(groups) if of == group]
        assert [place[row] for row in rows] == sorted(place[row] for row in rows), "copies keep their order"
    # nearer than that they stand only where nothing but rows that had to wait was left
    shown = [groups[row] for row in order]
    for at, group in enumerate(shown):
        if group in shown[max(0, at - apart) : at]:
            assert all(of in shown[:at] for of in shown[at:])
            assert all(of in shown[max(0, at - apart) : at] for of in shown[at:])


def test_rows_that_are_no_copies_keep_the_order_of_doubt(tmp_path: Path) -> None:
    texts = ["The same thing.", "other", "the same THING"] + [f"message {i}" for i in range(57)]
    frame = issues_frame(60, texts).sample(fraction=1.0, shuffle=True, seed=0)
    frame.write_csv(tmp_path / "issues.csv")
    queue = read_queue(tmp_path / "issues.csv")
    ids = queue.frame["id"].to_list()
    assert [id for id in ids if id != "m2"] == [f"m{i}" for i in range(60) if i != 2]
    assert ids.index("m2") - ids.index("m0") == APART + 1
    assert queue.classes == CLASSES
    assert queue.pairs[0][2] == 10


def manifest_of(path: Path, command: str, inputs: list[dict[str, str]], **metrics: object) -> None:
    parameters: dict[str, object] = {}
    value = {
        "command": command,
        "argv": [command],
        "parameters": parameters,
        "started": "",
        "inputs": inputs,
        "outputs": [],
    }
    path.with_name(path.name + ".run.json").write_text(json.dumps({**value, "metrics": metrics}))


def test_an_audit_drawn_now_is_that_of_audit_sample(tmp_path: Path) -> None:
    from curatekit.audit.sample import audit_sample, read_issues

    path = write_issues(tmp_path, 400)
    sample = audit_sample(read_issues(path), 40, 3)
    queue = read_queue(path, "audit", draw=40, seed=3)
    assert queue.frame["id"].to_list() == sample["id"].to_list()
    assert queue.design is not None
    assert (queue.design.stratum + 1).tolist() == sample["stratum"].to_list()
    assert queue.design.rows.sum() == 400
    assert queue.cell(0, "reasons"), "the reasons come along"
    # and the same rows in a file of audit-sample, with what the issues say of them
    from curatekit.files import sha256_file

    sample.write_csv(tmp_path / "review.csv")
    manifest_of(tmp_path / "review.csv", "audit-sample", [{"path": "issues.csv", "sha256": sha256_file(path)}])
    drawn = read_queue(tmp_path / "review.csv")
    assert drawn.frame["id"].to_list() == sample["id"].to_list()
    assert drawn.design is not None
    np.testing.assert_allclose(drawn.design.expected, queue.design.expected)
    assert drawn.cell(5, "reasons") == queue.cell(5, "reasons")
    # without the issues it is a sample all the same
    (tmp_path / "review.csv.run.json").unlink()
    bare = read_queue(tmp_path / "review.csv")
    assert bare.design is not None
    assert bare.cell(5, "reasons") is None
    assert (np.diff(bare.design.expected) < 0).all()
    with pytest.raises(InputError, match="in its own order"):
        read_queue(tmp_path / "review.csv", "suspicion")


def test_what_is_no_list_of_issues_is_refused(tmp_path: Path) -> None:
    path = write_issues(tmp_path, 10)
    frame = pl.read_csv(path)
    for broken, says in (
        (frame.drop("suggested_label"), "no column 'suggested_label'"),
        (frame.with_columns(id=pl.lit("m1")), "'m1' more than once"),
        (frame.head(0), "no rows"),
        (
            frame.with_columns(stratum=pl.lit(1), stratum_rows=pl.Series(range(10))),
            "not as curate audit-sample wrote them",
        ),
        (frame.with_columns(stratum=pl.lit("x"), stratum_rows=pl.lit(10)), "not as curate audit-sample wrote them"),
    ):
        broken.write_csv(tmp_path / "broken.csv")
        with pytest.raises(InputError, match=says):
            read_queue(tmp_path / "broken.csv")
    manifest_of(path, "find-errors", [], label_kind="number")
    with pytest.raises(InputError, match="kind number"):
        read_queue(path)
