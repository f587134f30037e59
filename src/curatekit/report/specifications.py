"""Specifications: what they ask, how often a model fails them, which rows were chosen for them, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from curatekit.plot import bars, table
from curatekit.plot.figure import Figure
from curatekit.plot.page import Fragment
from curatekit.report.section import Section, said, tiles

if TYPE_CHECKING:
    from curatekit.report.outputs import Output
    from curatekit.specs import Specification

CHOSEN = 15
"""Chosen rows shown."""

_COMMANDS = ("spec check", "select", "evaluate")


def specifications(asked: Sequence[Specification], outputs: Sequence[Output]) -> Section | None:
    """Return the section, None where neither specifications nor outputs about them are given."""
    used = [output for output in outputs if output.command in _COMMANDS and _about(output)]
    if not asked and not used:
        return None
    parts: list[Figure | Fragment] = []
    if asked:
        lines = [(one.id, one.label, len(one.examples), one.statement) for one in asked]
        parts.append(
            table(["specification", "label", "examples", "statement"], lines, caption="What the model must get right")
        )
    for output in used:
        parts += _PARTS[output.command](output)
    return Section("specifications", "Specifications", tuple(parts), tuple(used))


def _about(output: Output) -> bool:
    """Return whether an output tells of specifications: a pruned training set and an evaluation on rows alone do not."""
    asked = {"select": "expected", "evaluate": "failure_rate", "spec check": "specifications"}
    return asked[output.command] in output.metrics


def _checked(output: Output) -> list[Figure | Fragment]:
    lines = [
        (
            one["id"],
            one["label"],
            one["examples"],
            one["tests"],
            one["problems"],
            _of(one.get("served"), "value"),
            _of(one.get("served"), "low"),
            _of(one.get("served"), "high"),
        )
        for one in output.metrics["specifications"]
    ]
    header = ["specification", "label", "examples", "tests", "problems", "coverage", "low", "high"]
    problems = ", ".join(f"{name} {count:,}" for name, count in output.metrics["problems"].items())
    return [
        table(
            header,
            lines,
            caption="Whether they can do their work: coverage is the share of examples that the pool has rows like",
        ),
        said(f"Problems found: {problems}."),
    ]


def _chosen(output: Output) -> list[Figure | Fragment]:
    found = output.metrics
    expected = [
        ({"none": "no rows"}.get(name, name), of["failure_rate"], of["failure_rate_by_label"])
        for name, of in found["expected"].items()
    ]
    each = [
        (
            one["id"],
            one["label"],
            one["rows"],
            one.get("failure_rate_before"),
            _of(one.get("failure_rate_after"), "value"),
            _of(one.get("failure_rate_after"), "low"),
            _of(one.get("failure_rate_after"), "high"),
        )
        for one in found["specifications"]
    ]
    parts: list[Figure | Fragment] = [
        tiles(
            [
                (f"{found['k']:,} of {found['pool']:,}", f"rows chosen by {found['method']}"),
                (f"{found['suspected']['chosen']:,}", "of these are suspected of a wrong label"),
            ]
        ),
        table(
            ["rows added", "expected failure rate", "averaged over labels"],
            expected,
            caption="What was expected before training",
        ),
        table(
            ["specification", "label", "rows chosen", "fails before", "expected after", "low", "high"],
            each,
            caption="What was chosen, and what it was expected to mend",
        ),
    ]
    rows = output.table()
    shown = [name for name in ("id", "label", "specification", "reason", "text") if name in rows.columns]
    if shown and output.path.is_file():
        first = rows.head(CHOSEN).select(pl.col(shown).cast(pl.String))
        parts.append(table(shown, first.iter_rows(), caption=f"The first {len(first)} rows that were chosen"))
    return parts


def _failures(output: Output) -> list[Figure | Fragment]:
    rates = output.metrics["failure_rate"]
    each = rates["per_specification"]
    limits = [[_of(one, limit) for one in each] for limit in ("value", "low", "high")]
    overall, by_label = rates["overall"], rates["by_label_mean"]
    return [
        tiles(
            [
                (_interval(overall), f"failure rate of {output.metrics.get('model', 'the model')}"),
                (_interval(by_label), "averaged over labels"),
            ]
        ),
        bars(
            [str(one["specification"]) for one in each],
            *limits,
            title="Failure rate on the tests",
            value_name="share of its tests that fail",
            reference=_of(overall, "value"),
            reference_name="all tests",
        ),
    ]


def _of(interval: dict[str, Any] | None, limit: str) -> float:
    value = None if interval is None else interval[limit]
    return float("nan") if value is None else float(value)


def _interval(of: dict[str, Any]) -> str:
    return f"{_of(of, 'value'):.3f} [{_of(of, 'low'):.3f}, {_of(of, 'high'):.3f}]"


_PARTS = {"spec check": _checked, "select": _chosen, "evaluate": _failures}
