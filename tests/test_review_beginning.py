"""A large file of issues: the first rows come at once, and all others behind them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curatekit.errors import InputError, Locked
from curatekit.files import sha256_file
from curatekit.readers import read_frame
from curatekit.review import beginning as module
from curatekit.review import queue as queues
from curatekit.review.beginning import beginning
from curatekit.review.decisions import Decisions
from curatekit.review.desk import Answer, Desk
from curatekit.review.filters import Filter
from curatekit.review.queue import read_queue, read_written
from curatekit.writers import write_table
from tests.review_sample import issues_frame, served, write_issues


@pytest.fixture
def every_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE", 0)


@pytest.mark.usefixtures("every_file_is_large")
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_it_is_the_head_of_the_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"issues.{suffix}"
    write_table(issues_frame(90, ["", 'a\n"b", c', "é\u2028"]), path)
    first, whole = beginning(path, rows=40), read_queue(path)
    assert first is not None
    assert (len(first), first.whole, whole.whole) == (40, False, True)
    assert first.frame.equals(whole.frame.head(40))
    assert first.keys == whole.keys[:40]
    assert first.classes == whole.classes
    assert np.array_equal(first.alike, whole.alike[:40])


@pytest.mark.usefixtures("every_file_is_large")
def test_what_has_to_be_read_whole_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = issues_frame(30)
    for name, other in {
        "order.csv": frame.reverse(), "no_score.csv": frame.drop("score"), "no_text.csv": frame.drop("text"),
        "twice.csv": pl.concat([frame.head(2), frame]), "sample.csv": frame.with_columns(stratum=1, stratum_rows=30),
        "rows.jsonl": frame, "rows.csv.gz": frame,
    }.items():  # fmt: skip
        write_table(other, tmp_path / name)
        assert beginning(tmp_path / name) is None, name
    path = write_issues(tmp_path, 30)
    assert beginning(path, "audit") is None
    assert beginning(tmp_path / "nothing.csv") is None
    assert beginning(path) is not None
    monkeypatch.setattr(module, "LARGE", path.stat().st_size + 1)
    assert beginning(path) is None


cells = st.one_of(
    st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.sampled_from(['"', "\r\n", ",", " "])
)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6))
def test_what_curate_wrote_is_read_by_polars_as_by_our_reader(
    tmp_path: Path, rows: list[tuple[str | None, ...]]
) -> None:
    for path in (tmp_path / "a.csv", tmp_path / "a.parquet"):
        write_table(pl.DataFrame(rows, schema={"id": pl.String, "text": pl.String}, orient="row"), path)
        assert read_written(path).equals(read_frame(path))


def test_only_what_is_byte_for_byte_what_curate_wrote_is_read_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_issues(tmp_path, 20)
    manifest = {"outputs": [{"path": path.name, "sha256": sha256_file(path)}]}
    read: list[Path] = []
    monkeypatch.setattr(queues, "read_written", lambda path: read.append(path) or read_written(path))
    whole = queues._issues(path, manifest)
    assert whole.equals(read_frame(path))
    assert read == [path]
    for kept in (None, {"outputs": [{"path": "other.csv", "sha256": sha256_file(path)}]}):
        queues._issues(path, kept)
    path.write_text(path.read_text() + "m20,x\n")
    with pytest.raises(InputError, match="the row has 2 cells"):
        queues._issues(path, manifest)
    assert read == [path]


@pytest.fixture
def desk(tmp_path: Path, every_file_is_large: None) -> Iterator[Desk]:
    first = beginning(write_issues(tmp_path, 60), rows=5)
    assert first is not None
    store = Decisions(tmp_path / "d.sqlite")
    yield Desk(first, store, "anna")
    store.close()


def test_a_desk_goes_on_with_all_rows(desk: Desk, tmp_path: Path) -> None:
    for row in range(5):
        desk.answer([Answer(desk.queue.keys[row], 0, "keep")])
    assert desk.next_row(Filter()) is None
    with pytest.raises(Locked, match="still being read"):
        desk.undo()
    desk.take(read_queue(tmp_path / "issues.csv"))
    assert desk.next_row(Filter()) == 5
    assert desk.progress()[:2] == (60, 5)
    undone = desk.undo()
    assert undone is not None
    assert undone.row == 4


def test_what_is_read_behind_the_page_is_taken_between_two_pages(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never while a page is made: the thread only hands it over."""
    app = pytest.importorskip("curatekit.review.app")
    pytest.importorskip("jinja2", reason="the extra 'review' is not installed")
    pytest.importorskip("starlette", reason="the extra 'review' is not installed")
    monkeypatch.setattr(app, "FIRST_PAGE_S", 0)

    class Known:
        missing = "nothing is known"

        def clusters(self, alike: np.ndarray) -> np.ndarray:
            return np.zeros_like(alike)

        probabilities_of = neighbours_of = lambda self, row: ()
        pvi_of = lambda self, row: None  # noqa: E731

    for row in range(5):
        desk.answer([Answer(desk.queue.keys[row], 0, "keep")])
    review = app.Review(desk)

    def page() -> str:
        return bytes(review._shown(app.View()).body).decode()

    assert "The other rows are being read" in page()
    assert 'http-equiv="refresh"' in page()
    review.read_behind(lambda: read_queue(tmp_path / "issues.csv"), lambda queue: Known()).join()
    assert len(desk.queue) == 5
    assert review.evidence is None
    text = page()
    assert "being read" not in text
    assert 'data-row="5"' in text
    assert len(desk.queue) == 60
    assert desk.alike.tolist() == [0] * 60
    assert review.evidence is not None


@pytest.mark.parametrize("fault", [InputError("row 7 is broken"), KeyError("a fault of ours")], ids=["foreseen", "not"])
def test_where_the_rest_cannot_be_read_the_page_ends(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    app = pytest.importorskip("curatekit.review.app")
    pytest.importorskip("jinja2", reason="the extra 'review' is not installed")
    monkeypatch.setattr(app, "FIRST_PAGE_S", 0)
    review, ended = app.Review(desk), []
    review.stop = lambda: ended.append(True)

    def fails() -> None:
        raise fault

    review.read_behind(fails, lambda queue: None).join()
    assert ended == [True]
    assert review.fault is fault


def test_a_large_file_is_served_and_a_fault_at_its_end_ends_it(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn", reason="the extra 'review' is not installed")
    n = 1_000
    path = write_issues(tmp_path, n, [f"text {row} " + "word " * 900 for row in range(n)])
    with served(path, "--reviewer", "anna") as page:
        assert 'data-row="0"' in page.ask("GET", "/").text
        while "are being read" in (text := page.ask("GET", "/").text):
            pass
        assert "of 1,000 decided" in text
        assert 'data-row="999"' in page.ask("GET", "/?row=999").text
    with path.open("a") as file:
        file.write("m0,again,praise,praise,1,0,false,,1,1,1\n")
    ran = subprocess.run(
        [str(Path(sys.executable).parent / "curate"), "review", path.name, "--no-open", "--json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert json.loads(ran.stdout.splitlines()[0])["address"]
    assert "has the id 'm0' more than once" in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
