"""Words in a picture: how wide they are, so that they fit, and how numbers are written."""

from __future__ import annotations

import math
import unicodedata

from curatekit.plot.markup import Markup, escaped, tag, visible

SIZE = 12.0  # px; of all letters but the headings

# Widths in em of DejaVu Sans, the widest of the usual fonts: what fits by it fits everywhere.
_WIDTHS = {
    **dict.fromkeys("ijl|'", 0.29),
    **dict.fromkeys(" .,:;!()[]ft", 0.38),
    **dict.fromkeys('r-/\\`"', 0.44),
    **dict.fromkeys("mwMW%@—…", 0.96),
    **dict.fromkeys("ABCDEFGHKLNOPQRSTUVXYZ+=<>~#&−", 0.74),
}
_MOST = 400  # characters that are looked at: no line of a picture holds more


def words(
    x: float,
    y: float,
    text: str,
    css: str = "",
    *,
    room: float = math.inf,
    size: float = SIZE,
    title: Markup | None = None,
) -> Markup:
    """Return a `<text>` whose baseline is at y, shortened to `room` pixels; `title` is its hover."""
    content = escaped(shortened(text, room, size))
    return tag("text", *([title] if title else []), content, x=x, y=y, class_=css)


def width(text: str, size: float = SIZE) -> float:
    """Return about how many pixels `text` takes."""
    return size * sum(_em(char) for char in text[:_MOST])


def _em(char: str) -> float:
    if char in _WIDTHS:
        return _WIDTHS[char]
    if char.isascii():
        return 0.63
    if unicodedata.combining(char):
        return 0.0
    return 1.05 if unicodedata.east_asian_width(char) in "WF" else 0.7


def shortened(text: str, room: float, size: float = SIZE) -> str:
    """Return as much of `text`, on one line, as fits into `room` pixels; an ellipsis says that there was more."""
    text = visible(text[: _MOST + 1])
    if len(text) <= _MOST and width(text, size) <= room:
        return text
    left = room - size * _em("…")
    for end, char in enumerate(text):
        left -= size * _em(char)
        if left < 0 or end == _MOST:
            return text[:end].rstrip() + "…"
    return text


def wrapped(text: str, room: float, lines: int, size: float = SIZE) -> list[str]:
    """Return `text` in at most `lines` lines of `room` pixels, broken between words, the last one shortened."""
    found: list[str] = []
    for word in visible(text).split():
        if found and (width(f"{found[-1]} {word}", size) <= room or len(found) == lines):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return [shortened(line, room, size) for line in found]


def decimals(value: float, places: int = 2) -> str:
    """Return `value` with so many decimals, a true minus sign and commas between thousands; "–" where it is NaN."""
    if math.isnan(value):
        return "–"
    text = f"{value:,.{places}f}" if abs(value) < 1e7 else f"{value:.3g}"
    if not text.strip("-0.,"):
        text = text.removeprefix("-")
    return text.replace("-", "−")


def signed(value: float, places: int = 2) -> str:
    """Return `value` as `decimals` does, with a plus sign before what is above zero."""
    text = decimals(value, places)
    return f"+{text}" if value > 0 and text.strip("0.") else text


def counted(n: int, noun: str) -> str:
    """Return "1 row" or "2,041 rows"."""
    return f"{n:,} {noun if n == 1 else noun + ('es' if noun.endswith('s') else 's')}"
