"""The combined score against its loop, and what its formula promises."""

from __future__ import annotations

import numpy as np

from curatekit.artifacts import Artifacts
from curatekit.dataset import from_lists
from curatekit.index import Neighbours
from curatekit.registry import load
from curatekit.scores.combined import combined, combined_probs
from curatekit.scores.directions import directed_confidence, directions
from curatekit.scores.knn_agreement import knn_probs


def random_case(n: int = 300, n_classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray, Neighbours]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    probs = rng.dirichlet(np.ones(n_classes), n)
    return labels, probs, Neighbours(rng.integers(0, n, (n, 5)), rng.uniform(-0.2, 1, (n, 5)), 1.0, "exact")


def slow_directions(labels: np.ndarray, probs: np.ndarray) -> np.ndarray:
    n_classes = probs.shape[1]
    d = np.zeros((n_classes, n_classes))
    for j in range(n_classes):
        departed = [g for g, row in zip(labels, probs, strict=True) if row.argmax() == j != g]
        for g in range(n_classes):
            if g != j:
                relative = departed.count(g) / len(departed) * (n_classes - 1) if departed else 1.0
                d[g, j] = 0.8 * relative + 0.2
    return d


def test_it_is_the_formula_in_a_loop() -> None:
    labels, probs, neighbours = random_case()
    p = 0.7 * probs + 0.3 * knn_probs(labels, neighbours, 4)
    np.testing.assert_allclose(combined_probs(labels, probs, neighbours), p)
    d = slow_directions(labels, p)
    np.testing.assert_allclose(directions(labels, p), d)
    slow = [
        row[g] / (row[g] + sum(d[g, j] * row[j] for j in range(4) if j != g)) for g, row in zip(labels, p, strict=True)
    ]
    score = combined(labels, probs, neighbours)
    np.testing.assert_allclose(score, slow)
    assert np.all((score >= 0) & (score <= 1))


def test_with_two_classes_it_is_the_self_confidence() -> None:
    labels, probs, _ = random_case(n_classes=2)
    np.testing.assert_allclose(directed_confidence(labels, probs), probs[np.arange(len(labels)), labels])


def test_without_disputed_rows_it_is_the_self_confidence() -> None:
    probs = np.full((6, 3), 0.1) + 0.7 * np.eye(3)[[0, 1, 2, 0, 1, 2]]
    labels = probs.argmax(axis=1)
    np.testing.assert_allclose(directed_confidence(labels, probs), probs.max(axis=1))


def test_it_learns_the_direction_of_the_noise() -> None:
    """Rows of class 0 are mislabelled 1, those of class 2 are mislabelled 0: a label 1 is doubted for p(0), not for p(2)."""
    labels = np.array([0] * 50 + [1] * 10 + [0] * 10 + [1, 1])
    probs = np.full((72, 3), 0.05) + 0.85 * np.eye(3)[[0] * 60 + [2] * 10 + [0, 2]]
    probs[-2:] = [[0.5, 0.4, 0.1], [0.1, 0.4, 0.5]]
    score = directed_confidence(labels, probs)
    assert score[-2] < 0.4 < score[-1]


def test_a_probability_of_zero_gives_the_score_zero() -> None:
    probs = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_array_equal(directed_confidence(np.array([0, 0, 0]), probs), [0.0, 1.0, 0.5])


def test_the_runner_finds_its_artifacts_by_name() -> None:
    labels, probs, neighbours = random_case(n=40)
    names = [f"c{label}" for label in labels]
    artifacts = Artifacts(from_lists([f"text {i}" for i in range(40)], names))
    score = artifacts.call(load("scores", "combined"), pred_probs=probs, neighbours=neighbours)
    np.testing.assert_array_equal(score, combined(labels, probs, neighbours))
