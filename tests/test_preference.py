"""Bradley and Terry's model out of sample: antisymmetric, sklearn's by value, apart by unit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from curatekit.errors import InputError
from curatekit.predict.preference import cross_fit_preferences
from curatekit.predict.probe import fit_probe


def pairs(n: int = 300, p: int = 6, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    differences = rng.normal(size=(n, p)).astype(np.float32)
    margin = differences @ rng.normal(size=p)
    return np.where(margin + rng.logistic(size=n) > 0, 1, -1)[:, None].astype(np.float32) * differences


def test_to_swap_the_texts_is_to_swap_the_answer() -> None:
    differences = pairs()
    swapped = differences.copy()
    swapped[0] *= -1
    found, again = cross_fit_preferences(differences, np.arange(300)), cross_fit_preferences(swapped, np.arange(300))
    assert found.probs.mean() > 0.6
    np.testing.assert_array_equal(found.folds, again.folds)
    assert again.probs[0] == pytest.approx(1 - found.probs[0], abs=1e-6)
    # the models of its own fold have not seen the pair, the others have
    alike = found.folds == found.folds[0]
    np.testing.assert_allclose(again.probs[alike][1:], found.probs[alike][1:])
    assert np.abs(again.probs[~alike] - found.probs[~alike]).max() > 1e-4


def test_the_model_is_a_regression_without_intercept() -> None:
    differences = pairs()
    found = cross_fit_preferences(differences, np.arange(300), n_folds=2)
    train = found.folds != 0
    both = np.concatenate([differences[train], -differences[train]])
    labels = np.repeat([1, 0], train.sum())
    probe = fit_probe(both, labels, 2, groups=np.tile(np.flatnonzero(train), 2))
    theirs = LogisticRegression(C=probe.C, fit_intercept=False, tol=1e-8, max_iter=1000).fit(both, labels)
    margin = theirs.decision_function(differences[~train]) / probe.temperature
    np.testing.assert_allclose(found.probs[~train], 1 / (1 + np.exp(-margin)), atol=2e-3)


def test_pairs_of_one_unit_share_a_fold_and_one_unit_is_refused() -> None:
    units = np.arange(300) // 4
    found = cross_fit_preferences(pairs(), units)
    assert all(len(np.unique(found.folds[units == unit])) == 1 for unit in range(75))
    with pytest.raises(InputError, match="two pairs"):
        cross_fit_preferences(pairs(4), np.zeros(4, np.int64))


def test_equal_texts_are_a_coin_toss() -> None:
    differences = np.vstack([pairs(), np.zeros((3, 6), np.float32)])
    assert cross_fit_preferences(differences, np.arange(303)).probs[-3:].tolist() == [0.5] * 3
