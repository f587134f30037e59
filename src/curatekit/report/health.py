"""Data health at a glance: rows, classes, lengths, and what `curate check` finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from curatekit.health.checks import CHECKS, check
from curatekit.plot import bars, histogram, table
from curatekit.plot.figure import Figure
from curatekit.plot.page import Fragment
from curatekit.report.section import Section, said, tiles

if TYPE_CHECKING:
    from curatekit.artifacts import Artifacts
    from curatekit.dataset import Dataset
    from curatekit.report.outputs import Output

EACH = 5
"""Rows shown of each check."""

CLASSES = 40
"""Classes drawn one by one."""

_SHOWN = ("id", "with_id", "similarity", "label", "with_label", "detail", "text")


def health(artifacts: Artifacts, given: Output | None) -> Section:
    """Return the section from the output of `curate check`, or from checks made here, all but leakage."""
    dataset = artifacts.dataset
    if given is None:
        asked = tuple(name for name in CHECKS if name != "leakage")
        found = check(dataset, asked, artifacts.embeddings, artifacts.features.truncated, seed=artifacts.settings.seed)
        counts, affected, problems = found.counts, found.n_rows_affected, found.problems
    else:
        counts, affected = given.metrics["problems"], given.metrics["n_rows_affected"]
        problems = given.table()
    parts: list[Figure | Fragment] = [_at_a_glance(dataset, affected), _lengths(dataset), _classes(dataset)]
    lines = [(name, count, CHECKS.get(name, "")) for name, count in counts.items()]
    parts.append(table(["check", "problems", "what it is"], lines, caption="What was looked for"))
    if "leakage" not in counts:
        parts.append(
            said(
                "Leakage is between two files or splits: curate check DATA --against TEST -o problems.csv, and hand that over."
            )
        )
    for name, count in counts.items():
        if count:
            own = problems.filter(pl.col("check") == name)
            wanted = [column for column in _SHOWN if column in own.columns and own[column].null_count() < len(own)]
            first = f", the first {EACH}" if count > EACH else ""
            numeric = own.head(EACH).select(wanted)
            if "similarity" in wanted:
                numeric = numeric.with_columns(pl.col("similarity").cast(pl.Float64, strict=False))
            parts.append(table(wanted, numeric.iter_rows(), caption=f"{name}: {count:,}{first}"))
    return Section("health", "Data health", tuple(parts), (given,) if given else ())


def _at_a_glance(dataset: Dataset, affected: int) -> Fragment:
    unlabelled = int((dataset.labels < 0).sum())
    return tiles(
        [
            (f"{len(dataset):,}", "rows"),
            (f"{len(dataset.classes):,}", "classes"),
            (f"{affected:,} ({affected / max(len(dataset), 1):.1%})", "rows with a problem"),
            *([(f"{len(dataset.set_aside):,}", "rows set aside")] if len(dataset.set_aside) else []),
            *([(f"{unlabelled:,}", "rows without a label")] if unlabelled else []),
        ]
    )


def _lengths(dataset: Dataset) -> Figure:
    words = np.array([text.count(" ") + 1 for text in dataset.texts])
    note = f"The median is {int(np.median(words)):,}, the longest has {int(words.max()):,}."
    return histogram(words, ["all rows"] * len(words), title="Lengths", value_name="words", note=note)


def _classes(dataset: Dataset) -> Figure:
    counts = np.bincount(dataset.labels[dataset.labels >= 0], minlength=len(dataset.classes))
    order = np.argsort(-counts, kind="stable")[:CLASSES]
    note = f"The {CLASSES} largest of {len(counts):,}." if len(counts) > CLASSES else ""
    names = [dataset.classes[k] for k in order]
    return bars(names, counts[order] / max(counts.sum(), 1), title="Classes", value_name="share of the rows", note=note)
