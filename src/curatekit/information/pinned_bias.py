"""Pinned bias: how far single words alone make a model, or the data, say "positive"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.information.words import words


class PinnedBias(NamedTuple):
    """The pinned bias of a list of T words."""

    bias: float  # the mean deviation
    deviations: Floats  # (T,) of each word


class PositiveShare(NamedTuple):
    """What labelled rows say of each of T words."""

    rows: Ints  # (T,) that hold the word
    positive_rows: Ints  # (T,) of them with the positive label
    positive: Floats  # (T,) the smoothed share


def pinned_bias(positive: Floats) -> PinnedBias:
    """Return pB_T, the mean over the words t of a list T of |p(positive | t) − φ|, φ = min(p(positive | t), 0.5).

    positive: (T,) p(positive | t), the probability of the positive class given the word alone; between 0 and 1. So a word
    counts p − 0.5 above one half and nothing below: what is measured is a pull towards the positive class.
    Raises InputError when there is no word or a value is no probability.

    Source: Badjatiya, Gupta & Varma (2019), Stereotypical Bias Removal for Hate Speech Detection Task using Knowledge-based
    Generalizations, WWW, the asymmetric variant of their pinned bias.
    """
    positive = np.asarray(positive, np.float64)
    if not len(positive):
        raise InputError("Pinned bias is a mean over words, and there are none. Give at least one.")
    if not ((positive >= 0) & (positive <= 1)).all():
        raise InputError("Pinned bias needs a probability between 0 and 1 for each word.")
    deviations = np.abs(positive - np.minimum(positive, 0.5))
    return PinnedBias(float(deviations.mean()), deviations)


def positive_share(held: Any, labels: Ints, positive: int) -> PositiveShare:
    """Return p(positive | t) as the data have it, (rows with t and the positive label + 1) / (rows with t + 2), and the counts.

    held (n, T) sparse, which rows hold each word (`rows_with`); labels (n,). Laplace's rule takes a word that no row holds
    to 1/2, where pinned bias counts nothing.
    """
    rows = np.asarray(held.sum(axis=0), np.int64).ravel()
    positive_rows = np.asarray(held[np.flatnonzero(labels == positive)].sum(axis=0), np.int64).ravel()
    return PositiveShare(rows, positive_rows, (positive_rows + 1) / (rows + 2))


def positive_probs(words: Sequence[str], pred_probs: Callable[[Sequence[str]], Floats], positive: int) -> Floats:
    """Return p(positive | t) (T,) as a model has it, each word being the whole text.

    pred_probs: from T texts to their probabilities (T, K); positive: the column of the positive class.
    """
    return np.asarray(pred_probs(words)[:, positive], np.float64)


def read_word_list(path: Path, *, fold_case: bool = True) -> tuple[str, ...]:
    """Return the words or phrases of a text file, one a line, each once; with `fold_case` case tells none apart.

    Raises InputError when the file cannot be read, when it holds nothing, or when a line has neither letter nor digit.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"The word list {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"The word list {path} is not UTF-8 (byte {error.start + 1}). Save it as UTF-8.") from error
    given = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not given:
        raise InputError(f"The word list {path} is empty. Write one word or phrase a line.")
    first: dict[tuple[str, ...], str] = {}
    for (number, text), found in zip(
        given, words([text for _, text in given], fold_case=fold_case).to_list(), strict=True
    ):
        if not found:
            raise InputError(
                f"The word list {path}, line {number}: {text!r} holds no letter and no digit. Take it out."
            )
        first.setdefault(tuple(found), text)
    return tuple(first.values())
