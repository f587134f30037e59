"""What every smoke run has in common: how little it trains on, how fast, and what it tells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from curatekit.train.answering import FULL_RATE, LORA_RATE, AnswerTraining

Training = TypeVar("Training", bound=AnswerTraining)

ROWS, EVALUATED, PROBED = 100, 16, 4
_STEPS = 2
_FASTER = 10  # times the usual rate, so that ten steps show; a higher one that was asked for is tried itself
_TOLERANCE = 1e-3  # of a logit; kernels may round otherwise for other tokens


class Check(NamedTuple):
    """What was checked, whether it holds, and what was seen."""

    name: str
    passed: bool
    seen: str


class Smoke(NamedTuple):
    """checks; seconds the full training is expected to take, evaluations apart; bytes at most of which memory."""

    checks: tuple[Check, ...]
    seconds: float
    bytes: int
    memory: str

    @property
    def passed(self) -> bool:
        """Whether all checks hold."""
        return all(check.passed for check in self.checks)


def shortened(training: Training) -> Training:
    """Return the training of two steps, evaluated and saved once."""
    return replace(
        training, max_steps=_STEPS, eval_strategy="steps", eval_steps=_STEPS, save_steps=_STEPS, logging_steps=1,
        metric_for_best_model=None, early_stopping_patience=None, report_to="none",
    )  # fmt: skip


def overfitting_rate(training: AnswerTraining) -> float:
    """Return the learning rate at which one batch is overfitted."""
    usual = FULL_RATE if training.lora_rank is None else LORA_RATE
    return max(_FASTER * usual, training.learning_rate or 0)


def loss_falls(losses: Sequence[float]) -> Check:
    """Return whether the losses on one batch, before each step and after the last, fell."""
    first, last = losses[0], losses[-1]
    seen = f"{first:.3f} to {last:.3f} in {len(losses) - 1} steps"
    return Check("the loss falls on one batch", last < first and math.isfinite(last), seen)


def no_leak(same: bool, seen: str) -> Check:
    """Return whether evaluation prompts are the same whatever the answer is."""
    return Check("evaluation prompts do not hold the answer", same, seen)


def no_look_ahead(change: float) -> Check:
    """Return whether logits stay, up to rounding, when a later token is another."""
    return Check(
        "no answer token sees a later one", change < _TOLERANCE, f"logits before a changed token differ by {change:.1g}"
    )


def same_model(change: float, same_answers: bool = True) -> Check:
    """Return whether the saved model has the trained one's logits, up to rounding, and its answers."""
    return Check(
        "the saved model is the trained one", change < _TOLERANCE and same_answers, f"logits differ by {change:.1g}"
    )
