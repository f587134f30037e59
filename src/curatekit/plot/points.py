"""Points of a picture: each its own mark, or, where they are too many to be told apart, counted in hexagons."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.plot.markup import Markup, number, tag

MOST = 5_000
"""Points that are drawn one by one."""

RADIUS = 8.0
"""Pixels from the centre of a hexagon to its corners."""

SHAPES = ("dot", "square", "triangle", "cross", "diamond", "plus")


class Hexagons(NamedTuple):
    """The cells of a hexagonal grid that hold points."""

    x: Floats  # (m,) centres in pixels
    y: Floats
    counts: Ints  # (m,) points in each cell
    cell: Ints  # (n,) the cell of each point


def hexagons(x: Floats, y: Floats, radius: float = RADIUS) -> Hexagons:
    """Return the cells of the grid of hexagons, corner up, that hold the points (n,); a point belongs to the nearest centre."""
    q, r = (np.sqrt(3) / 3 * x - y / 3) / radius, 2 / 3 * y / radius
    # the coordinates q, r, -q-r of the nearest cell sum to 0: the one that was rounded farthest gives way
    near = np.round([q, r, -q - r])
    off = np.abs(near - [q, r, -q - r])
    first = (off[0] > off[1]) & (off[0] > off[2])
    second = ~first & (off[1] > off[2])
    column = np.where(first, -near[1] - near[2], near[0])
    row = np.where(second, -near[0] - near[2], near[1])
    cells, cell, counts = np.unique(np.stack([row, column]), axis=1, return_inverse=True, return_counts=True)
    return Hexagons(radius * np.sqrt(3) * (cells[1] + cells[0] / 2), radius * 1.5 * cells[0], counts, cell.reshape(-1))


def hexagon(x: float, y: float, share: float, css: str, title: Markup) -> Markup:
    """Return a hexagon whose area is `share` of the cell's."""
    r = RADIUS * share**0.5 * 0.97
    w, h = number(r * 3**0.5 / 2), number(r / 2)
    path = f"M{number(x)} {number(y - r)}l{w} {h}v{number(r)}l-{w} {h}-{w}-{h}v-{number(r)}z"
    return tag("path", title, class_=css, d=path)


def shares(counts: Ints) -> Floats:
    """Return the area of each hexagon as a share of the cell, growing with the logarithm of its count, the largest 1."""
    most = np.log1p(counts.max())
    found: Floats = 0.12 + 0.88 * np.log1p(counts) / most
    return found


def swarm(x: Floats, y: Floats, series: int, shape: str) -> Markup:
    """Return all points as one path in the colour of a series, each drawn as `shape`, one of SHAPES."""
    if not len(x):
        return Markup("")
    pen, closed = _PENS[shape]
    path = "".join(f"M{number(a)} {number(b)}{pen}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
    css = f"f{series}" if closed else f"l{series} round" if shape == "dot" else f"l{series}"
    return tag("path", class_=css, d=path)


def mark(x: float, y: float, series: int, shape: str, size: float = 1.5) -> Markup:
    """Return one mark, `size` times as large as in a swarm."""
    at = f"translate({number(x)} {number(y)}) scale({size:g})"
    return tag("g", swarm(np.zeros(1), np.zeros(1), series, shape), transform=at)


# A pen draws from the centre of a mark; a dot is a line of no length with a round end.
_PENS = {
    "dot": ("h0", False),
    "square": ("m-2.5-2.5h5v5h-5z", True),
    "triangle": ("m0-3.4l3.4 5.8h-6.8z", True),
    "cross": ("m-2.6-2.6l5.2 5.2m0-5.2l-5.2 5.2", False),
    "diamond": ("m0-3.6l3.6 3.6-3.6 3.6-3.6-3.6z", True),
    "plus": ("m-3.4 0h6.8m-3.4-3.4v6.8", False),
}
