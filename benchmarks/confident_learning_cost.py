"""Confident learning: CPU seconds and extra memory against cleanlab's find_label_issues, and whether the rows are equal.

Each run is a process of its own that loads the matrix, then calls once; only the call is measured. Runs alternate. The
memory is what the call adds at its peak. In the streaming case the matrix is mapped from disk (dropped from the page
cache before), against cleanlab's find_label_issues_batched, which promises an approximation, and against its
find_label_issues on the matrix in memory. cleanlab runs in one process (n_jobs=1), its cheapest way; one thread each.

The probabilities are the softmax of logits that are N(0, 1.3²), with ln K + u_k added at the true class and u_k uniform
on (1, 6) by class; class shares are Dirichlet(5) and a tenth of the labels is drawn again from all classes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import record
from curatekit.arrays import Floats, Ints

CASES = [(1_000_000, 10, "float64"), (1_000_000, 100, "float64"), (1_000_000, 10, "float32")]
STREAMED = (10_000_000, 10, "float32")
METHODS = {
    "cleanlab find_label_issues": "from cleanlab.filter import find_label_issues\n"
    "call = lambda: find_label_issues(labels, pred_probs, n_jobs=1)",
    "cleanlab find_label_issues_batched": "from cleanlab.experimental.label_issues_batched import find_label_issues_batched\n"
    "call = lambda: find_label_issues_batched(labels, pred_probs, return_mask=True, verbose=False)",
    "curatekit label_issues": "from curatekit.scores.confident_learning import label_issues\n"
    "call = lambda: label_issues(labels, pred_probs)",
}
RUN = """
import hashlib, json, resource, sys, warnings
import numpy as np

warnings.simplefilter("ignore")  # cleanlab warns of small classes
folder, mapped = sys.argv[1], sys.argv[2] == "mapped"
labels = np.load(folder + "/labels.npy")
pred_probs = np.load(folder + "/pred_probs.npy", mmap_mode="r" if mapped else None)
{imports}

def resident(what):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(what))

def cpu():
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))

with open("/proc/self/clear_refs", "w") as peak:
    peak.write("5")  # the peak starts again from what is resident now
before, started = resident("VmRSS"), cpu()
mask = call()
spent = cpu() - started
print(json.dumps({{
    "cpu_s": round(spent, 3),
    "extra_memory_mb": round(resident("VmHWM") - before, 1),
    "peak_memory_mb": round(resident("VmHWM")),
    "issues": int(mask.sum()),
    "sha256": hashlib.sha256(np.asarray(mask, bool).tobytes()).hexdigest(),
}}))
"""


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run confident_learning_cost", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--skip-streaming", action="store_true")
    arguments = parser.parse_args(argv)
    whole, batched, ours = METHODS
    results = []
    for n, n_classes, dtype in CASES:
        with tempfile.TemporaryDirectory() as temporary:
            write_case(Path(temporary), n, n_classes, dtype)
            runs = alternated([whole, ours], arguments.repeats, temporary, mapped=False)
        results.append(compared(runs, whole, ours, rows=n, classes=n_classes, dtype=dtype, read="in memory"))
        print(json.dumps(results[-1]), flush=True)
    if not arguments.skip_streaming:
        n, n_classes, dtype = STREAMED
        with tempfile.TemporaryDirectory() as temporary:
            write_case(Path(temporary), n, n_classes, dtype)
            runs = alternated([batched, ours], arguments.repeats, temporary, mapped=True)
            runs[whole] = [measured(whole, temporary, mapped=False)]
        results.append(compared(runs, batched, ours, rows=n, classes=n_classes, dtype=dtype, read="mapped from disk"))
        print(json.dumps(results[-1]), flush=True)
    print(record("confident_learning_cost", argv, results, threads=1, load_average=os.getloadavg()))


def alternated(methods: Sequence[str], repeats: int, folder: str, *, mapped: bool) -> dict[str, list[dict[str, Any]]]:
    runs: dict[str, list[dict[str, Any]]] = {method: [] for method in methods}
    for _ in range(repeats):
        for method in methods:
            runs[method].append(measured(method, folder, mapped=mapped))
    return runs


def measured(method: str, folder: str, *, mapped: bool) -> dict[str, Any]:
    """Return CPU seconds, memory and the digest of the mask, of one call in a process of its own."""
    if mapped:
        with (Path(folder) / "pred_probs.npy").open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    script = RUN.format(imports=METHODS[method])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script, folder, "mapped" if mapped else "loaded"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{method} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compared(runs: dict[str, list[dict[str, Any]]], theirs: str, ours: str, **case: Any) -> dict[str, Any]:
    """Return the medians of each method and the ratio of CPU seconds, with its spread over the runs."""
    matrix_mb = case["rows"] * case["classes"] * np.dtype(case["dtype"]).itemsize / 2**20
    ratios = [a["cpu_s"] / b["cpu_s"] for a, b in zip(runs[theirs], runs[ours], strict=True)]
    extra = max(run["extra_memory_mb"] for run in runs[ours])
    return {
        **case,
        "matrix_mb": round(matrix_mb),
        "cpu_ratio": round(float(np.median(ratios)), 1),
        "cpu_ratio_lowest": round(min(ratios), 1),
        "cpu_ratio_highest": round(max(ratios), 1),
        "extra_memory_share": round(extra / matrix_mb, 4),
        "same_rows_as": {
            method: {run["sha256"] for run in runs[method]} == {run["sha256"] for run in runs[ours]}
            for method in runs
            if method != ours
        },
        "methods": {
            method: {
                "cpu_s": [run["cpu_s"] for run in found],
                "extra_memory_mb": max(run["extra_memory_mb"] for run in found),
                "peak_memory_mb": max(run["peak_memory_mb"] for run in found),
                "issues": found[0]["issues"],
            }
            for method, found in runs.items()
        },
    }


def write_case(folder: Path, n: int, n_classes: int, dtype: str, seed: int = 0) -> None:
    """Write labels.npy (n,) and pred_probs.npy (n, n_classes), block by block."""
    rng = np.random.default_rng(seed)
    true: Ints = rng.choice(n_classes, size=n, p=rng.dirichlet(np.full(n_classes, 5.0)))
    certainty = np.log(n_classes) + rng.uniform(1, 6, n_classes)
    np.save(folder / "labels.npy", np.where(rng.random(n) < 0.1, rng.integers(0, n_classes, n), true))
    written = np.lib.format.open_memmap(folder / "pred_probs.npy", "w+", np.dtype(dtype), (n, n_classes))
    for first in range(0, n, 50_000):
        label = true[first : first + 50_000]
        logits: Floats = rng.normal(0, 1.3, (len(label), n_classes))
        logits[np.arange(len(label)), label] += certainty[label]
        probs = np.exp(logits - logits.max(axis=1, keepdims=True))
        written[first : first + 50_000] = probs / probs.sum(axis=1, keepdims=True)
    written.flush()
