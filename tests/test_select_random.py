"""The two baselines, the table, and what a method may look at."""

from __future__ import annotations

import numpy as np
import pytest

from curatekit.errors import InputError
from curatekit.reporting import reporting
from curatekit.select import Material, choose, label_averaging, shares
from curatekit.select.random import random
from curatekit.select.random_matched import random_matched
from tests.notes import Notes

POOL = np.repeat([0, 1, 2], [60, 30, 10])


def test_random_draws_each_row_alike_and_once() -> None:
    counts = np.zeros(100)
    for seed in range(400):
        rows = random(POOL, 20, seed).rows
        assert len(set(rows.tolist())) == 20
        counts[rows] += 1
    assert counts.min() > 40
    assert counts.max() < 130
    np.testing.assert_array_equal(random(POOL, 20, 7).rows, random(POOL, 20, 7).rows)


def test_random_matched_has_the_label_shares_of_the_examples() -> None:
    examples = np.repeat([0, 1], [1, 3])
    for seed in range(5):
        found = random_matched(POOL, examples, ("x", "y", "z"), 22, seed)
        assert np.bincount(POOL[found.rows], minlength=3).tolist() == [6, 16, 0]  # 5.5 and 16.5, ties to the first
        assert len(set(found.rows.tolist())) == 22
    assert (found.specification == "").all()
    assert np.isnan(found.value).all()


def test_random_matched_fills_up_where_a_label_runs_out_and_says_so() -> None:
    notes = Notes()
    with reporting(notes):
        found = random_matched(POOL, np.array([2, 2]), ("x", "y", "z"), 40, 0)
    assert len(set(found.rows.tolist())) == 40
    assert (POOL[found.rows] == 2).sum() == 10
    assert "too few rows labelled z" in notes.lines[0]


def test_the_callers_random_state_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[union-attr]
    random(POOL, 5, 0)
    random_matched(POOL, np.array([0, 1]), ("x", "y", "z"), 5, 0)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # type: ignore[arg-type]


def test_shares_are_whole_and_complete() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        proportions, total = rng.random(rng.integers(1, 9)), int(rng.integers(0, 50))
        whole = shares(total, proportions)
        assert whole.sum() == total
        assert np.abs(whole - total * proportions / proportions.sum()).max() < 1


def test_label_averaging_weighs_labels_not_rows() -> None:
    weights = label_averaging(np.array([0, 0, 0, 2]))
    np.testing.assert_allclose(weights, [1 / 6, 1 / 6, 1 / 6, 1 / 2])


def small() -> Material:
    rng = np.random.default_rng(0)
    of = np.array([0, 0, 1, 1])
    features = [rng.normal(size=(n, 4)).astype(np.float32) for n in (20, 12, 4)]
    labels = [np.arange(n) % 2 for n in (20, 12)]
    return Material(
        features[0],
        labels[0],
        features[1],
        features[1],
        labels[1],
        features[2],
        features[2],
        of,
        of,
        ("a", "b"),
        ("x", "y"),
    )


def test_k_and_method_are_checked() -> None:
    for k in (0, -1, 13):
        with pytest.raises(InputError, match=f"k is {k}, and the pool has 12 rows"):
            choose("random", small(), k)
    with pytest.raises(InputError, match="Did you mean 'influence'"):
        choose("influense", small(), 2)
