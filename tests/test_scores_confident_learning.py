"""Confident learning against the loops of the paper, streamed, in other layouts and types, and what it refuses.

tests/reference/test_cleanlab.py compares it with cleanlab itself.
"""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit import probabilities
from curatekit.artifacts import Artifacts
from curatekit.dataset import from_lists
from curatekit.errors import InputError
from curatekit.registry import load
from curatekit.reporting import reporting
from curatekit.scores import _confident_counts as module
from curatekit.scores._pruning import largest, smallest
from curatekit.scores.confident_learning import (
    FilterBy,
    RankBy,
    confident_counts,
    confident_joint,
    confident_learning,
    confident_thresholds,
    label_issues,
    ranked_label_issues,
)
from tests.test_cache import Listener


def case(n: int = 400, k: int = 4, seed: int = 0, dtype: type = np.float64) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, k, n)
    logits = rng.normal(size=(n, k)) + rng.uniform(0.5, 4, k)[true, None] * np.eye(k)[true]
    probs = np.exp(logits)
    labels = np.where(rng.random(n) < 0.15, rng.integers(0, k, n), true)
    return labels, (probs / probs.sum(axis=1, keepdims=True)).astype(dtype)


def slow_joint(labels: Any, probs: Any, collisions: str) -> Any:
    """Equation 1 of the paper, row by row."""
    k = probs.shape[1]
    thresholds = [np.mean([p[c] for p, g in zip(probs, labels, strict=True) if g == c]) for c in range(k)]
    joint = np.zeros((k, k), int)
    for p, g in zip(probs, labels, strict=True):
        reached = [c for c in range(k) if p[c] >= thresholds[c] - 1e-6]
        among = range(k) if collisions == "cleanlab" and len(reached) > 1 else reached
        if reached:
            joint[g, max(among, key=lambda c: p[c])] += 1
    np.fill_diagonal(joint, joint.diagonal().clip(min=1))
    return joint


@pytest.mark.parametrize("collisions", ["cleanlab", "paper"])
def test_the_joint_is_that_of_the_loop(collisions: Any) -> None:
    labels, probs = case()
    joint = confident_joint(labels, probs, calibrate=False, collisions=collisions)
    np.testing.assert_array_equal(joint, slow_joint(labels, probs, collisions))


def test_collisions_are_corrected_by_option_and_said() -> None:
    # The second row reaches the thresholds of the second and the third class, not that of its most probable one.
    probs = np.array([[0.8, 0.1, 0.1], [0.4, 0.25, 0.35], [0.5, 0.2, 0.3]])
    labels = np.array([0, 1, 2])
    assert confident_thresholds(labels, probs).tolist() == [0.8, 0.25, 0.3]
    assert confident_joint(labels, probs, calibrate=False)[1].tolist() == [1, 1, 0]  # cleanlab: the first class
    listener = Listener()
    with reporting(listener):
        corrected = confident_joint(labels, probs, calibrate=False, collisions="paper")
    assert corrected[1].tolist() == [0, 1, 1]
    assert "1 are counted" in listener.notes[-1]


def test_predicted_neq_given_forgives_a_millionth() -> None:
    probs = np.array([[0.5, 0.5], [0.5 - 4e-7, 0.5 + 4e-7], [0.499, 0.501], [0.2, 0.8]])
    assert label_issues(np.array([0, 0, 0, 1]), probs, "predicted_neq_given").tolist() == [False, False, True, False]
    assert label_issues(np.array([1, 1, 1, 1]), probs, "predicted_neq_given").tolist() == [False] * 4


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0, 1), max_size=40),
    count=st.integers(0, 45),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_smallest_and_largest_are_the_first_of_argsort(values: list[float], count: int, dtype: type) -> None:
    array = np.array(values, dtype)
    assert np.flatnonzero(smallest(array, count)).tolist() == sorted(np.argsort(array)[:count].tolist())
    assert np.flatnonzero(largest(array, count)).tolist() == sorted(np.argsort(-array)[:count].tolist())


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 5000) | st.integers(60_000, 70_000),
    pieces=st.lists(st.floats(0, 1), max_size=12),
    dtype=st.sampled_from([np.float32, np.float64]),
    part=st.sampled_from([128, 1000, 8192]),
)
def test_a_mean_in_pieces_has_the_bits_of_numpys(n: int, pieces: list[float], dtype: type, part: int) -> None:
    values = np.random.default_rng(n).random(n).astype(dtype)
    kept, module._PART = module._PART, part
    try:
        total = module._PairwiseSum(n)
        for piece in np.split(values, sorted(int(share * n) for share in pieces)):
            total.add(piece)
        assert total.mean() == values.mean()
        assert total.mean().dtype == dtype
    finally:
        module._PART = kept


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 50, 999])
def test_the_same_for_every_size_of_block(monkeypatch: pytest.MonkeyPatch, size: int, dtype: type) -> None:
    labels, probs = case(dtype=dtype)
    expected = {name: label_issues(labels, probs, name) for name in get_args(FilterBy)}
    monkeypatch.setattr(module, "_ROWS", size)
    monkeypatch.setattr(module, "row_blocks", lambda probs: probabilities.row_blocks(probs, size))
    for name, mask in expected.items():
        np.testing.assert_array_equal(label_issues(labels, probs, name), mask, name)


