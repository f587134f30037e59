"""The review page on 100,000 rows: time to the first page, a decision's time at the 95th percentile, memory.

The server is the real command in a process of its own, asked over HTTP as the page's script asks: a decision is the form
that is sent and the next row that comes back. Texts are made up, 20 to 60 words each.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import numpy as np
import polars as pl

from benchmarks.record import record
from curatekit.run import recorded
from curatekit.writers import write_table

VOCABULARY = 20_000


def write_issues(folder: Path, rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(20, 60, rows)
    letters = np.array(list("aeinorstluécdmp"))
    vocabulary = np.array(["".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(VOCABULARY)], dtype=object)
    words = vocabulary[np.minimum(rng.zipf(1.3, int(lengths.sum())), VOCABULARY) - 1]
    texts = [" ".join(part) for part in np.split(words, np.cumsum(lengths)[:-1])]
    score = np.sort(rng.random(rows)).round(6)
    given, other = rng.integers(0, 5, rows), rng.integers(0, 5, rows)
    frame = pl.DataFrame(
        {
            "id": [f"m{i}" for i in range(rows)],
            "text": texts,
            "given_label": [f"label {k}" for k in given],
            "suggested_label": [f"label {k}" for k in other],
            "score": score,
            "p_wrong": (1 - score).round(6),
            "is_issue": score < 0.1,
            "reasons": "p(label) = 0.10; 3 of 50 neighbours agree; PVI −1.2 bits",
            "self_confidence": score,
            "knn_agreement": score,
            "suggested_probability": (1 - score).round(6),
        }
    )
    # with their manifests, as curate find-errors leaves them
    with recorded("find-errors", {}) as run:
        for name in ("issues.csv", "issues.parquet"):
            write_table(frame, folder / name)
            run.output(folder / name)


def cpu_seconds(process: int) -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(folder: Path, decisions: int, issues: str, *options: str) -> dict[str, float]:
    """Return what one session costs: the first page, then so many decisions, undone one by one at the end."""
    began = time.perf_counter()
    server = subprocess.Popen(
        [str(Path(sys.executable).parent / "curate"), "review", issues, "--no-open", "--json", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        address = urlsplit(json.loads(server.stdout.readline())["address"])
        announced = time.perf_counter()
        client = http.client.HTTPConnection("127.0.0.1", address.port or 0)
        headers = {"Origin": f"http://{address.netloc}", "Content-Type": "application/x-www-form-urlencoded"}

        def ask(method: str, path: str, fields: dict[str, str] | None = None) -> tuple[http.client.HTTPResponse, str]:
            client.request(method, path, urlencode(fields) if fields is not None else None, headers)
            answer = client.getresponse()
            return answer, answer.read().decode()

        answer, _ = ask("GET", f"{address.path}?{address.query}")
        headers["Cookie"] = (answer.getheader("set-cookie") or "").split(";")[0]
        _, text = ask("GET", "/")
        first = time.perf_counter()
        assert "data-row=" in text
        started, taken = cpu_seconds(server.pid), []
        while 'class="said legend"' not in text:  # all rows are there, and the words that tell labels are counted
            time.sleep(0.2)
            _, text = ask("GET", "/")
        behind, all_of_it = cpu_seconds(server.pid), time.perf_counter()
        for number in range(decisions):
            hidden = dict(re.findall(r'type="hidden" name="(key|version)" value="([^"]*)"', text))
            start = time.perf_counter()
            answer, _ = ask("POST", "/decide", {**hidden, "said": "keep" if number % 2 else "drop", "where": ""})
            assert answer.status == 303, answer.status
            _, text = ask("GET", answer.getheader("location") or "/")
            taken.append(time.perf_counter() - start)
        worked, searched = cpu_seconds(server.pid), time.perf_counter()
        ask("GET", "/?search=reason+that+is+not+there")
        found = time.perf_counter()
        status = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
        peak = int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024
        return {
            "start_to_address_s": round(announced - began, 3),
            "address_to_first_page_s": round(first - announced, 3),
            "start_to_first_page_s": round(first - began, 3),
            "decision_median_ms": round(float(np.median(taken)) * 1e3, 2),
            "decision_p95_ms": round(float(np.quantile(taken, 0.95)) * 1e3, 2),
            "decision_most_ms": round(max(taken) * 1e3, 2),
            "search_s": round(found - searched, 3),
            "peak_memory_mb": round(peak, 1),
            "start_cpu_s": round(started, 2),
            "all_rows_and_words_s": round(all_of_it - began, 3),
            "all_rows_and_words_cpu_s": round(behind, 2),
            "decision_cpu_ms": round(1e3 * (worked - behind) / decisions, 2),
        }
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run review", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--decisions", type=int, default=500)
    arguments = parser.parse_args(argv)
    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_issues(folder, arguments.rows, 0)
        cases = {
            "csv": ("issues.csv",),
            "csv, opened again with decisions": ("issues.csv",),
            "parquet": ("issues.parquet",),
            "audit": ("issues.csv", "--order", "audit", "--store", "audit.sqlite"),
        }
        for case, words in cases.items():
            decisions = min(arguments.decisions, 150) if case == "audit" else arguments.decisions
            results[case] = measured(folder, decisions, *words)
            print(case, results[case], flush=True)
    print(
        record(
            "review", argv, results, rows=arguments.rows, decisions=arguments.decisions, load_average=os.getloadavg()
        )
    )
