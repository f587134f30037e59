"""Run the whole job on the sample, as a user would, and end with what the planted truth says of it: `make demo`."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent
OUT = DATA.parent / "demo-out"
CURATE = Path(sys.executable).parent / "curate"
TRANSFORMER = "sentence-transformers/all-MiniLM-L6-v2"


def curate(*arguments: str | Path) -> dict[str, Any]:
    """Run one command, show it, and return its result."""
    words = [str(word) for word in arguments]
    shown = " ".join(word.replace(str(OUT), "demo-out").replace(str(DATA), "data") for word in words)
    print(f"\n$ curate {shown}", flush=True)
    started = time.monotonic()
    ran = subprocess.run([CURATE, *words, "--json"], stdout=subprocess.PIPE, text=True, check=False)
    if ran.returncode:
        sys.exit(ran.returncode)
    result: dict[str, Any] = json.loads(ran.stdout)
    print(f"  {time.monotonic() - started:.0f} s", flush=True)
    return result


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def main() -> None:
    OUT.mkdir(exist_ok=True)
    train, heldout, pool, specs = (DATA / name for name in ("train.csv", "heldout.csv", "pool.csv", "specs.yaml"))
    issues, fixed, chosen, model = (OUT / name for name in ("issues.csv", "fixed.csv", "chosen.csv", "model"))

    before = curate("pvi", train, "-o", OUT / "pvi.csv")
    found = curate("find-errors", train, "-o", issues)
    curate("fix", issues, "-o", fixed)
    after = curate("pvi", fixed, "-o", OUT / "pvi-fixed.csv")
    curate("select", pool, "--spec", specs, "--train", fixed, "-k", "400", "-o", chosen)
    guided = curate(
        "guided", "--train", fixed, "--heldout", heldout, "--pool", pool, "--spec", specs, "-k", "400", "--seeds", "3",
        "-o", OUT / "guided.csv",
    )  # fmt: skip
    curate("finetune", fixed, "--add", chosen, "--base", TRANSFORMER, "--epochs", "2", "-o", model)
    measured = curate("evaluate", model, heldout, "--spec", specs, "-o", OUT / "evaluation.json")
    report(before, found, after, guided, measured, rows(issues), rows(DATA / "truth.csv"))


def report(
    before: dict[str, Any],
    found: dict[str, Any],
    after: dict[str, Any],
    guided: dict[str, Any],
    measured: dict[str, Any],
    issues: list[dict[str, str]],
    truth: list[dict[str, str]],
) -> None:
    raise NotImplementedError


if __name__ == "__main__":
    main()
