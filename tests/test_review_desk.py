"""The desk: what comes next, what an answer means, the running estimate, agreement, drafts, and what is exported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curatekit.dataset import from_lists
from curatekit.errors import InputError
from curatekit.review.agreement import between
from curatekit.review.decisions import Decision, Decisions, Example, Stale
from curatekit.review.desk import Answer, Desk
from curatekit.review.drafts import as_yaml, drafts_path, write_drafts
from curatekit.review.estimate import LATEST, running
from curatekit.review.export import export
from curatekit.review.filters import Filter
from curatekit.review.queue import read_queue
from curatekit.review.visible import visible
from tests.review_sample import CLASSES, issues_frame, write_issues


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    texts = ["The same thing.", "<b>other</b>", "the same THING"]
    store = Decisions(tmp_path / "d.sqlite")
    yield Desk(read_queue(write_issues(tmp_path, 60, texts)), store, "anna")
    store.close()


def answer(desk: Desk, row: int, said: str, label: str | None = None, note: str | None = None) -> None:
    desk.answer([Answer(desk.queue.keys[row], desk.decision(row).version, said, label, note)])


def test_what_an_answer_means(desk: Desk) -> None:
    answer(desk, 0, "accept")
    assert desk.decision(0) == Decision("label", "praise", "", 1)
    answer(desk, 0, "label", "complaint")  # the given one
    assert desk.decision(0)[:2] == ("keep", None)
    answer(desk, 0, "label", " REQ ")  # the only label that begins so
    assert desk.decision(0)[:2] == ("label", "request")
    answer(desk, 0, "drop", "praise")
    assert desk.decision(0)[:2] == ("drop", None)
    assert desk.right_label(0) == desk.queue.cell(0, "suggested_label")
    for label, says in (("", "is no label"), ("compliant", "Did you mean 'complaint'"), (None, "is no label")):
        with pytest.raises(InputError, match=says):
            answer(desk, 1, "label", label)
    with pytest.raises(InputError, match="nothing that can be said"):
        answer(desk, 1, "delete")
    with pytest.raises(InputError, match="no such row"):
        desk.answer([Answer("0" * 32, 0, "keep")])
    with pytest.raises(Stale):
        desk.answer([Answer(desk.queue.keys[0], 0, "keep")])
    with pytest.raises(InputError, match="twice at once"):
        desk.answer([Answer(desk.queue.keys[1], 0, "keep")] * 2)
    assert desk.decision(1) == Decision()


def test_a_note_leaves_the_verdict_as_it_is(desk: Desk) -> None:
    answer(desk, 3, "drop")
    desk.note(Answer(desk.queue.keys[3], 1, "", None, "two\nlines"))
    assert desk.decision(3) == Decision("drop", None, "two\nlines", 2)
    answer(desk, 3, "keep")
    assert desk.decision(3).note == "two\nlines"
    desk.note(Answer(desk.queue.keys[4], 0, "", None, "only a note"))
    assert 4 in desk.rows(Filter())


def test_the_next_row_is_the_next_that_is_left(desk: Desk) -> None:
    assert desk.next_row(Filter()) == 0
    answer(desk, 0, "keep")
    answer(desk, 1, "unsure")
    answer(desk, 2, "skip")
    assert desk.next_row(Filter(), 0) == 3
    assert desk.next_row(Filter(), 59) == 3, "behind the last comes the first that is left"
    assert desk.rows(Filter("decided")).tolist() == [0]
    assert desk.rows(Filter("unsure")).tolist() == [1]
    assert desk.rows(Filter("skipped")).tolist() == [2]
    assert desk.row_before(Filter("all"), 3) == 2
    assert desk.row_before(Filter(), 3) is None
    assert desk.progress() == (60, 1, 1, 1)
    for row in range(60):
        answer(desk, row, "keep")
    assert desk.next_row(Filter()) is None


def test_filters(desk: Desk) -> None:
    frame = desk.queue.frame
    slow = [r for r in range(60) if frame["given_label"][r] == "praise" and frame["suggested_label"][r] == "request"]
    assert desk.rows(Filter("all", "praise", "request")).tolist() == slow
    assert desk.rows(Filter("all", search="NUMBER 1")).tolist() == [
        r for r in range(60) if "number 1" in frame["text"][r]
    ]
    assert desk.rows(Filter("all", search="(")).tolist() == list(range(60)), (
        "a word is no expression: the reasons hold it"
    )
    assert desk.rows(Filter("all", search=".*")).tolist() == []
    first, copy = (frame["id"].to_list().index(id) for id in ("m0", "m2"))
    assert desk.rows(Filter("all", like=copy)).tolist() == [first, copy]
    assert len(desk.rows(Filter("all", like=10**6))) == 60


def test_copies_are_decided_together(tmp_path: Path) -> None:
    frame = issues_frame(30).with_columns(
        text=pl.when(pl.col("id").is_in(["m0", "m3", "m9"])).then(pl.lit("one thing")).otherwise("text")
    )
    frame.write_csv(tmp_path / "issues.csv")
    store = Decisions(tmp_path / "d.sqlite")
    desk = Desk(read_queue(tmp_path / "issues.csv"), store, "anna")
    answer(desk, 0, "drop")
    assert desk.progress().decided == 3
    table = export(desk.queue, {"anna": store.of("anna")}).table
    assert sorted(table["id"]) == ["m0", "m3", "m9"]
    store.close()


def test_undo_comes_back_to_the_row(desk: Desk) -> None:
    answer(desk, 5, "keep")
    desk.answer([Answer(desk.queue.keys[row], 0, "accept") for row in (9, 7, 8)])
    undone = desk.undo()
    assert undone is not None
    assert (undone.row, undone.told) == (7, "Undone: label complaint, of row 8 and of 2 more.")
    assert desk.progress().decided == 1
    desk.note(Answer(desk.queue.keys[5], 1, "", None, "why"))
    assert [undone.told for undone in (desk.undo(), desk.undo()) if undone] == [
        "Undone: a note, of row 6.",
        "Undone: keep, of row 6.",
    ]
    assert desk.undo() is None


def test_undo_leaves_the_answers_to_rows_of_other_issues_alone(desk: Desk, tmp_path: Path) -> None:
    """Which nobody sees here: one decided in them later is not lost, and one decided together with others stays whole."""
    issues_frame(90).tail(50).write_csv(tmp_path / "others.csv")
    other_store = Decisions(tmp_path / "d.sqlite")
    others = Desk(read_queue(tmp_path / "others.csv"), other_store, "anna")
    here, there = desk.queue.keys, others.queue.keys
    (shared,) = [row for row, key in enumerate(here) if key == there[0]]
    answer(desk, 0, "keep")
    answer(others, 49, "drop")
    undone = desk.undo()
    assert undone is not None
    assert undone.row == 0
    assert desk.undo() is None
    assert others.decision(49).said == "drop"
    others.answer([Answer(there[0], 0, "keep"), Answer(there[48], 0, "keep")])
    with pytest.raises(InputError, match="2 rows together, of which 1 are not shown here"):
        desk.undo()
    assert desk.decision(shared).said == "keep"
    undone = others.undo()
    assert undone is not None
    assert undone.rows == 2
    other_store.close()


def test_what_another_window_decides_is_seen(desk: Desk, tmp_path: Path) -> None:
    other_store = Decisions(tmp_path / "d.sqlite")
    other = Desk(desk.queue, other_store, "anna")
    answer(other, 0, "keep")
    assert desk.next_row(Filter()) == 1
    answer(desk, 1, "keep")
    other.undo()
    assert desk.rows(Filter("decided")).tolist() == [0]
    other_store.close()


def test_the_running_estimate_is_that_of_find_errors(tmp_path: Path) -> None:
    """The same verdicts through the export, the reader of reviews and `audited`, which were there before."""
    from curatekit.audit.audited import audited
    from curatekit.audit.reviews import read_reviews
    from curatekit.label_errors import find_label_errors

    rng = np.random.default_rng(0)
    n = 600
    labels = rng.integers(0, 3, n)
    probs = rng.dirichlet([1, 1, 1], n) * 0.3
    probs[np.arange(n), np.where(rng.random(n) < 0.15, (labels + 1) % 3, labels)] += 0.7
    texts = [f"text {i}" for i in range(n)]
    found = find_label_errors(labels, probs, classes=CLASSES, texts=texts, ids=[f"m{i}" for i in range(n)])
    found.issues.write_csv(tmp_path / "issues.csv")
    store = Decisions(tmp_path / "d.sqlite")
    desk = Desk(read_queue(tmp_path / "issues.csv", "audit", draw=120), store, "anna")
    assert desk.running().count is None
    for row in range(100):
        answer(desk, row, "wrong" if rng.random() < 0.3 else "keep")
    export(desk.queue, {"anna": store.of("anna")}).table.write_csv(tmp_path / "reviews.csv")
    dataset = from_lists(texts, [CLASSES[label] for label in labels], [f"m{i}" for i in range(n)])
    audit = audited(found, read_reviews([tmp_path / "reviews.csv"], dataset)).audit
    mine = desk.running()
    assert audit.count is not None
    assert mine.count is not None
    assert mine.count.value == pytest.approx(audit.count.value)
    # the limits are drawn: theirs from other draws of the same posterior
    assert mine.count.low == pytest.approx(audit.count.low, rel=0.06)
    assert mine.count.high == pytest.approx(audit.count.high, rel=0.06)
    assert (mine.wrong, mine.right) == (audit.wrong, audit.reviewed - audit.wrong)
    half = desk.running(np.where(np.arange(len(desk.queue)) < 50, desk.wrong(), -1)).count
    assert half is not None
    assert mine.count.high - mine.count.low < half.high - half.low, "the interval narrows with the work"
    store.close()


def test_by_suspicion_there_is_a_count_and_no_estimate() -> None:
    wrong = np.array([1] * 30 + [0] * 30 + [-1] * 40)
    found = running(wrong, None)
    assert (found.wrong, found.right, found.count) == (30, 30, None)
    assert found.latest == pytest.approx((LATEST - 30) / LATEST)
    assert "no estimate of the whole" in found.reading
    assert running(wrong[:20], None).latest is None


def test_reviewers_agreement_by_hand(desk: Desk) -> None:
    rows = [row for row, label in enumerate(desk.queue.frame["given_label"]) if label == "complaint"][:4]
    one, two, three, four = (desk.queue.keys[row] for row in rows)
    anna = {one: ("keep",), two: ("label", "praise"), three: ("drop",), four: ("unsure",)}
    ben = {one: ("keep",), two: ("label", "request"), three: ("drop",), four: ("keep",)}
    said = {name: {key: Decision(*d) for key, d in of.items()} for name, of in (("anna", anna), ("ben", ben))}
    found = between(desk.queue, said)
    assert found.pairs == (("anna", "ben", 3, 2),)
    assert found.differing == (rows[1],)
    # 6 votes: complaint 2, praise 1, request 1, drop 2. D_o = 2 / 6, D_e = (36 - 4 - 1 - 1 - 4) / (6 * 5)
    assert found.alpha.value == pytest.approx(1 - (2 / 6) / (26 / 30))
    assert between(desk.queue, {"anna": said["anna"], "ben": {}}).rows == 0


def test_the_export_says_what_all_who_decided_say(desk: Desk, tmp_path: Path) -> None:
    keys = desk.queue.keys
    names = dict(zip(range(60), desk.queue.frame["id"], strict=True))
    said = {
        "anna": {
            keys[0]: Decision("label", "praise", "sure"), keys[1]: Decision("keep"), keys[3]: Decision("wrong"),
            keys[4]: Decision("unsure"), keys[5]: Decision("skip"), keys[6]: Decision("drop"), keys[7]: Decision("", None, "see 8"),
        },
        "ben": {keys[0]: Decision("label", "praise"), keys[1]: Decision("label", "request"), keys[3]: Decision("label", "praise"), keys[4]: Decision("keep")},
    }  # fmt: skip
    found = export(desk.queue, said)
    given = desk.queue.frame["given_label"]
    rows = {row["id"]: row for row in found.table.iter_rows(named=True)}
    assert (found.decided, found.unsure, found.disputed) == (4, 0, 1)
    assert {id: row["verdict"] for id, row in rows.items()} == {
        names[0]: "praise", names[1]: None, names[3]: "praise", names[4]: given[4], names[6]: "drop", names[7]: None,
    }  # fmt: skip
    assert rows[names[0]]["note"] == "anna: sure"
    assert rows[names[0]]["reviewers"] == "anna, ben"
    assert export(desk.queue, {"anna": said["anna"]}).unsure == 1


def test_a_verdict_is_never_taken_for_a_label(tmp_path: Path) -> None:
    """Labels named drop, wrong and keep: what is exported is read back as what was said."""
    from curatekit.audit.reviews import read_reviews

    names = ("drop", "keep", "wrong", "unsure")
    frame = issues_frame(24).with_columns(
        given_label=pl.Series([names[i % 4] for i in range(24)]),
        suggested_label=pl.Series([names[(i + 1) % 4] for i in range(24)]),
    )
    frame.write_csv(tmp_path / "issues.csv")
    queue = read_queue(tmp_path / "issues.csv")
    verdicts = [
        ("drop", None),
        ("keep", None),
        ("wrong", None),
        ("label", "drop"),
        ("label", "keep"),
        ("label", "unsure"),
    ]
    said = {queue.keys[row]: Decision(*verdict) for row, verdict in enumerate(verdicts)}
    export(queue, {"anna": said}).table.write_csv(tmp_path / "reviews.csv")
    dataset = from_lists(frame["text"].to_list(), frame["given_label"].to_list(), frame["id"].to_list())
    read = read_reviews([tmp_path / "reviews.csv"], dataset).verdicts
    expected = {
        "m0": (True, None, True), "m1": (False, "keep", False), "m2": (True, None, False),
        "m3": (True, "drop", False), "m4": (True, "keep", False), "m5": (True, "unsure", False),
    }  # fmt: skip
    assert {id: (review.wrong, review.label, review.drop) for id, review in read.items()} == expected


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text.strip())


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a: b", "'", "- x", "yes"]), st.sampled_from(["", 'It\'s: "so" #1']), texts),
        min_size=1,
        max_size=8,
    )
)
def test_drafts_are_specifications_that_the_reader_takes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    import yaml

    from curatekit.specs import read_specifications

    path = drafts_path(tmp_path_factory.mktemp("drafts") / "d.sqlite")
    write_drafts([Example(name, statement, "no", example) for name, statement, example in rows], path)
    written = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)["specifications"]  # noqa: S506
    stated = {
        name: bool([statement for other, statement, _ in rows if other == name and statement]) for name, _, _ in rows
    }
    assert {entry["id"]: "draft" not in entry for entry in written} == stated
    if not all(stated.values()):
        with pytest.raises(InputError, match="is a draft"):
            read_specifications(path)
        path.write_text(
            path.read_bytes().decode().replace('- "draft": "true"\n  "id"', '- "id"'), encoding="utf-8", newline=""
        )
    read = read_specifications(path)
    assert {s.id: s.examples for s in read} == {
        name: tuple(dict.fromkeys(example for other, _, example in rows if other == name)) for name, _, _ in rows
    }
    assert {s.label for s in read} == {"no"}


def test_no_draft_is_no_file() -> None:
    with pytest.raises(InputError, match="No row was made"):
        as_yaml([])


def test_a_draft_of_the_desk(desk: Desk) -> None:
    desk.draft(1, " late ", "", "complaint")
    assert desk.store.drafts() == (Example("late", "", "complaint", "<b>other</b>"),)
    for name, label in (("", "praise"), ("a\nb", "praise"), ("x", "prase")):
        with pytest.raises(InputError):
            desk.draft(1, name, "", label)


def test_what_hides_is_named() -> None:
    assert visible("a\u202eb\u200b\0c\x1b[31m") == "a‹U+202E›b‹U+200B›‹U+0000›c‹U+001B›[31m"
    assert visible("a\r\nb\tc") == "a\nb\tc"
    assert visible("سلام\u200cها 👩\u200d💻 é") == "سلام\u200cها 👩\u200d💻 é"
    assert visible(None) == ""
