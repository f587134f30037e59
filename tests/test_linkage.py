"""Average linkage against joining by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.linkage import average_linkage


def by_hand(rows: np.ndarray, threshold: float) -> set[frozenset[int]]:
    """Join the two groups of greatest mean cosine until it is below the threshold."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosine = unit @ unit.T
    groups = [[row] for row in range(len(rows))]
    while len(groups) > 1:
        pairs = [
            (cosine[np.ix_(a, b)].mean(), i, j) for i, a in enumerate(groups) for j, b in enumerate(groups) if i < j
        ]
        best, i, j = max(pairs)
        if best < threshold:
            break
        groups[i] += groups.pop(j)
    return {frozenset(group) for group in groups}


@given(st.integers(1, 12), st.integers(0, 10**6), st.floats(-0.5, 0.9))
@settings(max_examples=60, deadline=None)
def test_groups_are_those_of_joining_by_hand(n: int, seed: int, threshold: float) -> None:
    rows = np.random.default_rng(seed).normal(size=(n, 3))
    found = average_linkage(rows, threshold)
    assert {frozenset(np.flatnonzero(found == group).tolist()) for group in set(found.tolist())} == by_hand(
        rows, threshold
    )
    assert sorted(set(found.tolist())) == list(range(len(set(found.tolist()))))


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_and_one_row_need_no_joining(n: int) -> None:
    assert average_linkage(np.ones((n, 2), np.float32), 0.5).tolist() == [0] * n
