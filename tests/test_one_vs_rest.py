"""Several labels a row: sklearn's binary regressions by value, folds, rare labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from curatekit.errors import InputError
from curatekit.predict.one_vs_rest import cross_fit_memberships, fit_probes, rarest_label
from curatekit.predict.probe import STRENGTHS
from curatekit.reporting import reporting
from tests.notes import Notes


def data(n: int = 300, p: int = 10, k: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)).astype(np.float32)
    return x, (x @ rng.normal(size=(p, k)) - np.arange(k) + rng.logistic(size=(n, k))) > 0


def test_each_probe_is_sklearns_at_its_own_strength() -> None:
    x, members = data()
    probes = fit_probes(x, members, np.arange(300))
    assert set(probes.C) <= set(STRENGTHS)
    for k in range(4):
        theirs = LogisticRegression(C=probes.C[k], tol=1e-8, max_iter=1000).fit(x, members[:, k])
        np.testing.assert_allclose(probes.coef[k], theirs.coef_[0], atol=5e-3)
        np.testing.assert_allclose(probes.intercept[k], theirs.intercept_[0], atol=5e-3)
        logits = theirs.decision_function(x) / probes.temperature
        np.testing.assert_allclose(probes.probs(x)[:, k], 1 / (1 + np.exp(-logits)), atol=2e-3)


def test_the_probabilities_are_calibrated_out_of_sample() -> None:
    x, members = data(n=2000)
    found = cross_fit_memberships(x, members, np.arange(2000))
    np.testing.assert_allclose(found.probs.mean(axis=0), members.mean(axis=0), atol=0.02)
    sure = found.probs > 0.8
    assert members[sure].mean() == pytest.approx(found.probs[sure].mean(), abs=0.05)


def test_folds_hold_units_together_and_spread_the_rarest_label() -> None:
    x, members = data()
    units = np.arange(300) // 3
    found = cross_fit_memberships(x, members, units)
    assert all(len(np.unique(found.folds[units == unit])) == 1 for unit in range(100))
    found = cross_fit_memberships(x, members, np.arange(300))
    counts = [members[found.folds == k, 3].sum() for k in range(5)]
    assert max(counts) - min(counts) <= 2


def test_no_row_is_predicted_by_a_model_that_saw_it() -> None:
    rng = np.random.default_rng(0)
    x, members = np.eye(60, dtype=np.float32), rng.random((60, 2)) < 0.5
    found = cross_fit_memberships(x, members, np.arange(60))
    # each row has a feature of its own: in sample it would give the label away
    assert np.abs(np.where(members, found.probs, 1 - found.probs).mean() - 0.5) < 0.1


def test_a_label_on_one_row_is_not_judged() -> None:
    x, members = data()
    rare = np.zeros((300, 1), bool)
    rare[7] = True
    with reporting(notes := Notes()):
        found = cross_fit_memberships(x, np.hstack([members, rare]), np.arange(300))
    assert found.judged.tolist() == [True] * 4 + [False]
    assert found.probs[7, 4] == 0
    assert any("1 of 5 labels stand on too few rows" in line for line in notes.lines)
    np.testing.assert_array_less(0, found.probs[:, :4])
    with pytest.raises(InputError, match="No label"):
        cross_fit_memberships(x, rare, np.arange(300))


def test_the_rarest_label_by_hand() -> None:
    members = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 1], [0, 0, 0], [1, 1, 0]], bool)
    assert rarest_label(members).tolist() == [1, 0, 2, 3, 1]
