"""Scales from data to pixels, and the axes that show them."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np
from numpy.typing import ArrayLike

from curatekit.arrays import Floats
from curatekit.plot.lettering import decimals, width, words
from curatekit.plot.markup import Markup, joined, number, tag


@dataclass(frozen=True)
class Scale:
    """The map of [low, high] onto the pixels from start to end, by the value or by its logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, values: ArrayLike) -> Floats:
        of = np.log10 if self.log else np.asarray
        low, high = float(of(self.low)), float(of(self.high))
        return self.start + (of(values) - low) / (high - low) * (self.end - self.start)

    def at(self, value: float) -> float:
        return float(self(value))

    def marks(self, about: int = 6) -> tuple[Floats, list[str]]:
        """Return where the ticks stand and what they say."""
        return log_ticks(self.low, self.high) if self.log else ticks(self.low, self.high, about)


def step(span: float, about: int) -> float:
    """Return the least of 1, 2 and 5 times a power of ten that divides `span` into no more than `about` parts."""
    power = 10.0 ** floor(log10(span / about))
    return next(m for m in (1.0, 2.0, 5.0, 10.0) if m * power * about >= span * (1 - 1e-9)) * power


def ticks(low: float, high: float, about: int = 6) -> tuple[Floats, list[str]]:
    """Return the multiples of a step of 1, 2 or 5 × 10^k within [low, high], and their labels."""
    size = step(high - low, about)
    values = np.arange(ceil(low / size - 1e-9), floor(high / size + 1e-9) + 1) * size
    places = max(0, -floor(log10(size) + 1e-9))
    largest = max(abs(low), abs(high))
    if places < 7 and largest < 1e7:
        return values, [decimals(value, places) for value in values.tolist()]
    digits = ceil(log10(largest / size)) + 1  # as many as tell two ticks apart
    return values, [f"{value:.{digits}g}".replace("-", "−") for value in values.tolist()]


def log_ticks(low: float, high: float) -> tuple[Floats, list[str]]:
    """Return the values 1, 2 and 5 × 10^k within [low, high]; only the powers of ten where those are many."""
    powers = 10.0 ** np.arange(floor(log10(low)), ceil(log10(high)) + 1)
    for among in ([1.0, 2.0, 5.0], [1.0]):
        values = np.unique(np.multiply.outer(powers, among))
        values = values[(values >= low * (1 - 1e-9)) & (values <= high * (1 + 1e-9))]
        if len(values) <= 9:
            break
    return values, [decimals(value, 0) if value >= 1 else f"{value:g}" for value in values.tolist()]


def limits(values: Floats, *, about: int = 6, include: tuple[float, ...] = ()) -> tuple[float, float]:
    """Return ends that hold the finite values and `include`, set out to the next tick; apart even if all are one."""
    finite = np.concatenate([values[np.isfinite(values)], np.asarray(include, dtype=np.float64)])
    low, high = apart(float(finite.min()), float(finite.max()))
    size = step(high - low, about)
    return floor(low / size + 1e-9) * size, ceil(high / size - 1e-9) * size


def apart(low: float, high: float) -> tuple[float, float]:
    """Return the limits, moved apart where they are the same to the last digits."""
    room = max(abs(low), abs(high)) * 0.05 or 0.5
    return (low, high) if high - low > 1e-6 * room else (low - room, high + room)


def x_grid(scale: Scale, top: float, bottom: float, about: int = 6) -> Markup:
    """Return a vertical line from top to bottom at each tick."""
    return _lines([f"M{number(x)} {number(top)}V{number(bottom)}" for x in scale(scale.marks(about)[0]).tolist()])


def x_labels(scale: Scale, bottom: float, title: str = "", about: int = 6) -> Markup:
    """Return the values of the ticks under `bottom`, and the title under those."""
    values, labels = scale.marks(about)
    at = scale(values).tolist()
    parts = [words(x, bottom + 16, label, "muted middle") for x, label in zip(at, labels, strict=True)]
    if title:
        parts.append(
            words((scale.start + scale.end) / 2, bottom + 36, title, "middle", room=scale.end - scale.start + 60)
        )
    return joined(parts)


def y_axis(scale: Scale, left: float, right: float, title: str = "", about: int = 5) -> Markup:
    """Return horizontal grid lines from left to right, with their values before them and the title above, at the left."""
    values, labels = scale.marks(about)
    at = scale(values).tolist()
    parts = [_lines([f"M{number(left)} {number(y)}H{number(right)}" for y in at])]
    parts += [words(left - 7, y + 4, label, "muted end") for y, label in zip(at, labels, strict=True)]
    if title:
        before = left - 7 - max((width(label) for label in labels), default=0)
        parts.append(words(max(0.0, before), scale.end - 12, title, room=right - max(0.0, before)))
    return joined(parts)


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> Markup:
    """Return a straight line."""
    return tag("path", class_=css, d=f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}")


def polyline(x: Floats, y: Floats, css: str) -> Markup:
    """Return a line through the points, broken where one is NaN."""
    path, pen = [], "M"
    for left, top in zip(x.tolist(), y.tolist(), strict=True):
        if np.isnan(left) or np.isnan(top):
            pen = "M"
            continue
        path.append(f"{pen}{number(left)} {number(top)}")
        pen = "L"
    return tag("path", class_=css, d="".join(path)) if path else Markup("")


def _lines(segments: list[str]) -> Markup:
    return tag("path", class_="grid", d="".join(segments)) if segments else Markup("")
