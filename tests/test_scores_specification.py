"""The detectors that ask the specifications' examples: contrast and rank aggregation, against slow twins and hand-computed ranks."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity

from curatekit import registry
from curatekit.errors import InputError
from curatekit.predict.guidance import Guidance
from curatekit.scores.specification_contrast import specification_contrast
from curatekit.scores.specification_ranks import (
    borda,
    rankings,
    reciprocal_rank_fusion,
    robust_rank_aggregation,
    specification_borda,
    specification_rra,
    specification_rrf,
)


def guidance_of(embeddings: np.ndarray, labels: list[int], spec_probs: np.ndarray | None = None) -> Guidance:
    probs = np.ones((4, 1)) if spec_probs is None else spec_probs
    nothing = np.zeros((len(probs), 1), np.float32)
    return Guidance(
        nothing, nothing, embeddings, np.array(labels), tuple("abcd")[: probs.shape[1]], np.array([0, 0, 1])[: probs.shape[1]],
        probs, np.ones(len(probs), bool), True, np.zeros(len(probs), np.int64),
    )  # fmt: skip


def test_contrast_is_what_the_specifications_of_the_own_label_get() -> None:
    probs = np.array([[0.2, 0.3, 0.5], [0.2, 0.3, 0.5], [0.2, 0.3, 0.5]])
    guidance = guidance_of(np.eye(3), [0, 0, 1], probs)
    np.testing.assert_allclose(specification_contrast(np.array([0, 1, 2]), 3, guidance), [0.5, 0.5, 1.0])


def test_ranks_by_hand() -> None:
    rows = np.array([[1.0, 0], [2, 0], [1, 1], [0, 3], [0, 0]])
    np.testing.assert_array_equal(rankings(np.array([[5.0, 0]]), rows), [[1.5, 1.5, 3, 4.5, 4.5]])
    ranks = np.array([[1.0, 2, 3, 4, 5], [5, 1, 2, 3, 4]])
    np.testing.assert_allclose(borda(ranks), [0.5, 0.875, 0.625, 0.375, 0.125])
    np.testing.assert_allclose(reciprocal_rank_fusion(ranks)[0], (1 / 61 + 1 / 65) / 2)


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=6))
def test_rra_is_the_smallest_binomial_tail(shares: list[float]) -> None:
    m = len(shares)
    ordered = sorted(shares)
    # P(k-th smallest of m uniforms ≤ r) = P(at least k of m are ≤ r)
    tails = [sum(comb(m, i) * r**i * (1 - r) ** (m - i) for i in range(k, m + 1)) for k, r in enumerate(ordered, 1)]
    ranks = np.array(shares)[:, None] * 1.0  # one row, n = 1: ranks are shares
    np.testing.assert_allclose(robust_rank_aggregation(ranks), -np.log10(min(tails)), atol=1e-9)


@pytest.mark.parametrize(
    ("score", "aggregate"),
    [
        (specification_borda, borda),
        (specification_rrf, reciprocal_rank_fusion),
        (specification_rra, robust_rank_aggregation),
    ],
)
def test_scores_against_a_loop(score, aggregate) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    rows, examples = rng.normal(size=(40, 5)), rng.normal(size=(12, 5))
    labels, of_examples = rng.integers(0, 4, 40), rng.integers(0, 3, 12)
    found = score(labels, rows, guidance_of(examples, of_examples.tolist()))
    by_label = {}
    for k in range(3):
        similarity = cosine_similarity(examples[of_examples == k], rows)
        ranks = np.array([[1 + (of > of[i]).sum() for i in range(40)] for of in similarity], float)
        by_label[k] = aggregate(ranks)
    for i, g in enumerate(labels.tolist()):
        own = by_label[g][i] if g in by_label else 0.0
        assert found[i] == pytest.approx(own - max(by_label[k][i] for k in by_label if k != g), abs=1e-6)


def test_examples_of_one_label_leave_its_own_rows_alone() -> None:
    rows = np.array([[1.0, 0], [0, 1], [1, 1]])
    found = specification_borda(np.array([0, 0, 1]), rows, guidance_of(np.array([[1.0, 0]]), [0]))
    np.testing.assert_allclose(found, [0, 0, -0.5])


@pytest.mark.parametrize(
    "name", ["specification_contrast", "specification_borda", "specification_rrf", "specification_rra"]
)
def test_without_guidance_it_says_what_to_do(name: str) -> None:
    score = registry.load("scores", name)
    others = {"n_classes": 2} if name == "specification_contrast" else {"embeddings": np.eye(2)}
    with pytest.raises(InputError, match="--spec FILE"):
        score(labels=np.array([0, 1]), guidance=None, **others)
