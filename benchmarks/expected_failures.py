"""The failure rate that is expected of a selection before training, beside the one measured on the tests afterwards.

For each method, budget and seed on guided_hate or guided_edos: the cross-fitted expectation of `curate select` and `curate guided`,
and the refitted probe's failure rate on the tests, which neither selection nor expectation has seen.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.guided_methods import BUILDERS, prepared_set
from benchmarks.record import record
from curatekit.files import write_text
from curatekit.select import choose, is_seeded
from curatekit.select.expected import expected_failures

METHODS = "random-matched,balanced,nearest,specification-probe,dsir-embedding,influence"


def main(argv: Sequence[str]) -> None:
    from scipy.stats import pearsonr, spearmanr

    parser = argparse.ArgumentParser(prog="python -m benchmarks.run expected_failures", description=__doc__)
    parser.add_argument("--set", choices=list(BUILDERS), default="guided_hate")
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--budgets", default="200,500,2000")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--store", type=Path, help="keep finished runs in this file, to go on after an interruption")
    options = parser.parse_args(argv)
    bench = prepared_set(options.set)
    material, start = bench.prepared.material, bench.prepared.probe
    path = options.store or Path(tempfile.mkdtemp()) / "runs.jsonl"
    stored = {line["key"]: line for line in map(json.loads, path.read_text().splitlines())} if path.exists() else {}
    runs = []
    for method in options.methods.split(","):
        for k in map(int, options.budgets.split(",")):
            for seed in range(options.seeds if is_seeded(method) else 1):
                key = f"{bench.key}/{method}/{k}/{seed}"
                if key not in stored:
                    selection = choose(method, material, k, seed)
                    (told,) = expected_failures(material, method, [k], seed, start, {k: selection.rows})
                    found = bench.measure(selection)
                    stored[key] = {
                        "key": key, "method": method, "k": k, "seed": seed,
                        "expected": told.failure_rate.value, "low": told.failure_rate.low, "high": told.failure_rate.high,
                        "expected_by_label": told.by_label.value,
                        "measured": found["failure_rate"], "measured_by_label": found["failure_rate_by_label"],
                    }  # fmt: skip
                    write_text(path, "".join(json.dumps(line) + "\n" for line in stored.values()))
                runs.append({name: value for name, value in stored[key].items() if name != "key"})
                print(runs[-1], flush=True)
    expected, measured = (np.array([run[name] for run in runs]) for name in ("expected", "measured"))
    covered = [run["low"] <= run["measured"] <= run["high"] for run in runs]
    summary = {
        "runs": len(runs),
        "spearman": float(spearmanr(expected, measured).statistic),
        "pearson": float(pearsonr(expected, measured).statistic),
        "mean_absolute_error": float(np.abs(expected - measured).mean()),
        "largest_error": float(np.abs(expected - measured).max()),
        "inside_the_interval": float(np.mean(covered)),
    }
    print(summary)
    asked = [word for word in argv if options.store is None or word not in ("--store", str(options.store))]
    results = {"summary": summary, "runs": runs}
    print(record("expected_failures", asked, results, file=f"expected_failures_{options.set}"))
