"""Self-confidence and normalized margin against their loops, and the checks that all scores share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from curatekit.errors import InputError
from curatekit.scores.confident_learning import confident_joint, label_issues
from curatekit.scores.normalized_margin import normalized_margin
from curatekit.scores.self_confidence import self_confidence

LABELS = np.array([0, 1, 2, 2])
PROBS = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.4, 0.2, 0.4], [0.0, 0.0, 1.0]])


def test_self_confidence_is_the_probability_of_the_given_label() -> None:
    np.testing.assert_array_equal(self_confidence(LABELS, PROBS), [0.7, 0.3, 0.4, 1.0])


def test_normalized_margin_is_that_of_the_loop() -> None:
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(5), 200).round(1)
    probs[:, 0] += 1 - probs.sum(axis=1)
    probs = np.abs(probs) / np.abs(probs).sum(axis=1, keepdims=True)
    labels = rng.integers(0, 5, 200)
    slow = [(row[g] - max(np.delete(row, g)) + 1) / 2 for g, row in zip(labels, probs, strict=True)]
    np.testing.assert_array_equal(normalized_margin(labels, probs), slow)
    np.testing.assert_allclose(normalized_margin(LABELS, PROBS), [0.75, 0.4, 0.5, 1.0])


def spoilt(value: float) -> np.ndarray:
    probs = PROBS.copy()
    probs[2, 1] = value
    return probs


@pytest.mark.parametrize("method", [self_confidence, normalized_margin, confident_joint, label_issues])
@pytest.mark.parametrize(
    ("labels", "probs", "says"),
    [
        (LABELS, spoilt(np.nan), "row 2 "),
        (LABELS, spoilt(np.inf), "row 2 "),
        (LABELS, spoilt(-np.inf), "row 2 "),
        (LABELS, spoilt(0.9), "row 2 "),
        (LABELS, np.where(PROBS == 0.4, -0.4, PROBS), "row 2 "),
        (LABELS, PROBS[:3], "3 rows"),
        (LABELS, PROBS[:, :1], "two classes"),
        (LABELS, PROBS[0], "shape"),
        (LABELS[:0], PROBS[:0], "no rows"),
        (np.array([0, 1, 2, 3]), PROBS, "row 3 has label 3"),
        (np.array([0, -1, 2, 2]), PROBS, "row 1 has label -1"),
        (np.array(["a", "b", "c", "c"]), PROBS, "integers"),
        (LABELS.astype(float), PROBS, "integers"),
    ],
)
def test_bad_arrays_are_refused_with_the_row(
    method: Callable[..., Any], labels: np.ndarray, probs: np.ndarray, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        method(labels, probs)


def test_half_precision_probabilities_are_accepted() -> None:
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(50), 100).astype(np.float16)
    assert self_confidence(rng.integers(0, 50, 100), probs).shape == (100,)


def test_inputs_are_left_as_they_were() -> None:
    labels, probs = LABELS.copy(), PROBS.copy()
    probs.flags.writeable = labels.flags.writeable = False
    for method in (self_confidence, normalized_margin, confident_joint, label_issues):
        method(labels, probs)
