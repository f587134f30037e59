"""Pages of several pictures, tables and texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from curatekit.plot.document import check_suffix, document, write
from curatekit.plot.figure import Figure
from curatekit.plot.lettering import decimals
from curatekit.plot.markup import Markup, cut, escaped, joined, tag
from curatekit.plot.style import PAGE, THEMES

_CELL = 300  # characters of a text that a cell of a table shows
_LONG = 40  # characters; a longer text may be broken anywhere to fit


@dataclass(frozen=True)
class Fragment:
    """A part of a page that is no picture: a table, a heading, a text. A notebook shows it."""

    html: Markup

    def _repr_html_(self) -> str:
        return tag("div", tag("style", Markup(THEMES + PAGE)), self.html, class_="curate")


@dataclass(frozen=True)
class Page:
    """A whole HTML file. A notebook shows its parts."""

    title: str
    parts: tuple[Figure | Fragment, ...]

    @property
    def html(self) -> str:
        body = joined([tag("h1", escaped(self.title)), *(part.html for part in self.parts)], "\n")
        return document(self.title, body)

    def _repr_html_(self) -> str:
        return "\n".join(part._repr_html_() for part in self.parts)

    def save(self, path: str | Path) -> None:
        """Write the page as .html, whole or not at all.

        Raises InputError for another suffix or a folder that will not do, NoSpace when the disk is full.
        """
        check_suffix(path, (".html",))
        write(path, self.html)


def page(title: str, parts: Iterable[Figure | Fragment | str]) -> Page:
    """Return a page of the parts under one another; a string is a paragraph.

    It is one file that opens offline: light or dark as the reader's screen is, fit for print, no script, and a policy in
    it that forbids the browser to load or to run anything.
    """
    return Page(title, tuple(paragraph(part) if isinstance(part, str) else part for part in parts))


def paragraph(text: str) -> Fragment:
    """Return a paragraph."""
    return Fragment(tag("p", escaped(text)))


def section(title: str) -> Fragment:
    """Return the heading of what follows."""
    return Fragment(tag("h2", escaped(title)))


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], *, caption: str = "") -> Fragment:
    """Return a table: numbers to the right, those with a fraction with three decimals, nothing for None.

    A text of more than 300 characters is cut, which an ellipsis shows.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    right = [bool(column) and all(of != "text" for _, of in column) for column in zip(*cells, strict=True)]
    right = right or [False] * len(header)
    head = tag("tr", *(_th(name, number) for name, number in zip(header, right, strict=True)))
    lines = [tag("tr", *(_td(*cell, number) for cell, number in zip(row, right, strict=True))) for row in cells]
    title = [tag("caption", escaped(caption))] if caption else []
    made = tag("table", *title, tag("thead", head), tag("tbody", joined(lines, "\n")))
    # what scrolls must be reached by the keyboard
    return Fragment(tag("div", made, class_="table", role="region", aria_label=caption or "table", tabindex="0"))


def _th(name: str, number: bool) -> Markup:
    return tag("th", escaped(name), scope="col", class_="number" if number else "")


def _td(text: str, of: str, number: bool) -> Markup:
    return tag("td", escaped(text), class_="number" if number else "long" if len(text) > _LONG else "")


def _cell(value: Any) -> tuple[str, str]:
    if value is None:
        return "", "nothing"
    if isinstance(value, Integral) and not isinstance(value, bool):
        return f"{int(value):,}".replace("-", "−"), "number"
    if isinstance(value, Real) and not isinstance(value, bool):
        return decimals(float(value), 3), "number"
    return cut(str(value), _CELL), "text"
