"""A map of the texts: the first two principal components of their embeddings, each point a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.plot.axes import Scale, apart
from curatekit.plot.figure import MARGIN, WIDE, Figure, heading
from curatekit.plot.lettering import counted, words
from curatekit.plot.markup import cut, hover, joined, tag
from curatekit.plot.style import SERIES
from curatekit.report.section import Section, said

if TYPE_CHECKING:
    from curatekit.artifacts import Artifacts

POINTS = 2_000
"""Points drawn; of more rows, a sample."""

_MARKED = 500  # of the points, at most so many are issues that are chosen for being that
_TEXT = 160  # characters of a text under the pointer
_BLOCK = 8_192  # rows centred at a time
_LEGEND = 200.0


def principal_components(embeddings: Floats, k: int = 2) -> tuple[Floats, Floats]:
    """Return (n, k) the rows on their first principal components, and (k,) the share of the variance that each has.

    The sign of a component is such that its largest weight is positive. embeddings: (n, d).
    """
    mean = embeddings.mean(axis=0, dtype=np.float64)
    d = embeddings.shape[1]
    scatter = np.zeros((d, d))
    for start in range(0, len(embeddings), _BLOCK):
        block = embeddings[start : start + _BLOCK].astype(np.float64) - mean
        scatter += block.T @ block
    variances, axes = np.linalg.eigh(scatter)
    first = axes[:, ::-1][:, :k]
    first = first * np.sign(first[np.abs(first).argmax(axis=0), np.arange(first.shape[1])])
    shares: Floats = np.maximum(variances[::-1][:k], 0) / max(float(np.trace(scatter)), np.finfo(np.float64).tiny)
    made: Floats = np.concatenate(
        [(embeddings[at : at + _BLOCK].astype(np.float64) - mean) @ first for at in range(0, len(embeddings), _BLOCK)]
    )
    return made, shares


def sampled(issues: Bools, rng: np.random.Generator, points: int = POINTS) -> Ints:
    """Return the rows to draw in order: all where they are few, else a sample, of issues at most a quarter and of others the rest."""
    n = len(issues)
    if n <= points:
        return np.arange(n)
    marked = np.flatnonzero(issues)
    of_issues = rng.permutation(marked)[: min(_MARKED, points // 4)]
    others = rng.permutation(np.flatnonzero(~issues))[: points - len(of_issues)]
    return np.sort(np.concatenate([of_issues, others]))


def embedding_map(artifacts: Artifacts, issues: Bools) -> Section:
    """Return the section: points by class in their colours, the issues ringed. issues: (n,) rows that are probable label errors."""
    at, shares = principal_components(artifacts.embeddings)
    rows = sampled(issues, np.random.default_rng(artifacts.settings.seed))
    figure = _figure(artifacts, at, rows, issues)
    remark = (
        f"Two principal components hold {shares.sum():.0%} of the variance of the embeddings, so that rows that lie together here need not be "
        "near each other. Rest the pointer on a point to read it; with scripts, choose classes, search, and zoom with the buttons, with + and −, or with Ctrl and the wheel."
    )
    return Section("map", "Map of the texts", (said(remark), figure))


def _figure(artifacts: Artifacts, at: Floats, rows: Ints, issues: Bools) -> Figure:
    dataset = artifacts.dataset
    labels, n = dataset.labels, len(dataset)
    counts = np.bincount(labels[labels >= 0], minlength=len(dataset.classes))
    named = np.argsort(-counts, kind="stable")[: SERIES if len(counts) <= SERIES else SERIES - 1].tolist()
    series = {k: place for place, k in enumerate(named)}
    rest = len(counts) > SERIES
    note = "All rows." if len(rows) == n else (
        f"A sample of {len(rows):,} of {n:,} rows, {int(issues[rows].sum()):,} of them of the {int(issues.sum()):,} probable label errors."
    )  # fmt: skip
    head, top = heading("Map of the texts", f"{note} Rings: probable label errors.", WIDE)
    left, right, bottom = MARGIN, WIDE - MARGIN - _LEGEND, top + 520.0
    x = Scale(*_ends(at[rows, 0]), left + 8, right - 8)
    y = Scale(*_ends(at[rows, 1]), bottom - 8, top + 8)
    order = rows[np.argsort(issues[rows], kind="stable")].tolist()  # rings above
    label_names = dataset.label_names
    points = []
    for row in order:
        place = series.get(int(labels[row]), SERIES - 1)
        told = hover(f"{dataset.ids[row]} [{label_names[row]}]", cut(dataset.texts[row], _TEXT))
        css = f"point f{place} issue" if issues[row] else f"point f{place}"
        points.append(
            tag(
                "circle",
                told,
                cx=x.at(float(at[row, 0])),
                cy=y.at(float(at[row, 1])),
                r=4.5 if issues[row] else 2.6,
                class_=css,
                data_series=str(place),
            )
        )
    plane = tag("g", joined(points), class_="plane")
    # what is zoomed stays within its frame: an inner svg cuts off what lies outside
    frame = tag(
        "svg", plane, x=left, y=top, width=right - left, height=bottom - top,
        viewBox=f"{left:g} {top:g} {right - left:g} {bottom - top:g}", class_="window",
    )  # fmt: skip
    border = tag("rect", x=left, y=top, width=right - left, height=bottom - top, class_="axis")
    names = [(dataset.classes[k], int(counts[k])) for k in named]
    if rest:
        others = len(counts) - len(named)
        names.append((f"the other {others:,} classes", int(counts.sum() - sum(count for _, count in names))))
    legend = [words(right + 20, top + 14, "Class", "strong")]
    for place, (name, count) in enumerate(names):
        number, middle = place if place < len(named) else SERIES - 1, top + 36 + 22 * place
        dot = tag("circle", cx=right + 26, cy=middle - 4, r=5, class_=f"f{number}")
        entry = joined([hover(name, counted(count, "row")), dot, words(right + 40, middle, name, room=_LEGEND - 44)])
        legend.append(tag("g", entry, data_legend=str(number)))
    alt = (
        f"{counted(len(rows), 'row')} by the first two principal components of their embeddings, coloured by class: "
        f"{', '.join(cut(name, 40) for name, _ in names)}. {note}"
    )
    return Figure("Map of the texts", alt, WIDE, bottom + MARGIN, joined([head, border, frame, *legend]))


def _ends(values: Floats) -> tuple[float, float]:
    return apart(float(values.min()), float(values.max()))
