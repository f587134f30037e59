"""A classifier trained by two processes with gloo: the losses and weights of one, every evaluation row counted once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.gloo import launched


def trained(folder: Path, batch_size: int) -> None:
    """Train a few weighted steps and write down, for this process, the log and the weights."""
    from curatekit import hf
    from curatekit.train.classifier import _scores
    from curatekit.train.losses import loss_function
    from tests.tiny import CLASSES, easy_task, tiny_base

    rank = os.environ.get("RANK", "0")
    base = tiny_base(folder / f"base-{rank}")
    config = json.loads((base / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (base / "config.json").write_text(json.dumps(config))
    (train, labels), (held, right) = easy_task(32), easy_task(13, seed=1)  # an odd number: one process has less to do
    arguments: dict[str, Any] = {
        "output_dir": str(folder), "max_steps": 4, "learning_rate": 1e-3, "per_device_train_batch_size": batch_size,
        "per_device_eval_batch_size": 2, "eval_strategy": "steps", "eval_steps": 2, "save_strategy": "no", "logging_steps": 1,
        "report_to": "none", "seed": 0,
    }  # fmt: skip
    with hf.quiet(), hf.seeded(0):
        model, tokenizer = hf.load_base(base, CLASSES, None)
        rows = hf.encode(tokenizer, train, 64, labels)
        rows = [{**row, "weight": weight} for row, weight in zip(rows, np.linspace(0.5, 1.5, 32).tolist(), strict=True)]
        history = hf.train(
            model, tokenizer, rows, hf.encode(tokenizer, held, 64, right), arguments, compute_metrics=_scores,
            early_stopping_patience=None, keep_best=False, log=folder / f"log-{rank}.jsonl", resume_from=None,
            objective=loss_function("gce:0.5"),
        )  # fmt: skip
    weights = {name: float(weight.double().sum()) for name, weight in model.state_dict().items()}
    (folder / f"{rank}.json").write_text(json.dumps({"history": history, "weights": weights}))


def test_two_processes_are_as_one_with_the_doubled_batch(tmp_path: Path) -> None:
    first, second = launched(__name__, tmp_path / "two", 2, 4)
    (one,) = launched(__name__, tmp_path / "one", 1, 8)
    assert first["weights"] == second["weights"]
    assert first["weights"] == pytest.approx(one["weights"], rel=1e-3, abs=1e-3)
    for figure in ("loss", "grad_norm", "eval_accuracy", "eval_macro_f1"):
        figures = [[line[figure] for line in run["history"] if figure in line] for run in (first, one)]
        assert len(figures[0]) == (2 if figure.startswith("eval") else 4)
        assert figures[0] == pytest.approx(figures[1], rel=1e-3), figure
