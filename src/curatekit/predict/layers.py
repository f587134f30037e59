"""A transformer in two parts: embeddings with the lower layers, and the upper layers with a head."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers

from curatekit.errors import InputError
from curatekit.hf import refuse_foreign_code

# Architectures that keep their layers in `encoder.layer` and have no norm behind the last one.
_PARTED = ("bert", "camembert", "electra", "ernie", "mpnet", "roberta", "xlm-roberta")
_UPPER_SHARE = 3  # one layer in three is trained


def check_parts(folder: Path) -> None:
    """Raise InputError unless the model in `folder` is of an architecture that can be parted."""
    refuse_foreign_code(folder)
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    if kind not in _PARTED:
        raise InputError(
            f"The layers of a model of type {kind!r} cannot be parted. Take --family finetune, or a base of one of the "
            f"types {', '.join(_PARTED)}."
        )


def n_upper(n_layers: int) -> int:
    """Return how many layers are trained: a third, at least one."""
    return max(1, n_layers // _UPPER_SHARE)


def lower_model(folder: Path) -> Any:
    """Return the base in `folder` without its upper layers; its last hidden state is what these read."""
    base = _base(folder)
    base.encoder.layer = base.encoder.layer[: -n_upper(len(base.encoder.layer))]
    return base.requires_grad_(False)


def upper_model(folder: Path, n_classes: int) -> UpperModel:
    """Return the upper layers of the base in `folder` with a new head of zeros."""
    base = _base(folder)
    base.encoder.layer = base.encoder.layer[-n_upper(len(base.encoder.layer)) :]
    base.embeddings = _Given()
    for module in base.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # one epoch sees each row once: there is nothing to memorise
    return UpperModel(base, n_classes)


class UpperModel(torch.nn.Module):
    """Layers that read states, the mean over the tokens, and a linear head; called as transformers' classifiers are."""

    def __init__(self, base: Any, n_classes: int) -> None:
        super().__init__()
        self.base = base
        self.head = torch.nn.Linear(base.config.hidden_size, n_classes)
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)
        self.config = transformers.PretrainedConfig(num_labels=n_classes)

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    def forward(self, inputs_embeds: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        """Return an output with the logits (b, K)."""
        states = self.base(inputs_embeds=inputs_embeds, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask[..., None].to(states.dtype)
        pooled = (states * mask).sum(1) / mask.sum(1)
        return transformers.modeling_outputs.SequenceClassifierOutput(logits=self.head(pooled))


class _Given(torch.nn.Module):
    """In the place of the embeddings: the states that were given instead of token ids."""

    def forward(self, *, inputs_embeds: torch.Tensor, **_: Any) -> torch.Tensor:
        return inputs_embeds


def _base(folder: Path) -> Any:
    base = transformers.AutoModel.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
    )
    if getattr(base, "pooler", None) is not None:
        base.pooler = None  # the head reads the mean
    for layer in base.encoder.layer:
        attention = getattr(layer.attention, "self", None)
        if attention is not None and isinstance(getattr(attention, "dropout", None), torch.nn.Dropout):
            attention.dropout.p = 0.0
    return base
