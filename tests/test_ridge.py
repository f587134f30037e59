"""Ridge regression out of sample: sklearn's by value, the penalty by hand, robustness, folds."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeCV

from curatekit.errors import InputError
from curatekit.predict.ridge import PENALTIES, cross_fit_numbers, fit_ridge, fit_robust_ridge


def data(n: int = 200, p: int = 12, noise: float = 0.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    return x, x @ rng.normal(size=p) + 3 + noise * rng.normal(size=n)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_fit_is_sklearns_at_the_chosen_penalty(weighted: bool) -> None:
    x, y = data()
    weights = np.random.default_rng(1).uniform(0.2, 2, len(y)) if weighted else None
    ours = fit_ridge(x, y, weights)
    scaled = None if weights is None else weights / weights.mean()
    theirs = Ridge(alpha=ours.penalty).fit(x, y, sample_weight=scaled)
    np.testing.assert_allclose(ours.coef, theirs.coef_, rtol=1e-8)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-8)


def test_the_penalty_minimises_the_criterion_computed_the_slow_way() -> None:
    x, y = data(n=60, p=40, noise=3)
    centred, values = x - x.mean(axis=0), y - y.mean()
    criteria = []
    for penalty in PENALTIES:
        hat = centred @ np.linalg.solve(centred.T @ centred + penalty * np.eye(40), centred.T)
        criteria.append(60 * ((values - hat @ values) ** 2).sum() / (60 - 1 - np.trace(hat)) ** 2)
    assert fit_ridge(x, y).penalty == PENALTIES[int(np.argmin(criteria))]
    # near sklearn's leave-one-out choice
    assert abs(np.log10(fit_ridge(x, y).penalty / RidgeCV(PENALTIES).fit(x, y).alpha_)) <= 1


def test_more_features_than_rows_are_no_trouble() -> None:
    x, y = data(n=20, p=50)
    assert np.isfinite(fit_ridge(x, y).predict(x)).all()


def test_a_few_slipped_decimal_points_do_not_take_the_fit_along() -> None:
    x, y = data()
    spoilt = y.copy()
    spoilt[:10] = 50 * y[:10]
    plain, robust = fit_ridge(x, spoilt).predict(x), fit_robust_ridge(x, spoilt).predict(x)
    assert np.abs(robust[10:] - y[10:]).mean() < 0.5 * np.abs(plain[10:] - y[10:]).mean()


def test_each_value_is_predicted_by_the_other_folds() -> None:
    x, y = data(n=100)
    units = np.arange(100) // 2
    found = cross_fit_numbers(x.astype(np.float32), y, units, n_folds=5)
    assert (found.folds[0::2] == found.folds[1::2]).all()
    for k in range(5):
        train = found.folds != k
        np.testing.assert_allclose(
            found.predicted[~train],
            fit_robust_ridge(x.astype(np.float32)[train], y[train]).predict(x[~train]),
            rtol=1e-5,
        )
    # deciles are spread over the folds
    assert all(0.3 < (y[found.folds == k] > np.median(y)).mean() < 0.7 for k in range(5))


def test_values_that_cannot_be_predicted_are_refused() -> None:
    with pytest.raises(InputError, match="the value 2"):
        cross_fit_numbers(np.ones((4, 2)), np.full(4, 2.0), np.arange(4))
    with pytest.raises(InputError, match="two rows"):
        cross_fit_numbers(np.ones((4, 2)), np.arange(4.0), np.zeros(4, np.int64))
