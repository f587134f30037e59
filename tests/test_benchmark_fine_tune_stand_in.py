"""The benchmark of the stand-in: fine-tuned runs, which take most of its time, are kept; the stand-in is always run anew."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fine_tune_stand_in import kept


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Stand in for the processes; return what they were asked for, in order."""
    asked: list[tuple[str, str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append((command[-2], command[-1]))
        return subprocess.CompletedProcess(command, 0, stdout=f"a note\n{json.dumps({'pvi': [len(asked)]})}\n")

    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_a_fine_tuned_run_is_made_once_for_each_dataset_and_seed(tmp_path: Path, asked: list[tuple[str, str]]) -> None:
    folder = tmp_path / "new"
    runs = [("cola", "fine-tuned"), ("cola", "fine-tuned, another seed"), ("banking77", "fine-tuned")]
    first = [kept(*run, folder) for run in runs]
    second = [kept(*run, folder) for run in runs]
    assert asked == runs
    assert first == [({"pvi": [1]}, False), ({"pvi": [2]}, False), ({"pvi": [3]}, False)]
    assert second == [(made, True) for made, _ in first]


def test_the_stand_in_is_run_anew_and_so_is_everything_without_a_folder(
    tmp_path: Path, asked: list[tuple[str, str]]
) -> None:
    runs = [("cola", "partial", tmp_path), ("cola", "partial", tmp_path), ("cola", "fine-tuned", None)] * 2
    assert [kept(*run) for run in runs] == [({"pvi": [made]}, False) for made in range(1, 7)]
    assert len(asked) == 6
    assert not list(tmp_path.iterdir())
