"""The store of decisions: what was acknowledged is there, whatever happens; nothing is decided twice; all can be undone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.errors import CurateError, InputError, Locked, VerificationFailed
from curatekit.review import decisions as module
from curatekit.review.decisions import Change, Decision, Decisions, Example, Stale, name_of

KEYS = ("one", "two", "three")
changes = st.builds(
    lambda key, said, label, note: (key, said, label if said == "label" else None, note),
    st.sampled_from(KEYS),
    st.sampled_from(["label", "keep", "drop", "unsure", "skip", ""]),
    st.sampled_from(["a", "b"]),
    st.sampled_from([None, "", "a note\n\u202e"]),
)
batches = st.lists(
    st.one_of(st.just("undo"), st.lists(changes, min_size=1, max_size=3, unique_by=lambda c: c[0])), max_size=25
)


@settings(max_examples=60, deadline=None)
@given(batches)
def test_it_does_what_a_stack_of_dictionaries_does(tmp_path_factory: pytest.TempPathFactory, steps: list) -> None:
    """The slow and obvious twin: every batch puts a whole dictionary on a stack, an undo takes one off."""
    store = Decisions(tmp_path_factory.mktemp("store") / "d.sqlite")
    stack: list[dict[str, tuple]] = [{}]
    for step in steps:
        now = store.of("anna")
        if step == "undo":
            made = store.undo("anna")
            assert bool(made) == (len(stack) > 1)
            stack = stack[:-1] or stack
        else:
            store.decide("anna", [Change(key, now.get(key, Decision()).version, *said) for key, *said in step])
            after = dict(stack[-1])
            for key, said, label, note in step:
                after[key] = (said, label, after.get(key, ("", None, ""))[2] if note is None else note)
            stack.append(after)
        empty = ("", None, "")
        held = {key: decision[:3] for key, decision in store.of("anna").items() if decision[:3] != empty}
        assert held == {key: value for key, value in stack[-1].items() if value != empty}
    store.close()


def test_a_row_decided_since_it_was_shown_is_refused_and_so_is_all_that_came_with_it(tmp_path: Path) -> None:
    store, other = Decisions(tmp_path / "d.sqlite"), Decisions(tmp_path / "d.sqlite")
    store.decide("anna", [Change("k", 0, "keep")])
    with pytest.raises(Stale, match="decided since"):
        other.decide("anna", [Change("fresh", 0, "keep"), Change("k", 0, "drop")])
    assert store.of("anna") == {"k": Decision("keep", None, "", 1)}
    assert other.decide("anna", [Change("k", 1, "drop")])["k"].version == 2


def test_reviewers_do_not_meet(tmp_path: Path) -> None:
    store = Decisions(tmp_path / "d.sqlite")
    store.decide("anna", [Change("k", 0, "keep")])
    store.decide("ben", [Change("k", 0, "label", "b")])
    store.undo("anna")
    assert store.of("ben")["k"].label == "b"
    assert store.undo("anna") == {}
    assert store.reviewers() == ("ben",)


def test_the_log_is_only_added_to(tmp_path: Path) -> None:
    store = Decisions(tmp_path / "d.sqlite")
    store.decide("anna", [Change("k", 0, "keep")])
    store.undo("anna")
    store.decide("anna", [Change("k", 2, "drop")])
    with sqlite3.connect(tmp_path / "d.sqlite") as file:
        log = file.execute("SELECT said, said_before, undoes IS NULL, version FROM log ORDER BY number").fetchall()
    file.close()
    assert log == [("keep", "", 1, 1), ("", "keep", 0, 2), ("drop", "", 1, 3)]


def test_the_database_itself_refuses_a_second_decision_of_a_version(tmp_path: Path) -> None:
    store = Decisions(tmp_path / "d.sqlite")
    store.decide("anna", [Change("k", 0, "keep")])
    file = sqlite3.connect(tmp_path / "d.sqlite")
    row = file.execute(
        "SELECT batch, at, reviewer, key, said, note, said_before, note_before, version FROM log"
    ).fetchone()
    with pytest.raises(sqlite3.IntegrityError):
        file.execute(
            "INSERT INTO log (batch, at, reviewer, key, said, note, said_before, note_before, version) VALUES (?,?,?,?,?,?,?,?,?)",
            row,
        )
    file.close()


WORKER = """
import sys
from curatekit.review.decisions import Change, Decisions
store = Decisions(sys.argv[1])
n = len(store.of("anna"))
while True:
    store.decide("anna", [Change(f"row {n}", 0, "keep", None, "x" * 500)])
    print(n, flush=True)
    n += 1
