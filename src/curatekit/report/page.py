"""The report as one file: its sections under a list of them, and the little script that sorts, filters and zooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from curatekit.plot.document import check_suffix, document, write
from curatekit.plot.markup import Markup, escaped, joined, tag
from curatekit.report.outputs import address
from curatekit.report.section import Section
from curatekit.report.style import REPORT
from curatekit.run import manifest_path


@dataclass(frozen=True)
class Report:
    """A report. `title` is its heading, `remark` the line under it."""

    title: str
    remark: str
    sections: Sequence[Section]

    def html(self, path: Path) -> str:
        """Return the file as it is written to `path`: links to manifests are relative to it."""
        own = address(manifest_path(path), path.parent)
        links = [tag("a", escaped(section.title), href=f"#{section.name}") for section in self.sections]
        skip = tag("a", escaped("To the report"), href="#report", class_="skip")
        body = joined(
            [
                skip,
                tag("h1", escaped(self.title)),
                tag("p", escaped(self.remark), class_="said"),
                tag("nav", *links, aria_label="sections"),
                tag("div", joined((section.html(own) for section in self.sections), "\n"), id="report"),
            ],
            "\n",
        )
        return document(self.title, body, style=REPORT, script=script())

    def save(self, path: str | Path) -> None:
        """Write the report as .html, whole or not at all; raises InputError for another suffix."""
        check_suffix(path, (".html",))
        write(path, self.html(Path(path)))


def script() -> Markup:
    """Return the script of the page; it holds no "<" and no "&", which HTML and XML would read differently."""
    return Markup(files("curatekit.report").joinpath("report.js").read_text(encoding="utf-8"))
