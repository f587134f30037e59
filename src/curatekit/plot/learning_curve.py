"""Learning curves: V over the number of training rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from curatekit.arrays import Floats
from curatekit.errors import InputError
from curatekit.plot.axes import Scale, apart, limits, line, polyline, x_grid, x_labels, y_axis
from curatekit.plot.columns import left_out, nothing_to_draw, numbers, sentences
from curatekit.plot.figure import MARGIN, WIDTH, Figure, heading
from curatekit.plot.lettering import counted, decimals, width, words
from curatekit.plot.markup import Markup, cut, hover, joined, tag
from curatekit.plot.points import SHAPES, mark
from curatekit.plot.style import SERIES

_GAP = 30.0  # px between the names of two curves, each with its value under it


def learning_curve(
    sizes: ArrayLike,
    values: ArrayLike,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    *,
    names: Sequence[str] = (),
    fit_sizes: ArrayLike | None = None,
    fit_values: ArrayLike | None = None,
    asymptotes: ArrayLike | None = None,
    title: str = "Learning curve",
    x_name: str = "Training rows",
    y_name: str = "V-usable information (bits per row)",
    note: str = "",
) -> Figure:
    """Return the values over the sizes, on a logarithmic axis, with intervals, fitted curves and their asymptotes.

    sizes (m,) are training rows; values, low and high (m,) for one curve or (c, m) for c curves, NaN where a curve has no
    such size; names: c. The fitted curves are drawn through fit_values (p,) or (c, p) at fit_sizes (p,), the points being
    joined by straight lines where there is none; asymptotes (c,), NaN for none, as dashed lines. `note` is one more
    sentence, such as the verdict. Raises InputError when there is no value, shapes differ or a size is not positive.
    """
    at = numbers("sizes", sizes)
    curves = _curves("values", values, len(at))
    lows = _curves("low", low, len(at), len(curves)) if low is not None else np.full_like(curves, np.nan)
    highs = _curves("high", high, len(at), len(curves)) if high is not None else np.full_like(curves, np.nan)
    if names and len(names) != len(curves):
        raise InputError(f"names has {len(names)} values for {len(curves)} curves. Give one for each curve.")
    called = [str(name) for name in names] or ["" if len(curves) == 1 else f"curve {i + 1}" for i in range(len(curves))]
    fitted_at = numbers("fit_sizes", fit_sizes) if fit_sizes is not None else np.zeros(0)
    fitted = (
        _curves("fit_values", fit_values, len(fitted_at), len(curves))
        if fit_values is not None
        else np.full((len(curves), len(fitted_at)), np.nan)
    )
    limit = numbers("asymptotes", np.atleast_1d(asymptotes), len(curves)) if asymptotes is not None else None
    if not np.isfinite(at).all() or np.any(at <= 0) or np.any(fitted_at <= 0):
        raise InputError("A size is not a number above 0. Give how many rows each model was trained on.")
    if not np.isfinite(curves).any():
        raise nothing_to_draw(y_name)

    order = np.argsort(at, kind="stable")
    at, curves, lows, highs = at[order], curves[:, order], lows[:, order], highs[:, order]
    plateau = limit if limit is not None else np.full(len(curves), np.nan)
    everything = np.concatenate([part.ravel() for part in (curves, lows, highs, fitted, plateau)])

    remarks = sentences(
        "" if len(curves) == 1 else f"{counted(len(curves), 'curve')}.",
        note,
        "Bars are intervals." if np.isfinite(lows).any() else "",
        "Dashed: the limit of the fitted curve." if np.isfinite(plateau).any() else "",
        left_out(int((~np.isfinite(curves)).all(axis=0).sum()), "a value"),
    )
    head, start = heading(title, remarks, WIDTH)
    last = [_last(at, curve) for curve in curves]
    ends = [
        f"{decimals(value, 3)} at {size:,.0f}" + (f", limit {decimals(level, 3)}" if level == level else "")
        for (size, value), level in zip(last, plateau.tolist(), strict=True)
    ]
    room = min(230.0, max(max(width(name), width(said)) for name, said in zip(called, ends, strict=True)))
    left, right, top = MARGIN + 52, WIDTH - MARGIN - room - 16, start + 26
    bottom = top + max(300.0, _GAP * len(curves))
    reach = np.concatenate([at, fitted_at])
    # a little beyond the points on both sides, by the logarithm
    first, final = apart(float(np.log(reach.min())), float(np.log(reach.max())))
    beyond = (final - first) * 0.04
    x = Scale(float(np.exp(first - beyond)), float(np.exp(final + beyond)), left, right, log=True)
    low_end, high_end = limits(everything, about=6)
    y = Scale(low_end, high_end, bottom, top)

    marks = [
        head,
        x_grid(x, top, bottom),
        y_axis(y, left, right, y_name, about=6),
        line(left, bottom, right, bottom, "axis"),
        x_labels(x, bottom, f"{x_name}, logarithmic"),
    ]
    if low_end < 0 < high_end:
        marks.append(line(left, y.at(0), right, y.at(0), "axis"))
    for i, name in enumerate(called):
        own = np.isfinite(curves[i])
        through = (fitted_at, fitted[i]) if np.isfinite(fitted[i]).any() else (at[own], curves[i][own])
        if np.isfinite(plateau[i]):
            level = y.at(float(plateau[i]))
            told = hover(f"{name}: limit {decimals(float(plateau[i]), 3)}".removeprefix(": "))
            marks.append(tag("g", told, line(left, level, right, level, f"l{i % SERIES} dashed")))
        marks.append(polyline(x(through[0]), y(through[1]), f"l{i % SERIES}"))
        marks += _points(name, at, curves[i], lows[i], highs[i], x, y, i)
    places = spread([y.at(value) for _, value in last], _GAP, top + 4, bottom)
    for i, (place, name, said) in enumerate(zip(places, called, ends, strict=True)):
        marks.append(mark(right + 9, place - 4, i % SERIES, SHAPES[i % len(SHAPES)]))
        marks.append(words(right + 18, place, name, "strong", room=room))
        marks.append(words(right + 18, place + (14 if name else 0), said, "muted", room=room))
    each = [sentences(f"{cut(name, 60)}:" if name else "", said) for name, said in zip(called, ends, strict=True)]
    alt = sentences(f"{y_name} over {x_name.lower()}, logarithmic.", remarks, f"{'; '.join(each)}.")
    return Figure(title, alt, WIDTH, bottom + 52, joined(marks))


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return the places, moved no more than need be for each two to lie `gap` apart, within [low, high] if they fit."""
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    places = list(wanted)
    lowest = low
    for i in order:  # down, away from the one above
        places[i] = lowest = max(places[i], lowest)
        lowest += gap
    highest = high
    for i in reversed(order):  # and back up from the end
        places[i] = highest = min(places[i], highest)
        highest -= gap
    return places


