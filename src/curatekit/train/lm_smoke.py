"""A smoke run of a language model: the whole way of a training on a few rows, what must hold on it, and what the full run will take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from curatekit.readers.conversations import Conversations
from curatekit.train.answering import AnswerTraining
from curatekit.train.smoke import (
    EVALUATED,
    PROBED,
    ROWS,
    Smoke,
    loss_falls,
    no_leak,
    no_look_ahead,
    overfitting_rate,
    same_model,
    shortened,
)

if TYPE_CHECKING:
    from curatekit.generation import Generation
    from curatekit.train.completions import Completions


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
    with TemporaryDirectory(prefix="curatekit-smoke-") as scratch:
        folder = Path(scratch) / "model"
        taught = fit_lm(
            _first(train, ROWS), base=base, training=shortened(training), generation=generation, chat_template=chat_template,
            evaluation=asked, seed=seed, output_dir=folder,
        )  # fmt: skip
        loaded = load_lm(folder)
    rows = taught.encode(asked)
    probed = rows.rows[:PROBED]
    with hf.quiet(), hf.seeded(seed):
        ahead = max(hf_smoke.change_by_later_token(loaded.model, row) for row in probed)
        away = hf_smoke.change_by_model(taught.model, loaded.model, probed)
        same = taught.answer(rows) == loaded.answer(rows)
        whole = taught.encode(train).rows
        longest = sorted(whole, key=lambda row: -len(row["input_ids"]))[: training.batch_size]
        learnt = hf_smoke.overfitted(_trainable(loaded.model), longest, overfitting_rate(training))
    # an answer may be too long and the other not: only prompts that are kept with both are compared
    own, other = (_prompts(encoded) for encoded in (rows, taught.encode(_answered(asked))))
    compared = own.keys() & other.keys()
    unchanged = all(own[number] == other[number] for number in compared)
    checks = (
        loss_falls(learnt.losses),
        no_leak(unchanged, f"{len(compared)} prompts, the same for other answers"),
        no_look_ahead(ahead),
        same_model(away, same),
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
