"""Whole `curate find-errors` from raw text against the usual recipe: CPU seconds, peak memory, average precision.

The recipe: SentenceTransformer.encode with its defaults, cross_val_predict with LogisticRegression, and cleanlab's
Datalab with features and pred_probs. Each runs in its own process, cold (nothing cached) and warm (embeddings cached;
the recipe is given them in a file). One thread each, since on a busy machine waiting threads burn CPU seconds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.label_errors import DATA, FILES, average_precision, given
from benchmarks.record import record
from curatekit.artifacts import Settings
from curatekit.readers import read_dataset

CASES = [("banking77", "uniform"), ("davidson", "vote")]
CURATE = Path(sys.executable).with_name("curate")
RECIPE = """
import sys
import numpy as np, polars as pl
from pathlib import Path
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from cleanlab import Datalab

data, embeddings, output, encoder = sys.argv[1:]
frame = pl.read_csv(data)
if Path(embeddings).exists():
    features = np.load(embeddings)
else:
    from sentence_transformers import SentenceTransformer
    features = SentenceTransformer(encoder, device="cpu").encode(frame["text"].to_list())
    np.save(embeddings, features)
classes, labels = np.unique(frame["given"].to_numpy(), return_inverse=True)
pred_probs = cross_val_predict(LogisticRegression(max_iter=1000), features, labels, method="predict_proba")
lab = Datalab({"text": frame["text"].to_list(), "label": labels}, label_name="label", verbosity=0)
lab.find_issues(features=features, pred_probs=pred_probs)
issues = lab.get_issues("label")
pl.DataFrame({"id": frame["id"], "score": issues["label_score"].to_numpy()}).write_csv(output)
"""


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run find_errors_cost", description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(argv)
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(arguments.threads),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
    }
    results = []
    for name, kind in CASES:
        clean = read_dataset(DATA / f"{FILES[name]}.parquet", "text", "label", "id")
        labels = given(clean, kind, 0, Settings())
        wrong = dict(zip(clean.ids, labels != clean.labels, strict=True))
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            names = [clean.classes[label] for label in labels]
            pl.DataFrame({"id": clean.ids.tolist(), "text": clean.texts, "given": names}).write_csv(folder / "data.csv")
            ours: list[str | Path] = [
                CURATE,
                "find-errors",
                "data.csv",
                "--text",
                "text",
                "--label",
                "given",
                "--id",
                "id",
                "-o",
                "issues.csv",
                "--cache",
                "cache",
            ]
            recipe: list[str | Path] = [
                sys.executable,
                "-c",
                RECIPE,
                "data.csv",
                "embeddings.npy",
                "recipe.csv",
                _encoder_folder(),
            ]
            for what, command, output in [
                ("curate find-errors", ours, "issues.csv"),
                ("usual recipe", recipe, "recipe.csv"),
            ]:
                for state in ("cold", "warm"):
                    cost = spent(command, folder, environment)
                    found = pl.read_csv(folder / output)
                    truth = np.array([wrong[id] for id in found["id"]])
                    row = {"data": name, "noise": kind, "rows": len(clean), "what": what, "state": state, **cost}
                    # ours are ranked, and their scores rounded to six decimals
                    score = np.arange(len(found), dtype=float) if output == "issues.csv" else found["score"].to_numpy()
                    row["average_precision"] = round(average_precision(truth, score), 4)
                    results.append(row)
                    print(row, flush=True)
    print(record("find_errors_cost", argv, results, threads=arguments.threads, load_average=os.getloadavg()))


def spent(command: Sequence[str | Path], folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Run a command in `folder`; return its CPU seconds (user and system) and its peak memory, children included."""
    with (folder / "log.txt").open("ab") as log:
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{command[0]} ended with {child.returncode}:\n{(folder / 'log.txt').read_text()[-3000:]}")
    return {"cpu_s": round(usage.ru_utime + usage.ru_stime, 1), "peak_memory_mb": round(usage.ru_maxrss / 1024)}


def _encoder_folder() -> str:
    from curatekit.encoders import load_encoder

    return str(load_encoder().folder)