def _curves(name: str, values: ArrayLike, points: int, curves: int | None = None) -> Floats:
    found = np.atleast_2d(np.array(values, dtype=np.float64))
    if found.ndim != 2 or found.shape[1] != points or curves not in (None, len(found)):
        raise InputError(
            f"{name} has the shape {np.shape(values)} for {points} sizes"
            f"{f' of {curves} curves' if curves is not None else ''}. Give one line for each curve, with one value a size."
        )
    found[~np.isfinite(found)] = np.nan
    return found


def _last(sizes: Floats, values: Floats) -> tuple[float, float]:
    own = np.flatnonzero(np.isfinite(values))
    if not len(own):
        raise InputError("A curve has no value at all. Leave it out.")
    return float(sizes[own[-1]]), float(values[own[-1]])


def _points(
    name: str, at: Floats, values: Floats, lows: Floats, highs: Floats, x: Scale, y: Scale, i: int
) -> list[Markup]:
    marks = []
    for size, value, low, high in zip(at.tolist(), values.tolist(), lows.tolist(), highs.tolist(), strict=True):
        if np.isnan(value):
            continue
        known = not (np.isnan(low) or np.isnan(high))
        said = f"{decimals(value, 3)}{f' [{decimals(low, 3)}, {decimals(high, 3)}]' if known else ''}"
        marks.append(
            tag(
                "g",
                hover(f"{name}, {size:,.0f} rows: {said}".removeprefix(", ")),
                tag("circle", cx=x.at(size), cy=y.at(value), r=8, class_="hit"),
                line(x.at(size), y.at(low), x.at(size), y.at(high), f"l{i % SERIES} fine") if known else Markup(""),
                mark(x.at(size), y.at(value), i % SERIES, SHAPES[i % len(SHAPES)]),
            )
        )
    return marks
