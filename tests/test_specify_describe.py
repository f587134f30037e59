"""Words for a slice, with an encoder that counts words: what is best is known by trying everything."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from curatekit.errors import InputError
from curatekit.information.words import count_words
from curatekit.specify.describe import describe, retrieval
from curatekit.specify.words import telling_words
from curatekit.specs.sides import on_test_side

COLOURS, THINGS = ["red", "blue", "green", "grey"], ["boat", "lamp", "soup", "door"]
VOCABULARY = [*COLOURS, *THINGS, "again", "today", "never", "once"]


def encode(texts: Sequence[str]) -> Any:
    """Unit vectors of word counts: the cosine is that of bags of words."""
    rows = np.array([[text.split().count(word) for word in VOCABULARY] for text in texts], float)
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)


TEXTS = [" ".join(words) for words in itertools.product(COLOURS, THINGS, VOCABULARY[8:])] * 2
TEXTS = [f"{text} {VOCABULARY[8 + n % 4]} {VOCABULARY[8 + n % 3]}" for n, text in enumerate(TEXTS)]
WANTED = np.array(["red" in text and "boat" in text for text in TEXTS])


def test_the_two_words_that_tell_a_slice_are_found_and_tried_on_the_other_half() -> None:
    found = describe(TEXTS, encode(TEXTS), WANTED, encode)
    words = next(one for one in found.queries if one.kind == "words")
    assert set(words.text.split()) == {"red", "boat"}
    heldout = on_test_side([text for text, want in zip(TEXTS, WANTED, strict=True) if want])
    assert found.wanted == heldout.sum()
    assert words.heldout.recall == words.heldout.precision == 1.0
    assert {one.kind for one in found.queries} == {"words", "sentence", "centroid", "random"}
    chance = next(one for one in found.queries if one.kind == "random")
    assert chance.heldout.recall < 0.6
    assert [len(text.split()) for text, _ in found.steps] == [1, 2]


@pytest.mark.parametrize("seed", range(5))
def test_a_wide_beam_finds_the_best_pair_of_all(seed: int) -> None:
    wanted = np.random.default_rng(seed).random(len(TEXTS)) < 0.3
    found = describe(TEXTS, encode(TEXTS), wanted, encode, beam=100, most_words=2)
    halves = np.zeros(len(TEXTS), bool)
    for rows in (np.flatnonzero(wanted), np.flatnonzero(~wanted)):
        halves[rows] = on_test_side([TEXTS[row] for row in rows])
    searched = np.flatnonzero(~halves)
    words = telling_words(count_words(([TEXTS[row] for row in searched],)), wanted[searched], 100)
    rows = encode([TEXTS[row] for row in searched])
    tried = [(word,) for word in words] + list(itertools.combinations(words, 2))
    best = max(retrieval(rows @ encode([" ".join(one)])[0], wanted[searched]).average_precision for one in tried)
    assert found.steps[-1][1] == pytest.approx(best, abs=1e-6)
    greedy = describe(TEXTS, encode(TEXTS), wanted, encode, beam=1, most_words=2)
    assert greedy.steps[0] == found.steps[0]
    assert greedy.steps[-1][1] <= best + 1e-6


def test_a_sentence_of_the_pool_may_name_it_better() -> None:
    found = describe(TEXTS, encode(TEXTS), WANTED, encode, pool := ["soup today", "red boat", "grey"], encode(pool))
    sentence = next(one for one in found.queries if one.kind == "sentence")
    assert sentence.text == "red boat"
    assert sentence.heldout.recall == 1.0


def test_no_more_phrases_are_encoded_than_the_bound() -> None:
    asked: list[int] = []

    def counted(texts: Sequence[str]) -> Any:
        asked.append(len(texts))
        return encode(texts)

    wanted = np.random.default_rng(0).random(len(TEXTS)) < 0.3
    describe(TEXTS, encode(TEXTS), wanted, counted, beam=3, most_words=4, candidates=5)
    assert sum(asked) <= 3 * 4 * 5 + 1


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), min_size=2, max_size=30, unique_by=lambda one: one[0]))
def test_average_precision_is_that_of_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    similarity, wanted = np.array([float(one) for one, _ in rows]), np.array([want for _, want in rows])
    if wanted.any():
        found = retrieval(similarity, wanted)
        assert found.average_precision == pytest.approx(average_precision_score(wanted, similarity))
        n = wanted.sum()
        assert found.recall == wanted[np.argsort(-similarity)[:n]].sum() / n


def test_one_wanted_text_can_be_tried_on_nothing() -> None:
    for wanted in (np.arange(len(TEXTS)) == 3, np.arange(len(TEXTS)) != 3, np.zeros(len(TEXTS), bool)):
        with pytest.raises(InputError, match="two or more different texts are needed"):
            describe(TEXTS, encode(TEXTS), wanted, encode)
