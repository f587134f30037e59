"""The review page as a person meets it: without scripts over HTTP, and in a real browser by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

pytest.importorskip("starlette", reason="the extra 'review' is not installed")
pytest.importorskip("uvicorn", reason="the extra 'review' is not installed")

from curatekit.review.decisions import Decisions
from curatekit_cli.fix import command as fix
from curatekit_cli.review import command as review
from tests.browser import Browser, browser, chromium
from tests.review_sample import Page, issues_frame, served, write_issues

N = 80
HOSTILE = {
    3: "</textarea><script>window.PWNED = 1</script>",
    5: "<img src=x onerror='window.PWNED = 1'>",
    7: "<script>alert(1)</script>",
    9: "\u202egnp.exe\u200b",
}


@pytest.fixture
def issues(tmp_path: Path) -> Path:
    path = write_issues(tmp_path, N, [HOSTILE.get(i, f"message number {i}") for i in range(N)])
    # of the first 60 rows, those whose number is even are wrong, and the suggestion is right; the others are right
    frame = issues_frame(N).select("id", "given_label")
    frame.select("id", pl.read_csv(path)["text"], label="given_label").write_csv(tmp_path / "data.csv")
    return path


def value(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, text
    return found[1]


def follow(page: Page, path: str, fields: dict[str, str]) -> str:
    """Return the page that a browser shows after a form was sent."""
    answer = page.ask("POST", path, fields)
    assert answer.status == 303, answer.text
    return page.ask("GET", answer.headers["location"]).text


def test_the_whole_story_without_scripts(issues: Path, tmp_path: Path) -> None:
    with served(issues, "--reviewer", "anna") as page:
        text = page.ask("GET", "/").text
        for row in range(50):
            assert f'data-row="{row}"' in text
            fields = {"key": value(text, "key"), "version": value(text, "version"), "where": value(text, "where")}
            text = follow(page, "/decide", {**fields, "said": "keep" if row % 2 else "accept", "note": "", "label": ""})
        again = page.ask("POST", "/decide", {**fields, "said": "drop"})
        assert again.status == 409
        assert "NOT SAVED" in again.text
        text = follow(page, "/undo", {"where": ""})
        assert 'data-row="49"' in text
        assert "Undone: keep, of row 50." in text
        assert "Undone" not in page.ask("GET", "/").text
        assert '<b id="decided">49</b>' in page.ask("GET", "/").text
    # the server was killed
    with served(issues, "--reviewer", "anna") as page:
        text = page.ask("GET", "/").text
        assert 'data-row="49"' in text
        fields = {"key": value(text, "key"), "version": value(text, "version"), "where": ""}
        text = follow(page, "/decide", {**fields, "said": "=request", "note": "two\r\nlines"})
        grid = page.ask("GET", "/?view=grid&search=number+6").text
        ticked = re.findall(r'name="row" value="([^"]+)"', grid)
        assert len(ticked) == 10  # 60 to 69; 6 itself is decided
        many = page.ask(
            "POST", "/decide-many", [("row", row) for row in ticked] + [("said", "keep"), ("where", "view=grid")]
        )
        assert many.headers["location"] == "/?view=grid"
        handed = page.ask("GET", "/decisions.csv").text
        assert '"two\nlines"' in handed
        assert page.ask("POST", "/decide-many", {"said": "keep", "where": "view=grid"}).status == 400
        assert page.ask("POST", "/undo", {"where": "view=grid"}).headers["location"] == "/?view=grid"
    check_export(issues, tmp_path, last="request")


def check_export(issues: Path, folder: Path, last: str | None) -> None:
    """The decisions of the first 50 rows, exported, fix the data: what was wrong among them is right now."""
    ran = CliRunner().invoke(review, [str(issues), "--export", str(folder / "reviews.csv")])
    assert ran.exit_code == 0, ran.output
    assert "50 rows decided by anna" in ran.stdout
    words = [
        str(issues),
        "--data",
        str(folder / "data.csv"),
        "--reviews",
        str(folder / "reviews.csv"),
        "--policy",
        "reviewed",
    ]
    ran = CliRunner().invoke(fix, [*words, "-o", str(folder / "fixed.csv")])
    assert ran.exit_code == 0, ran.output
    fixed = dict(pl.read_csv(folder / "fixed.csv").select("id", "label").iter_rows())
    given = dict(issues_frame(N).select("id", "given_label").iter_rows())
    suggested = dict(issues_frame(N).select("id", "suggested_label").iter_rows())
    truth = {f"m{i}": suggested[f"m{i}"] if i % 2 == 0 and i < 60 else given[f"m{i}"] for i in range(N)}
    if last is not None:
        truth["m49"] = last
    right_before = sum(given[id] == truth[id] for id in truth)
    right_after = sum(fixed[id] == truth[id] for id in truth)
    # 20 suggestions of the first half were taken; from row 40 on, the suggestion is the given label
    assert right_after == N
    assert right_before == N - 20 - (last is not None)


def test_an_audit_shows_its_estimate(tmp_path: Path) -> None:
    with served(write_issues(tmp_path, 200), "--reviewer", "anna", "--order", "audit", "-n", "30") as page:
        text = page.ask("GET", "/").text
        assert 'data-source="/running"' in text
        assert "strata have no decided row yet" in page.ask("GET", "/running").text
        for row in range(30):
            fields = {"key": value(text, "key"), "version": "0", "where": "", "said": "wrong" if row % 5 else "keep"}
            text = follow(page, "/decide", fields)
        assert "No row is left here" in text
        found = page.ask("GET", "/running").text
        assert "unbiased, with the 95 % limits" in found
        assert re.search(r"<b>\d+</b> <span class=\"limits\">\[\d+, \d+\]</span> labels are wrong", found)


def test_two_reviewers_and_where_they_differ(tmp_path: Path) -> None:
    issues = write_issues(tmp_path, 12)
    with served(issues, "--reviewer", "anna") as page:
        first = value(page.ask("GET", "/").text, "key")
        assert page.decide(first, "keep").status == 303
        with served(issues, "--reviewer", "ben") as other:
            assert value(other.ask("GET", "/").text, "key") == first, "ben does not see what anna said"
            assert other.decide(first, "drop").status == 303
        text = page.ask("GET", "/overview").text
        assert "1 rows were decided by two or more; they differ on 1" in text
    ran = CliRunner().invoke(review, [str(issues), "--export", str(tmp_path / "r.csv")])
    assert "0 rows decided by anna, ben, 0 unsure; on 1 the reviewers differ" in ran.stdout
    ran = CliRunner().invoke(review, [str(issues), "--export", str(tmp_path / "r.csv"), "--reviewer", "ben"])
    assert ran.exit_code == 0
    assert pl.read_csv(tmp_path / "r.csv")["verdict"].to_list() == ["drop"]


def test_a_store_that_is_locked_says_not_saved(issues: Path) -> None:
    import sqlite3

    with served(issues, "--reviewer", "anna") as page:
        key = value(page.ask("GET", "/").text, "key")
        holder = sqlite3.connect(issues.with_name("issues.csv.decisions.sqlite"), isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        answer = page.decide(key, "keep")
        assert answer.status == 503
        assert "NOT SAVED" in answer.text
        holder.execute("ROLLBACK")
        holder.close()
        assert page.decide(key, "keep").status == 303


@pytest.mark.parametrize("character", ["漢", "𠀀", "&"])
def test_a_note_may_be_as_long_as_it_says_whatever_its_letters(issues: Path, tmp_path: Path, character: str) -> None:
    with served(issues, "--reviewer", "anna") as page:
        key = value(page.ask("GET", "/").text, "key")
        assert page.decide(key, "keep", note=character * 10_000).status == 303
        answer = page.decide(key, "keep", version=1, note=character * 10_001)
        assert answer.status == 400
        assert "NOT SAVED. A note may have 10,000 characters, and this has 10,001" in answer.text
    store = Decisions(tmp_path / "issues.csv.decisions.sqlite")
    assert store.of("anna")[key].note == character * 10_000
    store.close()


def test_an_address_that_cannot_be_read_is_one_sentence(issues: Path) -> None:
    with served(issues, "--reviewer", "anna") as page:
        key = value(page.ask("GET", "/").text, "key")
        many = "&".join(["a=1"] * 60)
        for path in (
            f"/?{many}",
            f"/?row={'0' * 60}1",
            "/?row=%E2%28&like=9999999999999&page=x&state=%00&given=%FF&search=%00%FF",
        ):
            answer = page.ask("GET", path)
            assert answer.status == (400 if path == f"/?{many}" else 200), path
            assert 'data-row="' in answer.text or "No row is left here" in answer.text
        for path in ("/undo", "/decide", "/draft", "/decide-many"):
            answer = page.ask("POST", path, {"key": key, "version": "0", "said": "keep", "where": many})
            assert answer.status == 400
            assert "NOT SAVED. This address cannot be read" in answer.text
        assert '<b id="decided">0</b>' in page.ask("GET", "/").text


def test_after_a_copy_comes_the_row_behind_it(tmp_path: Path) -> None:
    """Copies are decided together, and have one key: the page goes on from the one that was shown, not from the first."""
    path = tmp_path / "issues.csv"
    issues_frame(60).with_columns(
        text=pl.when(pl.col("id").is_in(["m3", "m42"])).then(pl.lit("one thing")).otherwise("text")
    ).write_csv(path)
    with served(path, "--reviewer", "anna") as page:
        text = page.ask("GET", "/?state=all&search=one+thing&row=42").text
        assert 'data-row="42"' in text
        fields = {"key": value(text, "key"), "version": "0", "where": "state=all&row=42"}
        assert 'data-row="42"' in follow(page, "/decide", {**fields, "said": "note", "note": "a note"})
        draft = {**fields, "specification": "late", "statement": "", "label": "praise"}
        assert 'data-row="42"' in follow(page, "/draft", draft)
        assert 'data-row="43"' in follow(page, "/decide", {**fields, "version": "1", "said": "keep"})


def test_of_more_labels_than_are_listed_the_row_s_own_is_chosen(tmp_path: Path) -> None:
    frame = issues_frame(1200).with_columns(
        given_label=pl.Series([f"label {n:04}" for n in range(1200)]), suggested_label=pl.lit("label 1150")
    )
    frame.write_csv(tmp_path / "issues.csv")
    with served(tmp_path / "issues.csv", "--reviewer", "anna") as page:
        text = page.ask("GET", "/?given=label+1100").text
        draft = text[text.index('<select name="label"') :].split("</select>")[0]
        assert re.findall(r'<option value="([^"]+)" selected', draft) == ["label 1150"]
        assert '<option value="label 1100" selected' in text[text.index('<select name="given"') :].split("</select>")[0]


def test_a_long_text_is_cut_and_can_be_asked_for(tmp_path: Path) -> None:
    with served(write_issues(tmp_path, 6, ["x" * 60_000 + "END"])) as page:
        text = page.ask("GET", "/?row=0").text
        assert "40,003 more characters" in text
        assert "END<" not in text
        assert "END<" in page.ask("GET", "/?row=0&text=whole").text


# -- in a browser ------------------------------------------------------------------------------------------------------

in_a_browser = pytest.mark.skipif(chromium() is None, reason="there is no chromium here: apt-get install chromium")


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Browser]:
    with browser(tmp_path / "profile") as window:
        yield window


def shows(row: int) -> str:
    """The row is there, painted, and keys are heard."""
    return idle(f"document.querySelector('[data-row=\"{row}\"]')")


def idle(what: str) -> str:
    return f"{what} && document.readyState === 'complete' && !document.documentElement.dataset.busy"


@in_a_browser
def test_fifty_rows_by_keyboard_and_nothing_is_lost(issues: Path, tmp_path: Path, window: Browser) -> None:
    with served(issues, "--reviewer", "anna") as page:
        window.open(page.address)
        for row in range(50):
            window.wait(shows(row))
            window.press("k" if row % 2 or row >= N // 2 else "a")  # from there on the given label is suggested
        window.wait(shows(50))
        window.press("z")
        window.wait(shows(49))
        assert window.value("document.querySelector('#decided').textContent") == "49"
        window.send("Page.reload")
        window.wait(shows(49))
        assert window.value("document.querySelector('.verdict')") is None
        assert window.value("window.PWNED === undefined")
        page.process.kill()
        page.process.wait()
        window.press("k")
        window.wait("!document.getElementById('failure').hidden")
        assert "NOT SAVED" in window.value("document.getElementById('failure').textContent")
        window.wait(shows(49))
    refused = [
        told for told in window.complaints() if "ERR_CONNECTION_REFUSED" not in told and "Failed to load" not in told
    ]
    assert refused == []
    with served(issues, "--reviewer", "anna") as page:
        window.open(page.address)
        window.wait(shows(49))
        assert window.value("document.querySelector('#decided').textContent") == "49"
        window.press("k")
        window.wait(shows(50))
    check_export(issues, tmp_path, last=None)


@in_a_browser
def test_keys_in_a_burst_decide_no_row_that_was_not_seen(issues: Path, tmp_path: Path, window: Browser) -> None:
    """Ten keys in a tenth of a second: those that come before the next row is painted are dropped, and none counts twice."""
    with served(issues, "--reviewer", "anna") as page:
        window.open(page.address)
        window.wait(shows(0))
        burst = "for (let i = 0; i < 10; i++) document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'k', bubbles: true}))"
        window.value(burst)
        window.wait(shows(1))
        assert window.value("document.querySelector('#decided').textContent") == "1"
        # a held key repeats by itself
        window.send("Input.dispatchKeyEvent", type="keyDown", key="k", text="k")
        window.wait(shows(2))
        for _ in range(5):
            window.send("Input.dispatchKeyEvent", type="keyDown", key="k", text="k", autoRepeat=True)
        window.send("Input.dispatchKeyEvent", type="keyUp", key="k")
        assert window.value("document.querySelector('#decided').textContent") == "2"
    store = Decisions(tmp_path / "issues.csv.decisions.sqlite")
    assert {decision.version for decision in store.of("anna").values()} == {1}
    assert len(store.of("anna")) == 2
    store.close()


@in_a_browser
def test_two_windows_on_one_row(issues: Path, window: Browser) -> None:
    with served(issues, "--reviewer", "anna") as page:
        window.open(page.address)
        window.wait(shows(0))
        assert page.decide(value(page.ask("GET", "/?row=0").text, "key"), "drop").status == 303
        window.press("k")
        window.wait("document.querySelector('.notice')")
        assert "NOT SAVED" in window.value("document.querySelector('.notice').textContent")
        assert "no label fits" in window.value("document.querySelector('.verdict').textContent")


@in_a_browser
def test_every_key_does_what_it_says(issues: Path, window: Browser) -> None:
    decided = "document.querySelector('#decided').textContent"
    with served(issues, "--reviewer", "anna") as page:
        window.open(page.address)
        window.wait(shows(0))
        window.press("2")
        window.wait(shows(1))
        window.press("o")
        window.type("compl")
        window.press("Enter", "\r")
        window.wait(shows(2))
        window.press("n")
        window.type("k is no key in here")
        window.press("Escape", "")
        window.press("x")
        window.wait(shows(3))
        assert window.value(decided) == "3"
        window.press("u")
        window.wait(shows(4))
        window.press("s")
        window.wait(shows(5))
        window.press("ArrowRight", "")
        window.wait(shows(6))
        window.press("ArrowLeft", "")
        window.wait(shows(5))
        window.press("/")
        window.type("number 7")
        window.press("Enter", "\r")
        window.wait(shows(70))
        window.press("g")
        window.wait(idle("document.querySelector('.grid')"))
        window.press("t")
        window.press("k")
        window.wait(idle(f"{decided} === '13'"))
        window.press("z")
        window.wait(idle(f"{decided} === '3'"))
        window.press("v")
        window.wait(idle("document.querySelector('h1').textContent === 'Overview'"))
        window.value("history.back()")
        window.wait(idle("document.querySelector('.grid')"))
        rows = page.ask("GET", "/decisions.csv").text
        assert "m2,request,complaint,drop,anna,k is no key in here" in rows
        assert "m0,complaint,praise,praise,anna" in rows
        assert "m1,praise,request,complaint,anna" in rows
    assert window.complaints() == []


@in_a_browser
def test_the_theme_follows_the_screen_and_what_is_written_can_be_read(issues: Path, window: Browser) -> None:
    """Contrast of every text on the page against its ground, both themes: 4.5 or more (WCAG AA)."""
    contrast = """(() => {
      const channel = (c) => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
      const luminance = (rgb) => .2126 * channel(rgb[0]) + .7152 * channel(rgb[1]) + .0722 * channel(rgb[2]);
      const parse = (text) => text.match(/[\\d.]+/g).map(Number);
      const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
        if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
      let least = 99;
      for (const e of document.querySelectorAll('main *, footer *')) {
        if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || e.tagName === 'OPTION' || e.disabled) continue;
        const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(ground(e))].sort((x, y) => y - x);
        least = Math.min(least, (a + .05) / (b + .05));
      }
      return least; })()"""
    with served(issues, "--reviewer", "anna") as page:
        window.scheme("light")
        window.open(page.address)
        window.wait(shows(0))
        light = window.value("getComputedStyle(document.body).backgroundColor")
        assert window.value(contrast) >= 4.5
        window.scheme("dark")
        assert window.value("getComputedStyle(document.body).backgroundColor") != light
        assert window.value(contrast) >= 4.5
        names = window.value(
            "[...document.querySelectorAll('button, input:not([type=hidden]), select, textarea, progress, meter')]"
            ".filter((e) => !(e.textContent.trim() || e.labels?.length || e.getAttribute('aria-label'))).map((e) => e.outerHTML)"
        )
        assert names == [], "everything that can be used has a name for who does not see it"
