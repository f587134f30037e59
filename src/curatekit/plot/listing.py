"""Rows named beside a picture, with their numbers in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from curatekit.plot.axes import line
from curatekit.plot.lettering import width, words
from curatekit.plot.markup import Markup, hover, joined, tag

LIST = 300.0
"""Pixels: the width of a list beside a picture."""

_ONE_LINE, _TWO_LINES = 20.0, 37.0
_SIZE = 15.0  # px; that the middles of two numbers are apart
_NEAR = 14.0  # px; from a ring to its number
_DIRECTIONS = ((1, 0), (-1, 0), (0, -1), (0, 1), (0.8, -0.8), (-0.8, -0.8), (0.8, 0.8), (-0.8, 0.8))


class Row(NamedTuple):
    """A row to be named: the number that marks it, its name, its value in words, and its text, which may be empty."""

    number: int
    name: str
    value: str
    text: str = ""

    @property
    def title(self) -> Markup:
        return hover(f"{self.number}. {self.name}: {self.value}", self.text)


def height(rows: Sequence[Row]) -> float:
    """Return how many pixels the list takes, its heading included."""
    return 26 + sum(_TWO_LINES if row.text else _ONE_LINE for row in rows)


def listing(x: float, y: float, room: float, title: str, rows: Sequence[Row]) -> Markup:
    """Return the list below y, `room` pixels wide: number, name and value of a row, its text under them."""
    marks = [words(x, y + 12, title, "strong", room=room)]
    top = y + 26
    for row in rows:
        left = room - 26 - width(row.value) - 8
        marks += [
            tag(
                "g",
                row.title,
                tag("rect", x=x, y=top, width=room, height=_TWO_LINES if row.text else _ONE_LINE, class_="hit"),
                words(x + 18, top + 14, str(row.number), "muted end"),
                words(x + 26, top + 14, row.name, room=left),
                words(x + room, top + 14, row.value, "end"),
                words(x + 26, top + 29, row.text, "muted", room=room - 26) if row.text else Markup(""),
            )
        ]
        top += _TWO_LINES if row.text else _ONE_LINE
    return joined(marks)


def pins(points: Sequence[tuple[float, float]], rows: Sequence[Row], box: tuple[float, float, float, float]) -> Markup:
    """Return a ring at each point and near it the number of its row, where no ring and no other number stands.

    box: the left, the top, the right and the bottom that numbers keep within. A number that finds no place is left out.
    """
    taken: list[tuple[float, float]] = []
    marks = []
    for (x, y), row in zip(points, rows, strict=True):
        ring = tag("circle", cx=x, cy=y, r=4, class_="ring")
        for reach, (a, b) in _around(x, y, box):
            if all(_clear((a, b), other, _SIZE) for other in taken) and all(
                _clear((a, b), ring, 10) for ring in points
            ):
                taken.append((a, b))
                lead = line(x, y, x + (a - x) * 0.7, y + (b - y) * 0.7, "axis") if reach > _NEAR else Markup("")
                ring = joined([lead, ring, words(a, b + 4, str(row.number), "halo middle strong")])
                break
        marks.append(tag("g", row.title, ring))
    return joined(marks)


def _around(x: float, y: float, box: tuple[float, float, float, float]) -> list[tuple[float, tuple[float, float]]]:
    """Return places for a number around (x, y), inside the box, the nearest first, each with how far it is."""
    spots = [(reach, (x + dx * reach, y + dy * reach)) for reach in (_NEAR, 24.0, 34.0, 46.0) for dx, dy in _DIRECTIONS]
    return [spot for spot in spots if box[0] + 6 <= spot[1][0] <= box[2] - 6 and box[1] + 6 <= spot[1][1] <= box[3] - 6]


def _clear(a: tuple[float, float], b: tuple[float, float], size: float) -> bool:
    return abs(a[0] - b[0]) >= size or abs(a[1] - b[1]) >= size
