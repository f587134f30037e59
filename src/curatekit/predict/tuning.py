"""How the fine-tuned families are trained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tuning:
    """How to fine-tune: passes over the rows, the peak learning rate (None: the family's own), rows a batch, tokens a text
    (None: what the model takes, at most 256)."""

    epochs: float = 3.0
    learning_rate: float | None = None
    batch_size: int = 16
    max_length: int | None = None
    weight_decay: float = 0.01
    warmup: float = 0.1
    precision: str = "auto"
