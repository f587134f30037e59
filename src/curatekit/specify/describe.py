"""From documents to a query: the words, or the sentence, whose embedding retrieves the rows that one wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.errors import InputError
from curatekit.information.words import count_words
from curatekit.predict.guidance import unit
from curatekit.reporting import step, unreported
from curatekit.specify.words import telling_words
from curatekit.specs.sides import on_test_side

BEAM, WORDS, CANDIDATES = 4, 5, 100
"""At most BEAM · WORDS · CANDIDATES phrases are encoded, and CANDIDATES sentences from each of the two places."""

_FEW = 10  # precision is that of so many rows, which a person looks at
_RANDOM = 20  # random rows as queries, whose mean is what chance retrieves
_SEARCHED = 10_000  # rows that are not wanted, in the half that is searched

Encode = Callable[[Sequence[str]], Floats]


class Retrieval(NamedTuple):
    """What a query retrieves of n wanted rows, all rows ranked by their cosine to it."""

    recall: float
    """Of the wanted rows, the share among the first n; the same number is the precision there."""
    precision: float
    """Of the first 10 rows (of the first n where these are fewer), the share that is wanted."""
    average_precision: float


class Query(NamedTuple):
    """A query, and what it retrieves in the half of the rows that it was chosen on and in the other."""

    text: str
    kind: str
    """"words" or "sentence"; of the two to compare with "centroid" or "random"."""
    searched: Retrieval
    heldout: Retrieval


class Described(NamedTuple):
    """queries: the best words and the best sentence, the better first, then the centroid of the wanted rows and random rows."""

    queries: tuple[Query, ...]
    wanted: int
    """Wanted rows in the half that is held out: the n of recall."""
    steps: tuple[tuple[str, float], ...]
    """The best words of each length, with their average precision in the half that is searched."""


def describe(
    texts: Sequence[str],
    embeddings: Floats,
    wanted: Bools,
    encode: Encode,
    pool: Sequence[str] = (),
    pool_embeddings: Floats | None = None,
    *,
    beam: int = BEAM,
    most_words: int = WORDS,
    candidates: int = CANDIDATES,
    seed: int = 0,
) -> Described:
    """Return the words and the sentence whose embedding has the largest average precision for the wanted rows.

    texts n, embeddings (n, d), wanted (n,); encode: texts to their embeddings (q, d) by the same encoder. The rows are halved by the
    hash of their text: words are sought and chosen in one half, and all is reported on the other, so that the name is not fitted to
    noise. Words: those that tell the wanted rows from the others (log-odds), put together by beam search, a word at
    a time as long as that helps; a beam of 1 is greedy. Sentences: wanted rows, and those of `pool` (N, embedded (N, d)) that are
    nearest to the centroid. Raises InputError unless two or more different texts are wanted and two or more are not.
    """
    heldout = _halves(texts, wanted)
    rng = np.random.default_rng(seed)
    rest = np.flatnonzero(~heldout & ~wanted)
    searched = np.sort(np.concatenate([np.flatnonzero(~heldout & wanted), rng.permutation(rest)[:_SEARCHED]]))
    vectors = unit(embeddings)
    sides = [(vectors[rows], wanted[rows]) for rows in (searched, np.flatnonzero(heldout))]
    own = searched[wanted[searched]]
    centroid = unit(vectors[own].mean(axis=0, keepdims=True))

    def query(text: str, kind: str, vector: Floats) -> Query:
        return Query(text, kind, *(retrieval(rows @ vector, among) for rows, among in sides))

    def quietly(asked: Sequence[str]) -> Floats:
        with unreported():
            return unit(encode(asked))

    counted = count_words(([texts[row] for row in searched.tolist()],))
    words = telling_words(counted, wanted[searched], candidates)
    best, steps = _phrase(words, quietly, *sides[0], beam, most_words)
    found = [query(best, "words", quietly([best])[0])] if best else []
    sentences, of_sentences = _sentences(texts, vectors, own, centroid, pool, pool_embeddings, candidates)
    precisions = _average_precisions(of_sentences @ sides[0][0].T, sides[0][1])
    place = int(precisions.argmax())
    found.append(query(sentences[place], "sentence", of_sentences[place]))
    found.sort(key=lambda one: -one.searched.average_precision)
    drawn = vectors[rng.permutation(searched)[:_RANDOM]]
    by_chance = [_mean([retrieval(rows @ vector, among) for vector in drawn]) for rows, among in sides]
    found += [query("", "centroid", centroid[0]), Query("", "random", *by_chance)]
    return Described(tuple(found), int(sides[1][1].sum()), steps)


def retrieval(similarity: Floats, wanted: Bools) -> Retrieval:
    """Return what a ranking by similarity (n,), ties to the lower row, retrieves of the wanted rows (n,), one or more."""
    hits = wanted[np.argsort(-similarity, kind="stable")]
    n = int(wanted.sum())
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return Retrieval(float(precision[n - 1]), float(precision[min(_FEW, n) - 1]), float(precision[hits].mean()))


def _halves(texts: Sequence[str], wanted: Bools) -> Bools:
    """Return (n,) which rows are held out, by the hash of their text; both halves have wanted rows and others."""
    heldout = np.zeros(len(texts), bool)
    for few, rows in (("wanted", np.flatnonzero(wanted)), ("not wanted", np.flatnonzero(~wanted))):
        heldout[rows] = on_test_side([texts[row] for row in rows.tolist()])
        if heldout[rows].all() or not heldout[rows].any():
            raise InputError(
                f"{len(rows)} of {len(texts)} rows are {few}, and two or more different texts are needed: one half of them is to "
                "find words, the other to try these on. Name other rows."
            )
    return heldout


def _phrase(
    words: Sequence[str], encode: Encode, rows: Floats, wanted: Bools, beam: int, most: int
) -> tuple[str, tuple[tuple[str, float], ...]]:
    """Return the best words by beam search, "" where there are none, and the best of each length."""
    beams: list[tuple[str, ...]] = [()]
    steps: list[tuple[str, float]] = []
    with step("searching words", most * max(1, len(words)) * beam, "phrases") as advance:
        for _ in range(most):
            # the same words in another order are no other name
            longer = {
                frozenset((*one, word)): (*one, word) for one in reversed(beams) for word in words if word not in one
            }
            phrases = list(longer.values())
            if not phrases:
                break
            precisions = _average_precisions(encode([" ".join(one) for one in phrases]) @ rows.T, wanted)
            advance(len(phrases))
            order = np.argsort(-precisions, kind="stable")[:beam]
            if steps and precisions[order[0]] <= steps[-1][1]:
                break
            steps.append((" ".join(phrases[order[0]]), float(precisions[order[0]])))
            beams = [phrases[place] for place in order.tolist()]
    return (steps[-1][0] if steps else ""), tuple(steps)


def _sentences(
    texts: Sequence[str], vectors: Floats, own: Ints, centroid: Floats, pool: Sequence[str], pool_embeddings: Floats | None,
    most: int,
) -> tuple[list[str], Floats]:  # fmt: skip
    """Return the wanted rows and the rows of the pool that are nearest to the centroid, and their embeddings."""
    places = [([texts[row] for row in own.tolist()], vectors[own])]
    if pool_embeddings is not None and len(pool):
        places.append((list(pool), unit(pool_embeddings)))
    sentences: list[str] = []
    found: list[Floats] = []
    for of, embedded in places:
        near = np.argsort(-(embedded @ centroid[0]), kind="stable")[:most]
        sentences += [of[row] for row in near.tolist()]
        found.append(embedded[near])
    return sentences, np.concatenate(found)


def _average_precisions(similarity: Floats, wanted: Bools) -> Floats:
    """Return the average precision of each of q rankings (q, n)."""
    return np.array([retrieval(one, wanted).average_precision for one in similarity])


def _mean(found: Sequence[Retrieval]) -> Retrieval:
    return Retrieval(*np.mean(found, axis=0).tolist())
