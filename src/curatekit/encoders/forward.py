"""One forward pass of an encoder: the embedding and the mean-pooled hidden states of all layers from the same batch."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from curatekit.arrays import Ints
from curatekit.errors import InputError

if TYPE_CHECKING:
    from curatekit.encoders import Encoder

_FLOAT16_MAX = 65_504.0


class Tokens(NamedTuple):
    """Texts as token ids, special tokens included, none longer than the encoder reads."""

    ids: list[list[int]]
    truncated: NDArray[np.bool_]
    """Whether some tokens of the text were left out."""


class Vectors(NamedTuple):
    """What a batch gives."""

    embeddings: NDArray[np.float32]
    """(b, d), unit rows."""
    layers: NDArray[np.float16]
    """(b, L*h), the mean over the tokens of each hidden state, layer after layer."""


class Model(Protocol):
    """A loaded encoder."""

    def tokenize(self, texts: list[str]) -> Tokens: ...

    def characters_read(self, texts: list[str]) -> Ints: ...

    def forward(self, ids: list[list[int]]) -> Vectors: ...


@functools.lru_cache(maxsize=4)
def open_model(encoder: Encoder) -> Model:
    """Return the encoder, loaded; the last few are kept."""
    if encoder.backend == "openvino":
        from curatekit.encoders.openvino import OpenVinoModel

        return OpenVinoModel(load_modules(encoder.folder, "float32", "cpu"), encoder.max_tokens, encoder.precision)
    modules = load_modules(encoder.folder, encoder.precision, encoder.device)
    return TorchModel(modules, encoder.max_tokens, encoder.device, encoder.precision)


def load_modules(folder: Path, precision: str, device: str) -> Any:
    """Return the SentenceTransformer in `folder`, to be run under `torch.autocast` when the precision is bfloat16.

    Only the weights of the transformer's linear layers are then bfloat16: nearly all of the work is theirs, and with the
    residual stream and the norms in float32 the cosine to a float32 run is 0.9999 and more (all in bfloat16: 0.9998).
    """
    import torch
    from sentence_transformers import SentenceTransformer

    with quiet_transformers():
        modules = SentenceTransformer(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": torch.float32, "use_safetensors": True},
        )
    for module in modules[0].model.modules():
        if precision == "bfloat16" and isinstance(module, torch.nn.Linear):
            module.to(torch.bfloat16)
    modules[0].config.output_hidden_states = True
    return modules.eval()


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers from drawing its own progress bars and from remarks below an error in the enclosed code."""
    from transformers.utils import logging

    bar, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()


def characters_read(tokenizer: Any, columns: Sequence[list[str]], max_tokens: int) -> tuple[Ints, ...]:
    """Return how many characters of each text stand in the first `max_tokens` tokens of its row.

    columns: one or two of n texts; (n,) for each. A tokenizer written in Python does not tell, and counts as reading all.
    """
    read = tuple(np.array([len(text) for text in column], np.int64) for column in columns)
    encoded = tokenizer(*columns, truncation=True, max_length=max_tokens) if len(columns[0]) else None
    for row, encoding in enumerate((encoded.encodings or ()) if encoded else ()):
        if encoding.overflowing:
            for column, kept in enumerate(read):
                ends = (
                    end for (_, end), of in zip(encoding.offsets, encoding.sequence_ids, strict=True) if of == column
                )
                kept[row] = max(ends, default=0)
    return read


def tokens_read(modules: Any) -> int:
    """Return the number of tokens that a SentenceTransformer reads of a text."""
    positions = getattr(modules[0].config, "max_position_embeddings", None)
    return int(min(number for number in (modules.get_max_seq_length(), positions, 1 << 20) if number))


class TorchModel:
    """An encoder run by torch."""

    def __init__(self, modules: Any, max_tokens: int, device: str, precision: str) -> None:
        self._first, *self._rest = list(modules)
        self._tokenizer = modules.tokenizer
        self._prompt = (modules.prompts or {}).get(modules.default_prompt_name) or ""
        if self._prompt and not all(getattr(module, "include_prompt", True) for module in self._rest):
            raise InputError(
                "This encoder leaves its own prompt out of the mean, which curatekit cannot do. Choose another."
            )
        self._max_tokens, self._device, self._precision = max_tokens, device, precision

    def tokenize(self, texts: list[str]) -> Tokens:
        """Return the tokens of `texts`, after the encoder's own prompt if it has one."""
        encoded = self._tokenizer([self._prompt + text for text in texts], truncation=True, max_length=self._max_tokens)
        ids: list[list[int]] = encoded["input_ids"]
        if encoded.encodings is None:  # a tokenizer in Python, which does not tell
            return Tokens(ids, np.array([len(row) >= self._max_tokens for row in ids], bool))
        return Tokens(ids, np.array([bool(encoding.overflowing) for encoding in encoded.encodings], bool))

    def characters_read(self, texts: list[str]) -> Ints:
        """Return how many characters of each text `tokenize` keeps (n,)."""
        (read,) = characters_read(self._tokenizer, [[self._prompt + text for text in texts]], self._max_tokens)
        return np.maximum(read - len(self._prompt), 0)

    def forward(self, ids: list[list[int]]) -> Vectors:
        """Return the vectors of one batch of tokens."""
        import torch

        batch = self._tokenizer.pad({"input_ids": ids}, return_tensors="pt").to(self._device)
        with torch.inference_mode():
            features = self._states(dict(batch))
            mask = features["attention_mask"].float()
            states = [(mask[:, None] @ state.float())[:, 0] for state in features.pop("all_layer_embeddings")]
            layers = torch.cat(states, 1) / mask.sum(1, keepdim=True)
            features["token_embeddings"] = features["token_embeddings"].float()
            for module in self._rest:
                features = module(features)
            embeddings = torch.nn.functional.normalize(features["sentence_embedding"].float(), dim=1)
        half = layers.clamp(-_FLOAT16_MAX, _FLOAT16_MAX).half()
        return Vectors(embeddings.cpu().numpy(), half.cpu().numpy())

    def _states(self, features: dict[str, Any]) -> dict[str, Any]:
        """Return the features with the hidden states of the last layer and of all layers."""
        import torch

        with torch.autocast(self._device, torch.bfloat16, enabled=self._precision == "bfloat16"):
            result: dict[str, Any] = self._first(features)
        return result
