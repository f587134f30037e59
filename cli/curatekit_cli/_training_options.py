"""Options that all commands that train have, by the names of curatekit.train.settings.TrainerSettings; each says its own defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Option = Callable[[Any], Any]


def epochs(default: float) -> Option:
    return click.option("--epochs", type=click.FloatRange(0, min_open=True), default=default, show_default=True,
                        help="Go over the rows this many times.")  # fmt: skip


def batch_size(default: int, least: int = 1, more: str = "") -> Option:
    return click.option("--batch-size", type=click.IntRange(min=least), default=default, show_default=True,
                        help=f"Put this many rows into a batch{more}.")  # fmt: skip


def weight_decay(default: float) -> Option:
    return click.option("--weight-decay", type=click.FloatRange(0), default=default, show_default=True,
                        help="Shrink the weights by this much.")  # fmt: skip


def lora_rank(usual: int) -> Option:
    return click.option(
        "--lora-rank", type=click.IntRange(min=1), help=f"Train by LoRA of this rank [with --lora: {usual}]."
    )


def eval_strategy(what: str) -> Option:
    return click.option("--eval-strategy", type=click.Choice(["no", "epoch", "steps"]), default="epoch",
                        show_default=True, help=f"{what}: when.")  # fmt: skip


def eval_steps(what: str = "Evaluate") -> Option:
    return click.option("--eval-steps", type=click.IntRange(min=1), help=f"{what} every so many steps.")


def save_total_limit(what: str = "model") -> Option:
    return click.option("--save-total-limit", type=click.IntRange(min=1),
                        help=f"Keep this many checkpoints [default: none once the {what} is finished].")  # fmt: skip


def early_stopping_patience(what: str = "evaluations") -> Option:
    return click.option("--early-stopping-patience", type=click.IntRange(min=1),
                        help=f"Stop after this many {what} without a better one.")  # fmt: skip


def logging_steps(default: int) -> Option:
    return click.option("--logging-steps", type=click.IntRange(min=1), default=default, show_default=True,
                        help="Log the loss every so many steps.")  # fmt: skip


MAX_STEPS = click.option(
    "--max-steps", type=click.IntRange(min=1), help="Stop after this many steps, whatever --epochs says."
)
GRADIENT_ACCUMULATION = click.option("--gradient-accumulation", type=click.IntRange(min=1), default=1, show_default=True,
                                     help="Sum the gradients of this many batches before each step.")  # fmt: skip
WARMUP = click.option("--warmup", type=click.FloatRange(0), default=0.1, show_default=True,
                      help="Raise the learning rate over this many steps, or this share of them if below 1.")  # fmt: skip
BF16 = click.option("--bf16/--no-bf16", default=None, help="Compute in bfloat16 [default: where the machine has it].")
SAVE_STEPS = click.option("--save-steps", type=click.IntRange(min=1),
                          help="Save a checkpoint every so many steps [default: at each epoch].")  # fmt: skip
REPORT_TO = click.option("--report-to", type=click.Choice(["none", "tensorboard", "trackio", "wandb"]), default="none",
                         show_default=True, help="Send the log there as well; log.jsonl is always written.")  # fmt: skip