"""


def test_kill_minus_nine_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    acknowledged = -1
    for kill in range(8):
        worker = subprocess.Popen([sys.executable, "-c", WORKER, str(path)], stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        for _ in range(1 + 7 * kill):
            acknowledged = int(worker.stdout.readline())
        worker.kill()
        acknowledged = max([acknowledged, *map(int, worker.stdout.read().split())])
        worker.stdout.close()
        worker.wait()
        store = Decisions(path)
        held = store.of("anna")
        store.close()
        # one more may be on the disk whose acknowledgement was not heard
        assert len(held) in (acknowledged + 1, acknowledged + 2)
        assert set(held) == {f"row {n}" for n in range(len(held))}
        acknowledged = len(held) - 1


def test_two_at_once_wait_for_each_other_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    faults: list[Exception] = []

    def work(name: str) -> None:
        store = Decisions(path)
        try:
            for n in range(40):
                store.decide(name, [Change(str(n), 0, "keep")])
        except CurateError as error:
            faults.append(error)
        store.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("anna", "ben", "caro")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    store = Decisions(path)
    assert [len(store.of(name)) for name in ("anna", "ben", "caro")] == [40, 40, 40]
    store.close()


def test_a_store_that_is_held_says_that_nothing_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    store = Decisions(tmp_path / "d.sqlite")
    holder = sqlite3.connect(tmp_path / "d.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Locked, match="Nothing was saved"):
        store.decide("anna", [Change("k", 0, "keep")])
    holder.execute("ROLLBACK")
    holder.close()
    assert store.decide("anna", [Change("k", 0, "keep")])["k"].version == 1
    store.close()


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    store = Decisions(tmp_path / "d.sqlite")
    store.decide("anna", [Change("k", 0, "keep")])
    pages = store._file.execute("PRAGMA page_count").fetchone()[0]
    store._file.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(CurateError, match="No space left") as full:
        for n in range(200):
            store.decide("anna", [Change(f"{n}", 0, "keep", None, "x" * 9_000)])
    assert full.value.exit_code == 12
    held = store.of("anna")
    assert held["k"].said == "keep"
    assert store.undo("anna") or len(held) == 1
    store.close()


def test_a_damaged_file_and_a_foreign_one_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    store = Decisions(path)
    for n in range(300):
        store.decide("anna", [Change(f"row {n}", 0, "keep", None, "x" * 200)])
    store.close()
    bytes_ = bytearray(path.read_bytes())
    bytes_[len(bytes_) // 2 : len(bytes_) // 2 + 4096] = b"\xff" * 4096
    path.write_bytes(bytes_)
    with pytest.raises(VerificationFailed, match="damaged"):
        Decisions(path)
    (tmp_path / "text.sqlite").write_text("id,text\n" * 300)
    with pytest.raises(VerificationFailed, match="no file of decisions"):
        Decisions(tmp_path / "text.sqlite")
    other = sqlite3.connect(tmp_path / "other.sqlite")
    other.execute("CREATE TABLE precious (a)")
    other.close()
    before = (tmp_path / "other.sqlite").read_bytes()
    with pytest.raises(InputError, match="another program"):
        Decisions(tmp_path / "other.sqlite")
    assert (tmp_path / "other.sqlite").read_bytes() == before
    with pytest.raises(InputError, match="--store"):
        Decisions(tmp_path / "no folder" / "d.sqlite")


def test_a_draft_keeps_to_its_label(tmp_path: Path) -> None:
    store = Decisions(tmp_path / "d.sqlite")
    store.draft("anna", Example("late", "Late is bad.", "complaint", "It came late."))
    store.draft("anna", Example("late", "", "complaint", "It came late."))
    store.draft("ben", Example("late", "", "complaint", "Two weeks late."))
    with pytest.raises(InputError, match="label 'complaint', not 'praise'"):
        store.draft("ben", Example("late", "", "praise", "Never late."))
    assert [draft.example for draft in store.drafts()] == ["It came late.", "Two weeks late."]


def test_names() -> None:
    assert name_of("  Zoe\u0308 ") == "Zoë"
    for name in ("", "  ", "a\nb", "x" * 101, "\u202eanna"):
        with pytest.raises(InputError, match="no name of a reviewer"):
            name_of(name)
