"""Pairs across two sets, against all pairs by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.compare_labels.pairs import (
    cosine,
    cross_pairs,
    mutual_pairs,
    mutual_pairs_within,
    nearest_rows,
    word_codes,
)


def drawn(seed: int, n: int = 12, m: int = 9, classes: int = 3):
    """Embeddings with copies, labels, and words that are those of the copies."""
    rng = np.random.default_rng(seed)
    kinds = rng.normal(size=(8, 3)).astype(np.float32)
    first, second = rng.integers(0, 8, n), rng.integers(0, 8, m)
    return kinds[first], kinds[second], rng.integers(0, classes, n), rng.integers(0, classes, m), first, second


def similarities(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    unit = [v.astype(np.float64) / np.linalg.norm(v.astype(np.float64), axis=1, keepdims=True) for v in (x, y)]
    return np.round(unit[0] @ unit[1].T, 9)


@given(st.integers(0, 300))
@settings(max_examples=40, deadline=None)
def test_all_pairs_by_brute_force(seed: int) -> None:
    x, y, labels_x, labels_y, words_x, words_y = drawn(seed)
    s = similarities(x, y)
    expected = {}
    for a in range(len(x)):
        for b in range(len(y)):
            near = b == s[a].argmax() or a == s[:, b].argmax()
            if labels_x[a] != labels_y[b] and (near or words_x[a] == words_y[b]):
                expected[words_x[a], labels_x[a], words_y[b], labels_y[b]] = s[a, b]
    found = cross_pairs(x, y, labels_x, labels_y, words_x, words_y, nearest_rows(x, y))
    keys = [(words_x[a], labels_x[a], words_y[b], labels_y[b]) for a, b in zip(found.first, found.second, strict=True)]
    assert len(set(keys)) == len(keys)
    assert set(keys) == set(expected)
    assert found.similarity == pytest.approx([expected[key] for key in keys], abs=1e-8)
    for row, (a, b) in enumerate(zip(found.first, found.second, strict=True)):
        copies = (words_x == words_x[a]) & (labels_x == labels_x[a])
        assert (a, found.first_rows[row]) == (np.flatnonzero(copies)[0], copies.sum())
        assert found.same_words[row] == (words_x[a] == words_y[b])
        assert found.mutual[row] == (s[a].argmax() == b and s[:, b].argmax() == a)
    ranks = list(zip(~found.same_words, -found.similarity, strict=True))
    assert ranks == sorted(ranks)


@given(st.integers(0, 300))
@settings(max_examples=40, deadline=None)
def test_mutual_pairs_have_no_row_in_common_and_are_nearest_both_ways(seed: int) -> None:
    x, y, _, _, words_x, words_y = drawn(seed)
    s = similarities(x, y)
    found = mutual_pairs(x, y, nearest_rows(x, y), words_x, words_y)
    expected = [(a, s[a].argmax()) for a in range(len(x)) if s[:, s[a].argmax()].argmax() == a]
    assert list(zip(found.first, found.second, strict=True)) == expected
    assert len(set(found.first)) == len(set(found.second)) == len(found.first) > 0
    own = mutual_pairs_within(x, words_x)
    t = similarities(x, x)
    np.fill_diagonal(t, -2)
    nearest = t.argmax(axis=1)
    assert list(zip(own.first, own.second, strict=True)) == [
        (a, b) for a, b in enumerate(nearest) if a < b and nearest[b] == a
    ]
    assert (own.same_words == (words_x[own.first] == words_x[own.second])).all()


def test_a_set_of_one_row_has_no_pair_within() -> None:
    assert not len(mutual_pairs_within(np.ones((1, 2), np.float32), np.zeros(1, np.int64)).first)


def test_words_alone_make_texts_the_same() -> None:
    first, second = word_codes([["Hold on!", "hold  ON", "on hold", "?!", "…"], ["HOLD, on", "?!", "hold on you"]])
    assert first[0] == first[1] == second[0]
    assert first[3] == second[1]
    assert len(set(first.tolist())) == 4
    assert second[2] not in first


def test_the_cosine_of_a_zero_vector_is_zero() -> None:
    x = np.array([[0, 0], [1, 1]], np.float32)
    y = np.array([[1, 0]], np.float32)
    assert cosine(x, y, np.array([0, 1]), np.array([0, 0])) == pytest.approx([0, np.sqrt(0.5)])
