"""Probes of a model that is taught to answer: whether it looks ahead, whether it can learn, what a step takes.

This module imports torch at its top: import it inside functions only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from curatekit.hf_generate import NO_LABEL, Row, padded


class Overfitted(NamedTuple):
    """losses: on one batch, before each of n steps and after the last, (n + 1,); seconds: the median step's."""

    losses: list[float]
    seconds: float


def change_by_later_token(model: Any, row: Row) -> float:
    """Return by how much logits change that come before the last answer token, when that token is another: max |Δ logit|.

    0 for a model of which no token sees a later one; a prefix language model whose answer counts as prefix fails.
    """
    batch = _batch(model, [row])
    labels = batch.pop("labels")[0]
    last = int((labels != NO_LABEL).nonzero().max())
    other = {**batch, "input_ids": batch["input_ids"].clone()}
    other["input_ids"][0, last] = 1 if int(batch["input_ids"][0, last]) != 1 else 2
    model.eval()
    with torch.inference_mode():
        before, after = (model(**one).logits[0, :last].float() for one in (batch, other))
    return float((before - after).abs().max())


def logits(model: Any, row: Row) -> Any:
    """Return the logits (length, vocabulary) of one row."""
    batch = _batch(model, [row])
    batch.pop("labels", None)
    model.eval()
    with torch.inference_mode():
        return model(**batch).logits[0].float().cpu()


def change_by_model(one: Any, other: Any, rows: Sequence[Row]) -> float:
    """Return by how much the logits of two models differ at most on the rows."""
    return max(float((logits(one, row) - logits(other, row)).abs().max()) for row in rows)


def overfitted(model: Any, rows: Sequence[Row], rate: float, steps: int = 10) -> Overfitted:
    """Train `model` in place on one batch, again and again, by AdamW at a constant rate; the losses must fall."""
    batch = _batch(model, rows)
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=rate)
    losses, seconds = [], []
    model.train()
    for _ in range(steps):
        began = time.perf_counter()
        loss = model(**batch).loss
        losses.append(float(loss.detach()))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - began)
    model.eval()
    with torch.inference_mode():
        losses.append(float(model(**batch).loss))
    return Overfitted(losses, sorted(seconds)[len(seconds) // 2])


def peak_memory() -> tuple[int, str]:
    """Return the most bytes that this process has held so far, and of which memory."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated()), "GPU memory"
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if os.uname().sysname == "Darwin" else 1024
    ), "memory"


def _batch(model: Any, rows: Sequence[Row]) -> dict[str, Any]:
    batch = padded(rows, 0, "right")
    batch.pop("row", None)
    return {name: tensor.to(model.device) for name, tensor in batch.items()}
