"""Transforms by name: what is left of each row when only one attribute of it is looked at."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curatekit import registry
from curatekit.arrays import Floats
from curatekit.dataset import Dataset
from curatekit.errors import InputError

OFFERED = ("inputs", "frame", "argument", "seed")
"""What a transform may ask for by the names of its parameters: the columns of n texts (one, or two for pairs), the table of
all columns, what stands behind the colon of its name, and the seed."""


@dataclass(frozen=True, eq=False)
class LeftOf:
    """What is left of n rows; one of the three is not None."""

    name: str  # as asked for, such as "first:5"
    texts: tuple[Sequence[str], ...] | None = None  # columns of n texts, which a family of texts reads
    columns: Floats | None = None  # (n, p) numbers, NaN where one is missing, which trees read
    words: Any | None = None  # (n, V) a sparse array of counts, which logistic regression reads

    @property
    def key(self) -> str:
        """The hash of it."""
        digest = hashlib.sha256()
        for column in self.texts or ():
            digest.update(b"%d texts" % len(column))
            for text in column:
                encoded = text.encode()
                digest.update(len(encoded).to_bytes(8, "little") + encoded)
        arrays = [self.columns] if self.columns is not None else []
        arrays += [self.words.indptr, self.words.indices, self.words.data] if self.words is not None else []
        for array in arrays:
            digest.update(f"{array.dtype.str}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def left_of(dataset: Dataset, name: str, *, seed: int = 0) -> LeftOf:
    """Return what the transform `name`, such as "length", "first:5" or "column:source", leaves of the rows of a dataset.

    A transform is a function of what it names of OFFERED. It returns columns of n strings, n numbers or an (n, p) array of
    them, or a sparse (n, V) array of counts. Raises InputError for a name that is none, for something behind the
    colon that is not wanted or is missing, and for a result that is not n rows.
    """
    kind, colon, argument = name.partition(":")
    function = registry.load("transforms", kind)
    given: dict[str, Any] = {
        "inputs": dataset.inputs,
        "frame": dataset.frame,
        "argument": argument if colon else None,
        "seed": seed,
    }
    return _checked(name, function(**_asked(kind, function, given)), len(dataset))


def _asked(kind: str, function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    for name, parameter in parameters.items():
        if name not in OFFERED and parameter.default is parameter.empty:
            raise InputError(f"The transform {kind!r} asks for {name!r}, but there are {', '.join(OFFERED)}.")
    if given["argument"] is None:
        if "argument" in parameters and parameters["argument"].default is inspect.Parameter.empty:
            raise InputError(f"The attribute {kind!r} needs to be told what: write {kind}:… with it behind the colon.")
        del given["argument"]
    elif "argument" not in parameters:
        raise InputError(f"The attribute {kind!r} takes nothing behind a colon. Write {kind} alone.")
    return {name: value for name, value in given.items() if name in parameters}


def _checked(name: str, left: Any, n: int) -> LeftOf:
    if isinstance(left, tuple) and left and all(len(column) == n for column in left):
        if all(isinstance(text, str) for column in left for text in column):
            return LeftOf(name, texts=left)
    elif hasattr(left, "tocsr") and left.shape[0] == n:
        return LeftOf(name, words=left.tocsr())
    elif isinstance(left, np.ndarray) and left.ndim in (1, 2) and len(left) == n and left.dtype.kind in "biuf":
        return LeftOf(name, columns=left.reshape(n, -1).astype(np.float64))
    raise InputError(
        f"The transform {name!r} returned {type(left).__name__}, not {n:,} rows of texts (a tuple of columns of strings), "
        "numbers (an array) or counts of words (a sparse array)."
    )
