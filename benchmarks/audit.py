"""Simulated audits of 200 rows: bias, coverage and width of the count of wrong labels, and F1 of the cut it gives.

A row's truth is its review: `curate audit-sample`, then `find-errors --reviews`, by the same functions. Noise is drawn
once: one annotator's vote (Davidson; truth is the majority), gazetteers (Hausa news, which the English encoder hardly
reads), 10 % flips (Banking77). Beside it, on as many rows, the plain design: 8 equal strata by rank of self-confidence.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.label_errors import DATA, FILES, f1, given
from benchmarks.record import record
from curatekit import registry
from curatekit.arrays import Bools, Floats, Ints
from curatekit.artifacts import Artifacts, Settings
from curatekit.audit.audited import AS_MANY, audited
from curatekit.audit.estimate import Tally, stratified_total
from curatekit.audit.reviews import Reviews, read_reviews
from curatekit.audit.sample import VERDICT, audit_sample
from curatekit.dataset import Dataset, from_lists
from curatekit.intervals import Interval, wilson
from curatekit.label_errors import LabelErrors, find_label_errors
from curatekit.readers import read_dataset

NAMES = ("davidson", "hausa", "banking77")
PLAIN_STRATA = 8
Z = 1.959964


@dataclass(frozen=True)
class Noisy:
    """A dataset with the labels given, and each row's true one by number of its class."""

    dataset: Dataset
    truth: Ints

    @property
    def wrong(self) -> Bools:
        return np.asarray(self.dataset.labels != self.truth)


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run audit", description=__doc__)
    parser.add_argument("--audits", type=int, default=300, help="simulated audits of each dataset [300]")
    parser.add_argument("--reviews", type=int, default=200, help="rows reviewed in each [200]")
    arguments = parser.parse_args(argv)
    results = []
    for name in NAMES:
        results.append({"data": name, **measured(noisy(name), arguments.audits, arguments.reviews)})
        print("  ".join(f"{key} {value}" for key, value in results[-1].items()), flush=True)
    print(record("audit", argv, results, audits=arguments.audits, reviews=arguments.reviews, seeds="0 ..."))


def noisy(name: str, seed: int = 0) -> Noisy:
    """Return a dataset with one draw of its noise; the noise of Hausa news is as it is."""
    if name == "hausa":
        frame = pl.read_parquet(DATA / "african_news_noise/hausa.parquet").filter(pl.col("split") == "train")
        dataset = from_lists(frame["text"].to_list(), frame["noisy_label"].to_list(), frame["id"].to_list())
        return Noisy(dataset, np.array([dataset.classes.index(label) for label in frame["clean_label"]]))
    clean = read_dataset(DATA / f"{FILES[name]}.parquet", "text", "label", "id")
    labels = given(clean, "vote" if name == "davidson" else "uniform", seed, Settings())
    return Noisy(replace(clean, labels=labels), clean.labels)


def found_in(dataset: Dataset) -> LabelErrors:
    """Return what `curate find-errors` finds by default."""
    artifacts = Artifacts(dataset)
    scores = artifacts.call(registry.load("scores", "combined"))
    found: LabelErrors = artifacts.call(find_label_errors, scores=scores, family=artifacts.predictions.family)
    return found


def verdicts_of(dataset: Dataset, truth: Ints, found: LabelErrors, n_reviews: int, seed: int, path: Path) -> Reviews:
    """Return what `curate audit-sample` draws of the issues, reviewed by the truth, written to `path` and read again."""
    sample = audit_sample(found.issues, n_reviews, seed)
    said = dict(zip(dataset.ids.tolist(), (dataset.classes[k] for k in truth), strict=True))
    sample.with_columns(pl.Series(VERDICT, [said[id] for id in sample["id"]])).write_csv(path)
    return read_reviews([path], dataset)


