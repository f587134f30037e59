"""The family `partial` beside two seeds of the fine-tune it stands in for: PVI by row and CPU time, on three datasets.

Algorithm 1: one model of the training rows, asked about the test rows; the frozen layers are run within the time that is
measured. Each run in a process of its own, on one thread, nothing from a cache.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.record import record
from curatekit.artifacts import Artifacts, Settings
from curatekit.files import write_text
from curatekit.predict.tuning import Tuning
from curatekit.readers import read_dataset
from curatekit.scores.pvi import pvi

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
# the file; rows to train on and to test, of the whole; the fine-tune's rate, which 77 classes need higher than the usual one
SETS = {
    "cola": ("cola/sentences", 8_551, 527, None),
    "davidson": ("davidson/tweets", 6_000, 2_000, None),
    "banking77": ("banking77/utterances", 10_003, 3_080, 2e-4),
}
RUNS = {"fine-tuned": ("finetune", 0), "fine-tuned, another seed": ("finetune", 1), "partial": ("partial", 0)}


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run fine_tune_stand_in", description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the fine-tuned runs here, and take those that are"
    )
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)  # one run, in its own process
    arguments = parser.parse_args(argv)
    if arguments.only:
        print(json.dumps(measured(*arguments.only)))
        return
    results = []
    for data in arguments.sets:
        found = {name: kept(data, name, arguments.keep) for name in RUNS}
        runs = {name: run for name, (run, _) in found.items()}
        tuned, again, stand_in = (np.array(runs[name].pop("pvi")) for name in RUNS)
        results.append(
            {
                "data": data,
                "rows": SETS[data][1:3],
                "learning_rate_of_the_fine_tune": SETS[data][3] or "the default",
                "runs": runs,
                "runs_of_an_earlier_time": [name for name, (_, earlier) in found.items() if earlier],
                "pearson_of_two_seeds": round(float(np.corrcoef(tuned, again)[0, 1]), 3),
                "pearson_of_the_stand_in": [round(float(np.corrcoef(stand_in, of)[0, 1]), 3) for of in (tuned, again)],
                "cpu_ratio": round(
                    runs["partial"]["cpu_s"] / np.mean([runs[name]["cpu_s"] for name in list(RUNS)[:2]]), 3
                ),
            }
        )
        print(json.dumps(results[-1]), flush=True)
    print(
        record(
            "fine_tune_stand_in",
            ["--sets", *arguments.sets],
            results,
            wanted="Pearson as between two seeds, at a CPU ratio of 0.2 at most",
        )
    )


def kept(data: str, run: str, folder: Path | None) -> tuple[dict[str, Any], bool]:
    """Return `measured` of a process of its own, or of an earlier one that is kept in `folder`, and whether it was kept.

    The stand-in is always run anew: its recipe is what changes between two measurements.
    """
    family, seed = RUNS[run]
    file = folder / f"{data}-{family}-{seed}.json" if folder and family == "finetune" else None
    if file and file.exists():
        return json.loads(file.read_text(encoding="utf-8")), True
    command = [sys.executable, "-m", "benchmarks.run", "fine_tune_stand_in", "--only", data, run]
    ran = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    said = ran.stdout.splitlines()[-1]
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, said)
    return json.loads(said), False


def measured(data: str, run: str) -> dict[str, Any]:
    """Return V, accuracy, PVI by row and the CPU time of one run of Algorithm 1."""
    family, seed = RUNS[run]
    file, n_train, n_test, rate = SETS[data]
    rows = read_dataset(DATA / f"{file}.parquet", "text", "label", "id")
    if data == "davidson":  # has no split of its own
        drawn = np.random.default_rng(0).permutation(len(rows))
        train, test = drawn[:n_train], drawn[n_train : n_train + n_test]
    else:
        split = rows.frame["split"].to_numpy()
        train = np.flatnonzero(split == "train")
        ours = split == "test" if data == "banking77" else np.array([i.startswith("cola_id_dev") for i in rows.ids])
        test = np.flatnonzero(ours)
    assert (len(train), len(test)) == (n_train, n_test)
    tuning = Tuning(learning_rate=rate if family == "finetune" else None)
    with TemporaryDirectory() as folder:
        settings = Settings(cache=Path(folder), family=family, tuning=tuning, seed=seed)
        trained, evaluated = (Artifacts(rows.take(part), settings) for part in (train, test))
        started = resource.getrusage(resource.RUSAGE_SELF)
        found = trained.predict(evaluated, in_sample=True)  # a few texts stand in both, in all runs alike
        ended = resource.getrusage(resource.RUSAGE_SELF)
        bits = evaluated.with_predictions(found).call(pvi)
    return {
        "cpu_s": round(ended.ru_utime + ended.ru_stime - started.ru_utime - started.ru_stime, 1),
        "v_information": round(float(bits.mean()), 4),
        "accuracy": round(float((found.pred_probs.argmax(axis=1) == evaluated.labels).mean()), 4),
        "pvi": bits.tolist(),
    }
