"""The part of `curate select` that tells what to expect of a selection before training on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from curatekit_cli._print import interval, table

if TYPE_CHECKING:
    from curatekit.plot.figure import Figure
    from curatekit.select.expected import Expected


def expected_payload(expected: Sequence[Expected], names: Sequence[str], target: float | None) -> dict[str, Any]:
    """Return what is expected at each budget as plain values, the knee, and the rows that the target takes."""
    from curatekit.select.expected import knee, needed

    payload: dict[str, Any] = {
        "budgets": [
            {
                "k": one.k,
                "failure_rate": one.failure_rate._asdict(),
                "failure_rate_by_label": one.by_label._asdict(),
                "per_specification": {
                    name: rate._asdict() for name, rate in zip(names, one.per_specification, strict=True)
                },
            }
            for one in expected
        ]
    }
    if len(expected) > 2:
        payload["knee"] = knee(expected)
    if target is not None:
        rows = needed(expected, target)
        payload |= {"target": target, "rows_needed": None if math.isnan(rows) else math.ceil(rows)}
    return payload


def expected_lines(payload: dict[str, Any], method: str) -> list[str]:
    """Return it as text: a line for each budget, then the knee and the target."""
    rows = [
        (of["k"], rate_text(of["failure_rate"]), rate_text(of["failure_rate_by_label"])) for of in payload["budgets"]
    ]
    lines = [
        f"Expected on new cases of the specifications, cross-fitted over their examples ({method})",
        *table(["rows added", "failure rate", "averaged over labels"], rows),
    ]
    if any(math.isnan(of["failure_rate"]["value"]) for of in payload["budgets"]):
        return [*lines, "Where it is blank nothing can be expected, so no number of rows is told; the notes say why."]
    if "knee" in payload:
        last = payload["budgets"][-1]["k"]
        lines.append(
            f"Still falling by 0.02 and more at each doubling up to {last:,} rows: more of them would help."
            if payload["knee"] == last
            else f"Beyond {payload['knee']:,} rows each doubling lowers it by less than 0.02."
        )
    if "target" in payload:
        needed = payload["rows_needed"]
        lines.append(
            f"A failure rate of {payload['target']:g} is not reached with these budgets."
            if needed is None
            else f"A failure rate of {payload['target']:g} takes about {needed:,} rows."
        )
    return lines


def rate_text(rate: dict[str, float]) -> str:
    """Return "0.231 [0.195, 0.269]", and nothing where nothing is expected."""
    from curatekit.intervals import Interval

    return "" if math.isnan(rate["value"]) else interval(Interval(**rate))


def expected_figure(payload: dict[str, Any], method: str) -> Figure | None:
    """Return the curve of the expected failure rate over the rows added, M0's as a note; None, and a note, for no rate at all."""
    from curatekit.plot.learning_curve import learning_curve
    from curatekit.reporting import note

    added = [of for of in payload["budgets"] if of["k"] and not math.isnan(of["failure_rate"]["value"])]
    if not added:
        note("There is no expected failure rate to draw, so no picture is written.")
        return None
    rates = [of["failure_rate"] for of in added]
    before = [of["failure_rate"]["value"] for of in payload["budgets"] if not of["k"]]
    return learning_curve(
        [of["k"] for of in added],
        [rate["value"] for rate in rates],
        [rate["low"] for rate in rates],
        [rate["high"] for rate in rates],
        title=f"Expected failure rate of rows chosen by {method}",
        x_name="Rows added",
        y_name="Expected failure rate",
        note=f"Without rows: {before[0]:.3f}." if before else "",
    )
