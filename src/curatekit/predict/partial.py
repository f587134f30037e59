"""The family `partial:MODEL`: the lower layers run once, frozen; the upper third and the head are trained for one epoch.

A stand-in for fine-tuning at a fraction of its time. The lower layers' states do not depend on the labels: they are computed once for
all folds, and training neither runs nor differentiates those layers, nor the embedding matrix. One epoch without dropout
comes near to what three epochs of all layers reach. How near, and what else was tried, stands in
benchmarks/results/fine_tune_stand_in_variants-*.md. It is a family of its own, and is named as such.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.embed import batches
from curatekit.encoders import hardware
from curatekit.encoders.places import find_base
from curatekit.errors import NoSpace
from curatekit.predict.family import Inputs, Material
from curatekit.predict.finetune import characters_read, model_key, token_rows
from curatekit.predict.tuning import Rows, Tuning, is_bfloat16, predict_logits, tune
from curatekit.registry import DEFAULT_ENCODER
from curatekit.reporting import note, step

_EPOCHS = 1
_RATE, _RATE_OF_MANY, _MANY = 2e-4, 4e-4, 20
"""A head that begins at zero must find more than 20 classes in one epoch: with fewer, a high rate only forgets what the base knows."""

_BUDGET = 4_096  # padded tokens in a batch of the lower layers
_MOST_BYTES = 4 << 30


@dataclass(frozen=True)
class FittedPartial:
    """Trained upper layers and a head; the cross-fit calibrates them."""

    model: Any
    precision: str
    dynamics: Mapping[str, Floats]
    temperature: None = None
    details: Mapping[str, float] = field(default_factory=dict)

    def logits(self, x: Rows) -> Floats:
        """Return the logits (m, K) of rows of states."""
        return predict_logits(self.model, x, self.precision)


@dataclass(frozen=True)
class PartialFamily:
    """Transformers whose lower two thirds are frozen."""

    name: str
    folder: Path
    tuning: Tuning
    embeds: ClassVar[bool] = False
    slow: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """The hash of the base's weights and of the recipe."""
        return model_key(self.folder, self.tuning, partial=True)

    def reader(self, train: Material) -> Callable[[Material], Rows]:
        """Return what makes of a material its states below the trained layers."""
        return lambda material: lower_states(self.folder, material, self.tuning)

    def prepare(self, train: Material, *others: Material) -> tuple[Rows, ...]:
        """Return the states of each material."""
        return tuple(map(self.reader(train), (train, *others)))

    def characters_read(self, inputs: Inputs) -> tuple[Ints, ...]:
        """Return how many characters of each text are read, (n,) for each column."""
        return characters_read(self.folder, self.tuning.max_length, inputs)

    def fit(self, x: Rows, labels: Ints, n_classes: int, *, seed: int, units: Ints) -> FittedPartial:
        """Return upper layers and a head trained on the states x; the same arguments give the same weights on one machine."""
        from curatekit import hf
        from curatekit.predict.layers import upper_model

        rate = self.tuning.learning_rate or (_RATE_OF_MANY if n_classes > _MANY else _RATE)
        with hf.quiet(), hf.seeded(seed):
            model = upper_model(self.folder, n_classes).to(hardware.device("torch"))
            dynamics = tune(model, x, labels, self.tuning, learning_rate=rate, seed=seed)
        return FittedPartial(model, self.tuning.precision, dynamics)


def partial(model: str | None, tuning: Tuning) -> PartialFamily:
    """Return the family of the transformer `model` (a folder or a name; None is the default encoder), its upper third trained.

    Raises InputError for an architecture whose layers cannot be parted.
    """
    from curatekit.predict.layers import check_parts

    name = model or DEFAULT_ENCODER
    folder = find_base(name)
    check_parts(folder)
    precision, reason = hardware.precision(tuning.precision, hardware.device("torch"))
    note(f"Fine-tuning the upper layers of {name} in {precision}, since {reason}.")
    return PartialFamily(f"partial:{name}", folder, replace(tuning, epochs=tuning.epochs or _EPOCHS))


def lower_states(folder: Path, material: Material, tuning: Tuning) -> Rows:
    """Return the states of the n rows' tokens after the frozen layers, (tokens, h) float16 for each row."""
    import torch

    from curatekit import hf
    from curatekit.predict.layers import lower_model

    tokens = token_rows(folder, material, tuning.max_length)
    with hf.quiet(), hf.kept_random_state():
        model = lower_model(folder).to(hardware.device("torch")).eval()
    needed = 2 * int(tokens.lengths.sum()) * model.config.hidden_size
    if needed > _MOST_BYTES:
        raise NoSpace(
            f"The states of {len(tokens):,} texts would take {needed / 1e9:.1f} GB. Give a smaller --max-length, or take "
            "--family finetune, which keeps none."
        )
    items: list[Any] = [None] * len(tokens)
    with (
        torch.inference_mode(),
        torch.autocast(model.device.type, torch.bfloat16, enabled=is_bfloat16(tuning.precision, model.device.type)),
        step("running the frozen layers", len(tokens), "rows") as advance,
    ):
        for batch in batches(tokens.lengths.tolist(), _BUDGET):
            states = model(**tokens.batch(batch, model.device)).last_hidden_state.half().cpu().numpy()
            # a copy, so that the padded batch can go
            for row, of_row in zip(batch.tolist(), states, strict=True):
                items[row] = of_row[: tokens.lengths[row]].copy()
            advance(len(batch))
    return Rows(items, tokens.lengths, _padded)


def _padded(items: list[Any]) -> dict[str, Any]:
    """Return the states of some rows (b, longest, h) float32 and their attention mask."""
    import torch

    longest = max(map(len, items))
    states = np.zeros((len(items), longest, items[0].shape[1]), np.float32)
    mask = np.zeros((len(items), longest), np.int64)
    for row, of_row in enumerate(items):
        states[row, : len(of_row)], mask[row, : len(of_row)] = of_row, 1
    return {"inputs_embeds": torch.from_numpy(states), "attention_mask": torch.from_numpy(mask)}
