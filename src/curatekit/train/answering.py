"""What is the same for all models that are taught to answer: the settings, Trainer's arguments, the tables of evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl

from curatekit.errors import InputError, nearest_name
from curatekit.evaluate.generation import GenerationScores, generation_scores, short_name
from curatekit.writers import write_table

FULL_RATE, LORA_RATE = 2e-5, 2e-4


@dataclass(frozen=True)
class AnswerTraining:
    """How to train; the names are Trainer's, shortened.

    warmup: steps, or below 1 a fraction of them. learning_rate: None is 2e-5, with LoRA 2e-4. max_length: in tokens, prompt and answer
    together; None is what the model takes. bf16: None decides by the hardware. lora_rank: None trains every weight.
    gradient_checkpointing: compute activations twice instead of keeping them. eval_strategy: "epoch", "steps" (every eval_steps) or
    "no". metrics: names of the table of generation metrics. metric_for_best_model: one of them by its short name, or "loss", keeps
    the best checkpoint by the evaluation rows; None keeps the last. save_steps: None saves at each epoch (at each evaluation when the
    best is kept). save_total_limit: None removes the checkpoints once the model is saved.
    """

    epochs: float = 3.0
    max_steps: int = -1
    learning_rate: float | None = None
    batch_size: int = 8
    gradient_accumulation: int = 1
    warmup: float = 0.1
    weight_decay: float = 0.0
    max_length: int | None = None
    bf16: bool | None = None
    lora_rank: int | None = None
    gradient_checkpointing: bool = False
    eval_strategy: str = "epoch"
    eval_steps: int | None = None
    save_steps: int | None = None
    save_total_limit: int | None = None
    metrics: tuple[str, ...] = ("exact_match", "token_f1")
    metric_for_best_model: str | None = None
    early_stopping_patience: int | None = None
    logging_steps: int = 10
    report_to: str = "none"


def check_training(training: AnswerTraining, *, evaluated: bool) -> None:
    """Raise InputError for settings that do not go together; each metric is tried on one pair, before anything is trained."""
    if training.report_to != "none" and find_spec(training.report_to) is None:
        raise InputError(
            f"{training.report_to} is not installed. Install it (pip install {training.report_to}), or log to none."
        )
    if training.eval_strategy == "steps" and not training.eval_steps:
        raise InputError("--eval-strategy steps needs --eval-steps.")
    best, patience = training.metric_for_best_model, training.early_stopping_patience
    if (best is not None or patience is not None) and (not evaluated or training.eval_strategy == "no"):
        raise InputError("Keeping the best model or stopping early needs evaluations: give --eval FILE.")
    if patience is not None and best is None:
        raise InputError("--early-stopping-patience needs --metric-for-best-model.")
    known = ["loss", *(short_name(metric) for metric in training.metrics)]
    if best is not None and best not in known:
        raise InputError(
            f"--metric-for-best-model {best} is not measured.{nearest_name(best, known)} Name it with --metric, or take one of "
            f"{', '.join(known)}."
        )
    generation_scores(["a"], ["a"], training.metrics)


def arguments(
    training: AnswerTraining, seed: int, bf16: bool, folder: Path, *, evaluated: bool, keep: bool
) -> dict[str, Any]:
    """Return the settings in Trainer's names."""
    best = training.metric_for_best_model
    saves: dict[str, Any] = {"save_strategy": "no"}
    if best is not None:  # a best checkpoint exists only where it was evaluated
        saves = {"save_strategy": training.eval_strategy}
        every = training.eval_steps
    elif keep:
        saves = {"save_strategy": "steps" if training.save_steps else "epoch"}
        every = training.save_steps
    else:
        every = None
    return {
        "output_dir": str(folder),
        "num_train_epochs": training.epochs,
        "max_steps": training.max_steps,
        "learning_rate": training.learning_rate or (FULL_RATE if training.lora_rank is None else LORA_RATE),
        "per_device_train_batch_size": training.batch_size,
        "per_device_eval_batch_size": 2 * training.batch_size,
        "gradient_accumulation_steps": training.gradient_accumulation,
        "gradient_checkpointing": training.gradient_checkpointing,
        "warmup_steps": training.warmup,
        "weight_decay": training.weight_decay,
        "bf16": bf16,
        "seed": seed,
        "eval_strategy": training.eval_strategy if evaluated else "no",
        "eval_steps": training.eval_steps,
        "save_total_limit": training.save_total_limit or 1,
        "metric_for_best_model": best,
        "greater_is_better": None if best is None else best != "loss",
        "logging_steps": training.logging_steps,
        "report_to": training.report_to,
        **saves,
        **({"save_steps": every} if every else {}),
    }


class Evaluations:
    """Scores the answers of each evaluation, and keeps them as a table a step: what is asked, the truth, the answer, its scores.

    columns: what stands before the answers in each table, by name, n values each. truths: (n,). folder: None keeps no table.
    """

    def __init__(
        self, columns: Mapping[str, Sequence[Any]], truths: Sequence[str], metrics: Sequence[str], folder: Path | None
    ) -> None:
        self.columns, self.truths, self.metrics, self.folder = columns, truths, metrics, folder
        self.last: tuple[int, Sequence[str]] | None = None

    def __call__(self, answers: Sequence[str], step: int) -> dict[str, float]:
        """Return the overall figures of the answers at a step of training, by the metric's short name."""
        self.last = step, answers
        return self.scored(answers, f"predictions-{step}.csv").overall

    def scored(self, answers: Sequence[str], name: str = "predictions-final.csv") -> GenerationScores:
        """Return the scores of the answers; their table is kept as `name`."""
        scores = generation_scores(answers, self.truths, self.metrics)
        if self.folder is not None:
            table = {**self.columns, "truth": list(self.truths), "answer": list(answers), **scores.per_row}
            write_table(pl.DataFrame(table), self.folder / name)
        return scores
