"""One picture."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from curatekit.plot.document import check_suffix, document, write
from curatekit.plot.lettering import words, wrapped
from curatekit.plot.markup import Markup, escaped, joined, tag
from curatekit.plot.style import PICTURE, THEMES

WIDTH = 720
WIDE = 960
MARGIN = 16.0
LINE = 17.0
"""Pixels from one line of text to the next."""


@dataclass(frozen=True)
class Figure:
    """A picture as SVG that needs nothing else: light or dark as the reader's screen is, with a text for who cannot see it.

    A notebook shows it. `svg` is the text of a file of its own, `html` the same as a part of a page.
    """

    title: str
    alt: str
    width: float
    height: float
    marks: Markup

    @property
    def svg(self) -> str:
        return f"{self._svg(tag('style', Markup(THEMES + PICTURE)))}\n"

    @property
    def html(self) -> Markup:
        # what may scroll must be reached by the keyboard
        return tag("figure", self._svg(), tabindex="0", aria_label=self.title)

    def _svg(self, *style: Markup) -> Markup:
        # two pictures of a page must not share their names, and the same picture must be the same bytes
        name = hashlib.sha256(f"{self.title}\0{self.alt}\0{self.marks}".encode("utf-8", "replace")).hexdigest()[:8]
        return tag(
            "svg",
            tag("title", escaped(self.title), id=f"t{name}"),
            tag("desc", escaped(self.alt), id=f"d{name}"),
            *style,
            tag("rect", width=self.width, height=self.height, class_="surface"),
            self.marks,
            xmlns="http://www.w3.org/2000/svg",
            class_="curate",
            width=self.width,
            height=self.height,
            viewBox=f"0 0 {self.width:g} {self.height:g}",
            role="img",
            aria_labelledby=f"t{name} d{name}",
        )

    def _repr_html_(self) -> str:
        return self.svg

    def save(self, path: str | Path) -> None:
        """Write the picture as .svg, or as .html in a page of its own; whole or not at all.

        Raises InputError for another suffix or a folder that will not do, NoSpace when the disk is full.
        """
        svg = check_suffix(path, (".svg", ".html")) == ".svg"
        write(path, self.svg if svg else document(self.title, self.html))


def heading(title: str, remarks: str, width: float) -> tuple[Markup, float]:
    """Return the title with the remarks under it, in two lines at most, and the y below them."""
    lines = wrapped(remarks, width - 2 * MARGIN, lines=2)
    marks = [words(MARGIN, 28, title, "title", room=width - 2 * MARGIN, size=15)]
    marks += [words(MARGIN, 30 + LINE * (i + 1), line, "muted") for i, line in enumerate(lines)]
    return joined(marks), 46 + LINE * len(lines)
