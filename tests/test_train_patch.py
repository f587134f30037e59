"""Patching a probe within a distance of its weights, against scipy's constrained minimiser and by its own promises."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from curatekit.errors import InputError
from curatekit.predict.probe import Probe, fit_probe, log_loss
from curatekit.train.patch import patched_probe


def rows(seed: int, n: int, p: int = 3, n_classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    return (rng.normal(size=(n, p)) + np.eye(n_classes, p)[labels]).astype(np.float32), labels


def theta(probe: Probe) -> np.ndarray:
    return np.column_stack([probe.coef, probe.intercept])


def distance(a: Probe, b: Probe) -> float:
    return float(np.linalg.norm(theta(a) - theta(b)) / np.linalg.norm(theta(b)))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_around_is_the_ridge_towards_that_probe(n_classes: int) -> None:
    before = fit_probe(*rows(0, 60, n_classes=n_classes), n_classes, C=1.0)
    features, labels = rows(1, 25, n_classes=n_classes)
    found = fit_probe(features, labels, n_classes, C=0.3, around=before)
    penalty = (2 if n_classes == 2 else 1) / (2 * 0.3)

    def objective(v: np.ndarray) -> float:
        at = v.reshape(theta(before).shape)
        logits = features @ at[:, :-1].T + at[:, -1]
        return len(labels) * log_loss(labels, logits) + penalty * float(((at - theta(before)) ** 2).sum())

    best = minimize(objective, theta(before).ravel(), options={"gtol": 1e-8})
    assert objective(theta(found).ravel()) == pytest.approx(best.fun, rel=1e-5)
    np.testing.assert_allclose(theta(found).ravel(), best.x, atol=2e-3)


def test_a_patch_is_the_best_model_within_its_distance() -> None:
    before = fit_probe(*rows(0, 60), 2, C=1.0)
    features, labels = rows(1, 20)
    labels = 1 - labels  # the new rows contradict the old ones
    found = patched_probe(before, features, labels, 0.4)

    def objective(v: np.ndarray) -> float:
        at = v.reshape(2, -1)
        return log_loss(labels, features @ at[:, :-1].T + at[:, -1])

    bound = 0.4 * np.linalg.norm(theta(before))
    best = minimize(
        objective, theta(before).ravel(), method="SLSQP",
        constraints={"type": "ineq", "fun": lambda v: bound**2 - ((v - theta(before).ravel()) ** 2).sum()},
    )  # fmt: skip
    assert 0.38 <= distance(found, before) <= 0.4 + 1e-9
    assert objective(theta(found).ravel()) == pytest.approx(best.fun, abs=0.02)
    assert objective(theta(found).ravel()) >= best.fun - 1e-6


def test_a_longer_distance_fits_the_new_rows_better_and_never_leaves_the_ball() -> None:
    before = fit_probe(*rows(0, 200), 2, C=1.0)
    features, labels = rows(3, 30)
    labels = 1 - labels
    losses = []
    for allowed in (0.05, 0.2, 0.8):
        found = patched_probe(before, features, labels, allowed)
        assert distance(found, before) <= allowed + 1e-9
        losses.append(log_loss(labels, found.logits(features)))
    assert losses == sorted(losses, reverse=True)
    assert losses[0] < log_loss(labels, before.logits(features))


def test_rows_of_one_label_may_patch() -> None:
    before = fit_probe(*rows(0, 60), 2, C=1.0)
    features = rows(1, 20)[0]
    found = patched_probe(before, features, np.ones(20, int), 0.3)
    assert distance(found, before) <= 0.3 + 1e-9
    assert (found.logits(features).argmax(axis=1) == 1).mean() > (before.logits(features).argmax(axis=1) == 1).mean()


def test_a_distance_that_is_none() -> None:
    before = fit_probe(*rows(0, 60), 2, C=1.0)
    with pytest.raises(InputError, match="weight distance is 0"):
        patched_probe(before, *rows(1, 20), 0.0)
