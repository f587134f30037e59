"""The variance of V by the draw of the training rows, told apart from that of the rows."""

from __future__ import annotations

import numpy as np
import pytest

from curatekit.information.training_variance import row_covariance, training_covariance


def slow(values: np.ndarray, models: np.ndarray) -> float:
    """The analysis of variance of one factor as textbooks have it, of one quantity: (MSB − MSW) / N."""
    cells = [values[models == k] for k in np.unique(models)]
    n, c = len(values), len(cells)
    between = sum(len(cell) * (cell.mean() - values.mean()) ** 2 for cell in cells) / (c - 1)
    within = sum(((cell - cell.mean()) ** 2).sum() for cell in cells) / (n - c)
    return float((between - within) / n)


def test_it_is_the_textbooks_analysis_of_variance() -> None:
    rng = np.random.default_rng(0)
    values, models = rng.normal(size=(1, 2, 60)), np.arange(60)[None] % 5
    values += rng.normal(size=(5, 2))[models[0]].T
    found, freedom = training_covariance(values, models, np.arange(60))
    assert freedom == 4
    for j, weights in enumerate(np.array([[1, 0], [0, 1], [1, -1]])):
        assert weights @ found @ weights == pytest.approx(slow(weights @ values[0], models[0]), rel=1e-9), j


@pytest.mark.parametrize(("runs", "models", "units"), [(1, 5, 1), (4, 5, 1), (6, 1, 1), (1, 10, 3)])
def test_on_average_it_is_the_variance_that_was_drawn(runs: int, models: int, units: int) -> None:
    """Models differ by 0.3, rows by 1 (shared by all runs and within units), the rest by 0.5: 0.09 / (runs · models)."""
    rng = np.random.default_rng(1)
    n = 120 * units
    found = []
    for _ in range(400):
        rows = rng.normal(size=120).repeat(units)
        of = np.stack([rng.permutation(np.arange(120) % models).repeat(units) for _ in range(runs)])
        values = rows + np.stack([0.3 * rng.normal(size=models)[own] for own in of]) + 0.5 * rng.normal(size=(runs, n))
        found.append(training_covariance(values[:, None], of, np.repeat(np.arange(120), units))[0][0, 0])
    error = np.std(found) / 20
    assert np.mean(found) == pytest.approx(0.09 / (runs * models), abs=3 * error)
    assert error < 0.01


def test_one_model_tells_nothing() -> None:
    covariance, freedom = training_covariance(np.ones((1, 3, 10)), np.zeros((1, 10), int), np.arange(10))
    assert (covariance == 0).all()
    assert covariance.shape == (3, 3)
    assert freedom == 0


def test_rows_have_the_covariance_of_a_mean_and_copies_add_nothing() -> None:
    values = np.random.default_rng(2).normal(size=(3, 40))
    found = row_covariance(values, np.arange(40))
    assert found == pytest.approx(np.cov(values) / 40)
    assert row_covariance(np.repeat(values, 3, axis=1), np.repeat(np.arange(40), 3)) == pytest.approx(found)
