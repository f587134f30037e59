"""Processes that train together with gloo, on this machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def launched(module: str, folder: Path, processes: int, batch_size: int) -> list[dict[str, Any]]:
    """Run `trained(folder, batch_size)` of a test module in so many processes; return what each wrote to RANK.json."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = f"from pathlib import Path; from {module} import trained; trained(Path({str(folder)!r}), {batch_size})"
    running = []
    for rank in range(processes):
        environment = dict(os.environ, OMP_NUM_THREADS="1")
        if processes > 1:
            environment |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}  # fmt: skip
        running.append(subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment))
    assert [process.wait(timeout=600) for process in running] == [0] * processes
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(processes)]
