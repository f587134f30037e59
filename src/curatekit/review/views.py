"""What an address of the review page asks for: which rows, which of them, one at a time or a grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from curatekit.errors import InputError
from curatekit.review.filters import ALL, STATES, TODO, Filter

LONGEST_NUMBER = 12
LONGEST_WORD = 200
MOST_FIELDS = 50


class View(NamedTuple):
    """The rows asked for, and how they are shown; `row` None is the first of them that is left."""

    filter: Filter = Filter()
    row: int | None = None
    grid: bool = False
    page: int = 0
    whole: bool = False
    """Whether a long text is shown to its end."""

    @property
    def query(self) -> str:
        """The view as it stands behind the ? of an address."""
        filter = self.filter
        words = {
            "state": "" if filter.state == TODO else filter.state,
            "given": filter.given,
            "suggested": filter.suggested,
            "search": filter.search,
            "like": filter.like,
            "row": self.row,
            "view": "grid" if self.grid else "",
            "page": self.page or "",
            "text": "whole" if self.whole else "",
        }
        return urlencode({name: value for name, value in words.items() if value not in ("", None)})

    @property
    def address(self) -> str:
        """The address of the view on its server."""
        return f"/?{self.query}" if self.query else "/"

    def at(self, row: int | None) -> View:
        """Return the view of another of its rows."""
        return self._replace(row=row, whole=False)

    def of(self, **changes: object) -> View:
        """Return the view of other rows, from the first page on."""
        return self._replace(filter=self.filter._replace(**changes), row=None, page=0, whole=False)  # type: ignore[arg-type]

    @property
    def like_its_row(self) -> View:
        """The grid of the rows that are nearly the same as its row."""
        return View(Filter(state=ALL, like=self.row), None, grid=True)


def view_of(query: str | Mapping[str, str]) -> View:
    """Return the view that a query asks for; what it cannot mean is left out. Raises InputError for more fields than ours has."""
    try:
        words = dict(parse_qsl(query, max_num_fields=MOST_FIELDS)) if isinstance(query, str) else query
    except ValueError as error:
        raise InputError(f"This address cannot be read ({error}). Go back to the rows.") from error
    state = words.get("state", TODO)
    filter = Filter(
        state if state in STATES else TODO,
        words.get("given", ""),
        words.get("suggested", ""),
        words.get("search", "")[:LONGEST_WORD],
        _number(words.get("like")),
    )
    return View(
        filter,
        _number(words.get("row")),
        words.get("view") == "grid",
        _number(words.get("page")) or 0,
        words.get("text") == "whole",
    )


def _number(word: str | None) -> int | None:
    return int(word) if word and len(word) <= LONGEST_NUMBER and word.isascii() and word.isdigit() else None
