"""A section of the report, and where its figures come from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from curatekit.plot.figure import Figure
from curatekit.plot.markup import Markup, escaped, joined, tag
from curatekit.plot.page import Fragment
from curatekit.report.outputs import Output

COMPUTED = "computed by this report"


@dataclass(frozen=True)
class Section:
    """A part of the report under one heading; `name` is its anchor. Without sources its figures were computed for it."""

    name: str
    title: str
    parts: tuple[Figure | Fragment, ...]
    sources: tuple[Output, ...] = ()

    def html(self, link: str) -> Markup:
        """Return the section; `link` is the address of the report's own manifest."""
        made = [made_by(source) for source in self.sources] or [
            joined([escaped(f"{COMPUTED}: "), tag("a", escaped("its manifest"), href=link)])
        ]
        heading = tag("h2", escaped(self.title), id=f"h-{self.name}")
        origin = tag("p", escaped("Figures: "), joined(made, "; "), class_="said")
        body = joined([heading, origin, *(part.html for part in self.parts)], "\n")
        return tag("section", body, id=self.name, aria_labelledby=f"h-{self.name}")


def made_by(output: Output) -> Markup:
    """Return the command behind an output, with a link to its manifest."""
    command = tag("code", escaped(output.said))
    return joined([command, escaped(" ("), tag("a", escaped(output.manifest_name), href=output.href), escaped(")")])


def said(text: str) -> Fragment:
    """Return a remark in small letters."""
    return Fragment(tag("p", escaped(text), class_="said"))


def warning(text: str) -> Fragment:
    """Return a paragraph that must not be overlooked."""
    return Fragment(tag("p", tag("strong", escaped("Mind: ")), escaped(text), class_="warning"))


def tiles(figures: Iterable[tuple[str, str]]) -> Fragment:
    """Return the figures that tell most, each a value with its name under it."""
    made = [tag("div", tag("dt", escaped(name)), tag("dd", escaped(value))) for value, name in figures]
    return Fragment(tag("dl", *made, class_="tiles"))
