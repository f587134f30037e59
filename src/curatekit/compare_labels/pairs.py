"""Pairs of near rows across two sets: the nearest of each row, and rows of the same words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.index import nearest
from curatekit.information.words import words

_DECIMALS = 9
_BLOCK = 1 << 14


class CrossPairs(NamedTuple):
    """P pairs of a row of the first set and a row of the second, no two of the same texts and labels; most alike first."""

    first: Ints  # (P,) rows of the first set, the lowest of those with this text and label
    second: Ints  # (P,)
    first_rows: Ints  # (P,) rows of the first set with this text and label
    second_rows: Ints  # (P,)
    similarity: Floats  # (P,) cosine, rounded to 1e-9
    same_words: Bools  # (P,) the texts differ in case, spaces and punctuation at the most
    mutual: Bools  # (P,) each row is the nearest to the other


class MutualPairs(NamedTuple):
    """M pairs of rows each of which is the nearest to the other, so that a row is in one pair at the most."""

    first: Ints  # (M,)
    second: Ints  # (M,)
    similarity: Floats  # (M,)
    same_words: Bools  # (M,)


class NearestRows(NamedTuple):
    """The nearest row of the second set for each row of the first, and the other way round."""

    of_first: Ints  # (n,) rows of the second
    of_second: Ints  # (m,) rows of the first


def nearest_rows(first: Floats, second: Floats, *, seed: int = 0) -> NearestRows:
    """Return for each row of two sets of embeddings, (n, d) and (m, d), the row of the other set with the largest cosine."""
    return NearestRows(nearest(first, 1, second, seed=seed).rows[:, 0], nearest(second, 1, first, seed=seed).rows[:, 0])


def word_codes(texts: Sequence[Sequence[str]]) -> tuple[Ints, ...]:
    """Return the code (n,) of each text of several sets, the same for texts of the same words in the same order.

    A text without a word is the same as an equal one only.
    """
    joined = [text for own in texts for text in own]
    lists = words(joined).list.join(" ").to_list()
    keys = [(key, "") if key else ("", text) for key, text in zip(lists, joined, strict=True)]
    seen: dict[tuple[str, str], int] = {}
    codes = np.fromiter((seen.setdefault(key, len(seen)) for key in keys), np.int64, len(keys))
    return tuple(np.split(codes, np.cumsum([len(own) for own in texts])[:-1]))


def mutual_pairs(
    first: Floats, second: Floats, found: NearestRows, first_words: Ints, second_words: Ints
) -> MutualPairs:
    """Return the pairs (a, b) in which b is the nearest to a and a the nearest to b, by row of the first set."""
    a = np.flatnonzero(found.of_second[found.of_first] == np.arange(len(found.of_first)))
    b = found.of_first[a]
    return MutualPairs(a, b, cosine(first, second, a, b), first_words[a] == second_words[b])


def mutual_pairs_within(embeddings: Floats, codes: Ints, *, seed: int = 0) -> MutualPairs:
    """Return the pairs of rows of one set, (n, d), each of which is the nearest other row to the other; codes of its words."""
    found = nearest(embeddings, 1, seed=seed).rows
    if not found.shape[1]:
        none = np.zeros(0, np.int64)
        return MutualPairs(none, none, np.zeros(0), np.zeros(0, bool))
    nearest_other = found[:, 0]
    rows = np.arange(len(nearest_other))
    a = np.flatnonzero((nearest_other[nearest_other] == rows) & (rows < nearest_other))
    b = nearest_other[a]
    return MutualPairs(a, b, cosine(embeddings, embeddings, a, b), codes[a] == codes[b])


def cross_pairs(
    first: Floats,
    second: Floats,
    first_labels: Ints,
    second_labels: Ints,
    first_words: Ints,
    second_words: Ints,
    found: NearestRows,
) -> CrossPairs:
    """Return the pairs with different labels: each row with its nearest of the other set, and all of the same words.

    first (n, d) and second (m, d) are the embeddings; labels (n,), (m,) in the same classes; words as from `word_codes`.
    Copies (the same words and label) are one line with their number. Rows of the same words come first, then by similarity.
    """
    one, other = _Copies.of(first_words, first_labels), _Copies.of(second_words, second_labels)
    near = np.concatenate(
        [
            np.stack([np.arange(len(first)), found.of_first], axis=1),
            np.stack([found.of_second, np.arange(len(second))], axis=1),
        ]
    )
    pairs = np.stack([one.copy[near[:, 0]], other.copy[near[:, 1]]], axis=1)
    same = _same(first_words[one.row], second_words[other.row])
    a, b = np.unique(np.concatenate([pairs, same]), axis=0).T
    differ = first_labels[one.row[a]] != second_labels[other.row[b]]
    a, b = a[differ], b[differ]
    row_a, row_b = one.row[a], other.row[b]
    similarity = cosine(first, second, row_a, row_b)
    same_words = first_words[row_a] == second_words[row_b]
    mutual = (found.of_first[row_a] == row_b) & (found.of_second[row_b] == row_a)
    order = np.lexsort((row_b, row_a, -similarity, ~same_words))
    return CrossPairs(
        row_a[order], row_b[order], one.rows[a][order], other.rows[b][order], similarity[order], same_words[order],
        mutual[order],
    )  # fmt: skip


class _Copies(NamedTuple):
    """Rows of the same words and label taken together, C of them."""

    copy: Ints  # (n,) which each row is
    row: Ints  # (C,) the lowest row of each
    rows: Ints  # (C,) how many

    @classmethod
    def of(cls, codes: Ints, labels: Ints) -> _Copies:
        _, row, copy, rows = np.unique(
            np.stack([codes, labels]), axis=1, return_index=True, return_inverse=True, return_counts=True
        )
        return cls(copy.ravel(), row, rows)


def _same(first: Ints, second: Ints) -> Ints:
    """Return the pairs (P, 2) of positions at which two arrays hold the same value."""
    by_value: dict[int, list[int]] = {}
    for position, value in enumerate(second.tolist()):
        by_value.setdefault(value, []).append(position)
    found = [(a, b) for a, value in enumerate(first.tolist()) for b in by_value.get(value, ())]
    return np.array(found, np.int64).reshape(-1, 2)


def cosine(first: Floats, second: Floats, first_rows: Ints, second_rows: Ints) -> Floats:
    """Return the cosine (P,) of the rows first_rows of one matrix with second_rows of another, as the index rounds it."""
    found = np.empty(len(first_rows))
    for start in range(0, len(first_rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        x, y = (np.asarray(m[rows[block]], np.float64) for m, rows in ((first, first_rows), (second, second_rows)))
        norms = np.sqrt(np.vecdot(x, x) * np.vecdot(y, y))
        found[block] = np.round(np.vecdot(x, y) / np.where(norms > 0, norms, 1), _DECIMALS) + 0.0
    return found
