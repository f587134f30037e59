"""Cross-fitting: folds that keep together what belongs together, and probabilities that have not seen their row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.embed import Features
from curatekit.errors import InputError
from curatekit.predict import crossfit
from curatekit.predict.crossfit import Predictions
from curatekit.predict.family import Material, load_family
from curatekit.predict.folding import bound_together, folds
from curatekit.predict.null import null_prior
from curatekit.predict.probe import fit_temperature, softmax
from curatekit.predict.probe_family import ProbeFamily
from curatekit.probabilities import FLOOR
from curatekit.reporting import reporting

WORDS = ("alpha", "beta", "gamma", "delta", "omega")


class Notes:
    """A reporter that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)

    @contextmanager
    def step(self, name: str, total: int, unit: str) -> Iterator:
        yield lambda n: None


def task(n: int = 240, n_classes: int = 3, seed: int = 0, spread: float = 1.0):
    """Rows whose layers tell the class; the texts are all different and say nothing."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % n_classes)
    layers = (rng.normal(size=(n_classes, 16))[labels] + spread * rng.normal(size=(n, 16))).astype(np.float16)
    return layers, tuple(f"row {i} {WORDS[i % 5]}" for i in range(n)), labels


def material(layers, texts) -> Material:
    """Rows of which the encoder says `layers`."""
    features = Features(layers.astype(np.float32), layers, np.zeros(len(texts), bool), 0)
    return Material((texts,), lambda inputs: features)


def cross_fit(layers, texts, labels, n_classes, **how) -> Predictions:
    return crossfit.cross_fit(ProbeFamily(), material(layers, texts), labels, n_classes, **how)


def fit_eval(layers, texts, labels, eval_layers, eval_texts, eval_labels, n_classes, **how) -> Predictions:
    return crossfit.fit_eval(
        ProbeFamily(), material(layers, texts), labels, material(eval_layers, eval_texts), eval_labels, n_classes, **how
    )


@dataclass(frozen=True)
class Centroids:
    """A family that is obvious: minus the squared distance to the mean of each class, not calibrated."""

    name: str = "centroids"
    key: str = "centroids"
    embeds: bool = True
    slow: bool = True

    def prepare(self, train, *others):
        return tuple(np.asarray(m.layers, float) for m in (train, *others))

    def fit(self, x, labels, n_classes, *, seed, units):
        return FittedCentroids(np.stack([x[labels == k].mean(axis=0) for k in range(n_classes)]), x, labels)


@dataclass(frozen=True)
class FittedCentroids:
    means: np.ndarray
    x: np.ndarray
    labels: np.ndarray
    temperature: None = None
    details = MappingProxyType({"spread": 1.0})

    @property
    def dynamics(self):
        return {"seen": self.x[:, 0], "label": self.labels.astype(float)}

    def logits(self, x):
        return -np.square(x[:, None] - self.means).sum(axis=2)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=2, max_size=60), st.integers(2, 6))
@settings(max_examples=60, deadline=None)
def test_copies_share_a_fold_and_classes_are_spread(rows: list[tuple[int, int]], n_folds: int) -> None:
    labels = np.array([label for label, _ in rows])
    texts = [f"{text}" if text < 4 else f"{text} {i}" for i, (_, text) in enumerate(rows)]
    if len(set(texts)) < 2:
        return
    fold = folds(labels, texts, n_folds)
    assert all(len({fold[i] for i, other in enumerate(texts) if other == text}) == 1 for text in texts)
    assert set(fold) <= set(range(min(n_folds, len(set(texts)))))
    if len(set(texts)) == len(texts):  # nothing bound: each class is spread as evenly as can be
        counts = np.array([np.bincount(fold[labels == k], minlength=n_folds) for k in np.unique(labels)])
        assert (np.ptp(counts[:, : min(n_folds, len(texts))], axis=1) <= 1).all()


def test_a_class_of_two_distinct_rows_is_in_every_training_fold() -> None:
    labels = np.array([0] * 50 + [1] * 40 + [2] * 2)
    fold = folds(labels, [f"{i}" for i in range(92)], 5)
    assert all(set(labels[fold != k]) == {0, 1, 2} for k in range(5))


def test_folds_are_even_in_size_with_many_small_classes() -> None:
    labels = np.repeat(np.arange(40), 3)
    sizes = np.bincount(folds(labels, [f"{i}" for i in range(120)], 5))
    assert np.ptp(sizes) <= 1


def test_texts_and_groups_bind_together_transitively() -> None:
    units = bound_together(["a", "a", "b", "c", "d"], ["x", "y", "y", "z", "w"])
    assert units.tolist() == [0, 0, 0, 1, 2]
    assert bound_together(["a", "b", "a"]).tolist() == [0, 1, 0]


def test_groups_share_a_fold() -> None:
    groups = [f"author {i % 13}" for i in range(100)]
    fold = folds(np.arange(100) % 2, [f"{i}" for i in range(100)], 5, groups=groups)
    assert all(len({f for f, g in zip(fold, groups, strict=True) if g == group}) == 1 for group in groups)
    assert set(fold) == set(range(5))


def test_folds_follow_the_seed() -> None:
    labels, texts = np.arange(60) % 3, [f"{i}" for i in range(60)]
    assert (folds(labels, texts, seed=1) == folds(labels, texts, seed=1)).all()
    assert (folds(labels, texts, seed=1) != folds(labels, texts, seed=2)).any()


def test_too_few_rows_for_two_folds_are_refused() -> None:
    with pytest.raises(InputError, match="two folds"):
        folds(np.array([0, 1]), ["same", "same"])


def test_the_null_is_the_smoothed_prior() -> None:
    assert null_prior(np.array([0, 0, 1]), 3).tolist() == [3 / 6, 2 / 6, 1 / 6]


def test_probabilities_are_distributions_that_follow_the_seed() -> None:
    layers, texts, labels = task()
    made, again, other = (cross_fit(layers, texts, labels, 3, seed=seed) for seed in (0, 0, 1))
    for probs in (made.pred_probs, made.null_probs):
        assert np.isfinite(probs).all()
        assert np.allclose(probs.sum(axis=1), 1, atol=1e-12)
        assert probs.min() > FLOOR / 2
    assert (made.pred_probs == again.pred_probs).all()
    assert (made.pred_probs != other.pred_probs).any()
    assert (made.pred_probs.argmax(axis=1) == labels).mean() > 0.9
    assert made.family == "probe"
    assert len(made.details["C"]) == len(made.details["temperature"]) == 5


def test_the_null_of_a_row_is_the_prior_of_the_other_folds() -> None:
    layers, texts, labels = task()
    made = cross_fit(layers, texts, labels, 3)
    for k in range(5):
        assert np.allclose(made.null_probs[made.folds == k], null_prior(labels[made.folds != k], 3))


def test_random_labels_carry_no_information() -> None:
    layers, texts, labels = task(300)
    random = np.random.default_rng(1).permutation(labels)
    assert cross_fit(layers, texts, random, 3).details["v_information"] < 0.02


def test_copies_with_random_labels_do_not_leak() -> None:
    """Each text twice with one label at random: folds that part the copies would tell the label."""
    layers, texts, _ = task(150)
    labels = np.repeat(np.random.default_rng(0).integers(0, 3, 150), 2)
    twice = tuple(text for text in texts for _ in range(2))
    made = cross_fit(np.repeat(layers, 2, axis=0), twice, labels, 3)
    assert made.details["v_information"] < 0.02


def test_a_feature_that_memorises_its_group_does_not_leak() -> None:
    rng = np.random.default_rng(0)
    group = np.arange(200) % 40
    labels = rng.integers(0, 2, 40)[group]
    layers = (rng.normal(size=(40, 64))[group] + 0.05 * rng.normal(size=(200, 64))).astype(np.float32)
    texts = tuple(f"{i}" for i in range(200))
    names = np.array([f"author {g}" for g in group], dtype=object)
    assert cross_fit(layers, texts, labels, 2).details["v_information"] > 0.5
    assert cross_fit(layers, texts, labels, 2, groups=names).details["v_information"] < 0.05


def test_a_class_of_one_row_keeps_the_nulls_probability_and_is_flagged() -> None:
    layers, texts, labels = task(121)
    labels = labels.copy()
    labels[7] = 3
    notes = Notes()
    with reporting(notes):
        made = cross_fit(layers, texts, labels, 4)
    assert np.flatnonzero(made.unscorable).tolist() == [7]
    assert made.pred_probs[7, 3] == pytest.approx(made.null_probs[7, 3])
    assert np.allclose(made.pred_probs.sum(axis=1), 1)
    assert any("fewer distinct rows than the 5 folds" in text for text in notes.said)
    assert any("cannot be scored" in text for text in notes.said)


def test_two_rows_of_two_classes_are_survived() -> None:
    made = cross_fit(np.eye(2, dtype=np.float32), ("a", "b"), np.array([0, 1]), 2)
    assert made.unscorable.all()
    assert np.allclose(made.pred_probs, made.null_probs)


def test_one_class_and_missing_labels_are_refused() -> None:
    layers, texts, labels = task(30)
    with pytest.raises(InputError, match="same label"):
        cross_fit(layers, texts, np.zeros(30, int), 3)
    with pytest.raises(InputError, match="Row 4 has no label"):
        cross_fit(layers, texts, np.where(np.arange(30) == 4, -1, labels), 3)


def test_every_row_is_predicted_by_the_model_of_the_other_folds() -> None:
    """The slow twin: a loop over the rows, each with its own model and its own temperature."""
    layers, texts, labels = task(90)
    made = crossfit.cross_fit(Centroids(), material(layers, texts), labels, 3, n_folds=3)
    family, x = Centroids(), layers.astype(float)
    raw = np.empty((90, 3))
    for row in range(90):
        others = made.folds != made.folds[row]
        raw[row] = family.fit(x[others], labels[others], 3, seed=0, units=None).logits(x[[row]])[0]
    for row in range(90):
        others = made.folds != made.folds[row]
        temperature = fit_temperature(labels[others], raw[others])
        np.testing.assert_allclose(made.pred_probs[row], softmax(raw[row] / temperature), atol=1e-9)
    assert made.details["spread"] == [1.0] * 3
    bits = np.log2(softmax(raw)[np.arange(90), labels]) - np.log2(made.null_probs[np.arange(90), labels])
    assert made.details["v_information_uncalibrated"] == pytest.approx(bits.mean())
    assert made.details["v_information_uncalibrated"] < made.details["v_information"]


def test_the_temperature_of_a_row_does_not_read_its_own_fold() -> None:
    layers, texts, labels = task(200, spread=2.0)
    train, test = slice(0, 100), slice(100, 200)

    def evaluated(eval_labels):
        return crossfit.fit_eval(
            Centroids(), material(layers[train], texts[train]), labels[train], material(layers[test], texts[test]),
            eval_labels, 3,
        )  # fmt: skip

    made = evaluated(labels[test])
    assert 2 <= len(set(made.details["temperature"])) <= 5
    raw = Centroids().fit(layers[train].astype(float), labels[train], 3, seed=0, units=None).logits(layers[test])
    fifths = folds(labels[test], texts[test])
    for k in range(5):
        temperature = fit_temperature(labels[test][fifths != k], raw[fifths != k])
        np.testing.assert_allclose(made.pred_probs[fifths == k], softmax(raw[fifths == k] / temperature), atol=1e-9)


def test_dynamics_are_the_mean_over_the_models_that_saw_the_row() -> None:
    layers, texts, labels = task(60)
    made = crossfit.cross_fit(Centroids(), material(layers, texts), labels, 3, n_folds=4)
    np.testing.assert_allclose(made.dynamics["seen"], layers[:, 0].astype(float))
    np.testing.assert_allclose(made.dynamics["label"], labels)
    again = crossfit.from_arrays(made.to_arrays(), "centroids")
    assert again.details == made.details
    assert again.dynamics.keys() == made.dynamics.keys()
    np.testing.assert_array_equal(again.pred_probs, made.pred_probs)


def test_models_of_a_slow_family_are_kept_one_by_one() -> None:
    layers, texts, labels = task(60)
    kept: dict[int, dict] = {}

    def keep(k, compute):
        if k == 2 and len(kept) == 2:
            raise KeyboardInterrupt
        return kept[k] if k in kept else kept.setdefault(k, compute())

    with pytest.raises(KeyboardInterrupt):
        crossfit.cross_fit(Centroids(), material(layers, texts), labels, 3, n_folds=4, keep=keep)
    assert sorted(kept) == [0, 1]
    first = dict(kept)
    kept[9] = {}  # not interrupted this time
    made = crossfit.cross_fit(Centroids(), material(layers, texts), labels, 3, n_folds=4, keep=keep)
    assert all(kept[k] is first[k] for k in (0, 1))
    whole = crossfit.cross_fit(Centroids(), material(layers, texts), labels, 3, n_folds=4)
    np.testing.assert_array_equal(made.pred_probs, whole.pred_probs)


def constant(inputs) -> Features:
    """What an encoder says of texts by their lengths: the same of all empty ones."""
    layers = np.array([[len(text), len(text) % 7, 1.0] for text in inputs[0]], np.float16)
    return Features(layers.astype(np.float32), layers, np.zeros(len(layers), bool), 0)


@pytest.mark.parametrize("name", ["probe", "mlp", "knn", "ensemble"])
def test_a_fitted_null_is_the_prior_within_the_familys_precision(name: str) -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(3, 200, p=[0.6, 0.3, 0.1])
    rows = Material((tuple("x" * (3 * k + i % 3) for i, k in enumerate(labels)),), constant)
    family = load_family(name)
    prior = crossfit.cross_fit(family, rows, labels, 3, n_folds=2)
    fitted = crossfit.cross_fit(family, rows, labels, 3, n_folds=2, null="fit")
    np.testing.assert_array_equal(prior.pred_probs, fitted.pred_probs)
    assert (fitted.null_probs != prior.null_probs).any()
    np.testing.assert_allclose(fitted.null_probs, prior.null_probs, atol=0.03)
    assert np.allclose(fitted.null_probs.sum(axis=1), 1)


def test_fold_models_are_those_of_the_cross_fit() -> None:
    layers, texts, labels = task(60)
    rows = material(layers, texts)
    made = crossfit.cross_fit(Centroids(), rows, labels, 3, n_folds=3)
    units = bound_together(texts)
    for model in crossfit.fold_models(Centroids(), layers.astype(float), labels, 3, made.folds, units):
        temperature = made.details["temperature"][made.folds[model.test[0]]]
        probs = crossfit.spread(model.logits(layers[model.test].astype(float)), temperature, model.null)
        np.testing.assert_allclose(probs, made.pred_probs[model.test], atol=1e-4)  # the details are rounded


def test_an_evaluation_file_is_predicted_by_a_model_of_the_training_rows() -> None:
    layers, texts, labels = task(300)
    notes = Notes()
    overlapping = layers[:200], texts[:200], labels[:200], layers[199:], texts[199:], labels[199:], 3
    with pytest.raises(InputError, match=r"1 of 101 evaluation texts also stand in the training file .*--in-sample"):
        fit_eval(*overlapping)
    with reporting(notes):
        made = fit_eval(*overlapping, in_sample=True)
    assert made.pred_probs.shape == (101, 3)
    assert (made.pred_probs.argmax(axis=1) == labels[199:]).mean() > 0.85
    assert np.allclose(made.null_probs, null_prior(labels[:200], 3))
    assert any("1 of 101 evaluation texts" in text for text in notes.said)
    flipped = fit_eval(
        layers[:200], texts[:200], labels[:200], layers[199:], texts[199:], labels[199:][::-1], 3, in_sample=True
    )
    assert (flipped.pred_probs == made.pred_probs).all()  # the labels of the evaluation rows are never read
    with pytest.raises(InputError, match="classes that no training row has"):
        fit_eval(layers[:200], texts[:200], labels[:200] % 2, layers[200:], texts[200:], labels[200:], 3)
