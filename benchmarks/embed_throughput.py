"""Embedding: CPU seconds against SentenceTransformer.encode with its defaults, and how near the vectors are.

Our figures include the pooled hidden states of all layers, which `encode` does not give. Runs alternate and are
repeated; the ratio is of the medians, the spread of the ratios run by run. No cache is used.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.record import record
from curatekit.arrays import Floats
from curatekit.embed import embed
from curatekit.encoders import Encoder, load_encoder
from curatekit.index import nearest
from curatekit.readers import read_dataset

OURS = (("torch", "float32"), ("torch", "bfloat16"), ("openvino", "float32"), ("openvino", "bfloat16"))


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="embed_throughput", description=__doc__)
    parser.add_argument(
        "data", nargs="+", metavar="FILE:ROWS", help="files with a column text, and how many rows to draw"
    )
    parser.add_argument("--text", default="text", help="the column")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)

    texts = _texts(options.data, options.text, options.seed)
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(load_encoder().folder), device="cpu", local_files_only=True)
    methods: dict[str, Callable[[], Floats]] = {
        "SentenceTransformer.encode": lambda: reference.encode(texts, show_progress_bar=False)
    }
    for backend, precision in OURS:
        if importlib.util.find_spec(backend):
            methods[f"{backend} {precision}"] = _ours(texts, load_encoder(precision=precision, backend=backend))
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    vectors: dict[str, Floats] = {}
    for _ in range(options.repeats):
        for name, method in methods.items():
            started = time.process_time()
            vectors[name] = method()
            seconds[name].append(time.process_time() - started)
    results = [_compared(name, seconds, vectors, len(texts)) for name in methods]
    for result in results:
        print("  ".join(f"{key}={value}" for key, value in result.items()))
    print(
        record(
            "embed_throughput",
            argv,
            results,
            rows=len(texts),
            median_characters=int(np.median([len(text) for text in texts])),
            load_average=os.getloadavg()[0],
        )
    )


def _ours(texts: list[str], encoder: Encoder) -> Callable[[], Floats]:
    embed((texts[:8],), encoder)  # loads the model
    return lambda: embed((texts,), encoder).embeddings


def _texts(sources: Sequence[str], column: str, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    texts: list[str] = []
    for source in sources:
        path, _, rows = source.rpartition(":")
        found = read_dataset(path, text=(column,), labels="none").texts
        texts += [found[row] for row in rng.permutation(len(found))[: int(rows)]]
    return [texts[row] for row in rng.permutation(len(texts))]


def _compared(name: str, seconds: dict[str, list[float]], vectors: dict[str, Floats], rows: int) -> dict[str, Any]:
    base, own = seconds["SentenceTransformer.encode"], seconds[name]
    ratios = [first / second for first, second in zip(base, own, strict=True)]
    expected, got = (vectors[key].astype(np.float64) for key in ("SentenceTransformer.encode", name))
    cosine = (expected * got).sum(1) / np.linalg.norm(expected, axis=1) / np.linalg.norm(got, axis=1)
    neighbours = zip(nearest(expected, 10).rows.tolist(), nearest(got, 10).rows.tolist(), strict=True)
    return {
        "method": name,
        "cpu_s": round(float(np.median(own)), 2),
        "rows_per_cpu_s": round(rows / float(np.median(own)), 1),
        "ratio": round(float(np.median(base) / np.median(own)), 2),
        "ratio_lowest": round(min(ratios), 2),
        "ratio_highest": round(max(ratios), 2),
        "cosine_min": round(float(cosine.min()), 6),
        "cosine_median": round(float(np.median(cosine)), 6),
        "top10_overlap": round(float(np.mean([len(set(a) & set(b)) / len(a) for a, b in neighbours])), 4),
    }
