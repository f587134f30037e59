"""Confident learning and the label quality scores against cleanlab 2.9 itself, bit for bit."""

from __future__ import annotations

import warnings
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.scores.confidence_weighted_entropy import confidence_weighted_entropy
from curatekit.scores.confident_learning import (
    FilterBy,
    RankBy,
    confident_counts,
    confident_joint,
    confident_learning,
    confident_thresholds,
    label_issues,
    noise_matrix,
    ranked_label_issues,
)
from curatekit.scores.normalized_margin import normalized_margin
from curatekit.scores.self_confidence import self_confidence

count = pytest.importorskip("cleanlab.count")
cleanlab_filter = pytest.importorskip("cleanlab.filter")
rank = pytest.importorskip("cleanlab.rank")


def case(
    seed: int,
    n: int,
    k: int,
    *,
    decimals: int | None,
    skew: float,
    noise: float,
    missing: bool,
    dtype: type,
    unpredicted: bool = False,
) -> tuple[Any, Any]:
    """A random dataset: labels drawn from the model's own probabilities, some flipped, some classes without rows."""
    rng = np.random.default_rng(seed)
    prior = rng.dirichlet(np.full(k, 1 / skew))
    true = rng.choice(k, size=n, p=prior)
    logits = rng.normal(size=(n, k)) * rng.uniform(0.2, 3) + 3 * rng.uniform() * np.eye(k)[true] + np.log(prior + 1e-3)
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    if decimals is not None:  # ties within rows and between them
        probs = np.round(probs, decimals)
        probs[:, 0] = np.clip(probs[:, 0] + 1 - probs.sum(axis=1), 0, None)
        probs /= probs.sum(axis=1, keepdims=True)
    if unpredicted:
        probs[:, 1] = 0
        probs[:, 0] += probs.sum(axis=1) == 0
        probs /= probs.sum(axis=1, keepdims=True)
    labels = np.where(rng.random(n) < noise, rng.integers(0, k, n), true)
    if missing:
        labels[labels == k - 1] = 0
    labels[:2] = 0, 1
    return labels, np.minimum(probs.astype(dtype), 1)


def assert_equal_to_cleanlab(labels: Any, probs: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cleanlab warns of classes with one row
        for calibrate in (False, True):
            expected = count.compute_confident_joint(labels, probs, calibrate=calibrate)
            np.testing.assert_array_equal(confident_joint(labels, probs, calibrate=calibrate), expected)
        thresholds = count.get_confident_thresholds(labels, probs)
        np.testing.assert_array_equal(confident_thresholds(labels, probs), thresholds)
        counts = confident_counts(labels, probs)
        for filter_by in get_args(FilterBy):
            mask = cleanlab_filter.find_label_issues(labels, probs, filter_by=filter_by, n_jobs=1)
            np.testing.assert_array_equal(label_issues(labels, probs, filter_by, counts=counts), mask, filter_by)
        for rank_by in get_args(RankBy):
            ranked = cleanlab_filter.find_label_issues(labels, probs, return_indices_ranked_by=rank_by, n_jobs=1)
            np.testing.assert_array_equal(ranked_label_issues(labels, probs, rank_by), ranked, rank_by)
        joint = count.compute_confident_joint(labels, probs)
        assert label_issues(labels, probs, "confident_learning").sum() == count.num_label_issues(labels, probs)
        np.testing.assert_array_equal(noise_matrix(joint), joint / np.clip(joint.sum(axis=0), 1e-100, None))
    np.testing.assert_array_equal(
        self_confidence(labels, probs), rank.get_self_confidence_for_each_label(labels, probs)
    )
    np.testing.assert_array_equal(
        normalized_margin(labels, probs), rank.get_normalized_margin_for_each_label(labels, probs)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = rank.get_confidence_weighted_entropy_for_each_label(labels, probs)
    np.testing.assert_array_equal(confidence_weighted_entropy(labels, probs), entropy)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 60),
    k=st.integers(2, 12),
    decimals=st.sampled_from([None, 1, 2]),
    skew=st.floats(0.1, 5),
    noise=st.floats(0, 0.6),
    missing=st.booleans(),
    unpredicted=st.booleans(),
    dtype=st.sampled_from([np.float64, np.float32]),
)
def test_small_cases(
    seed: int,
    n: int,
    k: int,
    decimals: int | None,
    skew: float,
    noise: float,
    missing: bool,
    unpredicted: bool,
    dtype: type,
) -> None:
    assert_equal_to_cleanlab(
        *case(
            seed,
            n,
            k,
            decimals=decimals,
            skew=skew,
            noise=noise,
            missing=missing and k > 2,
            dtype=dtype,
            unpredicted=unpredicted,
        )
    )


@pytest.mark.parametrize("seed", range(24))
def test_larger_cases(seed: int) -> None:
    labels, probs = case(
        seed,
        n=400 + 150 * seed,
        k=2 + seed % 11,
        decimals=(None, 2, 3)[seed % 3],
        skew=(0.2, 1, 4)[seed % 3],
        noise=(0.05, 0.2, 0.5)[seed % 3],
        missing=seed % 4 == 3,
        dtype=np.float64 if seed % 2 else np.float32,
    )
    assert_equal_to_cleanlab(labels, probs)


@pytest.mark.parametrize(
    ("k", "decimals", "dtype"), [(50, None, np.float64), (120, 3, np.float32), (200, 2, np.float64)]
)
def test_many_classes(k: int, decimals: int | None, dtype: type) -> None:
    assert_equal_to_cleanlab(
        *case(k, 4000, k, decimals=decimals, skew=1, noise=0.2, missing=True, dtype=dtype, unpredicted=True)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classes_longer_than_a_part_of_the_pairwise_sum(dtype: type) -> None:
    assert_equal_to_cleanlab(*case(7, 60_000, 3, decimals=None, skew=1, noise=0.1, missing=False, dtype=dtype))


def test_the_score_confident_learning_begins_with_cleanlabs_list() -> None:
    labels, probs = case(5, 2000, 6, decimals=None, skew=1, noise=0.2, missing=False, dtype=np.float64)
    ranked = cleanlab_filter.find_label_issues(labels, probs, return_indices_ranked_by="self_confidence", n_jobs=1)
    score = confident_learning(labels, probs)
    np.testing.assert_array_equal(np.argsort(score, kind="stable")[: len(ranked)], ranked)
    assert score[ranked].max() <= 0.5
    assert np.delete(score, ranked).min() >= 0.5


def test_uniform_probabilities_have_no_issue() -> None:
    labels = np.arange(30) % 3
    assert_equal_to_cleanlab(labels, np.full((30, 3), 1 / 3))


def test_noise_matrix_is_cleanlabs_latent_estimate() -> None:
    labels, probs = case(3, 500, 4, decimals=None, skew=1, noise=0.2, missing=False, dtype=np.float64)
    joint = confident_joint(labels, probs)
    expected = count.estimate_latent(joint, labels)[1]
    np.testing.assert_allclose(noise_matrix(joint), expected, rtol=1e-12)
