"""What is the same for all models that are taught to answer: the settings, Trainer's arguments, the tables of evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curatekit.errors import InputError, nearest_name
from curatekit.evaluate.generation import GenerationScores, generation_scores, short_name
from curatekit.train.settings import TrainerSettings, check_settings, trainer_arguments
from curatekit.writers import write_table

FULL_RATE, LORA_RATE = 2e-5, 2e-4


@dataclass(frozen=True)
class AnswerTraining(TrainerSettings):
    """How to train.

    learning_rate: None is 2e-5, with LoRA 2e-4. max_length: prompt and answer together; None is what the model takes. lora_rank: None
    trains every weight. gradient_checkpointing: compute activations twice instead of keeping them. metrics: names of the table of
    generation metrics. metric_for_best_model: one of them by its short name, or "loss", keeps the best checkpoint by the evaluation
    rows; None keeps the last.
    """

    learning_rate: float | None = None
    batch_size: int = 8
    gradient_accumulation: int = 1
    weight_decay: float = 0.0
    lora_rank: int | None = None
    gradient_checkpointing: bool = False
    metrics: tuple[str, ...] = ("exact_match", "token_f1")
    metric_for_best_model: str | None = None
    logging_steps: int = 10


def check_training(training: AnswerTraining, *, evaluated: bool) -> None:
    """Raise InputError for settings that do not go together; each metric is tried on one pair, before anything is trained."""
    best = training.metric_for_best_model
    check_settings(training, best=best is not None, evaluated=evaluated, option="--metric-for-best-model")
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
    return trainer_arguments(
        training, seed, bf16, folder, best=training.metric_for_best_model, evaluated=evaluated, keep=keep,
        learning_rate=training.learning_rate or (FULL_RATE if training.lora_rank is None else LORA_RATE),
        per_device_eval_batch_size=2 * training.batch_size,
        gradient_accumulation_steps=training.gradient_accumulation,
        gradient_checkpointing=training.gradient_checkpointing,
    )  # fmt: skip


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
