"""One forward pass of an encoder: the embedding and the mean-pooled hidden states of all layers from the same batch."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


if TYPE_CHECKING:
    from curatekit.encoders import Encoder

_FLOAT16_MAX = 65504.0


class Tokens(NamedTuple):
    """The token ids of some texts, special tokens included, none longer than the encoder's limit."""

    ids: list[list[int]]
    truncated: NDArray[np.bool_]


class Vectors(NamedTuple):
    """What one batch gives: unit embeddings (b, d) float32 and pooled layers (b, L*h) float16."""

    embeddings: NDArray[np.float32]
    layers: NDArray[np.float16]


class Model(Protocol):
    """A loaded encoder."""

    def tokenize(self, texts: list[str]) -> Tokens: ...

    def forward(self, ids: list[list[int]]) -> Vectors: ...


@functools.lru_cache(maxsize=1)
def open_model(encoder: Encoder) -> Model:
    """Return the encoder, loaded; only the last one is kept."""
    modules = load_modules(encoder.folder, encoder.precision, encoder.device)
    return TorchModel(modules, encoder.max_tokens, encoder.device)


def load_modules(folder: Path, precision: str, device: str) -> Any:
    """Return the SentenceTransformer in a folder: its transformer in the given precision, its other modules in float32."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    bar = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        model = SentenceTransformer(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": getattr(torch, precision), "use_safetensors": True},
        )
    finally:
        if bar:
            transformers_logging.enable_progress_bar()
    for module in list(model)[1:]:
        module.float()
    return model.eval()


class TorchModel:
    """An encoder run by torch."""

    def __init__(self, modules: Any, max_tokens: int, device: str) -> None:
        self.first, *self.rest = list(modules)
        self.tokenizer = modules.tokenizer
        self.max_tokens, self.device = max_tokens, device
        if hasattr(self.first, "config"):
            self.first.config.output_hidden_states = True

    def tokenize(self, texts: list[str]) -> Tokens:
        encoded = self.tokenizer(texts, truncation=True, max_length=self.max_tokens)
        ids = encoded["input_ids"]
        if encoded.encodings is not None:
            truncated = [bool(encoding.overflowing) for encoding in encoded.encodings]
        else:
            truncated = [len(row) >= self.max_tokens for row in ids]
        return Tokens(ids, np.array(truncated, bool))

    def forward(self, ids: list[list[int]]) -> Vectors:
        import torch

        batch = self.tokenizer.pad({"input_ids": ids}, return_tensors="pt").to(self.device)
        with torch.inference_mode():
            features = self.first(dict(batch))
            mask = features["attention_mask"].float()
            states = torch.stack([self._mean(state, mask) for state in features.pop("all_layer_embeddings")], 1)
            features["token_embeddings"] = features["token_embeddings"].float()
            for module in self.rest:
                features = module(features)
            embeddings = torch.nn.functional.normalize(features["sentence_embedding"].float(), dim=1)
        layers = states.flatten(1).clamp(-_FLOAT16_MAX, _FLOAT16_MAX)
        return Vectors(embeddings.cpu().numpy(), layers.cpu().numpy().astype(np.float16))

    @staticmethod
    def _mean(state: Any, mask: Any) -> Any:
        return (mask[:, None] @ state.float())[:, 0] / mask.sum(1, keepdim=True)
