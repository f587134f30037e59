"""Refits on soft labels, against the probe where labels are hard, and against a general minimiser where they are not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from curatekit.predict.probe import softmax
from curatekit.predict.soft_labels import soft_label_fit


def case(n: int = 200, p: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.hstack([rng.normal(size=(n, p)), np.ones((n, 1))]).astype(np.float32)
    return x, rng.dirichlet(np.ones(3), n)


def loss(coef: np.ndarray, x: np.ndarray, targets: np.ndarray, C: float) -> float:
    penalty = np.full(x.shape[1], 1 / C)
    penalty[-1] *= 1e-3
    return float(-(targets * np.log(softmax(x @ coef))).sum() + (penalty[:, None] * coef**2).sum() / 2)


@pytest.mark.parametrize("C", [0.05, 3.0])
def test_many_steps_reach_the_minimum(C: float) -> None:
    x, targets = case()
    coef = soft_label_fit(x, C).refit(targets, None, 400)
    shape = coef.shape
    found = minimize(lambda v: loss(v.reshape(shape), x.astype(float), targets, C), np.zeros(coef.size), tol=1e-10)
    np.testing.assert_allclose(softmax(x @ coef), softmax(x @ found.x.reshape(shape)), atol=2e-3)
    assert loss(coef.astype(float), x.astype(float), targets, C) <= found.fun * (1 + 1e-5)


def test_rows_that_are_not_kept_count_nothing() -> None:
    x, targets = case()
    kept = np.arange(len(x)) % 3 > 0
    some = soft_label_fit(x, 1.0, kept).refit(targets, None, 50)
    alone = soft_label_fit(x[kept], 1.0).refit(targets[kept], None, 50)
    np.testing.assert_allclose(some, alone, atol=1e-4)
    targets[~kept] = [1, 0, 0]
    np.testing.assert_array_equal(some, soft_label_fit(x, 1.0, kept).refit(targets, None, 50))


def test_a_known_gram_matrix_changes_nothing_and_a_refit_goes_on_from_the_last() -> None:
    x, targets = case()
    fit = soft_label_fit(x, 1.0)
    given = soft_label_fit(x, 1.0, gram=x.T @ x).refit(targets, None, 30)
    np.testing.assert_allclose(given, fit.refit(targets, None, 30), atol=1e-5)
    first = fit.refit(targets, None, 5)
    assert loss(fit.refit(targets, first, 5), x, targets, 1.0) < loss(first, x, targets, 1.0)
