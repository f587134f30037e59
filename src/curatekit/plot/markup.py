"""Markup, told from text by its type: what comes from data is escaped before it can become a part of a picture or a page."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable
from typing import NewType

Markup = NewType("Markup", str)

_HOVER = 300  # characters of a text that a hover shows
_JOINERS = "\u200c\u200d"  # between letters of Persian and of Indic scripts, and in emoji: harmless, and needed
_CLOSED = frozenset({"rect", "path", "circle", "line", "meta"})  # elements that hold nothing


def tag(element: str, /, *content: Markup, **attributes: str | float) -> Markup:
    """Return `<element attributes>content</element>`: values escaped, numbers to a tenth, `class_` for class, `_` for `-`."""
    said = "".join(
        f' {key.strip("_").replace("_", "-")}="{number(value) if isinstance(value, int | float) else escaped(value)}"'
        for key, value in attributes.items()
        if value != ""
    )
    if element in _CLOSED and not content:
        return Markup(f"<{element}{said}/>")
    return Markup(f"<{element}{said}>{''.join(content)}</{element}>")


def joined(parts: Iterable[Markup], separator: str = "") -> Markup:
    """Return the parts one after another."""
    return Markup(separator.join(parts))


def escaped(text: str, keep: str = "") -> Markup:
    """Return `text` as it may stand between tags and in an attribute, of HTML and of XML alike; `keep` as in visible."""
    return Markup(html.escape(visible(text, keep), quote=True))


def visible(text: str, keep: str = "") -> str:
    """Return `text` with line breaks as spaces and every other character that does not show itself as `\\u202e`.

    So neither an escape code nor a direction mark nor a lone surrogate gets through. `keep` names characters to leave.
    """
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable() or char in _JOINERS or char in keep
        else (" " if char in "\n\r\t" or unicodedata.category(char)[0] == "Z" else f"\\u{ord(char):04x}")
        for char in text
    )


def hover(*lines: str) -> Markup:
    """Return the `<title>` of a mark: what is shown while the pointer rests on it, a line each."""
    return tag("title", joined((escaped(cut(line, _HOVER)) for line in lines if line), "\n"))


def cut(text: str, length: int) -> str:
    """Return `text` if it has no more than `length` characters, else its beginning and an ellipsis."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def number(value: float) -> str:
    """Return a coordinate to a tenth of a pixel, without zeros that say nothing."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
