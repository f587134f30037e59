"""A smoke run of a language model: the whole way of a training on a few rows, what must hold on it, and what the full run will take."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from curatekit.readers.conversations import Conversations
from curatekit.train.answering import FULL_RATE, LORA_RATE, AnswerTraining

if TYPE_CHECKING:
    from curatekit.generation import Generation
    from curatekit.train.completions import Completions

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


def smoke_lm(
    train: Conversations,
    *,
    base: str | Path,
    training: AnswerTraining,
    generation: Generation,
    chat_template: Path | None = None,
    evaluation: Conversations | None = None,
    seed: int = 0,
) -> Smoke:
    """Return what two steps on 100 rows show: rows → training → evaluation → saved → loaded → answers, nothing of which is kept.

    Then one batch of the longest rows is overfitted, which must lower the loss and tells what a step of the full run takes at most.
    Raises the errors of `fit_lm`.
    """
    from curatekit import hf, hf_smoke
    from curatekit.train.lm import fit_lm, load_lm

    asked = _first(evaluation if evaluation is not None else train, EVALUATED)
    short = replace(
        training, max_steps=_STEPS, eval_strategy="steps", eval_steps=_STEPS, save_steps=_STEPS, logging_steps=1,
        metric_for_best_model=None, early_stopping_patience=None, report_to="none",
    )  # fmt: skip
    with TemporaryDirectory(prefix="curatekit-smoke-") as scratch:
        folder = Path(scratch) / "model"
        taught = fit_lm(
            _first(train, ROWS), base=base, training=short, generation=generation, chat_template=chat_template,
            evaluation=asked, seed=seed, output_dir=folder,
        )  # fmt: skip
        loaded = load_lm(folder)
    rows = taught.encode(asked)
    probed = rows.rows[:PROBED]
    with hf.quiet(), hf.seeded(seed):
        ahead = max(hf_smoke.change_by_later_token(loaded.model, row) for row in probed)
        away = max(
            float((hf_smoke.logits(taught.model, row) - hf_smoke.logits(loaded.model, row)).abs().max())
            for row in probed
        )
        same = taught.answer(rows) == loaded.answer(rows)
        whole = taught.encode(train).rows
        longest = sorted(whole, key=lambda row: -len(row["input_ids"]))[: training.batch_size]
        usual = FULL_RATE if training.lora_rank is None else LORA_RATE
        rate = max(_FASTER * usual, training.learning_rate or 0)
        learnt = hf_smoke.overfitted(_trainable(loaded.model), longest, rate)
    first, last = learnt.losses[0], learnt.losses[-1]
    # an answer may be too long and the other not: only prompts that are kept with both are compared
    own, other = (_prompts(encoded) for encoded in (rows, taught.encode(_answered(asked))))
    compared = own.keys() & other.keys()
    unchanged = all(own[number] == other[number] for number in compared)
    checks = (
        Check(
            "the loss falls on one batch",
            last < first and math.isfinite(last),
            f"{first:.3f} to {last:.3f} in 10 steps",
        ),
        Check(
            "evaluation prompts do not hold the answer",
            unchanged,
            f"{len(compared)} prompts, the same for other answers",
        ),
        Check(
            "no answer token sees a later one",
            ahead < _TOLERANCE,
            f"logits before a changed token differ by {ahead:.1g}",
        ),
        Check("the saved model is the trained one", away < _TOLERANCE and same, f"logits differ by {away:.1g}"),
    )
    tokens = sum(len(row["input_ids"]) for row in whole) * training.epochs
    batches = tokens / sum(len(row["input_ids"]) for row in longest)
    if training.max_steps > 0:  # which Trainer takes in place of the epochs
        batches = training.max_steps * training.gradient_accumulation
    seconds = learnt.seconds * batches
    return Smoke(checks, seconds, *hf_smoke.peak_memory())


def _trainable(model: Any) -> Any:
    """Return the model with what a training would change: an adapter that was loaded to answer is frozen."""
    for name, weight in model.named_parameters():
        weight.requires_grad_(not hasattr(model, "peft_config") or "lora_" in name)
    return model


def _first(conversations: Conversations, n: int) -> Conversations:
    return replace(conversations, examples=conversations.examples[:n], numbers=conversations.numbers[:n])


def _answered(conversations: Conversations) -> Conversations:
    """Return the same prompts with another completion."""
    return replace(conversations, examples=tuple(one._replace(completion=" no") for one in conversations.examples))


def _prompts(encoded: Completions) -> dict[int, list[int]]:
    """Return by the number of the example the tokens of its prompt."""
    from curatekit.hf_generate import prompt_of

    kept = encoded.kept.tolist()
    return {number: prompt_of(row)["input_ids"] for number, row in zip(kept, encoded.rows, strict=True)}