def test_a_memory_map_and_another_layout_give_the_same(tmp_path: Path) -> None:
    labels, probs = case(dtype=np.float32)
    np.save(tmp_path / "probs.npy", probs)
    mapped = np.load(tmp_path / "probs.npy", mmap_mode="r")
    for other in (mapped, np.asfortranarray(probs), np.repeat(probs, 2, axis=0)[::2]):
        for filter_by in get_args(FilterBy):
            expected = label_issues(labels, probs, filter_by)
            np.testing.assert_array_equal(label_issues(labels, other, filter_by), expected)
        for rank_by in get_args(RankBy):
            expected = ranked_label_issues(labels, probs, rank_by)
            np.testing.assert_array_equal(ranked_label_issues(labels, other, rank_by), expected)
    assert type(label_issues(labels, mapped)) is np.ndarray
    assert type(confident_learning(labels, mapped)) is np.ndarray


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("filter_by", ["prune_by_noise_rate", "confident_learning", "predicted_neq_given"])
def test_the_matrix_is_never_copied(order: Any, filter_by: FilterBy) -> None:
    labels, probs = case(200_000, 30)
    probs = np.asarray(probs, order=order)
    tracemalloc.start()
    try:
        label_issues(labels, probs, filter_by)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.4 * probs.nbytes  # 16 MB, a third, are reserved for a moment and never touched


def test_half_precision_is_read_as_single_and_integers_as_double() -> None:
    labels, probs = case()
    half = (probs.round(2) + np.eye(4)[0] * (1 - probs.round(2).sum(axis=1, keepdims=True))).astype(np.float16)
    for filter_by in get_args(FilterBy):
        expected = label_issues(labels, half.astype(np.float32), filter_by)
        np.testing.assert_array_equal(label_issues(labels, half, filter_by), expected)
    certain = np.eye(4, dtype=int)[labels]
    assert not label_issues(labels, certain).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64])
def test_labels_of_every_integer_type(dtype: type) -> None:
    labels, probs = case()
    np.testing.assert_array_equal(label_issues(labels.astype(dtype), probs), label_issues(labels, probs))


def test_a_class_without_rows_and_one_never_predicted() -> None:
    labels, probs = case(k=5)
    labels[labels == 4] = 0
    probs[:, 3] = 0
    probs /= probs.sum(axis=1, keepdims=True)
    counts = confident_counts(labels, probs)
    assert counts.class_sizes[4] == 0
    assert counts.thresholds[4] == 2
    assert not counts.joint[:4, 4].any()
    assert counts.thresholds[3] == 2e-6
    assert counts.joint[:, 3].tolist() == [0, 0, 0, 1, 0]  # one row of each class is taken for right
    for filter_by in get_args(FilterBy):
        assert label_issues(labels, probs, filter_by).any()


def test_one_row_and_one_class() -> None:
    assert label_issues(np.array([1]), np.array([[0.9, 0.1]])).tolist() == [False]
    assert ranked_label_issues(np.array([1]), np.array([[0.9, 0.1]])).tolist() == []
    assert label_issues(np.array([1]), np.array([[0.9, 0.1]]), "predicted_neq_given").tolist() == [True]


def test_the_row_of_a_fault_is_counted_over_blocks() -> None:
    labels, probs = case(200_000, 4)
    probs[150_000, 2] = np.nan
    for method in (confident_counts, confident_thresholds, label_issues):
        with pytest.raises(InputError, match=r"row 150000 of pred_probs is \[.*nan"):
            method(labels, probs)


def test_too_many_classes_are_refused_with_the_memory() -> None:
    probs = np.zeros((2, 100_000), np.float32)
    probs[:, 0] = 1
    for method in (label_issues, confident_joint, ranked_label_issues, confident_learning):
        with pytest.raises(InputError, match=r"100,000 classes would take 80\.0 GB.*self_confidence"):
            method(np.array([0, 99_999]), probs)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    labels, probs = case()
    with pytest.raises(InputError, match="Did you mean 'prune_by_class'"):
        label_issues(labels, probs, "prune_by_clas")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="Choose one of: self_confidence"):
        ranked_label_issues(labels, probs, "entropy")  # type: ignore[arg-type]


def test_the_runner_finds_its_artifacts_by_name() -> None:
    labels, probs = case(n=40)
    names = [f"c{label}" for label in labels]
    artifacts = Artifacts(from_lists([f"text {i}" for i in range(40)], names))
    score = artifacts.call(load("scores", "confident_learning"), pred_probs=probs)
    np.testing.assert_array_equal(score, confident_learning(labels, probs))
