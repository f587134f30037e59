"""nearest against a slow twin that looks at every row at every step."""

from __future__ import annotations

import numpy as np
import pytest

from curatekit.errors import InputError
from curatekit.index import nearest as neighbours
from curatekit.select.nearest import nearest
from curatekit.select.turns import Candidates, Queue


def unit(rng: np.random.Generator, n: int, d: int = 8) -> np.ndarray:
    rows = rng.normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def twin(
    pool: np.ndarray, labels: np.ndarray, examples: np.ndarray, of: np.ndarray, spec_labels: list[int], k: int
) -> list[int]:
    taken: list[list[int]] = [[] for _ in spec_labels]
    while sum(map(len, taken)) < k:
        for s, label in enumerate(spec_labels):
            used = {row for rows in taken for row in rows}
            best, score = -1, -np.inf
            for row in range(len(pool)):
                if labels[row] != label or row in used:
                    continue
                relevance = max(float(pool[row] @ example) for example in examples[of == s])
                repeated = max([0.0, *(float(pool[row] @ pool[other]) for other in taken[s])])
                if relevance / 2 - repeated / 2 > score + 1e-7:
                    best, score = row, relevance / 2 - repeated / 2
            if best >= 0 and sum(map(len, taken)) < k:
                taken[s].append(best)
    return sorted(row for rows in taken for row in rows)


@pytest.mark.parametrize("k", [1, 2, 3, 20, 45])
def test_the_twin_chooses_the_same_rows(k: int) -> None:
    rng = np.random.default_rng(k)
    pool, labels = unit(rng, 60), rng.integers(0, 3, 60)
    labels[:10] = 0  # enough of the labels asked for
    labels[10:45] = 1
    examples, of = unit(rng, 9), np.repeat([0, 1, 2], 3)
    spec_labels = [0, 1, 1]
    found = nearest(pool, labels, examples, np.array(spec_labels)[of], of, ("a", "b", "c"), ("x", "y", "z"), k)
    assert sorted(found.rows.tolist()) == twin(pool, labels, examples, of, spec_labels, k)
    for row, name in zip(found.rows, found.specification, strict=True):
        assert labels[row] == spec_labels["abc".index(name)]
    np.testing.assert_allclose(
        found.value, [max(pool[row] @ e for e in examples[of == "abc".index(n)]) for row, n in zip(found.rows, found.specification, strict=True)],
        atol=1e-6,
    )  # fmt: skip


def test_each_specification_gets_its_quota() -> None:
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(4), 2)
    found = nearest(unit(rng, 400), rng.integers(0, 2, 400), unit(rng, 8), of % 2, of, tuple("abcd"), ("x", "y"), 102)
    assert sorted(np.unique(found.specification, return_counts=True)[1].tolist()) == [25, 25, 26, 26]
    assert "same label, similarity" in found.reason[0]


def test_a_pool_without_enough_rows_of_the_labels_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=r"k is 5, and the pool has 3 rows with a label of the specifications \(y\)"):
        nearest(
            unit(rng, 6),
            np.array([0, 0, 0, 1, 1, 1]),
            unit(rng, 2),
            np.array([1, 1]),
            np.array([0, 0]),
            ("a",),
            ("x", "y"),
            5,
        )


def test_a_specification_without_rows_left_passes_its_turn() -> None:
    rng = np.random.default_rng(0)
    pool, examples, of = unit(rng, 20), unit(rng, 2), np.array([0, 1])
    for rows_of_the_first in (0, 1):  # none at all, and all taken after the first turn
        labels = (np.arange(20) >= rows_of_the_first).astype(int)
        found = nearest(pool, labels, examples, of, of, ("a", "b"), ("x", "y"), 5)
        assert (found.specification == "a").sum() == rows_of_the_first
        assert sorted(found.rows.tolist()) == twin(pool, labels, examples, of, [0, 1], 5)


def test_diversity_counts_the_rows_taken_before_the_candidates_were_filled_up() -> None:
    rng = np.random.default_rng(0)
    pool = unit(rng, 30)
    examples = unit(rng, 2)
    near = neighbours(examples, 3, pool)
    queue = Queue(pool, np.arange(30), examples, Candidates(near.rows, near.similarity), 3, 0.5)
    free = np.ones(30, bool)
    first = queue.take(free)
    assert first is not None
    free[queue.rows] = False  # others take the rest of the candidates
    second = queue.take(free)
    assert second is not None
    left = np.flatnonzero(free)
    relevance = (pool[left] @ queue.examples.T).max(axis=1)
    repeated = np.maximum(pool[left] @ pool[first.row], 0)
    assert second.row == left[(relevance - repeated).argmax()]
    assert second.row != left[relevance.argmax()]  # what would be taken without that memory
