"""The graph of nearest neighbours: CPU seconds beside cleanlab Datalab's, with the recall, and a large one in wall time.

Datalab's own path (cleanlab.internal.neighbor.knn_graph.create_knn_graph_and_index, which Datalab(features=...) calls) and
ours alternate, each in a process of its own; what is counted begins after the imports. The recall is measured on 2,000 rows
against a search of everything in float64; for cleanlab's it is 1. Vectors are real MiniLM embeddings.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import record
from curatekit.arrays import Floats

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FILES = ("davidson/tweets", "edos/posts", "banking77/utterances")
AUDITED = 2_000
NOISE = 0.02
OTHER = 0.5


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run knn_graph", description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("-k", type=int, nargs="+", default=[10], help="Datalab's default is 10")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--large", type=int, default=0, metavar="ROWS", help="ours alone, on vectors made of the real ones"
    )
    parser.add_argument("--vectors", type=Path, metavar="FILE.npy", help="take these instead of embedding the data")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "FILE", "K"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.child:
        print(json.dumps(spent(*options.child)))
        return
    real = np.load(options.vectors) if options.vectors else embedded(options.cache)
    rng = np.random.default_rng(0)
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "vectors.npy"
        if options.large:
            np.save(file, made_of(real, options.large, rng))
            for k in options.k:
                results.append({"rows": options.large, "k": k, **child("ours", file, k, options.threads)})
                print(results[-1], flush=True)
        else:
            vectors = real[rng.permutation(len(real))[: options.rows]]
            np.save(file, vectors)
            for k in options.k:
                pairs = []
                for _ in range(options.repeats):
                    pairs.append([child(what, file, k, options.threads) for what in ("datalab", "ours")])
                    print(k, pairs[-1], flush=True)
                results.append({"rows": len(vectors), "k": k, **compared(pairs)})
                print(results[-1], flush=True)
    print(
        record(
            f"knn_graph{'_large' if options.large else ''}",
            argv,
            results,
            threads=options.threads,
            vectors=f"{len(real):,} real embeddings"
            + (", sums of two of them with noise, see made_of" if options.large else ", of which some are drawn"),
            load_average=os.getloadavg(),
        )
    )


def embedded(cache: Path | None) -> Floats:
    """Return the embeddings of the texts of the real data by the default encoder."""
    from curatekit.artifacts import Artifacts, Settings
    from curatekit.readers import read_dataset

    found = [read_dataset(DATA / f"{name}.parquet", ("text",), labels="none") for name in FILES]
    return np.concatenate([Artifacts(dataset, Settings(cache=cache)).embeddings for dataset in found])


def made_of(real: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Return n unit vectors, each one real vector, plus a share of 0 to 0.5 of another, plus Gaussian noise of 0.02 a dimension."""
    first, other = (real[rng.integers(0, len(real), n)] for _ in range(2))
    mixed = first + rng.uniform(0, OTHER, (n, 1)).astype(np.float32) * other
    mixed += NOISE * rng.standard_normal(mixed.shape, dtype=np.float32)
    made: Floats = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return made


def child(what: str, file: Path, k: int, threads: int) -> dict[str, Any]:
    """Return what `spent` says in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-m", "benchmarks.run", "knn_graph", "--child", what, str(file), str(k)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def spent(what: str, file: str, k: str) -> dict[str, Any]:
    """Return the CPU and wall seconds of one graph, the peak memory and the recall."""
    from cleanlab.internal.neighbor.knn_graph import create_knn_graph_and_index

    from curatekit.index import nearest

    vectors = np.load(file)
    nearest(vectors[:100], 5)  # loads faiss
    before, wall, cpu = _peak(), time.perf_counter(), time.process_time()
    if what == "datalab":
        graph = create_knn_graph_and_index(vectors, n_neighbors=int(k))[0]
        how: dict[str, Any] = {"method": "sklearn brute force"}
        similarity = 1 - graph.data.reshape(-1, int(k))
    else:
        found = nearest(vectors, int(k))
        similarity, how = found.similarity, {"method": found.method, "recall_told": found.recall}
    cost = {
        "cpu_s": round(time.process_time() - cpu, 2),
        "wall_s": round(time.perf_counter() - wall, 2),
        "peak_memory_mb": round(_peak()),
        "of_that_before_mb": round(before),
    }
    return {"what": what, **how, **cost, "recall": round(_recall(vectors, similarity), 4)}


def _recall(vectors: Floats, similarity: Floats) -> float:
    """Return the share of true neighbours on rows drawn by another seed than `nearest` draws its own by; a tie counts."""
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    k, hits = similarity.shape[1], []
    for rows in np.array_split(np.random.default_rng(12345).permutation(len(unit))[:AUDITED], 20):
        truth = unit[rows] @ unit.T
        truth[np.arange(len(rows)), rows] = -np.inf
        kth = np.partition(truth, -k, axis=1)[:, -k]
        hits.append(similarity[rows] >= kth[:, None] - 1e-6)
    return float(np.mean(np.concatenate(hits)))


def compared(pairs: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """Return the medians of both and the ratios of each repeat."""
    ratios = [theirs["cpu_s"] / ours["cpu_s"] for theirs, ours in pairs]
    return {
        "ratio": round(float(np.median(ratios)), 2),
        "ratio_lowest": round(min(ratios), 2),
        "ratio_highest": round(max(ratios), 2),
        **{
            side: {**pair, "cpu_s": round(float(np.median([repeat[place]["cpu_s"] for repeat in pairs])), 2)}
            for place, (side, pair) in enumerate(zip(("datalab", "ours"), pairs[-1], strict=True))
        },
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
