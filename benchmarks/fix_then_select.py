"""Fixing label errors first, then selecting: what both do together, against each alone.

guided_hate with 15,000 rows of its pool, a tenth of the labels of the training rows and of the pool flipped, in three draws.
Fixed is each file by itself: `find_label_errors` by `combined`, its issues relabelled or dropped as `curate fix` does. Selected are
500 rows by `influence`, from all of the pool or from what `--trust drop` leaves. The tests of the specifications and the held-out
rows measure, with their own labels. The true labels of the pool are those that the sets came with, and by no means without error.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fixing import Trained, treated
from benchmarks.guided_methods import Bench, prepared_set
from benchmarks.record import record
from curatekit import registry
from curatekit.arrays import Ints
from curatekit.artifacts import Artifacts, Settings
from curatekit.dataset import Dataset, from_lists
from curatekit.fix import Policy, changes
from curatekit.label_errors import find_label_errors
from curatekit.predict.folding import bound_together
from curatekit.predict.probe import fit_probe
from curatekit.select import choose
from curatekit.select.prepare import NOTHING, Prepared, refit
from curatekit.select.trust import DROP, trusted

POLICIES: tuple[Policy, ...] = ("relabel", "drop")
CHOICES = ("nothing", "random", "influence", "influence, trust drop")


@dataclass(frozen=True)
class Treated:
    """Training rows and pool after one treatment of their labels: which rows are left, and the labels that they bear now."""

    train: Trained
    pool: Trained


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run fix_then_select", description=__doc__)
    parser.add_argument("--draws", type=int, default=3, help="draws of the flips [3]")
    parser.add_argument("--rate", type=float, default=0.1, help="share of labels that are flipped [0.1]")
    parser.add_argument("-k", type=int, default=500, help="rows to select [500]")
    parser.add_argument("--pool", type=int, default=15_000, help="rows of the pool, drawn at random [15000]")
    options = parser.parse_args(argv)
    began = time.process_time()
    bench = with_pool(prepared_set("guided_hate"), options.pool)
    true = Treated(as_given(bench.train), as_given(bench.pool))
    runs = [{"draw": 0, "labels": "true", **run} for run in arms(bench, true, options.k, 0, ("nothing", "influence"))]
    for draw in range(options.draws):
        flips = np.random.default_rng(draw)
        train, pool = (flipped(part, options.rate, flips) for part in (bench.train, bench.pool))
        ways = {"flipped": Treated(as_given(train), as_given(pool))}
        found = {name: issues(part, draw) for name, part in (("train", train), ("pool", pool))}
        for policy in POLICIES:
            made = (
                treated(part, changes(part, found[name], policy)) for name, part in (("train", train), ("pool", pool))
            )
            ways[f"fixed, {policy}"] = Treated(*made)
        for labels, way in ways.items():
            asked = CHOICES if labels == "flipped" else CHOICES[:3]
            runs += [{"draw": draw, "labels": labels, **run} for run in arms(bench, way, options.k, draw, asked)]
            print(f"draw {draw}, {labels}: {time.process_time() - began:.0f} CPU s", flush=True)
    table = summary(runs)
    cpu = round(time.process_time() - began, 1)
    path = record(
        "fix_then_select", argv, {"table": table, "joint": joint(table), "runs": runs}, family="probe", cpu_s=cpu
    )
    for row in table:
        print(
            f"{row['labels']:16} + {row['rows']:22} fails {row['failure_rate']:.3f} ± {row['failure_rate_sd']:.3f} "
            f"({row['failure_rate_by_label']:.3f})  held-out {row['accuracy']:.4f} {row['macro_f1']:.4f}"
        )
    print(joint(table))
    print(f"Written: {path}, {cpu:.0f} CPU s")


def with_pool(bench: Bench, size: int) -> Bench:
    """Return the set with so many rows of its pool at the most, whose features are those fitted on all."""
    rows = np.sort(np.random.default_rng(0).permutation(len(bench.pool))[:size])
    made = replace(bench.prepared, material=bench.prepared.material.only(rows))
    return bench._replace(prepared=made, pool=bench.pool.take(rows))


def as_given(dataset: Dataset) -> Trained:
    return Trained(np.arange(len(dataset)), dataset.labels)


def flipped(dataset: Dataset, rate: float, rng: np.random.Generator) -> Dataset:
    """Return the dataset of two classes with this share of its labels turned to the other one."""
    labels = dataset.labels.copy()
    turned = rng.permutation(len(labels))[: round(rate * len(labels))]
    labels[turned] = 1 - labels[turned]
    names = np.array(dataset.classes, object)[labels]
    return from_lists(dataset.texts, names.tolist(), dataset.ids.tolist())


def issues(dataset: Dataset, seed: int) -> Any:
    """Return what `curate find-errors` says of the dataset."""
    cache = Path(os.environ["CURATE_CACHE"]) if "CURATE_CACHE" in os.environ else None
    artifacts = Artifacts(dataset, Settings(seed=seed, cache=cache))
    scores = artifacts.call(registry.load("scores", "combined"))
    return artifacts.call(find_label_errors, scores=scores, family=artifacts.predictions.family).issues


def arms(bench: Bench, way: Treated, k: int, seed: int, asked: Sequence[str]) -> list[dict[str, Any]]:
    """Return for each choice of rows how the probe does that is trained on the training rows of `way` and on them.

    train_wrong, pool_wrong and chosen_wrong are the shares of labels that are not the true ones.
    """
    made = with_labels(bench, way, seed)
    wrong = way.pool.labels != bench.pool.labels[way.pool.rows]
    shares = {
        "train_rows": len(way.train.rows),
        "train_wrong": float((way.train.labels != bench.train.labels[way.train.rows]).mean()),
        "pool_rows": len(way.pool.rows),
        "pool_wrong": float(wrong.mean()),
    }
    found = []
    for choice in asked:
        began = time.process_time()
        rows: Ints = NOTHING
        if choice in ("random", "influence"):
            rows = choose(choice, made.material, k, seed).rows
        elif choice != "nothing":
            left = trusted(made, bench.pool.take(way.pool.rows), DROP, seed)
            kept = np.flatnonzero(np.isin(bench.pool.ids[way.pool.rows], left.pool.ids))
            rows = kept[choose("influence", left.prepared.material, k, seed).rows]
        chosen_wrong = float(wrong[rows].mean()) if len(rows) else None
        measured = bench.judge(refit(made.material, rows, made.probe))
        cpu = round(time.process_time() - began, 1)
        found.append({"rows": choice, **measured, **shares, "chosen_wrong": chosen_wrong, "cpu_s": cpu})
    return found


def with_labels(bench: Bench, way: Treated, seed: int) -> Prepared:
    """Return what the set is prepared to with the rows and labels of `way`: C is chosen on these, the features stay those of all."""
    material = bench.prepared.material
    features, texts = material.train_features[way.train.rows], [bench.train.texts[row] for row in way.train.rows]
    probe = fit_probe(features, way.train.labels, len(material.classes), seed=seed, groups=bound_together(texts))
    left = replace(
        material.only(way.pool.rows),
        train_features=features,
        train_labels=way.train.labels,
        pool_labels=way.pool.labels,
        C=probe.C,
    )
    return Prepared(left, bench.prepared.features, refit(left, NOTHING, probe))


def summary(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return mean and sd over the draws of each number, by treatment of the labels and choice of the rows."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["labels"], run["rows"]), []).append(run)
    table = []
    for (labels, rows), group in groups.items():
        row: dict[str, Any] = {"labels": labels, "rows": rows, "runs": len(group)}
        for name in [name for name in group[0] if name not in ("draw", "labels", "rows")]:
            values = [run[name] for run in group if run[name] is not None]
            row[name] = float(np.mean(values)) if values else None
            if name in ("failure_rate", "failure_rate_by_label", "accuracy", "macro_f1"):
                row[f"{name}_sd"] = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        table.append(row)
    return table


def joint(table: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """Return what selecting, fixing and both change of M0 on flipped labels, and what both do beyond the sum of each alone."""
    at = {(row["labels"], row["rows"]): row for row in table}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for policy in POLICIES:
        for measure in ("failure_rate", "failure_rate_by_label", "accuracy"):
            before, select, fix, both = (
                at[key][measure]
                for key in (("flipped", "nothing"), ("flipped", "influence"), (f"fixed, {policy}", "nothing"),
                            (f"fixed, {policy}", "influence"))
            )  # fmt: skip
            changed = {"select": select - before, "fix": fix - before, "both": both - before}
            beyond = changed["both"] - changed["select"] - changed["fix"]
            found.setdefault(policy, {})[measure] = {**changed, "beyond the sum": beyond}
    return found
