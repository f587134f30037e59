"""Probable label errors: how many, of which kind, and the rows themselves with what speaks against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from curatekit.label_errors import CAUTION, find_label_errors
from curatekit.plot import table
from curatekit.plot.figure import Figure
from curatekit.plot.markup import Markup, cut, escaped, joined, tag
from curatekit.plot.page import Fragment
from curatekit.report.section import Section, tiles, warning

if TYPE_CHECKING:
    from curatekit.artifacts import Artifacts
    from curatekit.report.outputs import Output

TOP = 30
"""Rows shown with their reasons and neighbours."""

NEAREST = 3
MATRIX = 12
"""Classes up to which the matrix is shown whole."""

PAIRS = 20
_TEXT, _NEIGHBOUR = 600, 200  # characters shown
_STEPS = (0.02, 0.08, 0.2, 0.5)  # shares from which a cell of the matrix has a stronger ground


@dataclass(frozen=True, eq=False)
class Found:
    """The issues, most doubtful first, and what they add up to."""

    issues: pl.DataFrame
    n: int
    n_issues: int
    n_argmax: int
    family: str
    classes: Sequence[str]
    noise_matrix: Sequence[Sequence[float]]
    confusions: Sequence[Mapping[str, Any]]
    audit: Mapping[str, Any] | None = None


def searched(artifacts: Artifacts) -> Found:
    """Return what `curate find-errors` finds with its defaults."""
    found = artifacts.call(find_label_errors, family=artifacts.predictions.family)
    of = found.summary
    confusions = [pair._asdict() for pair in of.confusions]
    return Found(
        found.issues, of.n, of.n_issues, of.n_argmax, of.family, of.classes, of.noise_matrix.tolist(), confusions
    )


def reported(given: Output) -> Found:
    """Return what `curate find-errors -o` wrote."""
    of = given.metrics
    issues = given.table().with_columns(
        pl.col("p_wrong").cast(pl.Float64, strict=False),
        is_issue=pl.col("is_issue").cast(pl.String).str.to_lowercase() == "true",
    )
    return Found(
        issues, of["n"], of["n_issues"], of["n_argmax"], of["family"], of["classes"], of["noise_matrix"], of["confusions"], of.get("audit"),
    )  # fmt: skip


def label_errors(found: Found, artifacts: Artifacts, given: Output | None) -> Section:
    """Return the count with its interval or the warning that there is none, the noise matrix and the top rows."""
    parts: list[Figure | Fragment] = []
    count = found.audit.get("count") if found.audit else None
    if found.audit and count:
        parts.append(
            tiles(
                [
                    (
                        f"{count['value']:,.0f} [{count['low']:,.0f}, {count['high']:,.0f}]",
                        f"of {found.n:,} labels are wrong, with 95 % limits",
                    ),
                    (f"{found.audit['wrong']:,} of {found.audit['reviewed']:,}", "reviewed rows are wrong"),
                    (f"{found.n_issues:,}", "rows marked as issues"),
                ]
            )
        )
    else:
        parts += [
            tiles(
                [
                    (f"{found.n_issues:,} ({found.n_issues / max(found.n, 1):.1%})", "labels are probably wrong"),
                    (f"{found.n_argmax:,}", "by the other usual count: another label is more probable"),
                ]
            ),
            warning(
                f"{CAUTION} A count: curate audit-sample ISSUES -o review.csv, then curate find-errors DATA --reviews review.csv."
            ),
        ]
    parts += [_matrix(found)]
    pairs = [
        tuple(pair[name] for name in ("given_label", "suggested_label", "n", "share_of_given"))
        for pair in found.confusions[:PAIRS]
    ]
    if pairs:
        parts.append(
            table(
                ["given", "looks like", "rows", "share of the given"], pairs, caption="Most frequent among the issues"
            )
        )
    parts.append(_rows(found, artifacts))
    return Section("errors", "Probable label errors", tuple(parts), (given,) if given else ())


def _matrix(found: Found) -> Fragment:
    """Return P(given | true) as a table with grounds by strength, or its largest cells where there are many classes."""
    matrix = np.array(
        [[np.nan if cell is None else cell for cell in row] for row in found.noise_matrix], dtype=np.float64
    )
    caption = (
        "Noise matrix, an estimate: of the rows that are of a class (across), the share that is given each label (down)"
    )
    if len(found.classes) > MATRIX:
        off = np.where(np.eye(len(matrix), dtype=bool), 0, np.nan_to_num(matrix))
        order = np.argsort(-off, axis=None, kind="stable")[:PAIRS]
        cells = [
            (found.classes[k % len(off)], found.classes[k // len(off)], off.flat[k])
            for k in order.tolist()
            if off.flat[k]
        ]
        return table(
            ["is", "is given", "share"], cells, caption=f"Noise matrix, an estimate: its {len(cells)} largest cells"
        )
    head = tag(
        "tr",
        tag("th", escaped("given \\ is"), scope="col"),
        *(tag("th", escaped(cut(n, 40)), scope="col", class_="number") for n in found.classes),
    )
    lines = [
        tag(
            "tr", tag("th", escaped(cut(name, 40)), scope="row"), *(_cell(share, i == j) for j, share in enumerate(row))
        )
        for i, (name, row) in enumerate(zip(found.classes, matrix.tolist(), strict=True))
    ]
    made = tag(
        "table",
        tag("caption", escaped(caption)),
        tag("thead", head),
        tag("tbody", joined(lines, "\n")),
        class_="matrix",
    )
    return Fragment(tag("div", made, class_="table", role="region", aria_label=caption, tabindex="0"))


def _cell(share: float, right: bool) -> Markup:
    strength = sum(share >= step for step in _STEPS)
    css = f"number {'p' if right else 'n'}{strength}" if strength else "number"
    return tag("td", escaped("–" if np.isnan(share) else f"{share:.3f}"), class_=css)


def _rows(found: Found, artifacts: Artifacts) -> Fragment:
    """Return the most doubtful rows, each with its text, reasons and nearest neighbours."""
    dataset = artifacts.dataset
    row_of = {id: row for row, id in enumerate(dataset.ids.tolist())}
    labels = dataset.label_names
    k = min(NEAREST, artifacts.neighbours.rows.shape[1])
    made = []
    for rank, line in enumerate(found.issues.head(TOP).iter_rows(named=True), 1):
        row = row_of.get(line["id"])
        near = [] if row is None else [_neighbour(artifacts, labels, row, place) for place in range(k)]
        probability = "" if line["p_wrong"] is None else f" · p(wrong) {line['p_wrong']:.2f}"
        head = tag(
            "h4",
            escaped(f"{rank}. "),
            tag("span", escaped(cut(str(line["given_label"]), 60)), class_="given"),
            escaped(" → "),
            tag("span", escaped(cut(str(line["suggested_label"]), 60)), class_="suggested"),
            tag("small", escaped(f" {cut(str(line['id']), 60)}{probability}")),
        )
        text = tag("p", escaped(cut(str(line["text"]), _TEXT)), dir="auto", class_="text")
        reasons = tag("p", escaped(str(line["reasons"])), class_="said")
        listed = [tag("ul", *near, aria_label="nearest rows")] if near else []
        made.append(tag("article", head, text, reasons, *listed))
    title = tag("h3", escaped(f"The {len(made)} most doubtful rows, with their nearest neighbours"))
    return Fragment(tag("div", title, joined(made, "\n"), class_="cards"))


def _neighbour(artifacts: Artifacts, labels: Sequence[str | None], row: int, place: int) -> Markup:
    other, cosine = (float(of[row, place]) for of in (artifacts.neighbours.rows, artifacts.neighbours.similarity))
    said = tag("b", escaped(cut(str(labels[int(other)]), 60)))
    return tag("li", said, escaped(f" {cosine:.2f} · {cut(artifacts.texts[int(other)], _NEIGHBOUR)}"), dir="auto")
