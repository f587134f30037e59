"""Options of the commands that teach a model to answer, and how what a smoke run saw is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from curatekit import registry
from curatekit_cli import _training_options as options
from curatekit_cli._options import with_options

if TYPE_CHECKING:
    from curatekit.train.smoke import Smoke

_METRICS = "; ".join(f"{name}: {entry.summary}" for name, entry in registry.TABLES["generation_metrics"].items())
# The options of curatekit.train.answering.AnswerTraining, by its names.
TRAINING = {
    "epochs": options.epochs(3.0),
    "max_steps": options.MAX_STEPS,
    "learning_rate": click.option("--learning-rate", type=click.FloatRange(0, min_open=True),
                                  help="Step size of AdamW, falling linearly [default: 2e-5, with LoRA 2e-4]."),
    "batch_size": options.batch_size(8),
    "gradient_accumulation": options.GRADIENT_ACCUMULATION,
    "gradient_checkpointing": click.option("--gradient-checkpointing", is_flag=True,
                                           help="Compute activations twice instead of keeping them: less memory, slower."),
    "warmup": options.WARMUP,
    "weight_decay": options.weight_decay(0.0),
    "max_length": click.option("--max-length", type=click.IntRange(min=2), metavar="TOKENS",
                               help="Leave out rows that are longer, prompt and completion together [default: what the model takes]."),
    "bf16": options.BF16,
    "lora_rank": options.lora_rank(16),
    "eval_strategy": options.eval_strategy("Answer the prompts of --eval while training"),
    "eval_steps": options.eval_steps(),
    "save_steps": options.SAVE_STEPS,
    "save_total_limit": options.save_total_limit(),
    "metrics": click.option("--metric", "metrics", multiple=True, default=("exact_match", "token_f1"), show_default=True,
                            metavar="NAME", help=f"Score the answers by this; repeatable. {_METRICS}."),
    "metric_for_best_model": click.option("--metric-for-best-model", metavar="NAME",
                                          help="Keep the checkpoint whose answers are best by this metric, or by 'loss' [default: the last]."),
    "early_stopping_patience": options.early_stopping_patience(),
    "logging_steps": options.logging_steps(10),
    "report_to": options.REPORT_TO,
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
    return with_options(command, [*TRAINING.values(), *GENERATION.values()])


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
