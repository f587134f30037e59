"""Two values of the same rows against each other, such as the PVI that two models give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from curatekit.arrays import Floats
from curatekit.plot.axes import Scale, limits, line, x_grid, x_labels, y_axis
from curatekit.plot.columns import left_out, nothing_to_draw, numbers, sentences, strings
from curatekit.plot.correlation import pearson, spearman
from curatekit.plot.figure import MARGIN, WIDE, Figure, heading
from curatekit.plot.lettering import counted, decimals
from curatekit.plot.listing import LIST, Row, height, listing, pins
from curatekit.plot.markup import Markup, cut, hover, joined
from curatekit.plot.points import MOST, hexagon, hexagons, shares, swarm


def scatter(
    x: ArrayLike,
    y: ArrayLike,
    *,
    x_name: str = "model A",
    y_name: str = "model B",
    names: Sequence[str] | None = None,
    texts: Sequence[str] | None = None,
    most: int = 10,
    title: str = "PVI of two models",
    value_name: str = "PVI (bits)",
    note: str = "",
) -> Figure:
    """Return the rows by x (across) and y (up) on one scale, the line of equality, and both correlations.

    x and y (n,) are values of the same rows. With `names` (ids, n) the `most` rows that differ most, |x − y|, are numbered
    and named beside the picture, with `texts` under them. More than 5,000 rows are counted in hexagons. Rows that lack a value
    are left out, which is said; `note` is one more sentence. Raises InputError when no row is left or lengths differ.
    """
    across = numbers("x", x)
    up = numbers("y", y, len(across))
    ids, read = strings("names", names, len(across)), strings("texts", texts, len(across))
    present = np.flatnonzero(np.isfinite(across + up))
    if not len(present):
        raise nothing_to_draw(value_name)
    a, b = across[present], up[present]

    apart = present[np.argsort(-np.abs(a - b), kind="stable")][:most].tolist() if ids else []
    rows = [
        Row(i, ids[row], f"{decimals(float(across[row]))} | {decimals(float(up[row]))}", read[row] if read else "")
        for i, row in enumerate(apart, 1)
        if ids
    ]
    remarks = sentences(
        f"{counted(len(present), 'row')}, Pearson {decimals(pearson(a, b))}, Spearman {decimals(spearman(a, b))}, "
        f"mean {decimals(float(a.mean()))} against {decimals(float(b.mean()))}.",
        note,
        f"More than {MOST:,} rows are counted in hexagons: the area grows with the logarithm of the count."
        if len(present) > MOST
        else "",
        left_out(len(across) - len(present), "both values"),
    )

    wide = WIDE if rows else 640
    head, start = heading(title, remarks, wide)
    left, right, top = MARGIN + 44, wide - MARGIN - (LIST + 28 if rows else 0), start + 26
    bottom = top + right - left  # a square
    low, high = limits(np.concatenate([a, b]))
    horizontal, vertical = Scale(low, high, left, right), Scale(low, high, bottom, top)
    marks = [
        head,
        x_grid(horizontal, top, bottom),
        y_axis(vertical, left, right, f"{value_name}, {cut(y_name, 60)}", about=6),
        x_labels(horizontal, bottom, f"{value_name}, {cut(x_name, 60)}"),
        line(left, bottom, right, top, "axis dashed"),
    ]
    if low < 0 < high:
        marks.append(line(horizontal.at(0), top, horizontal.at(0), bottom, "axis"))
        marks.append(line(left, vertical.at(0), right, vertical.at(0), "axis"))
    marks.append(_cloud(horizontal(a), vertical(b)))
    at = [(horizontal.at(float(across[row])), vertical.at(float(up[row]))) for row in apart]
    marks.append(pins(at, rows, (left, top, right, bottom)))
    end = bottom + 52
    if rows:
        heads = f"The {counted(len(rows), 'row')} furthest apart"
        marks.append(listing(right + 28, start + 4, LIST, heads, rows))
        end = max(end, start + height(rows) + MARGIN)
    furthest = "; ".join(f"{cut(row.name, 60)} at {row.value}" for row in rows[:3])
    alt = sentences(
        f"{value_name} of {cut(x_name, 60)} across, of {cut(y_name, 60)} up.",
        remarks,
        f"The rows furthest apart are {furthest}." if rows else "",
    )
    return Figure(title, alt, wide, end, joined(marks))


def _cloud(x: Floats, y: Floats) -> Markup:
    if len(x) <= MOST:
        return swarm(x, y, 0, "dot")
    cells = hexagons(x, y)
    return joined(
        hexagon(a, b, share, "f0", hover(counted(count, "row")))
        for a, b, share, count in zip(
            cells.x.tolist(), cells.y.tolist(), shares(cells.counts).tolist(), cells.counts.tolist(), strict=True
        )
    )
