"""The benchmark of planted disagreement: its ranks."""

from __future__ import annotations

import numpy as np

from benchmarks.compare_labels import _rank


def test_a_rank_counts_those_before_and_the_ties() -> None:
    sure, p_value = np.array([0.3, 0.0, 0.5, 0.0, 0.0]), np.array([0.2, 0.4, 0.1, 0.3, 0.3])
    assert [_rank(np.array([entry]), -sure, p_value) for entry in range(5)] == [2, 5, 1, 4, 4]
    assert _rank(np.array([1]), p_value) == 5
    assert _rank(np.array([], np.int64), p_value) == float("inf")
