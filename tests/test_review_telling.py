"""Words that tell a label: which they are, that the text stays what it is, and that nothing in it becomes markup."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.information.words import word_spans, words
from curatekit.review.telling import AGAINST, FOR, Telling, telling
from tests.browser import browser, chromium
from tests.review_sample import issues_frame, served


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_words_stand_where_they_are_said_to(text: str) -> None:
    found = word_spans(text)
    assert [word for *_, word in found] == words([text])[0].to_list()
    assert all(
        a_end <= start < end for (_, a_end, _), (start, end, _) in zip([(0, 0, ""), *found], found, strict=False)
    )


@given(st.lists(st.sampled_from(["Good", "bad", " ", "<b>", "’", "\u202e", "GOOD.", "é"]), max_size=12).map("".join))
def test_the_parts_are_the_text(text: str) -> None:
    parts = Telling({"good": "praise", "bad": "complaint"}).parts(text, "praise")
    assert "".join(part.text for part in parts) == text
    spoken = {part.text.casefold(): (part.speaks, part.label) for part in parts if part.speaks}
    assert spoken.items() <= {"good": (FOR, "praise"), "bad": (AGAINST, "complaint")}.items()
    assert len([part for part in parts if part.speaks]) == sum(w in ("good", "bad") for w in words([text])[0].to_list())


def test_the_words_that_tell_are_those_that_were_planted() -> None:
    """ "fine" stands 40 times with one label alone, "the" with both, "rare" in four rows of one."""
    texts = [
        f"the row {n} {'Fine' if n % 2 else 'broken'}{' rare' if n % 20 == 1 and n < 80 else ''}" for n in range(80)
    ]
    labels = ["praise" if n % 2 else "complaint" for n in range(80)]
    assert telling(texts, labels).label_of == {"fine": "praise", "broken": "complaint"}
    assert telling([*texts, None, "fine"], [*labels, "praise", None]).label_of == {
        "fine": "praise",
        "broken": "complaint",
    }
    assert telling(texts, ["praise"] * 80).label_of == {}
    assert telling([], []).label_of == {}


def write(path: Path) -> Path:
    """Rows of which those of one label hold <script>, so that this word tells it."""
    texts = [f"number {n} <script>window.PWNED=1</script>" if n % 3 == 1 else f"number {n} & plain" for n in range(90)]
    labels = ["praise" if n % 3 == 1 else "complaint" for n in range(90)]
    issues_frame(90, texts).with_columns(
        given_label=pl.Series(labels), suggested_label=pl.Series(labels[1:] + labels[:1])
    ).write_csv(path)
    return path


def test_a_word_that_is_markup_is_marked_and_stays_text(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn", reason="the extra 'review' is not installed")
    with served(write(tmp_path / "issues.csv"), "--reviewer", "anna") as page:
        while "<mark" not in (text := page.ask("GET", "/?row=1").text):
            pass
        shown = text[text.index('id="text"') :].split("</div>")[0]
        assert '&lt;<mark class="for" title="tells praise">script</mark>&gt;' in shown
        assert "<script" not in shown
        assert (
            unescape(re.sub(r"</?mark[^>]*>", "", shown.split(">", 1)[1])) == "number 1 <script>window.PWNED=1</script>"
        )
        against = page.ask("GET", "/?row=0").text
        assert '<mark class="against" title="tells complaint">' not in against
        assert '<mark class="for" title="tells complaint">plain</mark>' in against


@pytest.mark.skipif(chromium() is None, reason="there is no chromium here: apt-get install chromium")
def test_one_key_takes_the_marks_away_and_brings_them_back(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn", reason="the extra 'review' is not installed")
    line = "getComputedStyle(document.querySelector('#text mark')).borderBottomStyle"
    painted = "document.querySelector('#text mark') && !document.documentElement.dataset.busy && document.readyState === 'complete'"
    with served(write(tmp_path / "issues.csv"), "--reviewer", "anna") as page, browser(tmp_path / "profile") as window:
        while "<mark" not in page.ask("GET", "/?row=1").text:
            pass
        window.open(page.address)
        window.wait(painted)
        assert window.value(line) == "solid"
        window.press("h")
        assert window.value(line) == "none"
        window.press("k")
        window.wait(f"document.querySelector('[data-row=\"1\"]') && {painted}")
        assert window.value(line) == "none", "also on the next row"
        window.press("h")
        assert window.value(line) == "solid"
        assert window.value("window.PWNED === undefined")
        assert window.complaints() == []
