"""Every selection method side by side on guided_hate or guided_edos: failure rate, what it costs on held-out rows, CPU time."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from benchmarks import guided_edos, guided_hate
from benchmarks.record import record
from curatekit import registry
from curatekit.arrays import Ints
from curatekit.cache import Cache
from curatekit.dataset import Dataset
from curatekit.embed import embed
from curatekit.encoders import load_encoder
from curatekit.evaluate.classification import macro_f1
from curatekit.evaluate.failure_rate import failure_rate
from curatekit.files import write_text
from curatekit.guided import runs_key
from curatekit.predict.probe import Probe
from curatekit.readers import read_dataset
from curatekit.select import Selection, choose, is_seeded
from curatekit.select.prepare import NOTHING, Prepared, not_elsewhere, prepare, refit
from curatekit.specs import read_specifications, test_cases

BUILDERS: dict[str, Callable[[Path], None]] = {"guided_hate": guided_hate.build, "guided_edos": guided_edos.build}
BASELINES = ("random", "random-matched", "balanced")
NOTES = {
    "guided_hate": guided_hate.CHOSEN_IN_VIEW,
    "guided_edos": "All specifications have the same label, so a model that says it more often fails less on them; the held-out rows show "
    "what that costs. precision: the share of the rows chosen for a specification whose true vector is that one.",
}


class Bench(NamedTuple):
    """One set, prepared: what a method chooses from, and what the probe is then measured on."""

    prepared: Prepared
    train: Dataset
    pool: Dataset
    """Without the rows that no method may choose."""
    judge: Callable[[Probe], dict[str, float]]
    """Measures on the tests of the specifications and on the held-out rows."""
    measure: Callable[[Selection | None], dict[str, float]]
    """The same of the probe that is refitted with a selection, and the precision of the selection where it is known."""
    key: str
    """A hash of the data, the code and all else that a run depends on beside method, k and seed."""


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run guided_methods", description=__doc__)
    parser.add_argument("--set", choices=list(BUILDERS), default="guided_hate")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budgets", default="200,500,2000")
    parser.add_argument("--methods", default=",".join(registry.names("select")))
    parser.add_argument("--store", type=Path, help="keep finished runs in this file, to go on after an interruption")
    options = parser.parse_args(argv)
    bench = prepared_set(options.set)
    path = options.store or Path(tempfile.mkdtemp()) / "runs.jsonl"
    stored = {line["key"]: line for line in map(json.loads, path.read_text().splitlines())} if path.exists() else {}
    runs = [{"method": "none", "k": 0, "seed": 0, **bench.measure(None)}]
    for method in options.methods.split(","):
        for k in map(int, options.budgets.split(",")):
            for seed in range(options.seeds if is_seeded(method) else 1):
                key = f"{bench.key}/{method}/{k}/{seed}"
                if key not in stored:
                    began = time.process_time()
                    selection = choose(method, bench.prepared.material, k, seed)
                    cpu = time.process_time() - began
                    stored[key] = {"key": key, "method": method, "k": k, "seed": seed, "cpu_s": round(cpu, 1), **bench.measure(selection)}  # fmt: skip
                    write_text(path, "".join(json.dumps(line) + "\n" for line in stored.values()))
                runs.append({name: value for name, value in stored[key].items() if name != "key"})
    table = summary(runs)
    asked = [word for word in argv if options.store is None or word not in ("--store", str(options.store))]
    made = {"table": table, "runs": runs}
    written = record("guided_methods", asked, made, file=f"guided_methods_{options.set}", notes=[NOTES[options.set]])
    for line in shown(table):
        print(line)
    print(f"Written: {written}")


def prepared_set(name: str) -> Bench:
    """Return the set, its files written and read as a user's would be; texts of tests, train and held-out rows leave the pool."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        BUILDERS[name](folder)
        train, heldout, pool = (
            read_dataset(str(folder / f"{part}.parquet"), text=("text",), label="label", id="id")
            for part in guided_hate.ROLES
        )
        specifications = read_specifications(folder / "specs.json", tests=True)
    tests = test_cases(specifications, train.classes)
    for where, texts in (("among the tests", tests.texts), ("in train", train.texts), ("in heldout", heldout.texts)):
        pool = not_elsewhere(pool, where, texts)
    encoder = load_encoder(registry.DEFAULT_ENCODER, "auto", "torch")
    cache = Cache(Path(os.environ["CURATE_CACHE"]) if "CURATE_CACHE" in os.environ else None)
    made = prepare(train, pool, specifications, encoder, cache)
    test_features, heldout_features = (
        made.features.transform(embed((texts,), encoder, cache).layers, texts) for texts in (tests.texts, heldout.texts)
    )
    expected = heldout.with_classes(train.classes).labels
    of_tests = np.array(made.material.specifications, object)[tests.specifications].astype(str)
    true = pool.frame["spec_id"].fill_null("").to_numpy() if "spec_id" in pool.frame.columns else None

    def judge(probe: Probe) -> dict[str, float]:
        failures = failure_rate(probe.logits(test_features).argmax(axis=1), tests.labels, of_tests)
        answered = probe.logits(heldout_features).argmax(axis=1)
        return {
            "failure_rate": failures.overall.value,
            "failure_rate_by_label": failures.by_label_mean.value,
            "accuracy": float(np.mean(answered == expected)),
            "macro_f1": macro_f1(expected, answered, len(train.classes)),
        }

    def measure(selection: Selection | None) -> dict[str, float]:
        rows: Ints = NOTHING if selection is None else selection.rows
        found = judge(refit(made.material, rows, made.probe))
        if true is not None and selection is not None and (selection.specification != "").any():
            named = selection.specification != ""
            found["precision"] = float(np.mean(true[selection.rows[named]] == selection.specification[named]))
        return found

    # what is measured of a run is this file's: another one measures anew
    learner = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    key = f"{name}/{runs_key(train, heldout, pool, specifications, encoder.key, learner)}"
    return Bench(made, train, pool, judge, measure, key)


def summary(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return mean and sd of each measure by method and k, and the failure rates over those of the fair baselines."""
    frame = pl.from_dicts(list(runs), infer_schema_length=None).drop("seed")
    measures = [name for name in frame.columns if name not in ("method", "k")]
    rows = frame.group_by("method", "k", maintain_order=True).agg(
        pl.len().alias("runs"), *(pl.col(name).mean() for name in measures),
        *(pl.col(name).std().alias(f"{name}_sd") for name in measures if name != "cpu_s"),
    ).to_dicts()  # fmt: skip
    at = {(row["method"], row["k"]): row for row in rows}
    for row in rows:
        for measure, baseline in (("failure_rate", "random-matched"), ("failure_rate_by_label", "balanced")):
            below = at.get((baseline, row["k"]))
            if below and row["method"] not in BASELINES:
                row[f"{measure} / {baseline}"] = row[measure] / below[measure]
    return rows


def shown(table: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return lines: the failure rate, in brackets averaged over labels, and the held-out macro-F1."""
    return [
        f"{row['method']:20} {row['k']:5} {row['runs']:2} runs  {row['failure_rate']:.3f} ({row['failure_rate_by_label']:.3f})  "
        f"held-out {row['accuracy']:.3f} {row['macro_f1']:.3f}"
        + (f"  precision {row['precision']:.2f}" if row.get("precision") is not None else "")
        for row in table
    ]
