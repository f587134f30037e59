"""The histogram of PVI, class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor

import numpy as np
from numpy.typing import ArrayLike

from curatekit.arrays import Floats, Ints
from curatekit.plot.axes import Scale, apart, line, step, x_grid, x_labels, y_axis
from curatekit.plot.columns import left_out, nothing_to_draw, numbers, sentences, strings
from curatekit.plot.figure import MARGIN, WIDE, WIDTH, Figure, heading
from curatekit.plot.lettering import counted, decimals, width, words
from curatekit.plot.listing import LIST, Row, height, listing
from curatekit.plot.markup import Markup, cut, hover, joined, number, tag

CLASSES = 12
"""Panels at most."""

_HEADER = 26.0
_GAP = 14.0
_TICKS = 9


def histogram(
    values: ArrayLike,
    labels: Sequence[str],
    *,
    thresholds: Mapping[str, float] | None = None,
    names: Sequence[str] | None = None,
    texts: Sequence[str] | None = None,
    most: int = 10,
    title: str = "PVI by class",
    value_name: str = "PVI (bits)",
    note: str = "",
) -> Figure:
    """Return a panel for each class with the counts of its rows by value, and the `most` lowest rows named beside them.

    values (n,), usually PVI in bits; labels, names (ids) and texts: n each. Bars below 0 have a colour of their own.
    `thresholds` holds for some or all classes the value below which predictions are mostly wrong: a dashed line.
    Classes come largest first; of more than 12 the smallest share the last panel. Each panel has its own scale, so that
    a rare class can be seen. Rows without a finite value are left out, which is said; `note` is one more sentence.
    Raises InputError when there is no value or when lengths differ.
    """
    bits = numbers("values", values)
    classes = strings("labels", labels, len(bits))
    ids, read = strings("names", names, len(bits)), strings("texts", texts, len(bits))
    present = np.flatnonzero(np.isfinite(bits))
    if not len(present):
        raise nothing_to_draw(value_name)

    panels = _panels([classes[row] for row in present.tolist()], present)
    edges = bin_edges(bits[present])
    lowest = present[np.argsort(bits[present], kind="stable")[:most]]
    rows = [
        Row(i, ids[row], decimals(float(bits[row])), sentences(f"[{classes[row]}]", read[row] if read else ""))
        for i, row in enumerate(lowest.tolist() if ids else [], 1)
        if ids
    ]
    remarks = sentences(
        f"{counted(len(present), 'row')}, {_summary(bits[present])}.",
        note,
        "Each class has its own scale of counts." if len(panels) > 1 else "",
        _beyond(bits[present], edges),
        left_out(len(bits) - len(present), "a value"),
    )

    wide = WIDE if rows else WIDTH
    head, start = heading(title, remarks, wide)
    area = {1: 240.0, 2: 130.0, 3: 100.0, 4: 84.0}.get(len(panels), 60.0)
    if rows:  # as tall as the list beside them
        area = max(area, (height(rows) - 36) / len(panels) - _HEADER - _GAP)
    left, right = MARGIN + 44, wide - MARGIN - (LIST + 28 if rows else 0)
    x = Scale(float(edges[0]), float(edges[-1]), left, right)

    marks, said, bottom = [head], [], start
    for name, own in panels:
        top = bottom + _HEADER
        summary = f"{counted(len(own), 'row')}, {_summary(bits[own])}"
        said.append(f"{cut(name, 60)}: {summary}.")
        marks += [
            words(left, top - 9, name, "strong", room=right - left - width(summary) - 16),
            words(right, top - 9, summary, "muted end"),
            _bars(bits[own], edges, x, top, top + area, value_name),
            _threshold((thresholds or {}).get(name), x, top, top + area),
            _carets([row for row in rows if lowest[row.number - 1] in own], bits[lowest], x, top + area),
        ]
        bottom = top + area + _GAP
    bottom -= _GAP
    bottom += 8 if rows else 0  # the carets
    marks.append(x_labels(x, bottom, value_name, about=_TICKS))
    end = bottom + 52
    if rows:
        marks.append(listing(right + 28, start + 4, LIST, f"The {counted(len(rows), 'lowest row')}", rows))
        end = max(end, start + height(rows) + MARGIN)
    lowest_rows = "; ".join(f"{cut(row.name, 60)} at {row.value}" for row in rows[:3])
    alt = sentences(
        f"Histogram of {value_name}.", remarks, *said, f"The lowest rows are {lowest_rows}." if rows else ""
    )
    return Figure(title, alt, wide, end, joined(marks))


def bin_edges(values: Floats) -> Floats:
    """Return the edges of at most 60 bins: multiples of 1, 2 or 5 × 10^k, so that 0 is one of them if it lies within.

    The width is at least that of Freedman & Diaconis (1981). Lone values far out, beyond half the span of the middle
    99 %, get no bins of their own: they belong to the outermost ones.
    """
    inner = np.quantile(values, [0.005, 0.25, 0.75, 0.995])
    low, high = float(values.min()), float(values.max())
    reach = (inner[3] - inner[0]) / 2
    if reach > 0:
        low, high = max(low, float(inner[0] - reach)), min(high, float(inner[3] + reach))
    low, high = apart(low, high)
    wanted = 2 * float(inner[2] - inner[1]) / len(values) ** (1 / 3)
    bins = ceil((high - low) / wanted) if wanted > 0 else 30
    size = step(high - low, min(max(bins, 30), 58))
    return np.arange(floor(low / size), floor(high / size) + 2) * size


def bin_counts(values: Floats, edges: Floats) -> Ints:
    """Return how many values lie in each [edge, next edge), those beyond the ends in the outermost."""
    bins = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return np.bincount(bins, minlength=len(edges) - 1)


def _panels(classes: Sequence[str], rows: Ints) -> list[tuple[str, Ints]]:
    """Return (name, rows) of each class, largest first; past CLASSES the smallest ones together."""
    found: dict[str, list[int]] = {}
    for name, row in zip(classes, rows.tolist(), strict=True):
        found.setdefault(name, []).append(row)
    ranked = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    if len(ranked) > CLASSES:
        rest = ranked[CLASSES - 1 :]
        together = sorted(row for _, own in rest for row in own)
        ranked = [*ranked[: CLASSES - 1], (f"the other {len(rest):,} classes together", together)]
    return [(name, np.array(own)) for name, own in ranked]


def _summary(bits: Floats) -> str:
    # of values that cannot be negative, such as lengths, nobody asks
    below = f", {np.mean(bits < 0):.1%} below 0" if np.any(bits < 0) else ""
    return f"mean {decimals(float(bits.mean()))}{below}"


def _beyond(bits: Floats, edges: Floats) -> str:
    below, above = int((bits < edges[0]).sum()), int((bits >= edges[-1]).sum())
    return sentences(
        f"The first bar holds {below:,} below {decimals(float(edges[0]))} too." if below else "",
        f"The last bar holds {above:,} above {decimals(float(edges[-1]))} too." if above else "",
    )


def _bars(bits: Floats, edges: Floats, x: Scale, top: float, bottom: float, value_name: str) -> Markup:
    counts = bin_counts(bits, edges)
    about = min(max(2, int((bottom - top) / 32)), int(counts.max()))
    size = step(float(counts.max()), about)
    y = Scale(0.0, ceil(counts.max() / size - 1e-9) * size, bottom, top)
    marks = [x_grid(x, top, bottom, about=_TICKS), y_axis(y, x.start, x.end, about=about)]
    for count, low, high in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if count:
            left, wide = x.at(low), x.at(high) - x.at(low)
            said = hover(f"{value_name} from {decimals(low)} to {decimals(high)}: {counted(count, 'row')}")
            bar = {"x": left + 0.5, "width": wide - 1, "y": y.at(count), "height": bottom - y.at(count)}
            marks.append(
                tag(
                    "g",
                    said,
                    tag("rect", class_="hit", x=left, y=top, width=wide, height=bottom - top),
                    tag("rect", class_="f1 thin1" if high <= 0 else "f0 thin0", **bar),
                )
            )
    marks.append(line(x.start, bottom, x.end, bottom, "axis"))
    if x.low < 0 < x.high:
        marks.append(line(x.at(0), top, x.at(0), bottom, "mark"))
    return joined(marks)


def _threshold(value: float | None, x: Scale, top: float, bottom: float) -> Markup:
    if value is None or not x.low <= value <= x.high:
        return Markup("")
    said = f"mostly wrong below {decimals(value)}"
    before = x.at(value) - width(said) - 8 > x.start
    return tag(
        "g",
        hover(f"Below {decimals(value)} predictions are mostly wrong."),
        line(x.at(value), top, x.at(value), bottom, "mark dashed"),
        words(x.at(value) + (-6 if before else 6), top + 11, said, "halo" + (" end" if before else "")),
    )


def _carets(rows: Sequence[Row], values: Floats, x: Scale, bottom: float) -> Markup:
    """Return a small caret under the axis at the value of each row that is named."""
    marks = []
    for row in rows:
        at = x.at(min(max(float(values[row.number - 1]), x.low), x.high))
        marks.append(tag("g", row.title, tag("path", class_="ink", d=f"M{number(at)} {number(bottom + 2)}l4 7h-8z")))
    return joined(marks)
