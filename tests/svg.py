"""Reading back what was drawn."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser

from curatekit.plot import Figure
from curatekit.plot.lettering import width

HOSTILE = [
    "<script>alert(1)</script>",
    "</textarea></title></style></svg><img src=x onerror=alert(1)>",
    "\" onmouseover='alert(1)' x=\"",
    "]]><![CDATA[ <!-- & &amp; &#x3c;b&#x3e;",
    "nul \x00, bell \x07, escape \x1b[31m, delete \x7f, not a character \ufffe, half a pair \ud800",
    "bidi \u202e evil \u2066 \u200f marks",
    "line\nbreak\r\nand\ttab\u2028and more",
    "",
    "long " * 2_000,
    "文字列" * 400,
]
ELEMENTS = {"svg", "title", "desc", "style", "rect", "path", "circle", "g", "text"}
ATTRIBUTES = {
    *(
        "class",
        "x",
        "y",
        "width",
        "height",
        "d",
        "cx",
        "cy",
        "r",
        "id",
        "role",
        "viewBox",
        "aria-labelledby",
        "transform",
    ),
}


def root(figure: Figure) -> ET.Element:
    """The parsed picture; a picture that is not well-formed fails here."""
    return ET.fromstring(figure.svg)


def each(figure: Figure, name: str, css: str = "") -> list[ET.Element]:
    """The elements of that name that have all the classes of `css`."""
    return [
        found
        for found in root(figure).iter(f"{{http://www.w3.org/2000/svg}}{name}")
        if set(css.split()) <= set(found.get("class", "").split())
    ]


def texts(figure: Figure, css: str = "") -> list[str]:
    return [
        "".join(found.itertext()) if not len(found) else found[-1].tail or "" for found in each(figure, "text", css)
    ]


def number(found: ET.Element, name: str) -> float:
    return float(found.get(name, "nan"))


def titles(figure: Figure) -> list[str]:
    """What the pointer is told, in order; the title of the picture itself is first."""
    return [found.text or "" for found in each(figure, "title")]


def starts(found: ET.Element) -> list[tuple[float, float]]:
    """Where the strokes of a path begin."""
    return [(float(x), float(y)) for x, y in re.findall(r"M(-?[\d.]+) (-?[\d.]+)", found.get("d", ""))]


def outside(figure: Figure) -> Iterator[str]:
    """The texts that leave the picture, as wide as the widest of the usual fonts makes them."""
    for found, said in zip(each(figure, "text"), texts(figure), strict=True):
        css = found.get("class", "").split()
        wide = width(said) * (15 / 12 if "title" in css else 1)
        left = number(found, "x") - (wide if "end" in css else wide / 2 if "middle" in css else 0)
        if left < -1 or left + wide > figure.width + 1 or not 0 < number(found, "y") <= figure.height:
            yield said


class Tags(HTMLParser):
    """What a browser would make of a page: the tags, and the attributes by name."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
