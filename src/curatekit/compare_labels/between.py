"""Two sets at a time: their nearest pairs, how much they disagree, and the words in which their criteria differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from curatekit.arrays import Floats, Ints
from curatekit.compare_labels.criteria import Criteria, beyond_their_words, conjunctions, criteria
from curatekit.compare_labels.disagreement import Band, Disagreement, Excess, bands, disagreement, excess
from curatekit.compare_labels.pairs import (
    CrossPairs,
    MutualPairs,
    cross_pairs,
    mutual_pairs,
    mutual_pairs_within,
    nearest_rows,
    word_codes,
)
from curatekit.dataset import Dataset
from curatekit.errors import InputError
from curatekit.information.words import count_words
from curatekit.reporting import note

SIMILARITY = 0.7
"""From this cosine on a pair is near, unless told otherwise."""

MIN_ROWS = 5
"""Rows of each set that a word must stand in to be tested, unless told otherwise."""


@dataclass(frozen=True)
class Between:
    """What is said of two sets.

    pairs    pairs with different labels: a row of each set, those of the same words first, then by similarity
    near     pairs that are near, no row in two of them: how often their labels differ
    bands    the same by similarity, and within each set
    excess   how much more often near rows differ across the sets than within one
    words    words and pairs of words, those first whose label differs by at least the most
    tested   how many words and how many pairs of words were tested, each with each label
    """

    first: str
    second: str
    pairs: pl.DataFrame
    near: Disagreement
    bands: list[Band]
    excess: Excess
    words: pl.DataFrame
    tested: tuple[int, int]


def compare_sets(
    datasets: Mapping[str, Dataset],
    embeddings: Mapping[str, Floats],
    *,
    similarity: float = SIMILARITY,
    min_rows: int = MIN_ROWS,
    seed: int = 0,
) -> list[Between]:
    """Return what is said of every two of the sets, which are coded into the same classes; embeddings (n, d) of each.

    similarity: from which cosine on a pair is near; min_rows: rows of each set that a word must stand in.
    Raises InputError where one set has pairs of texts and another has not.
    """
    names = list(datasets)
    _require_same_inputs(datasets)
    codes = dict(zip(names, word_codes([datasets[name].texts for name in names]), strict=True))
    within = {name: mutual_pairs_within(embeddings[name], codes[name], seed=seed) for name in names}
    held = _held(datasets)
    found = []
    for first, second in combinations(names, 2):
        one, other = datasets[first], datasets[second]
        nearest = nearest_rows(embeddings[first], embeddings[second], seed=seed)
        vectors = (embeddings[first], embeddings[second])
        mutual = mutual_pairs(*vectors, nearest, codes[first], codes[second])
        close, inside = (
            _near_of(mutual, similarity),
            (_near_of(within[first], similarity), _near_of(within[second], similarity)),
        )
        n_classes = len(one.classes)
        every = bands(mutual, (within[first], within[second]), one.labels, other.labels, n_classes)
        counted = bands(close, inside, one.labels, other.labels, n_classes)
        pairs = cross_pairs(*vectors, one.labels, other.labels, codes[first], codes[second], nearest)
        words, tested = _words(held, first, second, one, other, close, min_rows)
        found.append(
            Between(
                first, second, _pairs_table(first, second, one, other, pairs),
                disagreement(one.labels[close.first], other.labels[close.second], n_classes, seed=seed),
                [band for band in every if band.across.pairs or sum(band.within_pairs)], excess(counted), words, tested,
            )
        )  # fmt: skip
    return found


def _require_same_inputs(datasets: Mapping[str, Dataset]) -> None:
    counts = {name: len(dataset.inputs) for name, dataset in datasets.items()}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise InputError(f"The datasets have not the same number of text columns: {said}. Name them with --text.")


@dataclass(frozen=True)
class _Held:
    """Which rows of each set hold each word, (n, V) sparse, and what the words are called."""

    rows: Mapping[str, Any]
    words: tuple[str, ...]


def _held(datasets: Mapping[str, Dataset]) -> _Held:
    """Return the words of all sets in one vocabulary; of pairs of texts, a word bears the name of its column."""
    sides = len(next(iter(datasets.values())).inputs)
    counted = count_words(
        [[text for dataset in datasets.values() for text in dataset.inputs[side]] for side in range(sides)]
    )
    held = (counted.counts > 0).astype(np.int32).tocsr()
    ends = np.cumsum([len(dataset) for dataset in datasets.values()])
    rows = {name: held[end - len(dataset) : end] for (name, dataset), end in zip(datasets.items(), ends, strict=True)}
    columns = next(iter(datasets.values())).columns.text
    named = counted.words
    if sides > 1:
        named = tuple(
            f"{columns[side]}:{word}" for side, word in zip(counted.columns.tolist(), counted.words, strict=True)
        )
    return _Held(rows, named)


def compared_labels(first: Ints, second: Ints, n_classes: int) -> Ints:
    """Return the labels to look at in two sets: those that some and not all rows of each bear; of two labels the rarer.

    With two labels what is said of the one is said of the other with its sign turned.
    """
    shares = np.stack([np.bincount(own, minlength=n_classes) / len(own) for own in (first, second)])
    usable = np.flatnonzero(((shares > 0) & (shares < 1)).all(axis=0))
    occurring = (shares > 0).any(axis=0).sum()
    if occurring == 2 and len(usable) == 2:
        return usable[[int(shares[:, usable].sum(axis=0).argmin())]]
    return usable


def _words(
    held: _Held, first: str, second: str, one: Dataset, other: Dataset, near: MutualPairs, min_rows: int
) -> tuple[pl.DataFrame, tuple[int, int]]:
    """Return the table of words and rules of two sets, and how many of each were tested."""
    labels = compared_labels(one.labels, other.labels, len(one.classes))
    skipped = sorted(set(np.concatenate([one.labels, other.labels]).tolist()) - set(labels.tolist()))
    if skipped and len(one.classes) > 2:
        names = ", ".join(repr(one.classes[label]) for label in skipped[:10])
        note(f"{first} and {second}: words are not compared for {names}, which one of them has not.")
    a, b = held.rows[first], held.rows[second]
    enough = np.flatnonzero(np.minimum(*(np.asarray(m.sum(axis=0)).ravel() for m in (a, b))) >= min_rows)
    a, b = a[:, enough], b[:, enough]
    named = [held.words[word] for word in enough.tolist()]
    if not len(enough) or not len(labels):
        note(
            f"{first} and {second} have no word in {min_rows} rows or more of both to compare. Lower --min-rows, or give more rows."
        )
        return _words_table(first, second, one, []), (0, 0)
    single = criteria(a, b, one.labels, other.labels, labels)
    parts = [_lines(single, named, one.classes, _near(a, b, near, one.labels, other.labels, single.word), 1)]
    rules = conjunctions(a, b, min_rows=min_rows)
    if len(rules.words):
        double = criteria(rules.first, rules.second, one.labels, other.labels, labels)
        double = double.take(beyond_their_words(double, rules.words, single))
        both = [f"{named[x]} + {named[y]}" for x, y in rules.words.tolist()]
        said = _near(rules.first, rules.second, near, one.labels, other.labels, double.word)
        parts.append(_lines(double, both, one.classes, said, 2))
    return _words_table(first, second, one, parts), (len(enough), len(rules.words))


def _near_of(pairs: MutualPairs, similarity: float) -> MutualPairs:
    """Return the pairs that are near: of the same words, or of this similarity."""
    near = pairs.same_words | (pairs.similarity >= similarity)
    return MutualPairs._make(values[near] for values in pairs)


def _near(a: Any, b: Any, near: MutualPairs, first: Ints, second: Ints, word: Ints) -> tuple[Ints, Ints]:
    """Return for each entry the near pairs whose two rows hold the word, and those of them with different labels."""
    both = a[near.first].multiply(b[near.second]).tocsr()
    differ = np.flatnonzero(first[near.first] != second[near.second])
    pairs, differing = (np.asarray(m.sum(axis=0), np.int64).ravel() for m in (both, both[differ]))
    return pairs[word], differing[word]


def _lines(
    found: Criteria, named: Sequence[str], classes: Sequence[str], near: tuple[Ints, Ints], n_words: int
) -> pl.DataFrame:
    measures = {name: value for name, value in found._asdict().items() if name not in ("word", "label")}
    return pl.DataFrame(
        {
            "label": pl.Series([classes[label] for label in found.label.tolist()], dtype=pl.String),
            "words": pl.Series([named[word] for word in found.word.tolist()], dtype=pl.String),
            "n_words": pl.Series(np.full(len(found.word), n_words)),
            **measures,
            "at_least": found.at_least,
            "near_pairs": near[0],
            "near_differing": near[1],
        }
    )


def _words_table(first: str, second: str, one: Dataset, parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    whole = ("word", "label", *(name for name in Criteria._fields if name.endswith("rows")))
    none = np.zeros(0, np.int64)
    empty = Criteria._make(none if name in whole else np.zeros(0) for name in Criteria._fields)
    every = pl.concat([_lines(empty, (), one.classes, (none, none), 1), *parts])
    return every.sort("at_least", "p_value", "words", descending=[True, False, False], maintain_order=True).select(
        pl.lit(first).alias("first"), pl.lit(second).alias("second"), pl.all()
    )


def _pairs_table(first: str, second: str, one: Dataset, other: Dataset, pairs: CrossPairs) -> pl.DataFrame:
    """Return one line for each pair: where it comes from, similarity, and id, label and text of its rows."""

    def strings(values: Sequence[str | None], rows: Ints) -> pl.Series:
        return pl.Series([values[row] for row in rows.tolist()], dtype=pl.String)

    def side(name: str, dataset: Dataset, rows: Ints, copies: Ints) -> dict[str, Any]:
        return {
            f"{name}_id": strings(dataset.ids.tolist(), rows),
            f"{name}_label": strings(dataset.label_names, rows),
            f"{name}_text": strings(dataset.texts, rows),
            f"{name}_rows": copies,
        }

    return pl.DataFrame(
        {
            "similarity": pairs.similarity,
            "same_words": pairs.same_words,
            "mutual": pairs.mutual,
            **side("first", one, pairs.first, pairs.first_rows),
            **side("second", other, pairs.second, pairs.second_rows),
        }
    ).select(pl.lit(first).alias("first"), pl.lit(second).alias("second"), pl.all())
