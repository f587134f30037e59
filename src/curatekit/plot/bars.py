"""Bars with intervals: how much of the label can be read from an attribute."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from curatekit.arrays import Floats
from curatekit.plot.axes import Scale, limits, line, x_grid, x_labels
from curatekit.plot.columns import nothing_to_draw, numbers, sentences, strings
from curatekit.plot.figure import MARGIN, WIDE, WIDTH, Figure, heading
from curatekit.plot.lettering import decimals, shortened, width, words
from curatekit.plot.markup import Markup, cut, hover, joined, tag

_ROW = 26.0
_BAR = 14.0


def bars(
    names: Sequence[str],
    values: ArrayLike,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    *,
    conditional: ArrayLike | None = None,
    conditional_low: ArrayLike | None = None,
    conditional_high: ArrayLike | None = None,
    reference: float | None = None,
    reference_name: str = "whole input",
    title: str = "How much of the label can be read from …",
    value_name: str = "V-usable information (bits per row)",
    conditional_name: str = "what the input adds, given it",
    note: str = "",
) -> Figure:
    """Return a horizontal bar for each name, in the order given, with its interval and its value in figures.

    values, low and high (n,); `reference`, usually V of the whole input, is a line across all bars. `conditional` and its
    interval (n,), the V-information of the input given the attribute, stand in a second column, on the same scale. A value
    that is NaN has no bar and shows as "–". `note` is a sentence under the title. Raises InputError when there is no value
    or when lengths differ.
    """
    first = numbers("values", values, len(names))
    called = strings("names", names, len(first))
    n = len(first)
    columns = [(value_name, first, *_limits("", low, high, n))]
    if conditional is not None:
        given = numbers("conditional", conditional, n)
        columns.append((conditional_name, given, *_limits("conditional_", conditional_low, conditional_high, n)))
    everything = np.concatenate([part for column in columns for part in column[1:]])
    if not np.isfinite(everything).any():
        raise nothing_to_draw(value_name)
    line_at = float("nan") if reference is None else float(reference)

    wide = WIDE if conditional is not None else WIDTH
    intervals = any(np.isfinite(column[2]).any() for column in columns)
    remarks = sentences(note, "Thin lines are intervals." if intervals else "")
    head, start = heading(title, remarks, wide)
    room = min(wide * 0.3, max(width(name) for name in called) + 4)
    left, top = MARGIN + room + 10, start + 34
    bottom = top + _ROW * n + 4
    each = (wide - MARGIN - left - 24 * (len(columns) - 1)) / len(columns)
    figures = 52.0  # px for the values, behind the bars
    low_end, high_end = limits(np.append(everything, line_at), about=16, include=(0.0,))
    scales = [
        Scale(low_end, high_end, left + i * (each + 24), left + i * (each + 24) + each - figures)
        for i in range(len(columns))
    ]

    marks = [head]
    for i, name in enumerate(called):
        marks.append(words(left - 10, top + _ROW * i + 17, name, "end", room=room, title=hover(name)))
    for i, (column, x) in enumerate(zip(columns, scales, strict=True)):
        marks.append(words(x.start, start + 14, column[0], "strong", room=each))
        marks += [x_grid(x, top, bottom, about=5), x_labels(x, bottom, about=5)]
        if i == 0 and np.isfinite(line_at):
            at = x.at(line_at)
            said = f"{shortened(reference_name, each - 60)} {decimals(line_at, 3)}"
            before = at + 6 + width(said) > x.start + each
            marks.append(tag("g", hover(said), line(at, top - 4, at, bottom, "mark dashed")))
            marks.append(words(at + (4 if before else -4), top - 7, said, "muted end" if before else "muted"))
        for row, (name, value, below, above) in enumerate(
            zip(called, *(part.tolist() for part in column[1:]), strict=True)
        ):
            marks.append(_bar(name, column[0], value, below, above, x, top + _ROW * row, i))
        marks.append(line(x.at(0), top, x.at(0), bottom, "mark"))
    told = "; ".join(
        f"{cut(name, 60)} {decimals(value, 3)}" for name, value in zip(called, first.tolist(), strict=True)
    )
    alt = sentences(
        f"Bars of {value_name}.",
        remarks,
        f"{reference_name}: {decimals(line_at, 3)}." if np.isfinite(line_at) else "",
        f"{told}.",
    )
    return Figure(title, alt, wide, bottom + 32, joined(marks))


def _limits(prefix: str, low: ArrayLike | None, high: ArrayLike | None, n: int) -> tuple[Floats, Floats]:
    nothing = np.full(n, np.nan)
    return (
        numbers(f"{prefix}low", low, n) if low is not None else nothing,
        numbers(f"{prefix}high", high, n) if high is not None else nothing,
    )


def _bar(name: str, what: str, value: float, low: float, high: float, x: Scale, top: float, column: int) -> Markup:
    middle = top + _ROW / 2
    if np.isnan(value):
        return words(x.at(0) + 8, middle + 4, decimals(value), "muted")
    known = not (np.isnan(low) or np.isnan(high))
    zero, end = x.at(0), x.at(value)
    reach = max(zero, end, x.at(high)) if known else max(zero, end)
    said = f"{decimals(value, 3)}{f' [{decimals(low, 3)}, {decimals(high, 3)}]' if known else ''}"
    css = "f1" if value < 0 else "f0" if column == 0 else "f2"
    bar = tag("rect", class_=css, x=min(zero, end), y=middle - _BAR / 2, width=abs(end - zero), height=_BAR)
    return tag(
        "g",
        hover(name, f"{what}: {said}"),
        tag("rect", class_="hit", x=x.start, y=top, width=x.end - x.start, height=_ROW),
        bar,
        whisker(x.at(low), x.at(high), middle) if known else Markup(""),
        words(reach + 7, middle + 4, decimals(value, 3), "halo"),
    )


def whisker(low: float, high: float, y: float, cap: float = 3.5) -> Markup:
    """Return an interval as a line with caps."""
    return joined(
        [
            line(low, y, high, y, "mark"),
            line(low, y - cap, low, y + cap, "mark"),
            line(high, y - cap, high, y + cap, "mark"),
        ]
    )
