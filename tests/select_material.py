"""Random material for the tests of selection methods: unit embeddings, labels that every method can serve, texts of few words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curatekit.select import Material

WORDS = ("red", "blue", "old", "new", "the", "a", "cat", "dog", "runs", "sleeps", "!")


def unit(rng: np.random.Generator, n: int, d: int = 8) -> np.ndarray:
    rows = rng.normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def material(seed: int = 0, pool: int = 60, spec_labels: Sequence[int] = (0, 1, 1), each: int = 3) -> Material:
    """Return material of 40 training rows, 3 specifications of 3 examples and 3 classes."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(len(spec_labels)), each)
    embeddings = {"train": unit(rng, 40), "pool": unit(rng, pool), "example": unit(rng, len(of))}
    texts = {name: tuple(" ".join(rng.choice(WORDS, 5)) for _ in rows) for name, rows in embeddings.items()}
    return Material(
        train_features=embeddings["train"],
        train_labels=np.arange(40) % 3,
        pool_features=embeddings["pool"],
        pool_embeddings=embeddings["pool"],
        pool_labels=rng.permutation(np.arange(pool) % 3),
        example_features=embeddings["example"],
        example_embeddings=embeddings["example"],
        example_labels=np.array(spec_labels)[of],
        example_specifications=of,
        specifications=tuple("abcdef"[: len(spec_labels)]),
        classes=("x", "y", "z"),
        pool_texts=texts["pool"],
        example_texts=texts["example"],
    )
