"""Write a dated benchmark result."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from curatekit.files import write_json
from curatekit.run import commit_of, plain, versions

RESULTS = Path(__file__).parent / "results"


def record(benchmark: str, argv: Sequence[str], results: Any, *, file: str | None = None, **context: Any) -> Path:
    """Write `results/<benchmark>-<date>.json` with the command, the machine and the versions; return its path.

    file: where one benchmark has several results, such as one for each set, the name of this one in place of the benchmark's.
    A second run on the same day replaces the first; `context` holds what the figures cannot be read without.
    """
    date = datetime.now(UTC).date().isoformat()
    path = RESULTS / f"{file or benchmark}-{date}.json"
    write_json(
        path,
        plain(
            {
                "benchmark": benchmark,
                "date": date,
                "command": " ".join(["python -m benchmarks.run", benchmark, *argv]),
                "git_commit": commit_of(Path(__file__).parent),
                "machine": {"cores": os.cpu_count(), "processor": _processor(), "python": platform.python_version()},
                "versions": versions(),
                **context,
                "results": results,
            }
        ),
    )
    return path


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line for line in lines if line.startswith("flags")), "")
    return (named[0] if named else "") + (" with avx512_bf16" if "avx512_bf16" in flags else "")
