"""Many metrics of the same answers: for each a figure per row and one overall."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any, NamedTuple

import numpy as np

from curatekit import registry
from curatekit.arrays import Floats
from curatekit.errors import InputError
from curatekit.evaluate.generation.figures import Figures
from curatekit.intervals import Interval, wilson

_RESAMPLES = 1000
_NUMBERS_AT_ONCE = 1 << 20


class GenerationScores(NamedTuple):
    """Scores of n answers, by the metric's short name.

    per_row    (n,) floats, row i for answer i
    overall    the mean over the rows, or the figure of the whole corpus where the metric has one (BLEU, chrF)
    intervals  of the means alone: Wilson's where every row is 0 or 1, otherwise percentiles of a bootstrap of the rows
    """

    n: int
    per_row: dict[str, Floats]
    overall: dict[str, float]
    intervals: dict[str, Interval]


def generation_scores(
    answers: Sequence[str], truths: Sequence[str], metrics: Sequence[str], *, seed: int = 0, confidence: float = 0.95
) -> GenerationScores:
    """Return the scores of each answer against its truth by each of `metrics`, names in the registry or NAME:ARGUMENT.

    What a metric computes with (an encoder, a cross-encoder) is loaded once and kept for the next call, so that one pair can try
    the names out before a training and every evaluation in it pays for its rows alone. Raises InputError when there is no row,
    for a metric that is unknown, named twice or in want of a package or of an argument, and for one that returns no (n,) floats.
    """
    if len(answers) != len(truths):
        raise ValueError(f"{len(answers)} answers, but {len(truths)} truths")
    if not answers:
        raise InputError("There is no answer to score. Give a file with rows that have a true answer.")
    if twice := sorted({short_name(name) for name in metrics if _names(metrics).count(short_name(name)) > 1}):
        raise InputError(
            f"The metric {twice[0]!r} is named twice. Name each once; its scores are kept under that name."
        )
    functions = {short_name(name): _function(name) for name in metrics}  # all are found before the first computes
    rng = np.random.default_rng(seed)
    per_row, overall, intervals = {}, {}, {}
    for name, function in functions.items():
        rows, whole = _figures(name, function(answers, truths), len(answers))
        per_row[name], overall[name] = rows, float(rows.mean()) if whole is None else whole
        if whole is None:
            intervals[name] = _interval(rows, rng, confidence)
    return GenerationScores(len(answers), per_row, overall, intervals)


def short_name(metric: str) -> str:
    """Return the name under which a metric's scores are kept: "nli" for nli:FOLDER, "rhyme" for python:poems:rhyme."""
    name, _, argument = metric.partition(":")
    return argument.rpartition(":")[2] if name == "python" and argument else name


def _names(metrics: Sequence[str]) -> list[str]:
    return [short_name(metric) for metric in metrics]


def _function(metric: str) -> Callable[[Sequence[str], Sequence[str]], Any]:
    """Return the metric as a function of answers and truths, its argument behind the colon bound."""
    name, _, argument = metric.partition(":")
    function = registry.load("generation_metrics", name)
    if "argument" in signature(function).parameters:
        return lambda answers, truths: function(answers, truths, argument)
    if argument:
        raise InputError(f"The metric {name!r} takes nothing behind a colon. Write {name} alone.")
    return function


def _figures(name: str, result: Any, n: int) -> tuple[Floats, float | None]:
    """Return what a metric, perhaps another's, has returned as (n,) finite floats and the figure of the whole."""
    rows, whole = result if isinstance(result, Figures) else (result, None)
    try:
        rows = np.asarray(rows, np.float64)
    except (TypeError, ValueError):
        rows = np.empty(())
    if rows.shape != (n,) or not np.isfinite(rows).all() or not (whole is None or math.isfinite(whole)):
        raise InputError(
            f"The metric {name!r} did not return one finite number for each of the {n} answers. Correct it."
        )
    return rows, whole


def _interval(rows: Floats, rng: np.random.Generator, confidence: float) -> Interval:
    """Return the mean of the rows with its limits."""
    if np.isin(rows, (0.0, 1.0)).all():
        return wilson(int(rows.sum()), len(rows), confidence)
    n, together = len(rows), max(1, _NUMBERS_AT_ONCE // len(rows))
    left = range(_RESAMPLES, 0, -together)
    means = np.concatenate([rows[rng.integers(0, n, (min(together, some), n))].mean(1) for some in left])
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(rows.mean()), float(low), float(high))
