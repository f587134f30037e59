"""Two processes with gloo: the losses of one process, every evaluation row answered once, the metrics known to both."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.gloo import launched

NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7]
ASKED = [0, 3, 5, 7, 9]  # an odd number of rows and of batches: one process has less to do


def trained(folder: Path, batch_size: int) -> None:
    """Train a few steps and write down, for this process, the log and what was scored."""
    from curatekit import hf
    from curatekit.generation import Generation
    from curatekit.hf_generate import train
    from tests.tiny_lm import counting_rows, tiny_lm

    rank = os.environ.get("RANK", "0")
    scored: list[list[str]] = []

    def score(found: Sequence[str], at: int) -> Mapping[str, float]:
        scored.append(list(found))
        return {"words": float(sum(len(answer.split()) for answer in found)), "calls": float(len(scored))}

    with hf.quiet(), hf.seeded(0):
        model, tokenizer = tiny_lm()
        arguments: dict[str, Any] = {
            "output_dir": str(folder), "max_steps": 4, "learning_rate": 0.01, "per_device_train_batch_size": batch_size,
            "per_device_eval_batch_size": 2, "eval_strategy": "steps", "eval_steps": 2, "save_strategy": "no", "logging_steps": 1,
            "report_to": "none", "seed": 0,
        }  # fmt: skip
        history = train(
            model, tokenizer, counting_rows(tokenizer, NUMBERS, 2), counting_rows(tokenizer, ASKED, 1), arguments,
            generation=Generation(max_new_tokens=4), score=score, early_stopping_patience=None, keep_best=False,
            log=folder / f"log-{rank}.jsonl", resume_from=None,
        )  # fmt: skip
    weights = {name: float(weight.double().sum()) for name, weight in model.state_dict().items()}
    (folder / f"{rank}.json").write_text(json.dumps({"history": history, "scored": scored, "weights": weights}))


def test_two_processes_are_as_one(tmp_path: Path) -> None:
    first, second = launched(__name__, tmp_path / "two", 2, 2)
    (one,) = launched(__name__, tmp_path / "one", 1, 4)
    assert first["weights"] == second["weights"]
    assert first["weights"] == pytest.approx(one["weights"], rel=1e-3, abs=1e-3)
    losses = [[line["loss"] for line in run["history"] if "loss" in line] for run in (first, one)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert first["scored"] == one["scored"], "every row once, in its place"
    assert [len(found) for found in first["scored"]] == [len(ASKED)] * 2
    assert second["scored"] == [], "one process scores and writes"
    metrics = [[line["eval_words"] for line in run["history"] if "eval_words" in line] for run in (first, second, one)]
    assert metrics[0] == metrics[1] == metrics[2]