def measured(data: Noisy, n_audits: int, n_reviews: int) -> dict[str, Any]:
    found = found_in(data.dataset)
    row_of = {id: row for row, id in enumerate(data.dataset.ids)}
    ranked = np.array([row_of[id] for id in found.issues["id"]])
    wrong = data.wrong[ranked]
    errors = int(wrong.sum())
    rank = np.argsort(found.issues["self_confidence"].to_numpy(), kind="stable")
    counts, marked, cut, as_many, plain = [], [], [], [], []
    for seed in range(n_audits):
        with tempfile.TemporaryDirectory() as folder:
            reviews = verdicts_of(data.dataset, data.truth, found, n_reviews, seed, Path(folder) / "review.csv")
        made = audited(found, reviews)
        assert made.audit.count is not None
        counts.append(made.audit.count)
        marked.append(f1(wrong, made.found.issues["is_issue"].to_numpy()))
        rows = {of.name: of.rows for of in made.audit.cuts}
        cut.append(f1(wrong, first(rows[made.audit.marked_by], len(wrong))))
        as_many.append(f1(wrong, first(rows[AS_MANY], len(wrong))))
        plain.append(plain_intervals(wrong[rank], n_reviews, np.random.default_rng(seed)))
    ours = of_counts(counts, errors)
    others = {name: of_counts([one[name] for one in plain], errors) for name in plain[0]}
    return {
        "rows": len(wrong),
        "errors": errors,
        **ours,
        "plain": others,
        "half_width_over_plain": {name: round(ours["half_width"] / one["half_width"], 3) for name, one in others.items()},
        "f1": {
            "marked after the audit": mean(marked),
            "its cut, without the reviewed rows' verdicts": mean(cut),
            "cut at the audited count": mean(as_many),
            "cut at the true count": mean([f1(wrong, first(errors, len(wrong)))]),
            "best cut there is": mean([best_f1(wrong)]),
            "before the audit": mean([f1(wrong, found.issues["is_issue"].to_numpy())]),
        },
    }  # fmt: skip


def of_counts(counts: Sequence[Interval], errors: int) -> dict[str, float]:
    """Return bias, spread and mean half-width as shares of the true count, and how many intervals hold it."""
    value, low, high = (np.array(of, dtype=float) for of in zip(*counts, strict=True))
    return {
        "bias": round(float(value.mean() / errors - 1), 4),
        "sd": round(float(value.std() / errors), 4),
        "coverage": round(float(((low <= errors) & (errors <= high)).mean()), 4),
        "half_width": round(float((high - low).mean() / 2 / errors), 4),
    }


def plain_intervals(wrong: Bools, n_reviews: int, rng: np.random.Generator) -> dict[str, Interval]:
    """Return the counts of the plain design, `wrong` being by rank of self-confidence: its limits, taken in three ways.

    "Wilson added": Σ N_h times the Wilson limits of each stratum, which holds if all strata err to the same side at
    once. "Wilson combined": their distances added in squares. "normal": from the unbiased variance of the total.
    """
    strata = np.array_split(wrong, PLAIN_STRATA)
    rows = np.array([len(stratum) for stratum in strata])
    drawn = np.full(PLAIN_STRATA, n_reviews // PLAIN_STRATA)
    k = np.array([rng.choice(stratum, n, replace=False).sum() for stratum, n in zip(strata, drawn, strict=True)])
    value = stratified_total(Tally(rows, drawn, k))
    rates = [wilson(int(count), int(n)) for count, n in zip(k, drawn, strict=True)]
    below = rows * np.array([rate.value - rate.low for rate in rates])
    above = rows * np.array([rate.high - rate.value for rate in rates])
    variance = rows**2 * (1 - drawn / rows) * (k / drawn) * (1 - k / drawn) / (drawn - 1)
    half = Z * sqrt(variance.sum())
    return {
        "Wilson added": Interval(value, value - below.sum(), value + above.sum()),
        "Wilson combined": Interval(value, value - sqrt((below**2).sum()), value + sqrt((above**2).sum())),
        "normal": Interval(value, value - half, value + half),
    }


def first(rows: int, n: int) -> Bools:
    return np.arange(n) < rows


def best_f1(wrong: Bools) -> float:
    """Return the largest F1 of any cut of the ranked rows."""
    called = np.arange(1, len(wrong) + 1)
    return float((2 * np.cumsum(wrong) / (called + wrong.sum())).max())


def mean(values: Sequence[float] | Floats) -> float:
    return round(float(np.mean(values)), 4)
