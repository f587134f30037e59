"""The families `finetune:MODEL` and `lora:MODEL`: a transformer trained on the rows, whole or by low-rank adapters."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.cache import digest
from curatekit.encoders import hardware
from curatekit.encoders.contents import weights_hash
from curatekit.encoders.places import find_base
from curatekit.predict.family import Inputs, Material
from curatekit.predict.tuning import Rows, Tuning, predict_logits, tune
from curatekit.registry import DEFAULT_ENCODER
from curatekit.reporting import note

_FORMAT = 1  # counts the changes of how models are made that no other part of the key tells
_FULL_RATE, _LORA_RATE = 5e-5, 5e-4
_LORA_RANK = 8


@dataclass(frozen=True)
class FittedTransformer:
    """A fine-tuned transformer; the cross-fit calibrates it."""

    model: Any
    precision: str
    dynamics: Mapping[str, Floats]
    temperature: None = None
    details: Mapping[str, float] = field(default_factory=dict)

    def logits(self, x: Rows) -> Floats:
        return predict_logits(self.model, x, self.precision)


@dataclass(frozen=True)
class TransformerFamily:
    """Transformers that begin from one base model; a rank trains low-rank adapters and the head, None every weight."""

    name: str
    folder: Path
    tuning: Tuning
    lora_rank: int | None
    embeds: ClassVar[bool] = False
    slow: ClassVar[bool] = True

    @property
    def learning_rate(self) -> float:
        return self.tuning.learning_rate or (_FULL_RATE if self.lora_rank is None else _LORA_RATE)

    @property
    def key(self) -> str:
        """The hash of the base's weights and of the recipe."""
        return model_key(self.folder, self.tuning, learning_rate=self.learning_rate, lora_rank=self.lora_rank)

    def reader(self, train: Material) -> Callable[[Material], Rows]:
        """Return what makes of a material its token ids; rows that are cut are counted aloud."""
        return lambda material: token_rows(self.folder, material, self.tuning.max_length)

    def prepare(self, train: Material, *others: Material) -> tuple[Rows, ...]:
        return tuple(map(self.reader(train), (train, *others)))

    def characters_read(self, inputs: Inputs) -> tuple[Ints, ...]:
        """Return how many characters of each text are read, (n,) for each column."""
        return characters_read(self.folder, self.tuning.max_length, inputs)

    def fit(self, x: Rows, labels: Ints, n_classes: int, *, seed: int, units: Ints) -> FittedTransformer:
        """Return the base trained on the rows x; the same arguments give the same weights on one machine."""
        from curatekit import hf
        from curatekit.predict.embedding_rows import rows_read

        with hf.quiet(), hf.seeded(seed):
            model, _ = hf.load_base(self.folder, [str(code) for code in range(n_classes)], self.lora_rank)
            model.to(hardware.device("torch"))
            with rows_read(model, np.unique(np.concatenate([row["input_ids"] for row in x.items]))):
                dynamics = tune(model, x, labels, self.tuning, learning_rate=self.learning_rate, seed=seed)
        return FittedTransformer(model, self.tuning.precision, dynamics)


def finetune(model: str | None, tuning: Tuning) -> TransformerFamily:
    """Return the family of the transformer `model` (a folder or a name; None is the default encoder), all of it trained."""
    return _family("finetune", model, tuning, None)


def lora(model: str | None, tuning: Tuning) -> TransformerFamily:
    """Return the family of the transformer `model`, trained by low-rank adapters (Hu et al. 2022)."""
    return _family("lora", model, tuning, _LORA_RANK)


def _family(kind: str, model: str | None, tuning: Tuning, lora_rank: int | None) -> TransformerFamily:
    model = model or DEFAULT_ENCODER
    precision, reason = hardware.precision(tuning.precision, hardware.device("torch"))
    note(f"Fine-tuning {model} in {precision}, since {reason}.")
    return TransformerFamily(f"{kind}:{model}", find_base(model), tuning, lora_rank)


def model_key(folder: Path, tuning: Tuning, **recipe: Any) -> str:
    """Return the hash of the weights in `folder` and of how they are trained; "auto" counts as what it means here."""
    precision = hardware.precision(tuning.precision, hardware.device("torch"))[0]
    weights = weights_hash(folder)
    return digest({"format": _FORMAT, "weights": weights, **asdict(tuning), "precision": precision, **recipe})


def token_rows(folder: Path, material: Material, max_length: int | None) -> Rows:
    """Return the token ids of rows of texts, or of pairs, for the model in `folder`."""
    from curatekit import hf

    with hf.quiet():
        tokenizer, limit = _tokenizer(folder, max_length)
        items = hf.encode(tokenizer, material.inputs, limit)
    lengths = np.array([len(row["input_ids"]) for row in items], np.int64)

    def collate(rows: list[Any]) -> dict[str, Any]:
        return dict(tokenizer.pad(rows, return_tensors="pt"))

    return Rows(items, lengths, collate)


@functools.lru_cache(maxsize=4)
def characters_read(folder: Path, max_length: int | None, inputs: Inputs) -> tuple[Ints, ...]:
    """Return how many characters of each text the model in `folder` reads, (n,) for each column."""
    from curatekit import hf

    with hf.quiet():
        tokenizer, limit = _tokenizer(folder, max_length)
        return hf.characters_read(tokenizer, inputs, limit)


def _tokenizer(folder: Path, max_length: int | None) -> tuple[Any, int]:
    """Return the tokenizer in `folder`, and how many tokens of a row are read."""
    from transformers import AutoConfig

    from curatekit import hf

    tokenizer = hf.load_tokenizer(folder)
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    return tokenizer, hf.length_limit(tokenizer, config, max_length)
