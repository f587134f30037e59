"""Embeddings and pooled hidden layers of texts: batches by token budget, each text only once, rows cached as they come."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from curatekit.cache import KEY_BYTES, Cache
from curatekit.encoders import Encoder
from curatekit.encoders.forward import Model, Vectors
from curatekit.errors import CurateError, InputError, NoSpace
from curatekit.reporting import note, step

_BUDGETS = {"cpu": 1_024, "cuda": 65_536}  # padded tokens in a batch; on a CPU the states should stay in its caches
_WINDOW = 8_192  # rows that are tokenised and sorted by length together
_COMMIT_SECONDS = 10.0  # work that a kill may cost
_MAPPED_BYTES = 1 << 28  # larger arrays live in a file that the system may page out
_FLOAT16_MAX = 65_504.0


@dataclass(frozen=True)
class Features:
    """What an encoder says about each of n rows."""

    embeddings: NDArray[np.float32]
    """(n, d) unit rows; of pairs (n, 2d), the two embeddings side by side over sqrt(2)."""
    layers: NDArray[np.float16]
    """(n, w) mean-pooled hidden states, layer after layer; of pairs (n, 4w), [u, v, |u - v|, u * v] of the two texts'."""
    truncated: NDArray[np.bool_]
    """(n,) whether a text of the row is longer than the encoder reads: then equal vectors do not mean equal texts."""
    computed: int
    """Texts that the encoder read; the others were in the cache or repeat one of these."""


def embed(inputs: tuple[Sequence[str], ...], encoder: Encoder, cache: Cache | None = None) -> Features:
    """Return the features of rows of texts: `inputs` is one column of n texts, or two for pairs.

    Values do not depend on the order of the rows beyond rounding (cosine over 0.9999 in bfloat16). With a `cache`, rows it
    knows are taken from it and new ones are added every few seconds, so an interrupted run goes on where it stopped.
    Raises InputError for what is not text, NoSpace when memory or disk do not suffice.

    Pairs: [u, v, |u - v|, u * v], Conneau et al. 2017, "Supervised Learning of Universal Sentence Representations from
    Natural Language Inference Data" (InferSent), section 3.1.
    """
    columns = [_embed_column(texts, encoder, cache) for texts in inputs]
    if truncated := sum(int(column.truncated.sum()) for column in columns):
        note(
            f"{truncated} of {sum(len(texts) for texts in inputs)} texts are longer than the {encoder.max_tokens} tokens "
            "that the encoder reads; their beginnings are embedded."
        )
    if len(columns) == 1:
        return columns[0]
    first, second = columns
    return _pairs(first, second, cache)


def _embed_column(texts: Sequence[str], encoder: Encoder, cache: Cache | None) -> Features:
    n = len(texts)
    arrays = {
        "embeddings": _array((n, encoder.dimension), np.float32, cache),
        "layers": _array((n, encoder.layer_dimension), np.float16, cache),
        "truncated": np.zeros(n, bool),
    }
    keys = _keys(texts, encoder.max_characters)
    first = dict[bytes, int]()
    for row, key in enumerate(keys):
        first.setdefault(key, row)
    store = cache.rows("embeddings", encoder.key) if cache else None
    missing = np.ones(n, bool)
    if store:
        missing[store.fetch(first, arrays)] = False
    unique = np.fromiter(first.values(), np.int64, len(first))
    computed = int(missing[unique].sum())
    if computed:
        save: Callable[[NDArray[np.int64]], None] | None = None
        if store:

            def save(rows: NDArray[np.int64]) -> None:
                store.add([keys[row] for row in rows], {name: array[rows] for name, array in arrays.items()})

        _compute(texts, unique, missing, encoder, arrays, save)
    source = np.fromiter((first[key] for key in keys), np.int64, n)
    repeated = np.flatnonzero(source != np.arange(n))
    for array in arrays.values():
        array[repeated] = array[source[repeated]]
    # The store keeps what is true of the characters that were looked at; a longer text is cut in any case.
    arrays["truncated"] |= np.fromiter((len(text) > encoder.max_characters for text in texts), bool, n)
    return Features(arrays["embeddings"], arrays["layers"], arrays["truncated"], computed)


