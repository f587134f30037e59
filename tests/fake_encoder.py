"""A small encoder without a model, for tests of what happens around one; also run in processes that are killed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from curatekit.encoders.forward import Tokens, Vectors

WIDTH, LAYERS = 8, 3


class FakeModel:
    """Letters are tokens; the vectors of a text depend on its letters alone, so a repeated one shows."""

    def __init__(self, encoder: FakeEncoder) -> None:
        self.encoder = encoder

    def tokenize(self, texts: list[str]) -> Tokens:
        limit = self.encoder.max_tokens
        return Tokens(
            [[ord(letter) for letter in text[:limit]] for text in texts], np.array([len(t) > limit for t in texts])
        )

    def forward(self, ids: list[list[int]]) -> Vectors:
        self.encoder.forwarded.append(len(ids))
        if self.encoder.log:
            with self.encoder.log.open("a") as stream:
                stream.write("".join("".join(map(chr, row)) + "\n" for row in ids))
        time.sleep(self.encoder.seconds)
        rows = [np.random.default_rng([len(row), *row]).normal(size=(LAYERS, WIDTH)) for row in ids]
        layers = np.array(rows).reshape(len(ids), LAYERS * WIDTH)
        last = layers[:, -WIDTH:]
        return Vectors(
            (last / np.linalg.norm(last, axis=1, keepdims=True)).astype(np.float32), layers.astype(np.float16)
        )


@dataclass
class FakeEncoder:
    name: str = "fake"
    key: str = "fake"
    dimension: int = WIDTH
    layer_dimension: int = WIDTH * LAYERS
    max_tokens: int = 20
    max_characters: int = 50
    precision: str = "float32"
    device: str = "cpu"
    seconds: float = 0.0
    log: Path | None = None
    forwarded: list[int] = field(default_factory=list)

    def open(self) -> Any:
        return FakeModel(self)
