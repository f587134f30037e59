"""Embeddings and pooled hidden layers of texts, in batches by token budget, from a row-level cache where possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curatekit.cache import Cache
from curatekit.encoders import DEFAULT, Encoder, load_encoder
from curatekit.reporting import step

__all__ = ["DEFAULT", "Encoder", "Features", "embed", "load_encoder"]

TOKEN_BUDGET = 8_192
"""Padded tokens in a batch."""

WINDOW = 8_192
"""Rows that are tokenised and sorted by length together."""


@dataclass(frozen=True)
class Features:
    """What an encoder says about each row."""

    embeddings: NDArray[np.float32]
    """(n, d) unit rows; of pairs: (n, 2d), both embeddings side by side over sqrt(2)."""
    layers: NDArray[np.float16]
    """(n, L*h) mean-pooled hidden states of all layers side by side; of pairs: (n, 4*L*h), [u, v, |u - v|, u * v]."""
    truncated: NDArray[np.bool_]
    """(n,) whether a text of the row is longer than the encoder reads."""
    computed: int
    """Texts that went through the encoder; the others were in the cache or repeat another one."""


def embed(inputs: tuple[Sequence[str], ...], encoder: Encoder, cache: Cache | None = None) -> Features:
    """Return the features of the rows of one column of texts, or of two (pairs)."""
    columns = [_column(texts, encoder) for texts in inputs]
    if len(columns) == 1:
        return columns[0]
    first, second = columns
    u, v = first.layers.astype(np.float32), second.layers.astype(np.float32)
    return Features(
        np.concatenate([first.embeddings, second.embeddings], 1) / np.float32(np.sqrt(2)),
        np.concatenate([u, v, np.abs(u - v), np.clip(u * v, -65504, 65504)], 1).astype(np.float16),
        first.truncated | second.truncated,
        first.computed + second.computed,
    )


def _column(texts: Sequence[str], encoder: Encoder) -> Features:
    n = len(texts)
    result = Features(
        np.zeros((n, encoder.dimension), np.float32), np.zeros((n, encoder.layer_dimension), np.float16),
        np.zeros(n, bool), n,
    )
    if not n:
        return result
    model = encoder.open()
    with step("embedding", n, "rows") as advance:
        for start in range(0, n, WINDOW):
            tokens = model.tokenize([text[: encoder.max_characters] for text in texts[start : start + WINDOW]])
            result.truncated[start : start + WINDOW] = tokens.truncated
            for batch in batches([len(ids) for ids in tokens.ids], TOKEN_BUDGET):
                vectors = model.forward([tokens.ids[row] for row in batch])
                result.embeddings[start + batch] = vectors.embeddings
                result.layers[start + batch] = vectors.layers
                advance(len(batch))
    return result


def batches(lengths: Sequence[int], budget: int) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of each batch, longest first, so that rows times the longest is at most `budget` tokens."""
    order = np.argsort(-np.asarray(lengths, np.int64), kind="stable")
    start = 0
    while start < len(order):
        size = max(1, budget // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size
