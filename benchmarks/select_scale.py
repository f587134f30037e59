"""Selection from large pools: time and peak memory over the size of the pool, features read from a memory map.

The pool's features are those of guided_hate (hidden layers and TF-IDF, 768 numbers a row), repeated with noise up to the size and stored
as float16; each method chooses k rows of it in a process of its own, and what is counted begins after the imports. The notes
say what else is in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.guided_hate import ROLES, build
from benchmarks.record import record

SIZES = (10_000, 100_000, 1_000_000, 5_000_000)
NOISE = 0.3  # of the standard deviation of each feature: no row is a copy of another
BLOCK = 50_000


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run select_scale", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="rows of the pool")
    parser.add_argument("-k", type=int, default=5000, help="rows to choose [5000]")
    parser.add_argument("--methods", nargs="+", default=["influence"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the matrices go; they are removed again [a temporary one]")
    parser.add_argument("--child", nargs=3, metavar=("METHOD", "FOLDER", "K"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.child:
        method, folder, k = options.child
        print(json.dumps(spent(method, Path(folder), int(k))))
        return
    results = []
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = Path(temporary)
        material(folder)
        for size in options.sizes:
            enlarge(folder, size)
            for method in options.methods:
                k = min(options.k, size // 2)
                results.append({"method": method, "pool": size, "k": k, **child(method, folder, k, options.threads)})
                print(results[-1], flush=True)
    asked = [word for word in argv if options.folder is None or word not in ("--folder", str(options.folder))]
    print(record("select_scale", asked, results, threads=options.threads, features="768 float16 a row, memory map"))


def material(folder: Path) -> None:
    """Write the arrays of guided_hate's Material into `folder`, one file each."""
    from curatekit.cache import Cache, default_root
    from curatekit.encoders import load_encoder
    from curatekit.readers import read_dataset
    from curatekit.select.prepare import prepare
    from curatekit.specs import read_specifications

    build(folder)
    train, _, pool = (read_dataset(folder / f"{name}.parquet", "text", "label", "id") for name in ROLES)
    prepared = prepare(
        train, pool, read_specifications(folder / "specs.json"), load_encoder(), Cache(default_root())
    ).material
    for name, value in vars(prepared).items():
        if isinstance(value, np.ndarray):
            np.save(folder / f"{name}.npy", value)
    about = {"specifications": prepared.specifications, "classes": prepared.classes, "C": prepared.C}
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")


def enlarge(folder: Path, size: int) -> None:
    """Write `size` rows made of the pool's, with noise, as float16, and their labels."""
    real, labels = np.load(folder / "pool_features.npy"), np.load(folder / "pool_labels.npy")
    rng = np.random.default_rng(0)
    deviation = NOISE * real.std(axis=0)
    many = np.lib.format.open_memmap(folder / "large.npy", "w+", np.float16, (size, real.shape[1]))
    rows = rng.integers(0, len(real), size) if size > len(real) else rng.permutation(len(real))[:size]
    for first in range(0, size, BLOCK):
        of = rows[first : first + BLOCK]
        many[first : first + BLOCK] = real[of] + deviation * rng.standard_normal((len(of), real.shape[1]), np.float32)
    many.flush()
    np.save(folder / "large_labels.npy", labels[rows])


def child(method: str, folder: Path, k: int, threads: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.run", "select_scale", "--child", method, str(folder), str(k)]
    given = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=given)
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def spent(method: str, folder: Path, k: int) -> dict[str, Any]:
    """Return the seconds and the memory that choosing k rows takes, and where the chosen ones come from."""
    from curatekit.predict import probe as _imported  # noqa: F401
    from curatekit.select import Material, choose

    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    arrays = {
        path.stem: np.load(path)
        for path in folder.glob("*.npy")
        if not path.stem.startswith(("large", "pool")) and path.stem in Material.__annotations__
    }
    labels = np.load(folder / "large_labels.npy")
    pool = Material(
        **arrays,
        pool_features=np.load(folder / "large.npy", mmap_mode="r"),
        pool_embeddings=np.load(folder / "large.npy", mmap_mode="r"),
        pool_labels=labels,
        specifications=tuple(about["specifications"]),
        classes=tuple(about["classes"]),
        C=about["C"],
    )
    before, began, cpu = memory("RssAnon"), time.monotonic(), time.process_time()
    rows = choose(method, pool, k).rows
    return {
        "wall_s": round(time.monotonic() - began, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        "memory_before_MB": round(before),
        "memory_after_MB": round(memory("RssAnon")),
        "peak_with_mapped_file_MB": round(memory("VmHWM")),
        "distinct_rows": len(set(rows.tolist())),
    }


def memory(name: str) -> float:
    """Return one of the kernel's figures for this process in megabytes: RssAnon leaves out the pages of mapped files, VmHWM is the peak of all."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))