def _compute(
    texts: Sequence[str],
    unique: NDArray[np.int64],
    missing: NDArray[np.bool_],
    encoder: Encoder,
    arrays: dict[str, NDArray[Any]],
    save: Callable[[NDArray[np.int64]], None] | None,
) -> None:
    """Fill the missing rows of `arrays`.

    Windows are cut from all unique rows, not from the missing ones, and batches within a window go from long to short: so
    a run that goes on after a kill makes the very batches that the killed one would have made, and the same bytes.
    """
    model = encoder.open()
    pending = _Pending(save)
    with step("embedding", int(missing[unique].sum()), "rows") as advance, pending:
        for start in range(0, len(unique), _WINDOW):
            rows = unique[start : start + _WINDOW]
            rows = rows[missing[rows]]
            if not len(rows):
                continue
            tokens = model.tokenize([texts[row][: encoder.max_characters] for row in rows])
            arrays["truncated"][rows] = tokens.truncated
            for batch in batches([len(ids) for ids in tokens.ids], _BUDGETS[encoder.device]):
                vectors = _forward(model, [tokens.ids[row] for row in batch])
                finite = np.isfinite(vectors.embeddings).all(axis=1) & np.isfinite(vectors.layers).all(axis=1)
                if not finite.all():
                    raise CurateError(
                        f"The encoder {encoder.name} gave a vector that is not finite for row {rows[batch][~finite][0]} "
                        f"(counted from 0) in {encoder.precision}. Try --precision float32."
                    )
                arrays["embeddings"][rows[batch]] = vectors.embeddings
                arrays["layers"][rows[batch]] = vectors.layers
                pending.append(rows[batch])
                advance(len(batch))


@dataclass
class _Pending:
    """Rows that are computed and not yet saved; saved every few seconds, at the end, and on Ctrl-C."""

    save: Callable[[NDArray[np.int64]], None] | None
    rows: list[NDArray[np.int64]] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    def append(self, rows: NDArray[np.int64]) -> None:
        self.rows.append(rows)
        if time.monotonic() - self.since > _COMMIT_SECONDS:
            self.commit()

    def commit(self) -> None:
        if self.rows and self.save:
            self.save(np.concatenate(self.rows))
        self.rows.clear()
        self.since = time.monotonic()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, KeyboardInterrupt):
            self.commit()


def batches(lengths: Sequence[int], budget: int) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of each batch, longest first, so that their number times the longest is at most `budget` tokens."""
    order = np.argsort(-np.asarray(lengths, np.int64), kind="stable")
    start = 0
    while start < len(order):
        size = max(1, budget // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size


def _forward(model: Model, ids: list[list[int]]) -> Vectors:
    """Return the vectors of a batch, in two halves when it does not fit into memory."""
    try:
        return model.forward(ids)
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        if len(ids) == 1:
            raise NoSpace(
                "One text alone does not fit into memory. Use a smaller encoder or a larger machine."
            ) from error
    note("A batch did not fit into memory; it is embedded in halves.")
    half = len(ids) // 2
    parts = [_forward(model, ids[:half]), _forward(model, ids[half:])]
    return Vectors(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether an error of numpy or torch (on a GPU, on the CPU) says that memory ran out."""
    return (
        isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "allocate memory" in str(error)
    )


def _keys(texts: Sequence[str], characters: int) -> list[bytes]:
    """Return the key of each text: the SHA-256 of the characters that are looked at, its first 128 bits."""
    keys = []
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(
                f"Row {row} (counted from 0) is {type(text).__name__}, not text. Leave it out or give its text."
            )
        try:
            content = text[:characters].encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"The text of row {row} (counted from 0) holds half a character (a lone surrogate) at position {error.start}. "
                "Repair the text or leave the row out."
            ) from error
        keys.append(hashlib.sha256(content).digest()[:KEY_BYTES])
    return keys


def _pairs(first: Features, second: Features, cache: Cache | None) -> Features:
    n, width = first.layers.shape
    layers = _array((n, 4 * width), np.float16, cache)
    for start in range(0, n, _WINDOW):
        rows = slice(start, start + _WINDOW)
        u, v = first.layers[rows].astype(np.float32), second.layers[rows].astype(np.float32)
        layers[rows] = np.clip(np.concatenate([u, v, np.abs(u - v), u * v], 1), -_FLOAT16_MAX, _FLOAT16_MAX)
    embeddings = np.concatenate([first.embeddings, second.embeddings], 1)
    embeddings *= np.float32(np.sqrt(0.5))
    return Features(
        embeddings,
        layers,
        first.truncated | second.truncated,
        first.computed + second.computed,
    )


def _array(shape: tuple[int, ...], dtype: DTypeLike, cache: Cache | None) -> NDArray[Any]:
    """Return zeros: in memory, or, where they are many, in a nameless file whose space is reserved.

    Without the reservation a full disk would end the process by a signal when it writes to the map.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size < _MAPPED_BYTES:
        return np.zeros(shape, dtype)
    folder = Path(tempfile.gettempdir())
    if cache:
        with suppress(OSError):
            cache.root.mkdir(parents=True, exist_ok=True)
        folder = cache.root if os.access(cache.root, os.W_OK) else folder
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise NoSpace(
                f"{folder} has no room for {size / 1e9:.1f} GB of embeddings. Free some or choose another --cache."
            ) from error
        return np.asarray(np.memmap(file, dtype, "r+", shape=shape))
