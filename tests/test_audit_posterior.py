"""The chain of strata, against all its paths enumerated."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from curatekit.audit import posterior
from curatekit.audit.posterior import rate_draws


def enumerated(reviewed: np.ndarray, wrong: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, float]:
    """The posterior mean of each of three strata's rates, and of the product of the first and the last, path by path."""
    grid = posterior.GRID
    rates = 1 / (1 + np.exp(-grid))
    likelihood = rates ** wrong[:, None] * (1 - rates) ** (reviewed - wrong)[:, None]
    start = np.exp(-0.5 * (grid / 3) ** 2)
    start /= start.sum()
    joint = np.zeros((len(grid),) * 3)
    for slope, scale in product(posterior.SLOPES, posterior.SCALES):
        steps = []
        for h in range(2):
            d = position[h] - position[h + 1]
            away = grid[None, :] - grid[:, None] + slope * d
            step = np.exp(-0.5 * (away / max(scale * np.sqrt(d), 0.15)) ** 2) + 1e-30
            steps.append(step / step.sum(axis=1, keepdims=True))
        joint += np.einsum(
            "a,ab,bc->abc", start * likelihood[0], steps[0] * likelihood[1], steps[1] * likelihood[2], optimize=True
        )
    joint /= joint.sum()
    means = np.array([joint.sum((1, 2)) @ rates, joint.sum((0, 2)) @ rates, joint.sum((0, 1)) @ rates])
    return means, float(rates @ joint.sum(1) @ rates)


@pytest.mark.parametrize(
    ("reviewed", "wrong", "position"),
    [
        ([8, 8, 8], [7, 3, 0], [1.0, -1.0, -4.0]),
        ([8, 0, 8], [2, 0, 6], [0.5, 0.0, -0.5]),
        ([3, 40, 5], [3, 4, 0], [2.0, -2.0, -2.5]),
    ],
)
def test_draws_have_the_moments_of_the_enumerated_posterior(
    reviewed: list[int], wrong: list[int], position: list[float]
) -> None:
    of = np.array(reviewed), np.array(wrong), np.array(position)
    draws = rate_draws(*of, np.random.default_rng(0), 40_000)
    means, product_mean = enumerated(*of)
    assert draws.shape == (40_000, 3)
    assert draws.mean(axis=0) == pytest.approx(means, abs=0.006)
    assert (draws[:, 0] * draws[:, 2]).mean() == pytest.approx(product_mean, abs=0.006)


def test_one_stratum_is_a_binomial_with_a_wide_prior() -> None:
    draws = rate_draws(np.array([50]), np.array([10]), np.array([0.0]), np.random.default_rng(0), 20_000)
    assert draws.mean() == pytest.approx(0.2, abs=0.01)
    assert draws.std() == pytest.approx(np.sqrt(0.2 * 0.8 / 50), rel=0.1)


def test_the_draws_hang_on_the_generator_alone() -> None:
    of = np.array([8, 8]), np.array([4, 1]), np.array([0.0, -2.0])
    first, again = (rate_draws(*of, np.random.default_rng(3), 50) for _ in range(2))
    assert np.array_equal(first, again)


def test_a_stratum_without_errors_is_worse_where_its_neighbours_are() -> None:
    position = np.array([1.0, -1.0, -3.0])
    among_bad, among_good = (
        rate_draws(np.array([8, 8, 8]), np.array(wrong), position, np.random.default_rng(0))[:, 1].mean()
        for wrong in ([8, 0, 4], [8, 0, 0])
    )
    assert among_bad > 1.5 * among_good
