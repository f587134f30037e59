"""Issues to review, and the review page served by the real command, for several tests."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import polars as pl

CLASSES = ("complaint", "praise", "request")


def issues_frame(n: int, texts: Sequence[str] = ()) -> pl.DataFrame:
    """Rows as find-errors writes them, the most doubtful first; row i is labelled i mod 3, and i + 1 mod 3 is suggested."""
    return pl.DataFrame(
        {
            "id": [f"m{i}" for i in range(n)],
            "text": [texts[i] if i < len(texts) else f"message number {i}" for i in range(n)],
            "given_label": [CLASSES[i % 3] for i in range(n)],
            "suggested_label": [CLASSES[(i + (1 if i < n // 2 else 0)) % 3] for i in range(n)],
            "score": [round((i + 1) / (n + 1), 6) for i in range(n)],
            "p_wrong": [round(1 - (i + 1) / (n + 1), 6) for i in range(n)],
            "is_issue": [i < n // 2 for i in range(n)],
            "reasons": [f"p({CLASSES[i % 3]}) = 0.10; 3 of 10 neighbours agree" for i in range(n)],
            "self_confidence": [round((i + 1) / (n + 1), 6) for i in range(n)],
            "knn_agreement": [0.3] * n,
            "suggested_probability": [0.8] * n,
        }
    )


def write_issues(folder: Path, n: int = 60, texts: Sequence[str] = ()) -> Path:
    path = folder / "issues.csv"
    issues_frame(n, texts).write_csv(path)
    return path


class Answered(NamedTuple):
    status: int
    headers: Mapping[str, str]
    text: str


class Page:
    """A served page, asked as a browser without scripts would ask."""

    def __init__(self, address: str, process: subprocess.Popen[str]) -> None:
        self.address, self.process = address, process
        parts = urlsplit(address)
        assert parts.hostname == "127.0.0.1"
        self.port = parts.port or 0
        self.origin = f"http://127.0.0.1:{self.port}"
        opened = self.ask("GET", f"{parts.path}?{parts.query}", cookie=False)
        assert opened.status == 200, opened
        self.cookie = opened.headers["set-cookie"].split(";")[0]

    def ask(
        self,
        method: str,
        path: str,
        fields: Sequence[tuple[str, str]] | Mapping[str, str] | bytes | None = None,
        *,
        cookie: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {"Origin": self.origin} if method == "POST" else {}
        if cookie:
            sent["Cookie"] = self.cookie
        body = fields if isinstance(fields, bytes) else urlencode(fields).encode() if fields is not None else None
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        sent.update(headers or {})
        try:
            connection.request(method, path, body, {name: value for name, value in sent.items() if value != "-"})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        return Answered(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)

    def decide(self, key: str, said: str, version: int = 0, **more: str) -> Answered:
        return self.ask("POST", "/decide", {"key": key, "version": str(version), "said": said, "where": "", **more})


@contextlib.contextmanager
def served(issues: Path, *options: str) -> Iterator[Page]:
    """Yield the page of `curate review ISSUES`; the server is killed behind it, as by a power cut."""
    curate = Path(sys.executable).parent / "curate"
    process = subprocess.Popen(
        [str(curate), "review", issues.name, "--no-open", "--json", *options],
        cwd=issues.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield Page(json.loads(line)["address"], process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
