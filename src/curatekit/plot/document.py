"""A page in one file: nothing in it asks the network for anything, and no script runs in it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from pathlib import Path

from curatekit.errors import InputError
from curatekit.files import check_writable, write_text
from curatekit.plot.markup import Markup, escaped, tag
from curatekit.plot.style import PAGE, PICTURE, THEMES

STYLE = Markup(THEMES + PICTURE + PAGE)


def document(title: str, body: Markup, *, style: str = "", script: Markup | None = None) -> str:
    """Return a whole HTML file, well-formed XML too, whose policy lets a browser use what is in it and nothing else.

    style: what comes behind the style sheet of all pages; script: what runs when the page is there, none by default.
    """
    sheet = Markup(STYLE + style)
    runs = f"script-src {_digest(script)}; " if script else ""
    policy = f"default-src 'none'; style-src {_digest(sheet)}; {runs}base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", escaped(title)),
        tag("style", sheet),
    )
    main = [tag("main", Markup("\n"), body), *([tag("script", script)] if script else [])]
    return f"<!DOCTYPE html>\n{tag('html', head, Markup(chr(10)), tag('body', *main), lang='en', class_='curate')}\n"


def _digest(text: str) -> str:
    """Return the source of a policy that allows this very text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def check_suffix(path: str | Path, suffixes: Collection[str]) -> str:
    """Return the suffix of `path` if it is one of `suffixes`; raises InputError that names them."""
    suffix = Path(path).suffix.lower()
    if suffix not in suffixes:
        raise InputError(f"{path}: this picture can be written as {' or '.join(suffixes)}. Give the file that suffix.")
    return suffix


def write(path: str | Path, text: str) -> None:
    """Write `text`, whole or not at all; raises InputError when the folder will not do."""
    write_text(check_writable(path), text)
