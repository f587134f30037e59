"""Options of the commands that teach a model to answer, and how what a smoke run saw is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from curatekit import registry

if TYPE_CHECKING:
    from curatekit.train.smoke import Smoke

_METRICS = "; ".join(f"{name}: {entry.summary}" for name, entry in registry.TABLES["generation_metrics"].items())
# The options of curatekit.train.answering.AnswerTraining, by its names.
TRAINING = {
    "epochs": click.option("--epochs", type=click.FloatRange(0, min_open=True), default=3.0, show_default=True,
                           help="Go over the rows this many times."),
    "max_steps": click.option("--max-steps", type=click.IntRange(min=1), help="Stop after this many steps, whatever --epochs says."),
    "learning_rate": click.option("--learning-rate", type=click.FloatRange(0, min_open=True),
                                  help="Step size of AdamW, falling linearly [default: 2e-5, with LoRA 2e-4]."),
    "batch_size": click.option("--batch-size", type=click.IntRange(min=1), default=8, show_default=True,
                               help="Put this many rows into a batch."),
    "gradient_accumulation": click.option("--gradient-accumulation", type=click.IntRange(min=1), default=1, show_default=True,
                                          help="Sum the gradients of this many batches before each step."),
    "gradient_checkpointing": click.option("--gradient-checkpointing", is_flag=True,
                                           help="Compute activations twice instead of keeping them: less memory, slower."),
    "warmup": click.option("--warmup", type=click.FloatRange(0), default=0.1, show_default=True,
                           help="Raise the learning rate over this many steps, or this share of them if below 1."),
    "weight_decay": click.option("--weight-decay", type=click.FloatRange(0), default=0.0, show_default=True,
                                 help="Shrink the weights by this much."),
    "max_length": click.option("--max-length", type=click.IntRange(min=2), metavar="TOKENS",
                               help="Leave out rows that are longer, prompt and completion together [default: what the model takes]."),
    "bf16": click.option("--bf16/--no-bf16", default=None, help="Compute in bfloat16 [default: where the machine has it]."),
    "lora_rank": click.option("--lora-rank", type=click.IntRange(min=1), help="Train by LoRA of this rank [with --lora: 16]."),
    "eval_strategy": click.option("--eval-strategy", type=click.Choice(["no", "epoch", "steps"]), default="epoch",
                                  show_default=True, help="Answer the prompts of --eval while training: when."),
    "eval_steps": click.option("--eval-steps", type=click.IntRange(min=1), help="Evaluate every so many steps."),
    "save_steps": click.option("--save-steps", type=click.IntRange(min=1),
                               help="Save a checkpoint every so many steps [default: at each epoch]."),
    "save_total_limit": click.option("--save-total-limit", type=click.IntRange(min=1),
                                     help="Keep this many checkpoints [default: none once the model is finished]."),
    "metrics": click.option("--metric", "metrics", multiple=True, default=("exact_match", "token_f1"), show_default=True,
                            metavar="NAME", help=f"Score the answers by this; repeatable. {_METRICS}."),
    "metric_for_best_model": click.option("--metric-for-best-model", metavar="NAME",
                                          help="Keep the checkpoint whose answers are best by this metric, or by 'loss' [default: the last]."),
    "early_stopping_patience": click.option("--early-stopping-patience", type=click.IntRange(min=1),
                                            help="Stop after this many evaluations without a better one."),
    "logging_steps": click.option("--logging-steps", type=click.IntRange(min=1), default=10, show_default=True,
                                  help="Log the loss every so many steps."),
    "report_to": click.option("--report-to", type=click.Choice(["none", "tensorboard", "trackio", "wandb"]), default="none",
                              show_default=True, help="Send the log there as well; log.jsonl is always written."),
}  # fmt: skip
# The options of curatekit.generation.Generation, by its names.
GENERATION = {
    "max_new_tokens": click.option("--max-new-tokens", type=click.IntRange(min=1), default=64, show_default=True,
                                   help="Cut an answer after this many tokens."),
    "num_beams": click.option("--num-beams", type=click.IntRange(min=1), default=1, show_default=True,
                              help="Search for an answer along this many beams."),
    "temperature": click.option("--temperature", type=click.FloatRange(0, min_open=True),
                                help="Draw answers at random at this temperature [default: the likeliest token each time]."),
    "repetition_penalty": click.option("--repetition-penalty", type=click.FloatRange(0, min_open=True), default=1.0,
                                       show_default=True, help="Above 1: make tokens that occurred less likely."),
    "forbidden": click.option("--forbid", "forbidden", multiple=True, metavar="WORD",
                              help="Never answer with this word; repeatable."),
}  # fmt: skip


def answer_options(command: Any) -> Any:
    """Add the options of `AnswerTraining` and of `Generation`, handed over by their names."""
    for option in reversed([*TRAINING.values(), *GENERATION.values()]):
        command = option(command)
    return command


def smoke_lines(smoke: Smoke) -> list[str]:
    """Return what was checked, and what the full run will take."""
    lines = [f"{'ok    ' if check.passed else 'FAILED'}  {check.name} ({check.seen})" for check in smoke.checks]
    minutes = smoke.seconds / 60
    time = f"{minutes / 60:.1f} hours" if minutes >= 120 else f"{minutes:.1f} minutes"
    return [
        *lines,
        "",
        f"The full training is expected to take {time} on this machine, evaluations apart, and {smoke.bytes / 1e9:.1f} GB of {smoke.memory}.",
        "Nothing was kept. "
        + ("Next: the same without --smoke, with -o FOLDER" if smoke.passed else "Do not train yet."),
    ]
