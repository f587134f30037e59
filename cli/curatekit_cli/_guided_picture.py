"""The pictures of `curate guided --plot`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curatekit.guided import Guided
    from curatekit.plot import Figure, Page


def picture(path: Path, measured: Guided, verdicts: list[str]) -> Figure | Page:
    """Return the failure rate over the rows added; for .html a page with the other measures and expected against measured."""
    from curatekit import plot

    failures = curves(measured, "failure_rate", "Failure rate")
    if path.suffix.lower() == ".svg":
        return failures
    runs = [run for run in measured.runs if run.k and not math.isnan(run.expected)]
    foretold = plot.scatter(
        [run.expected for run in runs],
        [run.failure_rate for run in runs],
        names=[f"{run.method}, k = {run.k:,}, seed {run.seed}" for run in runs],
        title="Failure rate expected before training and measured after it",
        value_name="failure rate",
        x_name="expected",
        y_name="measured",
    ) if runs else "Nothing was expected of any model before training."  # fmt: skip
    return plot.page(
        "Guided selection",
        [
            failures,
            *verdicts,
            curves(measured, "failure_rate_by_label", "Failure rate averaged over labels"),
            curves(measured, "accuracy", "Accuracy on held-out rows"),
            foretold,
        ],
    )


def curves(measured: Guided, measure: str, name: str) -> Figure:
    """Return one curve a method over the budgets, with a band of one standard deviation where there are several runs."""
    import numpy as np

    from curatekit import plot

    rows = [row for row in measured.table if row.k]
    budgets = sorted({row.k for row in rows})
    methods = list(dict.fromkeys(row.method for row in rows))
    mean, sd = np.full((2, len(methods), len(budgets)), np.nan)
    for row in rows:
        at = methods.index(row.method), budgets.index(row.k)
        mean[at], sd[at] = row.measures[measure]
    before = next((row.measures[measure].mean for row in measured.table if not row.k), None)
    return plot.learning_curve(
        budgets, mean, mean - sd, mean + sd, names=methods, title=name, x_name="Rows added", y_name=name,
        note="" if before is None else f"M0, without rows: {before:.3f}. Bands: one standard deviation over runs.",
    )  # fmt: skip
