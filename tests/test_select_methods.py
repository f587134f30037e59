"""What holds for every method of the table."""

from __future__ import annotations

import inspect
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit import registry
from curatekit.errors import InputError
from curatekit.select import Material, choose, is_fitted, is_seeded
from tests.select_material import material

METHODS = registry.names("select")
RANDOM = ["random", "random-matched", "balanced", "dsir", "dsir-embedding", "tsds", "ambiguous"]
BLIND = ["random", "random-matched", "balanced", "lowest-pvi", "uncertainty", "ambiguous", "coreset"]
SAME_LABEL = ["quota", "nearest", "mmr", "facility-location", "specification-probe", "dsir", "dsir-embedding", "tsds"]


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 1000), k=st.integers(1, 40), pool=st.integers(60, 90))
def test_k_different_rows_of_the_pool_with_reasons(method: str, seed: int, k: int, pool: int) -> None:
    found = choose(method, material(seed, pool), k, seed=seed)
    assert [len(part) for part in found] == [k] * 4
    assert len(set(found.rows.tolist())) == k
    assert ((found.rows >= 0) & (found.rows < pool)).all()
    assert all(found.reason)
    assert set(found.specification) <= {"", "a", "b", "c"}
    assert found.value.dtype.kind == "f"


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_rows_and_leaves_the_callers_state_alone(method: str) -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[union-attr]
    first, again, other = (choose(method, material(1), 20, seed=seed).rows.tolist() for seed in (5, 5, 6))
    assert first == again
    assert (first != other) == is_seeded(method)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # type: ignore[arg-type]


@pytest.mark.parametrize("method", [name for name in METHODS if name not in RANDOM])
def test_the_order_of_the_pool_does_not_matter(method: str) -> None:
    given = material(2)
    order = np.random.default_rng(0).permutation(60)
    turned = replace(
        given, pool_texts=tuple(given.pool_texts[row] for row in order),
        **{name: getattr(given, name)[order] for name in ("pool_features", "pool_embeddings", "pool_labels")},
    )  # fmt: skip
    assert set(order[choose(method, turned, 17).rows]) == set(choose(method, given, 17).rows)


@pytest.mark.parametrize("method", SAME_LABEL)
def test_rows_have_a_label_of_the_specifications_and_of_the_one_that_chose_them(method: str) -> None:
    given = material(3)
    found = choose(method, given, 30, seed=1)
    labels = given.pool_labels[found.rows]
    assert set(labels.tolist()) <= {0, 1}
    named = found.specification != ""
    assert all(label == {"a": 0, "b": 1, "c": 1}[name] for label, name in zip(labels[named], found.specification[named], strict=True))  # fmt: skip
    with pytest.raises(
        InputError, match=r"k is 41, and the pool has 40 rows with a label of the specifications \(x, y\)"
    ):
        choose(method, given, 41)


@pytest.mark.parametrize("method", METHODS)
def test_no_method_can_ask_for_tests(method: str) -> None:
    allowed = {field.name for field in fields(Material)} | {"k", "seed"}
    assert not [name for name in allowed if "test" in name]
    parameters = inspect.signature(registry.load("select", method)).parameters.items()
    assert {name for name, of in parameters if of.default is of.empty} <= allowed


def test_which_methods_are_seeded_and_which_are_fitted_to_the_examples() -> None:
    assert {name for name in METHODS if is_seeded(name)} == set(RANDOM)
    assert {name for name in METHODS if not is_fitted(name)} == set(BLIND)
