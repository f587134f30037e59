"""Errors in slices: found where the statistics of the labels see nothing, and never at the price of errors at random."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from curatekit.errors import InputError
from curatekit.predict.guidance import Guidance
from curatekit.predict.probe import fit_probe
from curatekit.scores.combined import combined, true_probs
from curatekit.scores.systematic import systematic, systematic_probs

N, M, K = 600, 120, 3


def world(seed: int = 0, n_classes: int = K) -> tuple[np.ndarray, np.ndarray, Guidance, np.ndarray]:
    """Return true labels, each row's slice, the guidance, and features: a direction for each class and for each slice."""
    rng = np.random.default_rng(seed)

    def drawn(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        true, part = rng.integers(0, n_classes, n), rng.integers(0, 6, n)
        own = np.eye(n_classes)[true] * 0.8 + rng.normal(size=(n, n_classes)) * 0.3
        return true, part, np.hstack([own, np.eye(6)[part] * 0.8 + rng.normal(size=(n, 6)) * 0.1])

    true, part, x = drawn(N)
    example_labels, _, examples = drawn(M)
    probe = fit_probe(examples.astype(np.float32), example_labels, n_classes, C=10.0)
    guidance = Guidance(
        x.astype(np.float32), examples.astype(np.float32), examples, example_labels, tuple("abc"[:n_classes]),
        np.arange(n_classes), probe.pred_probs(x.astype(np.float32)), np.ones(N, bool), True, np.arange(N) % 5,
    )  # fmt: skip
    return true, part, guidance, x.astype(np.float32)


def out_of_sample(x: np.ndarray, labels: np.ndarray, n_classes: int = K) -> np.ndarray:
    probs = np.empty((N, n_classes))
    for k in range(5):
        held = np.arange(N) % 5 == k
        probs[held] = fit_probe(x[~held], labels[~held], n_classes, C=10.0).pred_probs(x[held])
    return probs


def test_a_slice_whose_labels_are_all_wrong_is_found() -> None:
    true, part, guidance, x = world()
    wrong = part == 2
    labels = np.where(wrong, (true + 1) % K, true)
    probs = out_of_sample(x, labels)
    blind = average_precision_score(wrong, -combined(labels, probs))
    found = average_precision_score(wrong, -systematic(labels, probs, guidance))
    assert found > 0.9
    assert found > blind + 0.05
    posterior = systematic_probs(labels, probs, guidance)
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    assert (posterior.argmax(axis=1) == true)[wrong].mean() > 0.75
    np.testing.assert_array_equal(combined(labels, probs, guidance=guidance), systematic(labels, probs, guidance))
    np.testing.assert_array_equal(true_probs(labels, probs, guidance=guidance), posterior)


def test_errors_at_random_are_found_as_well_as_without() -> None:
    true, _, guidance, x = world(1)
    wrong = np.random.default_rng(1).random(N) < 0.1
    labels = np.where(wrong, (true + 1) % K, true)
    probs = out_of_sample(x, labels)
    blind = average_precision_score(wrong, -combined(labels, probs))
    assert average_precision_score(wrong, -systematic(labels, probs, guidance)) > blind - 0.05


def test_renaming_the_classes_renames_the_answer() -> None:
    true, part, guidance, x = world(2)
    labels = np.where(part == 1, (true + 1) % K, true)
    probs = out_of_sample(x, labels)
    order = np.array([2, 0, 1])  # the new name of each class
    back = np.argsort(order)
    renamed = Guidance(
        **{
            **vars(guidance),
            "example_labels": order[guidance.example_labels],
            "spec_labels": order[guidance.spec_labels],
        }
    )
    found = systematic_probs(order[labels], probs[:, back], renamed)
    np.testing.assert_allclose(found[:, order], systematic_probs(labels, probs, guidance), atol=1e-4)


def test_without_guidance_it_says_what_to_do() -> None:
    with pytest.raises(InputError, match="--spec FILE"):
        systematic(np.array([0, 1]), np.eye(2), None)
