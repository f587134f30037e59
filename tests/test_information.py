"""V-usable information with its intervals, and the alarms."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.artifacts import Artifacts, Settings
from curatekit.dataset import from_lists
from curatekit.errors import InputError
from curatekit.information import alarms, v_information
from curatekit.information.means import mean_interval
from curatekit.intervals import wilson
from curatekit.predict.crossfit import cross_fit
from curatekit.predict.family import Material
from curatekit.predict.probe import Probe, fit_probe
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
    assert found.negative_share.value == (bits < 0).mean()
    assert found.accuracy == (pred.argmax(axis=1) == labels).mean()
    for each in found.per_class:
        assert each.v_information.value == pytest.approx(bits[labels == each.label].mean(), abs=1e-12)
    assert sum(each.rows * each.v_information.value for each in found.per_class) == pytest.approx(bits.sum())


@given(st.lists(st.integers(0, 3), min_size=1, max_size=50))
def test_a_perfect_model_has_all_of_the_labels_entropy(labels: list[int]) -> None:
    y = np.array(labels)
    prior = np.bincount(y, minlength=4) / len(y)
    found = v_information(y, np.eye(4)[y], np.tile(prior, (len(y), 1)))
    entropy = -(prior[prior > 0] * np.log2(prior[prior > 0])).sum()
    assert found.v_information.value == pytest.approx(entropy, abs=1e-12)
    assert found.label_entropy == pytest.approx(entropy, abs=1e-12)


def test_the_null_itself_has_none() -> None:
    labels, _, null = draws()
    assert v_information(labels, null, null).v_information == (0, 0, 0)


def test_the_limits_are_those_of_a_mean_and_of_a_share() -> None:
    labels, pred, null = draws()
    bits = pvi(labels, pred, null)
    found = v_information(labels, pred, null, confidence=0.9)
    assert found.v_information == mean_interval(bits, confidence=0.9)
    assert found.negative_share == wilson(int((bits < 0).sum()), len(bits), 0.9)
    for each in found.per_class:
        own = bits[labels == each.label]
        assert each.v_information == pytest.approx(mean_interval(own, confidence=0.9), abs=1e-12)
        assert each.negative_share == wilson(int((own < 0).sum()), len(own), 0.9)


def test_rows_of_one_unit_are_no_evidence_of_their_own() -> None:
    labels, pred, null = (np.repeat(array, 5, axis=0) for array in draws(300))
    once = v_information(*draws(300))
    units = np.repeat(np.arange(300), 5)
    copied, naive = v_information(labels, pred, null, units), v_information(labels, pred, null)
    assert copied.v_information == pytest.approx(once.v_information)
    assert [each.v_information for each in copied.per_class] == [
        pytest.approx(each.v_information) for each in once.per_class
    ]
    assert naive.v_information.low > once.v_information.low
    assert naive.v_information.high < once.v_information.high


def test_artifacts_know_which_rows_are_copies_or_of_one_group() -> None:
    dataset = from_lists(["one", "one", "two", "three"], ["a", "b", "a", "b"])
    grouped = replace(dataset, frame=dataset.frame.with_columns(author=pl.Series(["x", "y", "y", "z"])))
    assert Artifacts(grouped).units.tolist() == [0, 0, 1, 2]
    assert Artifacts(grouped, Settings(group="author")).units.tolist() == [0, 0, 0, 1]
    assert Artifacts(dataset, Settings(group="author")).units.tolist() == [0, 0, 1, 2]  # an evaluation file without it


def test_the_whole_is_never_negative_beyond_its_limits() -> None:
    """I_V is at least 0, since V may ignore the input; a class may well be below."""
    labels, pred, null = draws()
    wrong = v_information(np.roll(labels, 1), pred, null)
    assert wrong.v_information.low < wrong.v_information.value < 0
    assert wrong.v_information.high == 0
    assert any(each.v_information.high < 0 for each in wrong.per_class)


@dataclass(frozen=True)
class Logistic:
    """Logistic regression with a fixed penalty on given features; the cross-fit calibrates it."""

    x: np.ndarray
    name: str = "logistic"
    key: str = "logistic"
    embeds: bool = False
    slow: bool = False

    def prepare(self, train, *others):
        return (self.x,)

    def fit(self, x, labels, n_classes, *, seed, units):
        return FittedLogistic(fit_probe(x, labels, n_classes, C=1.0))


@dataclass(frozen=True)
class FittedLogistic:
    probe: Probe
    temperature: None = None
    details = MappingProxyType({})
    dynamics = MappingProxyType({})

    def logits(self, x):
        return self.probe.logits(x)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_labels_independent_of_the_input_give_0_within_the_limits(share: float) -> None:
    """In at least 93 of 100 simulations, with everything fitted: models, temperatures, priors, folds."""
    within, means = 0, []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(120, 6)).astype(np.float32)
        labels = (rng.random(120) > share).astype(int)
        material = Material(([f"{row}" for row in range(120)],), None)
        found = cross_fit(Logistic(x), material, labels, 2, seed=seed)
        v = v_information(labels, found.pred_probs, found.null_probs).v_information
        within += v.low <= 0 <= v.high
        means.append(v.value)
    assert within >= 93
    assert -0.06 < np.mean(means) < 0  # what fitting costs


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


def test_a_collapsed_model_is_said() -> None:
    labels, _, null = draws()
    flat = null + 1e-3 * np.random.default_rng(0).normal(size=null.shape)
    flat /= flat.sum(axis=1, keepdims=True)
    assert any("hardly differ from row to row" in text for text in alarms(labels, flat, null))
    assert not any("hardly differ" in text for text in alarms(*draws()))
