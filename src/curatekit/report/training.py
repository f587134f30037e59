"""Training: the curves of a run, what the models reach, and M0, M1, M1' and M2 beside one another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from curatekit.plot import bars, learning_curve, table
from curatekit.plot.figure import Figure
from curatekit.plot.page import Fragment
from curatekit.report.section import Section, tiles

if TYPE_CHECKING:
    from curatekit.report.outputs import Output

_LOG = "log.jsonl"
_SCORES = ("accuracy", "macro_f1", "mcc")
_NO_SCORES = ("rows", "step")
_COUNTS = {
    "rows": "rows trained on: {}",
    "completions": "completions read: {}",
    "added": "of them added",
    "left_out": "of them too long and left out",
    "too_long": "more were too long and set aside",
}
_MEASURES = {
    "failure_rate": "failure rate",
    "failure_rate_by_label": "averaged over labels",
    "accuracy": "held-out accuracy",
    "macro_f1": "macro-F1",
    "expected": "expected",
}


def training(outputs: Sequence[Output]) -> Section | None:
    """Return the section, None where nothing was trained."""
    parts: list[Figure | Fragment] = []
    used = []
    for output in outputs:
        made = (
            _trained(output) if output.command.startswith("finetune") else _PARTS.get(output.command, _nothing)(output)
        )
        if made:
            parts += made
            used.append(output)
    return Section("training", "Training", tuple(parts), tuple(used)) if parts else None


def _nothing(output: Output) -> list[Figure | Fragment]:
    return []


def _trained(output: Output) -> list[Figure | Fragment]:
    found = output.metrics
    parts: list[Figure | Fragment] = [
        tiles(
            [
                (f"{found[name]:,}", what.format(output.path.name))
                for name, what in _COUNTS.items()
                if isinstance(found.get(name), int)
            ]
        )
    ]
    if isinstance(found.get("eval"), dict):
        parts.append(_scores(found["eval"], f"{output.path.name} on its evaluation rows"))
    if found.get("after"):
        before = found.get("before") or {}
        lines = [(name, before.get(name), value) for name, value in found["after"].items()]
        caption = f"{output.path.name} on its evaluation rows, before and after tuning"
        parts.append(table(["measure", "before", "after"], lines, caption=caption))
    log = output.path / _LOG
    return [*parts, *(_curves(log.read_text(encoding="utf-8"), output.path.name) if log.is_file() else [])]


def _curves(log: str, name: str) -> list[Figure | Fragment]:
    """Return the training loss over the steps, and each measure of the evaluations, as a picture."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for line in log.splitlines():
        said = json.loads(line)
        for measure, value in said.items():
            wanted = measure == "loss" or (
                measure.startswith("eval_") and not measure.endswith(("runtime", "per_second"))
            )
            if wanted and isinstance(value, int | float) and said.get("step", 0) > 0:
                curves.setdefault(measure, []).append((said["step"], value))
    return [
        learning_curve(
            *np.array(points, dtype=np.float64).T, title=f"{measure} of {name}", x_name="Steps", y_name=measure
        )
        for measure, points in curves.items()
        if len(points) > 1 and np.isfinite(points).all()
    ]


def _evaluated(output: Output) -> list[Figure | Fragment]:
    if "accuracy" not in output.metrics:
        return []
    return [
        _scores(output.metrics, f"{output.metrics.get('model', 'the model')} on {output.metrics.get('rows', 0):,} rows")
    ]


def _scores(found: dict[str, Any], what: str) -> Fragment:
    lines = [
        (name.replace("_", "-"), *(found[name][limit] for limit in ("value", "low", "high")))
        for name in _SCORES
        if isinstance(found.get(name), dict)
    ]
    if not lines:  # of answers: flat, with intervals beside for some
        known = found.get("intervals") or {}
        lines = [
            (name, value, *(known.get(name, {}).get(limit) for limit in ("low", "high")))
            for name, value in found.items()
            if isinstance(value, int | float) and name not in _NO_SCORES
        ]
    return table(["measure", "value", "low", "high"], lines, caption=what)


def _guided(output: Output) -> list[Figure | Fragment]:
    rows = output.metrics["table"]
    lines = [
        (row["model"], row["method"], row["k"], row["runs"], *(_mean(row, measure) for measure in _MEASURES))
        for row in rows
    ]
    header = ["model", "rows added", "k", "runs", *_MEASURES.values()]
    largest = max(row["k"] for row in rows)
    drawn = [row for row in rows if row["k"] in (0, largest)]
    names = [row["model"] if row["model"] == "M0" else f"{row['model']}, {row['method']}" for row in drawn]
    means = np.array([_mean(row, "failure_rate") for row in drawn])
    sd = np.array([_mean(row, "failure_rate", "sd") for row in drawn])
    specifications = list(rows[0]["per_specification"])
    each = [(name, *(row["per_specification"].get(name) for row in drawn)) for name in specifications]
    return [
        bars(
            names,
            means,
            means - sd,
            means + sd,
            title="Did the guidance help?",
            value_name=f"failure rate, {largest:,} rows added",
            note="M0: no rows added; M1: random rows; M1': random rows of the specifications' label shares; M2: guided. Lower is better.",
        ),
        table(header, lines, caption="Models compared: means over the runs"),
        table(["specification", *names], each, caption="Failure rate of each specification"),
    ]


def _mean(row: dict[str, Any], measure: str, of: str = "mean") -> float:
    spread = row["measures"].get(measure)
    value = None if spread is None else spread[of]
    return float("nan") if value is None else float(value)


_PARTS = {"evaluate": _evaluated, "guided": _guided}
