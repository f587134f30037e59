"""Fine-tuning a transformer so that it can be asked for logits: the recipe, the rows, and one training loop.

The loop is ours and not Trainer's, for three reasons. It records the training dynamics from the forward passes of the
training itself, where a callback of Trainer would have to predict all rows again after each epoch. It trains on whatever a
collating function makes of the rows, cached hidden states included. And it trains only those rows of the embedding
matrix that the data reads, which on MiniLM is a third of a step's time. `curate finetune`, which must go on after a kill, keep
checkpoints and run on several devices, stays with Trainer (curatekit.train.classifier).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.embed import batches
from curatekit.encoders import hardware
from curatekit.errors import CurateError
from curatekit.predict.dynamics import training_dynamics
from curatekit.reporting import step

EPOCHS = 3
"""Passes over the rows where neither the user nor the family says how many."""

EARLY_EPOCHS = 2
"""Passes over the rows before a model begins to memorise wrong labels."""

_LONGEST_GRADIENT = 1.0
_BUDGET = 4_096  # padded tokens in a batch of prediction


@dataclass(frozen=True)
class Tuning:
    """How to fine-tune.

    epochs: passes over the rows, learning_rate: at its peak; None is the family's own. max_length: in tokens; None is
    what the model takes, at most 256. weight_decay: of the matrices. warmup: below 1 a share of the steps, else steps.
    precision: "float32", "bfloat16", or "auto", which is the latter where the hardware multiplies in it.
    """

    epochs: int | None = None
    learning_rate: float | None = None
    batch_size: int = 16
    max_length: int | None = None
    weight_decay: float = 0.01
    warmup: float = 0.1
    precision: str = "auto"


@dataclass(frozen=True, eq=False)
class Rows:
    """What a model reads of n rows."""

    items: Sequence[Any]
    lengths: Ints  # (n,) tokens
    collate: Callable[[list[Any]], dict[str, Any]]  # makes items the tensors of one batch

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, rows: Ints) -> Rows:
        return Rows([self.items[row] for row in rows], self.lengths[rows], self.collate)

    def batch(self, rows: Ints, device: Any) -> dict[str, Any]:
        """Return the padded tensors of some rows."""
        tensors = self.collate([self.items[row] for row in rows])
        return {name: tensor.to(device) for name, tensor in tensors.items()}


def tune(model: Any, rows: Rows, labels: Ints, tuning: Tuning, *, learning_rate: float, seed: int) -> dict[str, Floats]:
    """Train the weights of `model` that require a gradient, in place; return the training dynamics of the rows.

    AdamW (no decay of vectors), linear warm-up and decay, gradients clipped at norm 1, batches of like length in an order that
    depends on (seed, epoch) alone. The caller has entered `hf.quiet` and `hf.seeded`. An epoch's record of a row is
    made when the row is trained on, with dropout and before the step, as in Toneva et al. (2019), section 3. Raises CurateError when
    the loss is not finite.
    """
    import torch

    from curatekit.hf import GroupedByLength

    device = model.device
    n, size, epochs = len(rows), tuning.batch_size, tuning.epochs or EPOCHS
    total = epochs * -(-n // size)
    warmup = max(1, round(tuning.warmup * total if tuning.warmup < 1 else tuning.warmup))
    order = GroupedByLength(size, rows.lengths.tolist(), seed)
    targets = torch.as_tensor(np.asarray(labels), device=device)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": [weight for weight in trained if weight.ndim > 1], "weight_decay": tuning.weight_decay},
            {"params": [weight for weight in trained if weight.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=learning_rate,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda done: min((done + 1) / warmup, (total - done) / max(1, total - warmup))
    )
    probs, margins = np.empty((n, epochs)), np.empty((n, epochs))
    bfloat16 = is_bfloat16(tuning.precision, device.type)
    model.train()
    with step("fine-tuning", total, "steps") as advance:
        for epoch in range(epochs):
            order.set_epoch(epoch)
            shuffled = np.fromiter(order, np.int64, n)
            for start in range(0, n, size):
                batch = shuffled[start : start + size]
                with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                    logits = model(**rows.batch(batch, device)).logits.float()
                target = targets[torch.as_tensor(batch, device=device)]
                loss = torch.nn.functional.cross_entropy(logits, target)
                if not torch.isfinite(loss):
                    raise CurateError(
                        f"The training loss became {float(loss.detach())} in epoch {epoch + 1} at learning rate {learning_rate:g}. "
                        "Lower --learning-rate."
                    )
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(trained, _LONGEST_GRADIENT)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                probs[batch, epoch], margins[batch, epoch] = _record(logits.detach(), target)
                advance(1)
    return training_dynamics(probs, margins > 0, margins)


def _record(logits: Any, target: Any) -> tuple[Floats, Floats]:
    """Return of each row of a batch p(y | x) and logit_y − max other logit."""
    import torch

    of_label = logits.gather(1, target[:, None])
    others = logits.scatter(1, target[:, None], -torch.inf).amax(1)
    return logits.softmax(1).gather(1, target[:, None])[:, 0].cpu().numpy(), (of_label[:, 0] - others).cpu().numpy()


def predict_logits(model: Any, rows: Rows, precision: str) -> Floats:
    """Return the logits (n, K) float64 of a model, in batches of like length."""
    import torch

    model.eval()
    device = model.device
    found = np.empty((len(rows), model.config.num_labels))
    with (
        torch.inference_mode(),
        torch.autocast(device.type, torch.bfloat16, enabled=is_bfloat16(precision, device.type)),
        step("predicting", len(rows), "rows") as advance,
    ):
        for batch in batches(rows.lengths.tolist(), _BUDGET):
            found[batch] = model(**rows.batch(batch, device)).logits.double().cpu().numpy()
            advance(len(batch))
    return found


def is_bfloat16(precision: str, device: str) -> bool:
    """Return whether a precision means bfloat16 on a device."""
    return hardware.precision(precision, device)[0] == "bfloat16"
