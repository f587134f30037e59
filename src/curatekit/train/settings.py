"""What all trainings through Trainer share: their settings, which of these go together, and Trainer's names for them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from curatekit.encoders import hardware
from curatekit.errors import InputError
from curatekit.reporting import note


@dataclass(frozen=True)
class TrainerSettings:
    """How to train; the names are Trainer's, shortened.

    max_steps: -1 trains for the epochs. warmup: steps, or below 1 a fraction of them. max_length: in tokens. bf16: None decides by the
    hardware. eval_strategy: "epoch", "steps" (every eval_steps) or "no". save_steps: None saves at each epoch (at each evaluation
    when the best is kept). save_total_limit: None removes the checkpoints once the model is saved.
    """

    epochs: float = 3.0
    max_steps: int = -1
    batch_size: int = 16
    warmup: float = 0.1
    weight_decay: float = 0.01
    max_length: int | None = None
    bf16: bool | None = None
    eval_strategy: str = "epoch"
    eval_steps: int | None = None
    save_steps: int | None = None
    save_total_limit: int | None = None
    early_stopping_patience: int | None = None
    logging_steps: int = 50
    report_to: str = "none"


def check_settings(training: TrainerSettings, *, best: bool, evaluated: bool, what: str = "model", option: str) -> None:
    """Raise InputError for settings that do not go together; best: the best checkpoint of `what` is kept, which `option` asks for."""
    if training.report_to != "none" and find_spec(training.report_to) is None:
        raise InputError(
            f"{training.report_to} is not installed. Install it (pip install {training.report_to}), or log to none."
        )
    if training.eval_strategy == "steps" and not training.eval_steps:
        raise InputError("--eval-strategy steps needs --eval-steps.")
    patience = training.early_stopping_patience
    if (best or patience is not None) and (not evaluated or training.eval_strategy == "no"):
        raise InputError(f"Keeping the best {what} or stopping early needs evaluations: give --eval FILE.")
    if patience is not None and not best:
        raise InputError(f"--early-stopping-patience needs {option}.")


def trainer_arguments(
    training: TrainerSettings,
    seed: int,
    bf16: bool,
    folder: Path,
    *,
    best: str | None,
    evaluated: bool,
    keep: bool,
    **own: Any,
) -> dict[str, Any]:
    """Return the settings in Trainer's names, with `own` that only this kind of training has.

    best: the metric whose best checkpoint is kept. keep: save checkpoints though none is the best.
    """
    strategy, every = "no", None
    if best is not None:  # a best checkpoint exists only where it was evaluated
        strategy, every = training.eval_strategy, training.eval_steps
    elif keep:
        strategy, every = "steps" if training.save_steps else "epoch", training.save_steps
    return {
        "output_dir": str(folder),
        "num_train_epochs": training.epochs,
        "max_steps": training.max_steps,
        "per_device_train_batch_size": training.batch_size,
        "warmup_steps": training.warmup,
        "weight_decay": training.weight_decay,
        "bf16": bf16,
        "seed": seed,
        "eval_strategy": training.eval_strategy if evaluated else "no",
        "eval_steps": training.eval_steps,
        "save_strategy": strategy,
        **({"save_steps": every} if every else {}),
        "save_total_limit": training.save_total_limit or 1,
        "metric_for_best_model": best,
        "greater_is_better": None if best is None else best != "loss",
        "logging_steps": training.logging_steps,
        "report_to": training.report_to,
        **own,
    }


def chosen_precision(bf16: bool | None, doing: str = "Fine-tuning") -> tuple[str, bool]:
    """Return the precision asked for ("auto", "bfloat16", "float32") and whether it means bfloat16 here, which is said."""
    asked = {None: "auto", True: "bfloat16", False: "float32"}[bf16]
    precision, reason = hardware.precision(asked, hardware.device("torch"))
    note(f"{doing} in {precision}, since {reason}.")
    return asked, precision == "bfloat16"
