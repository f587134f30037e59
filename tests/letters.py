"""A family and an encoder that read the letters of a text, and texts for them: what a word is worth can be told by eye."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from curatekit.embed import Features
from curatekit.predict.crossfit import cross_fit
from curatekit.predict.family import Inputs, Material
from curatekit.predict.folding import bound_together
from curatekit.predict.models import Models

ALPHABET = "abcdefghijklmnopqrstuvwxyz,."
WORDS = ("alpha", "beta", "gamma", "delta", "omega", "zeta", "theta", "iota", "kappa", "sigma")


def counts(inputs: Inputs) -> np.ndarray:
    """Return how often each letter stands in each text (n, 28), the sides of a pair side by side."""
    return np.hstack([np.array([[text.count(letter) for letter in ALPHABET] for text in c], float) for c in inputs])


@dataclass
class Letters:
    """An encoder whose vectors are those counts, rotated; it remembers the texts that it read."""

    read: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, inputs: Inputs) -> Features:
        self.read.extend(zip(*inputs, strict=True))
        x = counts(inputs)
        layers = (x @ np.random.default_rng(0).normal(size=(x.shape[1], 24)) / 4).astype(np.float16)
        return Features(
            (layers / np.linalg.norm(layers + 1e-3, axis=1, keepdims=True)).astype(np.float32),
            layers,
            np.zeros(len(layers), bool),
            0,
        )


@dataclass(frozen=True)
class Centroids:
    """A family that is obvious: minus the squared distance of the letters to the mean of each class."""

    name: str = "letters"
    key: str = "letters"
    embeds: bool = False
    slow: bool = False

    def reader(self, train: Material) -> Callable[[Material], Any]:
        return lambda material: counts(material.inputs)

    def prepare(self, train: Material, *others: Material) -> tuple[Any, ...]:
        return tuple(map(self.reader(train), (train, *others)))

    def fit(self, x: Any, labels: Any, n_classes: int, *, seed: int, units: Any) -> FittedCentroids:
        return FittedCentroids(np.stack([x[labels == k].mean(axis=0) for k in range(n_classes)]))


@dataclass(frozen=True)
class FittedCentroids:
    means: np.ndarray
    temperature: None = None
    details: Mapping[str, float] = field(default_factory=dict)
    dynamics: Mapping[str, Any] = field(default_factory=dict)

    def logits(self, x: Any) -> Any:
        return -np.square(x[:, None] - self.means).sum(axis=2)


def sentences(n: int, n_classes: int = 2, seed: int = 0, pairs: bool = False) -> tuple[Inputs, np.ndarray]:
    """Return n different rows of 4 to 8 words, of which the k-th of WORDS tells class k in most rows, and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % n_classes)

    def side(i: int) -> str:
        words: Sequence[str] = rng.choice(WORDS[n_classes % len(WORDS) :], rng.integers(3, 7)).tolist()
        told = labels[i] if rng.random() < 0.8 else rng.integers(n_classes)
        return " ".join([*words[:2], WORDS[told % len(WORDS)] + ",", *words[2:], f"{'abcdefghij'[i % 10]}{i}."])

    return tuple(tuple(side(i) for i in range(n)) for _ in range(1 + pairs)), labels


def models(family: Any, inputs: Inputs, labels: Any, n_classes: int, *, encode: Any = None, n_folds: int = 2) -> Models:
    """Return the models of a cross-fit; `encode` is the encoder of the other texts that they are asked about."""
    material = Material(inputs, Letters())
    made = cross_fit(family, material, labels, n_classes, n_folds=n_folds)
    units = bound_together(material.texts)
    return Models(family, material, labels, units, made.folds, made, labels, encode or Letters(), lambda inputs: ())
