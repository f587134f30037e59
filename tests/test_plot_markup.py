"""Text stays text."""

from __future__ import annotations

import html
import xml.etree.ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.plot.markup import cut, escaped, hover, joined, number, tag, visible


@settings(deadline=None)
@given(st.text(st.characters(codec=None)))
def test_any_text_is_well_formed_and_read_back_as_what_is_visible(text: str) -> None:
    made = tag("g", escaped(text), class_=text)
    read = ET.fromstring(made)
    assert (read.text or "") == visible(text)
    assert read.get("class", "") == visible(text)
    assert html.unescape(escaped(text)) == visible(text)
    made.encode()


@settings(deadline=None)
@given(st.text(st.characters(codec=None)))
def test_what_shows_itself_is_left_as_it_is(text: str) -> None:
    assert visible(text) == "".join(visible(char) for char in text)
    assert text.isprintable() <= (visible(text) == text)


def test_what_does_not_show_itself_by_hand() -> None:
    assert visible("a\x00\x1b\u202eb") == "a\\u0000\\u001b\\u202eb"
    assert visible("a\r\n\tb\u00a0c\u2028d") == "a   b c d"
    assert visible("\ud800") == "\\ud800"
    assert visible("می‌خواهم 👩‍🔬 é") == "می‌خواهم 👩‍🔬 é"  # joiners within words and signs
    assert visible("a\nb", keep="\n") == "a\nb"


def test_elements_by_hand() -> None:
    assert tag("rect", x=1.26, y=-0.01, width=10, class_="a b") == '<rect x="1.3" y="0" width="10" class="a b"/>'
    assert tag("p") == "<p></p>"
    assert tag("p", escaped("a<b"), aria_label="it's", class_="") == '<p aria-label="it&#x27;s">a&lt;b</p>'
    assert joined([escaped("a"), escaped("&")], ",") == "a,&amp;"
    assert hover("a", "", "b<") == "<title>a\nb&lt;</title>"


def test_numbers_and_cuts_by_hand() -> None:
    assert [number(x) for x in (1, 1.04, 1.05001, -0.04, 100, 1e3)] == ["1", "1", "1.1", "0", "100", "1000"]
    assert (cut("abc", 3), cut("abcd", 3), cut("ab cd", 4)) == ("abc", "ab…", "ab…")
