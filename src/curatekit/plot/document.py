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


def document(title: str, body: Markup) -> str:
    """Return a whole HTML file, well-formed XML too, whose policy lets a browser use its own style sheet and nothing else."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", escaped(title)),
        tag("style", STYLE),
    )
    main = tag("main", Markup("\n"), body)
    return f"<!DOCTYPE html>\n{tag('html', head, Markup(chr(10)), tag('body', main), lang='en', class_='curate')}\n"


def check_suffix(path: str | Path, suffixes: Collection[str]) -> str:
    """Return the suffix of `path` if it is one of `suffixes`; raises InputError that names them."""
    suffix = Path(path).suffix.lower()
    if suffix not in suffixes:
        raise InputError(f"{path}: this picture can be written as {' or '.join(suffixes)}. Give the file that suffix.")
    return suffix


def write(path: str | Path, text: str) -> None:
    """Write `text`, whole or not at all; raises InputError when the folder will not do."""
    write_text(check_writable(path), text)
