"""Words that fit, and numbers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.plot.lettering import counted, decimals, shortened, signed, width, words, wrapped


@settings(deadline=None)
@given(st.text(max_size=600), st.floats(20, 400))
def test_what_is_shortened_fits_and_is_as_long_as_can_be(text: str, room: float) -> None:
    made = shortened(text, room)
    assert width(made) <= room
    if made.endswith("…") and not text.endswith("…"):
        assert width(shortened(text[:400], 10_000.0)) > room or len(text) > 400


def test_shortening_by_hand() -> None:
    assert shortened("short", 100) == "short"
    assert shortened("a\nb", 100) == "a b"
    assert shortened("i" * 1000, 1e9) == "i" * 400 + "…"
    assert shortened("mmmm", 3 * width("m")) == "mm…"
    assert width("漢字") > 2 * 12
    assert width("e\u0301") == width("e")


@settings(deadline=None)
@given(st.text(max_size=300), st.integers(1, 4))
def test_wrapped_lines_fit_and_are_no_more_than_asked(text: str, lines: int) -> None:
    made = wrapped(text, 150, lines)
    assert len(made) <= lines
    assert all(width(line) <= 150 for line in made)


def test_wrapping_by_hand() -> None:
    assert wrapped("aa bb cc", width("aa bb"), 2) == ["aa bb", "cc"]
    assert wrapped("aa bb cc dd", width("aa bb"), 2) == ["aa bb", "cc dd"]
    assert wrapped("aa bb cc dd ee", width("aa bb"), 2) == ["aa bb", "cc…"]
    assert wrapped("", 100, 2) == []


def test_numbers_by_hand() -> None:
    assert [decimals(x) for x in (-1.005, 1234.5, -0.001, 0.0, float("nan"))] == [
        "−1.00",
        "1,234.50",
        "0.00",
        "0.00",
        "–",
    ]
    assert decimals(1.5e9) == "1.5e+09"
    assert [signed(x) for x in (0.25, -0.25, 0.0, 0.001)] == ["+0.25", "−0.25", "0.00", "0.00"]
    assert [counted(n, "row") for n in (0, 1, 2041)] == ["0 rows", "1 row", "2,041 rows"]
    assert counted(2, "class") == "2 classes"


def test_a_text_element() -> None:
    assert words(1, 2.25, "a<", "end") == '<text x="1" y="2.2" class="end">a&lt;</text>'
