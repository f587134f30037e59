"""The data map: where a model is sure, where it wavers, and where it stays wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.plot.axes import Scale, limits, line, x_grid, x_labels, y_axis
from curatekit.plot.columns import left_out, nothing_to_draw, numbers, sentences, strings
from curatekit.plot.figure import LINE, MARGIN, WIDE, WIDTH, Figure, heading
from curatekit.plot.lettering import counted, decimals, words
from curatekit.plot.listing import LIST, Row, height, listing, pins
from curatekit.plot.markup import Markup, hover, joined
from curatekit.plot.points import MOST, hexagon, hexagons, mark, shares, swarm

GROUPS = (
    ("never right", 1, "cross"),
    ("right in less than half", 5, "triangle"),
    ("right in half or more", 2, "diamond"),
    ("always right", 0, "dot"),
)
"""By the share of the epochs in which a row is predicted right: its name, series of colour, and shape."""


def data_map(
    confidence: ArrayLike,
    variability: ArrayLike,
    correctness: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    texts: Sequence[str] | None = None,
    most: int = 5,
    title: str = "Data map",
    note: str = "",
) -> Figure:
    """Return the rows by variability (across) and confidence (up) over the epochs of a training run.

    confidence (n,) is the mean of p(y | x) over the epochs, variability its standard deviation, correctness the share of
    the epochs in which the row is predicted right, shown by colour and shape. Above, at the left, lie rows that are easy to
    learn; below, at the left, hard ones, among them label errors; at the right ambiguous ones. With `names` (ids, n) the
    `most` least confident rows and as many of the most variable others are numbered and named beside the map, with
    `texts` under them. More than 5,000 rows are counted in hexagons, coloured by their mean correctness. Rows that lack one
    of the values are left out, which is said; `note` is one more sentence. Raises InputError when no row is left, lengths
    differ, or values are no probabilities.

    Source: Swayamdipta et al. (2020), Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics, EMNLP.
    """
    sure = numbers("confidence", confidence)
    waver, right = numbers("variability", variability, len(sure)), numbers("correctness", correctness, len(sure))
    ids, read = strings("names", names, len(sure)), strings("texts", texts, len(sure))
    for name, values in (("confidence", sure), ("variability", waver), ("correctness", right)):
        if np.any((values < 0) | (values > 1)):
            raise InputError(f"{name} has a value outside 0 to 1. Give means, deviations and shares over the epochs.")
    present = np.flatnonzero(np.isfinite(sure + waver + right))
    if not len(present):
        raise nothing_to_draw("confidence, variability and correctness")

    hard = present[np.argsort(sure[present], kind="stable")][:most]
    others = np.setdiff1d(present, hard)
    ambiguous = others[np.argsort(-waver[others], kind="stable")][:most]
    named = np.concatenate([hard, ambiguous]).tolist() if ids else []
    rows = [
        Row(i, ids[row], f"{decimals(float(sure[row]))} ± {decimals(float(waver[row]))}", read[row] if read else "")
        for i, row in enumerate(named, 1)
        if ids
    ]
    sizes = np.bincount(_group(right[present]), minlength=len(GROUPS)).tolist()
    remarks = sentences(
        f"{counted(len(present), 'row')}: {sizes[3] / len(present):.1%} always right, {sizes[0] / len(present):.1%} never.",
        note,
        f"More than {MOST:,} rows are counted in hexagons: the area grows with the logarithm of the count, "
        "the colour is that of the mean."
        if len(present) > MOST
        else "",
        left_out(len(sure) - len(present), "all three values"),
    )

    wide = WIDE if rows else WIDTH
    head, start = heading(title, remarks, wide)
    side = LIST if rows else 190
    left, right_end, top = MARGIN + 44, wide - MARGIN - side - 28, start + 26
    listed = len(GROUPS) * LINE + 30 + (height(rows[: len(hard)]) + height(rows[len(hard) :]) + 12 if rows else 0)
    bottom = max(top + 400, start + listed - 36)
    x = Scale(0.0, max(0.1, limits(waver[present], include=(0.0,))[1]), left, right_end)
    y = Scale(0.0, 1.0, bottom, top)
    marks = [
        head,
        x_grid(x, top, bottom),
        y_axis(y, left, right_end, "Confidence: mean p(y | x)"),
        line(left, bottom, right_end, bottom, "axis"),
        x_labels(x, bottom, "Variability: standard deviation of p(y | x)"),
        _cloud(x(waver[present]), y(sure[present]), right[present]),
        words(right_end - 10, top + 20, "← easy to learn", "halo strong end"),
        words(right_end - 10, bottom - 12, "← hard to learn", "halo strong end"),
        words(right_end - 10, _free([y.at(float(sure[i])) for i in ambiguous], y), "ambiguous →", "halo strong end"),
        pins([(x.at(float(waver[i])), y.at(float(sure[i]))) for i in named], rows, (left, top, right_end, bottom)),
        _legend(right_end + 28, start + 4, side, sizes),
    ]
    below = start + 4 + 26 + LINE * len(GROUPS) + 12
    for what, some in (("Hard to learn", rows[: len(hard)]), ("Ambiguous", rows[len(hard) :])):
        if some:
            marks.append(listing(right_end + 28, below, LIST, what, some))
            below += height(some) + 12
    hardest = "; ".join(f"{row.name} at {row.value}" for row in rows[:3])
    alt = sentences(
        "Data map, variability across and confidence up.",
        remarks,
        f"Median confidence {decimals(float(np.median(sure[present])))}, "
        f"median variability {decimals(float(np.median(waver[present])))}.",
        f"The hardest rows are {hardest}." if rows else "",
    )
    return Figure(title, alt, wide, bottom + 52, joined(marks))


def _group(correctness: Floats) -> Ints:
    """Return the place in GROUPS of each share."""
    found: Ints = np.where(correctness >= 1, 3, np.where(correctness >= 0.5, 2, np.where(correctness > 0, 1, 0)))
    return found


def _free(taken: Sequence[float], y: Scale) -> float:
    """Return a height near the middle where none of the named rows lies, if there is one."""
    tried = [y.at(middle) for middle in (0.5, 0.44, 0.56, 0.38, 0.62, 0.32, 0.68)]
    return next((at for at in tried if all(abs(at - 4 - other) > 16 for other in taken)), tried[0])


def _cloud(x: Floats, y: Floats, correctness: Floats) -> Markup:
    groups = _group(correctness)
    if len(x) <= MOST:  # the many that are right lie below the few that are not
        return joined(swarm(x[own], y[own], *GROUPS[i][1:]) for i in (3, 2, 1, 0) for own in [groups == i])
    cells = hexagons(x, y)
    means = np.bincount(cells.cell, weights=correctness) / cells.counts
    return joined(
        hexagon(a, b, share, f"f{GROUPS[group][1]}", hover(counted(count, "row"), f"mean correctness {decimals(mean)}"))
        for a, b, share, group, count, mean in zip(
            cells.x.tolist(),
            cells.y.tolist(),
            shares(cells.counts).tolist(),
            _group(means).tolist(),
            cells.counts.tolist(),
            means.tolist(),
            strict=True,
        )
    )


def _legend(x: float, y: float, room: float, sizes: Sequence[int]) -> Markup:
    marks = [words(x, y + 12, "Epochs in which it is right", "strong", room=room)]
    for i, (name, series, shape) in enumerate(reversed(GROUPS)):
        at = y + 26 + LINE * i + 8
        marks.append(mark(x + 12, at, series, shape, size=1.3))
        marks.append(words(x + 26, at + 4, name))
        marks.append(words(x + room, at + 4, f"{sizes[len(GROUPS) - 1 - i]:,}", "muted end"))
    return joined(marks)
