"""Lazy greedy choice, and the methods made of it, against twins that look at everything at every step."""

from __future__ import annotations

import tracemalloc
from itertools import combinations, islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.select import choose
from curatekit.select import coreset as module
from curatekit.select.lazy import lazy_greedy
from tests.select_material import material


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.integers(0, 12), max_size=6), min_size=1, max_size=12))
def test_lazy_greedy_covers_as_greedy_does(sets: list[set[int]]) -> None:
    taken: set[int] = set()
    lazy = []
    for item, value in lazy_greedy(np.array([len(one) for one in sets]), lambda item: len(sets[item] - taken)):
        lazy.append((item, value))
        taken.update(sets[item])
    covered: set[int] = set()
    left = list(range(len(sets)))
    for item, value in lazy:
        gains = [len(sets[other] - covered) for other in left]
        assert (item, value) == (left[int(np.argmax(gains))], max(gains))  # argmax: ties to the lower
        left.remove(item)
        covered |= sets[item]
    assert not left


def test_items_whose_bound_is_too_low_are_not_valued() -> None:
    asked = []
    values = np.array([5.0, 4.0, 1.0])

    def value(item: int) -> float:
        asked.append(item)
        return float(values[item])

    assert [one.item for one in islice(lazy_greedy(values, value), 2)] == [0, 1]
    assert asked == [1]


@pytest.mark.parametrize("k", [1, 7, 30])
def test_mmr_is_its_slow_twin(k: int) -> None:
    one = material(k)
    pool, taken = one.pool_embeddings, []
    for _ in range(k):
        scores = {}
        for row in set(range(60)) - set(taken):
            own = [
                float(pool[row] @ e)
                for e, y in zip(one.example_embeddings, one.example_labels, strict=True)
                if y == one.pool_labels[row]
            ]
            if own:
                scores[row] = max(own) - max([0.0, *(float(pool[row] @ pool[other]) for other in taken)])
        taken.append(max(scores, key=scores.__getitem__))
    found = choose("mmr", one, k)
    assert found.rows.tolist() == taken
    similarity = pool[taken] @ one.example_embeddings.T
    similarity[one.pool_labels[taken][:, None] != one.example_labels] = -1
    np.testing.assert_allclose(found.value, similarity.max(axis=1), atol=1e-6)
    assert found.specification.tolist() == ["abc"[one.example_specifications[i]] for i in similarity.argmax(axis=1)]


def facility(one, rows) -> float:  # type: ignore[no-untyped-def]
    similarity = np.maximum(one.example_embeddings @ one.pool_embeddings[list(rows)].T, 0)
    similarity[one.example_labels[:, None] != one.pool_labels[list(rows)]] = 0
    return float(similarity.max(axis=1, initial=0).sum())


@pytest.mark.parametrize("seed", range(4))
def test_facility_location_is_brute_force_greedy_and_near_the_best(seed: int) -> None:
    one = material(seed, pool=15)
    taken: list[int] = []
    for _ in range(4):
        left = [row for row in range(15) if row not in taken]
        taken.append(max(left, key=lambda row: facility(one, [*taken, row])))
    found = choose("facility-location", one, 4)
    assert found.rows.tolist() == taken
    np.testing.assert_allclose(found.value.sum(), facility(one, taken), atol=1e-5)
    best = max(facility(one, rows) for rows in combinations(range(15), 4))
    assert facility(one, taken) >= (1 - 1 / np.e) * best


def test_facility_location_serves_the_examples_once_more_when_nothing_adds() -> None:
    one = material(1, each=1)  # three examples: three rows at most serve them
    found = choose("facility-location", one, 12)
    falls = np.diff(found.value) <= 1e-9
    assert not falls.all()  # a new round begins with a greater gain than the last of the round before
    nearest = {int(np.where(one.pool_labels == y, one.pool_embeddings @ e, -1).argmax()) for e, y in zip(one.example_embeddings, one.example_labels, strict=True)}  # fmt: skip
    assert nearest == set(found.rows[: len(nearest)].tolist())


@pytest.mark.parametrize("k", [1, 5, 40])
def test_coreset_takes_the_farthest_each_time(k: int) -> None:
    one = material(k)
    centres = list(one.train_features.astype(float))
    taken: list[int] = []
    for _ in range(k):
        distance = np.array(
            [min(np.linalg.norm(row - centre) for centre in centres) for row in one.pool_features.astype(float)]
        )
        taken.append(int(distance.argmax()))
        centres.append(one.pool_features[taken[-1]].astype(float))
    found = choose("coreset", one, k)
    assert found.rows.tolist() == taken
    assert (np.diff(found.value) <= 1e-6).all()


def test_coreset_compares_in_blocks_of_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    one = material(7)
    expected = choose("coreset", one, 20)
    monkeypatch.setattr(module, "_CHUNK", 7)
    found = choose("coreset", one, 20)
    assert found.rows.tolist() == expected.rows.tolist()
    many = np.random.default_rng(0).normal(size=(20_000, 4)).astype(np.float32)
    squares = (many[:64].astype(float) ** 2).sum(axis=1)
    monkeypatch.setattr(module, "_CHUNK", 64)
    tracemalloc.start()
    nearest = module._nearest_squares(many[:64], squares, many[64:])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000  # 64 × 20,000 of float64 are 10 MB
    by_hand = ((many[:64, None].astype(float) - many[None, 64:]) ** 2).sum(axis=2).min(axis=1)
    np.testing.assert_allclose(nearest, by_hand, atol=1e-4)
