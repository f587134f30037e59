"""Tokens: which ones carry a class, and which ones carry a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from curatekit.errors import InputError
from curatekit.plot.axes import Scale, limits, line
from curatekit.plot.bars import whisker
from curatekit.plot.columns import nothing_to_draw, numbers, sentences, strings
from curatekit.plot.figure import MARGIN, WIDE, WIDTH, Figure, heading
from curatekit.plot.histogram import CLASSES
from curatekit.plot.lettering import decimals, signed, words
from curatekit.plot.markup import Markup, cut, escaped, hover, joined, tag
from curatekit.plot.page import Fragment

_ROW = 20.0
_TOKEN, _COUNT, _DELTA = 130.0, 52.0, 56.0  # px of the columns before the bars


def token_table(
    labels: Sequence[str],
    tokens: Sequence[str],
    counts: ArrayLike,
    deltas: ArrayLike,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    *,
    most: int = 15,
    title: str = "Tokens by class",
    delta_name: str = "bits lost without it",
    note: str = "",
) -> Figure:
    """Return for each class the tokens in the order given, at most `most`, with count, delta, and delta as a bar.

    All arguments hold one value for each (class, token), n in all: labels name the class; counts (n,) are the rows that
    hold the token; deltas (n,) are usually the mean of PVI(x → y) − PVI(x without the token → y) in bits, above zero where
    the token helps; low and high (n,) their interval. All classes share one scale; the first 12 are shown. `note` is one
    sentence more. Raises InputError when there is no delta or when lengths differ.

    Source: Ethayarajh, Choi & Swayamdipta (2022), section 4.3 (token-level annotation artefacts).
    """
    change = numbers("deltas", deltas)
    n = len(change)
    classes, called = strings("labels", labels, n), strings("tokens", tokens, n)
    times = numbers("counts", counts, n)
    below = numbers("low", low, n) if low is not None else np.full(n, np.nan)
    above = numbers("high", high, n) if high is not None else np.full(n, np.nan)
    panels: dict[str, list[int]] = {}
    for row in np.flatnonzero(np.isfinite(change)).tolist():
        panels.setdefault(classes[row], []).append(row)
    if not panels:
        raise nothing_to_draw(delta_name)
    shown = {name: own[:most] for name, own in list(panels.items())[:CLASSES]}
    used = [row for own in shown.values() for row in own]

    remarks = sentences(
        note,
        "Thin lines are intervals." if np.isfinite(below[used]).any() else "",
        f"The first {CLASSES} of {len(panels):,} classes." if len(panels) > CLASSES else "",
    )
    wide = WIDTH if len(shown) == 1 else WIDE
    head, start = heading(title, remarks, wide)
    each = (wide - 2 * MARGIN - (36 if len(shown) > 1 else 0)) / min(2, len(shown))
    ends = limits(np.concatenate([change[used], below[used], above[used]]), about=16, include=(0.0,))
    marks, bottom = [head], start
    names = list(shown)
    for i in range(0, len(names), 2):
        pair = names[i : i + 2]
        for j, name in enumerate(pair):
            left = MARGIN + j * (each + 36)
            x = Scale(*ends, left + _TOKEN + _COUNT + _DELTA + 14, left + each)
            marks.append(words(left, bottom + 14, name, "strong", room=_TOKEN + 12))
            marks.append(words(left + each, bottom + 14, delta_name, "muted end", room=each - _TOKEN - _COUNT - 20))
            marks.append(words(left + _TOKEN + _COUNT, bottom + 14, "rows", "muted end"))
            for k, row in enumerate(shown[name]):
                top = bottom + 22 + _ROW * k
                values = float(change[row]), float(below[row]), float(above[row])
                marks.append(_line(left, top, called[row], float(times[row]), values, x, delta_name))
            marks.append(line(x.at(0), bottom + 22, x.at(0), bottom + 22 + _ROW * len(shown[name]), "mark"))
        bottom += 22 + _ROW * max(len(shown[name]) for name in pair) + 22
    told = [
        f"{cut(name, 60)}: "
        + ", ".join(f"{cut(_token(called[row]), 40)} {signed(float(change[row]))}" for row in own[:5])
        for name, own in shown.items()
    ]
    return Figure(
        title, sentences(f"Tokens by class, {delta_name}.", remarks, f"{'; '.join(told)}."), wide, bottom, joined(marks)
    )


def highlighted(
    tokens: Sequence[str],
    deltas: ArrayLike,
    *,
    separator: str = " ",
    title: str = "",
    strongest: float | None = None,
    note: str = "",
) -> Fragment:
    """Return the text of a row, each token on a ground as strong as its delta: blue where it helps, orange where it misleads.

    tokens (n) in their order, joined by `separator`; deltas (n,) as in token_table, NaN for none. What misleads is underlined
    too, so that colour is not all that tells. `strongest` is the |delta| of the strongest ground, by default the
    largest of this text; tokens below a tenth of it have none. Each token shows its delta under the pointer. `title` stands
    above the text, such as the label, `note` below. Raises InputError when lengths differ or there is no token.
    """
    called = [str(token) for token in tokens]
    change = numbers("deltas", deltas, len(called))
    if not called:
        raise InputError("There is no token to show. Give the tokens of a text that is not empty.")
    largest = float(np.nanmax(np.abs(change))) if np.isfinite(change).any() else 0.0
    scale = largest if strongest is None else float(strongest)
    parts = []
    for token, delta in zip(called, change.tolist(), strict=True):
        level = 0 if np.isnan(delta) or not scale else _level(abs(delta) / scale)
        css = f"{'p' if delta > 0 else 'n'}{level}" if level else ""
        said = "" if np.isnan(delta) else f"{signed(delta)} bits"
        parts.append(tag("span", _passage(token), class_=css, title=said) if said else _passage(token))
    legend = sentences(
        note,
        f"Blue: helps, up to {signed(scale)} bits; orange and underlined: misleads." if scale else "No token counts.",
    )
    above = [tag("p", tag("strong", _passage(title)))] if title else []
    text = tag("p", joined(parts, _passage(separator)), dir="auto")
    return Fragment(tag("div", *above, text, tag("p", _passage(legend), class_="said"), class_="passage"))


_LEVELS = (0.1, 0.3, 0.55, 0.8)  # of the strongest delta: where each ground begins


def _level(share: float) -> int:
    return sum(share >= begin for begin in _LEVELS)


def _passage(text: str) -> Markup:
    return escaped(text, keep="\n\t")


def _token(token: str) -> str:
    """Return a token that can be seen, also where it is made of spaces or of nothing."""
    return token if token.strip() else "␣" * len(token) or "∅"


def _line(
    left: float, top: float, token: str, count: float, values: tuple[float, float, float], x: Scale, what: str
) -> Markup:
    delta, low, high = values
    known = not (np.isnan(low) or np.isnan(high))
    said = f"{signed(delta, 3)}{f' [{signed(low, 3)}, {signed(high, 3)}]' if known else ''}"
    zero, end, base = x.at(0), x.at(delta), top + 14
    return tag(
        "g",
        hover(_token(token), f"{what}: {said}", "" if np.isnan(count) else f"in {count:,.0f} rows"),
        tag("rect", class_="hit", x=left, y=top, width=x.end - left, height=_ROW),
        words(left, base, _token(token), room=_TOKEN),
        words(left + _TOKEN + _COUNT, base, decimals(count, 0), "muted end"),
        words(left + _TOKEN + _COUNT + _DELTA, base, signed(delta), "end"),
        tag(
            "rect",
            class_="f1" if delta < 0 else "f0",
            x=min(zero, end),
            y=top + 4,
            width=abs(end - zero),
            height=_ROW - 8,
        ),
        whisker(x.at(low), x.at(high), top + _ROW / 2, cap=3.0) if known else Markup(""),
    )
