"""V-usable information with its intervals, and the alarms."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.errors import InputError
from curatekit.information import alarms, v_information
from curatekit.information.v_information import bootstrap_mean
from curatekit.scores.pvi import pvi


def draws(n: int = 2000, seed: int = 0, sureness: float = 1.0):
    """Labels drawn from their own probabilities: calibrated where sureness is 1."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(n, 3))
    pred = softmax(logits)
    labels = (rng.random(n)[:, None] > pred.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    null = np.tile(np.bincount(labels, minlength=3) / n, (n, 1))
    return labels, softmax(sureness * logits), null


def softmax(logits):
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


def test_it_is_the_mean_pvi_and_the_difference_of_entropies() -> None:
    labels, pred, null = draws()
    found = v_information(labels, pred, null)
    bits = pvi(labels, pred, null)
    assert found.v_information.value == pytest.approx(bits.mean(), abs=1e-12)
    assert found.label_entropy - found.conditional_entropy == pytest.approx(bits.mean(), abs=1e-12)
    assert found.negative_share == (bits < 0).mean()
    assert found.accuracy == (pred.argmax(axis=1) == labels).mean()
    for each in found.per_class:
        assert each.v_information.value == pytest.approx(bits[labels == each.label].mean(), abs=1e-12)
    assert sum(each.rows * each.v_information.value for each in found.per_class) == pytest.approx(bits.sum())


@given(st.lists(st.integers(0, 3), min_size=1, max_size=50))
def test_a_perfect_model_has_all_of_the_labels_entropy(labels: list[int]) -> None:
    y = np.array(labels)
    prior = np.bincount(y, minlength=4) / len(y)
    found = v_information(y, np.eye(4)[y], np.tile(prior, (len(y), 1)), n_resamples=10)
    entropy = -(prior[prior > 0] * np.log2(prior[prior > 0])).sum()
    assert found.v_information.value == pytest.approx(entropy, abs=1e-12)
    assert found.label_entropy == pytest.approx(entropy, abs=1e-12)


def test_the_null_itself_has_none() -> None:
    labels, _, null = draws()
    assert v_information(labels, null, null).v_information == (0, 0, 0)


def test_the_interval_is_that_of_a_mean_and_follows_the_seed() -> None:
    labels, pred, null = draws()
    found = v_information(labels, pred, null, seed=1)
    assert found == v_information(labels, pred, null, seed=1)
    assert found != v_information(labels, pred, null, seed=2)
    bits = pvi(labels, pred, null)
    half = 1.96 * bits.std() / np.sqrt(len(bits))
    assert found.v_information.low == pytest.approx(bits.mean() - half, abs=half / 5)
    assert found.v_information.high == pytest.approx(bits.mean() + half, abs=half / 5)


def test_the_bootstrap_equals_its_slow_twin() -> None:
    values = np.random.default_rng(3).normal(size=17)
    fast = bootstrap_mean(values, np.random.default_rng(0), 0.9, 200)
    rng = np.random.default_rng(0)
    means = sorted(np.mean([values[i] for i in rng.integers(17, size=17)]) for _ in range(200))
    assert fast.value == values.mean()
    assert fast.low == pytest.approx(np.quantile(means, 0.05))
    assert fast.high == pytest.approx(np.quantile(means, 0.95))


def test_a_class_of_one_row_has_no_interval() -> None:
    labels = np.array([0, 0, 1])
    probs = np.full((3, 2), 0.5)
    lone = v_information(labels, probs, probs).per_class[1]
    assert lone.rows == 1
    assert np.isnan(lone.v_information.low)


def test_beyond_the_thresholds_predictions_are_right_and_wrong_for_certain() -> None:
    labels, pred, null = draws()
    bits, right = pvi(labels, pred, null), pred.argmax(axis=1) == labels
    for each in v_information(labels, pred, null).per_class:
        own = labels == each.label
        assert right[own & (bits > each.right_above + 1e-9)].all()
        assert not right[own & (bits < each.wrong_below - 1e-9)].any()
        assert 0 < right[own & (bits < each.right_above) & (bits > each.wrong_below)].mean() < 1


def test_balanced_three_classes_turn_between_0_and_0585() -> None:
    """FINDINGS: where predictions turn wrong depends on the classes."""
    found = v_information(np.array([0, 1, 2]), np.eye(3), np.full((3, 3), 1 / 3))
    assert found.per_class[0].wrong_below == pytest.approx(0)
    assert found.per_class[0].right_above == pytest.approx(np.log2(3) - 1)


def test_no_rows_are_refused() -> None:
    with pytest.raises(InputError, match="needs rows"):
        v_information(np.zeros(0, int), np.zeros((0, 2)), np.zeros((0, 2)))


def test_calibrated_predictions_raise_no_alarm() -> None:
    assert alarms(*draws(), {"temperature": [0.98, 1.03], "v_information_uncalibrated": 0.5}) == ()


@pytest.mark.parametrize(("sureness", "said"), [(4.0, "too sure"), (0.25, "not sure enough")])
def test_bad_calibration_is_said_with_the_cure(sureness: float, said: str) -> None:
    (alarm,) = [text for text in alarms(*draws(sureness=sureness)) if said in text]
    assert float(re.findall(r"temperature of ([\d.]+)", alarm)[0]) == pytest.approx(sureness, rel=0.1)


def test_a_null_worse_than_the_prior_is_said() -> None:
    labels, pred, null = draws()
    assert any("null model is worse" in text for text in alarms(labels, pred, null[:, ::-1] * 0.1 + [0.0, 0.0, 0.9]))


def test_negative_information_and_divergence_are_said() -> None:
    labels, pred, null = draws()
    said = alarms(np.roll(labels, 1), pred, null)
    assert any("V is negative" in text for text in said)
    rare = np.where(np.arange(2000) % 10 == 0, labels, 0)
    null = np.tile(np.bincount(rare, minlength=3) / 2000, (2000, 1))
    assert any("diverged" in text for text in alarms(rare, pred, null))


def test_perfection_and_far_temperatures_are_said() -> None:
    labels, _, null = draws()
    sure = 0.98 * np.eye(3)[labels] + 0.02 / 3
    assert any("in-sample" in text for text in alarms(labels, sure, null))
    said = alarms(*draws(), {"temperature": [1.0, 2.5], "v_information_uncalibrated": 0.1})
    assert any("2.50" in text for text in said)
