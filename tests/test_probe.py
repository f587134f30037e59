"""The probe: the same minimiser as sklearn's, a calibrated temperature, weights, warm starts; features without labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from curatekit.errors import InputError
from curatekit.predict.features import fit_features
from curatekit.predict.probe import STRENGTHS, fit_probe, fit_temperature, log_loss, softmax


def blobs(n: int, n_classes: int, p: int = 8, seed: int = 0, spread: float = 1.5):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % n_classes)
    centres = rng.normal(size=(n_classes, p))
    return (centres[labels] + spread * rng.normal(size=(n, p))).astype(np.float32), labels


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("C", [0.1, 1.0, 10.0])
def test_probabilities_are_those_of_sklearn_with_the_same_C(n_classes: int, C: float) -> None:
    features, labels = blobs(300, n_classes)
    theirs = LogisticRegression(C=C, tol=1e-8, max_iter=5000).fit(features.astype(float), labels)
    ours = fit_probe(features, labels, n_classes, C=C)
    assert ours.temperature == 1
    assert np.abs(ours.pred_probs(features) - theirs.predict_proba(features)).max() < 5e-3


def test_weights_act_as_repetition() -> None:
    features, labels = blobs(120, 3)
    times = np.random.default_rng(0).integers(1, 4, len(labels))
    weighted = fit_probe(features, labels, 3, C=1.0, weights=times)
    repeated = fit_probe(np.repeat(features, times, axis=0), np.repeat(labels, times), 3, C=1.0)
    assert np.abs(weighted.pred_probs(features) - repeated.pred_probs(features)).max() < 5e-3


def test_a_warm_start_ends_where_a_cold_one_does() -> None:
    features, labels = blobs(200, 3)
    elsewhere = fit_probe(features, (labels + 1) % 3, 3, C=1.0)
    warm = fit_probe(features, labels, 3, C=1.0, start=elsewhere)
    cold = fit_probe(features, labels, 3, C=1.0)
    assert np.abs(warm.pred_probs(features) - cold.pred_probs(features)).max() < 5e-3
    with pytest.raises(InputError, match="shape"):
        fit_probe(features[:, :4], labels, 3, C=1.0, start=elsewhere)


def test_pred_probs_are_the_softmax_of_the_published_coefficients() -> None:
    features, labels = blobs(200, 4)
    probe = fit_probe(features, labels, 4, seed=1)
    logits = features.astype(float) @ probe.coef.T + probe.intercept
    expected = np.exp(logits / probe.temperature)
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.abs(probe.pred_probs(features) - expected).max() < 1e-5
    assert probe.coef.shape == (4, 8)
    assert probe.intercept.shape == (4,)


def test_auto_chooses_strong_regularisation_for_noise_and_weak_for_signal() -> None:
    features, labels = blobs(400, 2, spread=0.3)
    random = np.random.default_rng(0).permutation(labels)
    assert fit_probe(features, labels, 2).C > fit_probe(features, random, 2).C


def test_the_temperature_recovers_a_known_overconfidence() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20000, 3))
    labels = np.array([rng.choice(3, p=p) for p in softmax(logits)])
    assert fit_temperature(labels, 2.5 * logits) == pytest.approx(2.5, rel=0.05)
    slow = min((log_loss(labels, 2.5 * logits / t), t) for t in np.linspace(1, 5, 81))[1]
    assert fit_temperature(labels, 2.5 * logits) == pytest.approx(slow, abs=0.05)


def test_log_loss_by_hand() -> None:
    logits = np.log(np.array([[0.5, 0.5], [0.25, 0.75]]))
    assert log_loss(np.array([0, 1]), logits) == pytest.approx(-(np.log(0.5) + np.log(0.75)) / 2)
    assert log_loss(np.array([0, 1]), logits, np.array([0.0, 2.0])) == pytest.approx(-np.log(0.75))


def test_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="two classes"):
        fit_probe(np.zeros((4, 2), np.float32), np.zeros(4, int), 2)


TEXTS = ("a fine day", "a fine night", "rain again today", "rain and wind again")


def test_features_of_a_row_do_not_depend_on_the_other_rows_transformed() -> None:
    layers = np.random.default_rng(0).normal(size=(4, 10)).astype(np.float16)
    fitted = fit_features(layers, TEXTS)
    together = fitted.transform(layers, TEXTS)
    alone = np.vstack([fitted.transform(layers[i : i + 1], TEXTS[i : i + 1]) for i in range(4)])
    assert together.dtype == np.float32
    assert together.shape == (4, fitted.dimension)
    assert np.abs(together - alone).max() < 1e-5


def test_layers_are_standardised_and_rotated() -> None:
    """Without truncation the inner products are those of the standardised columns, divided by their number."""
    layers = np.random.default_rng(0).normal(size=(50, 6)) * np.arange(1, 7) + 3
    fitted = fit_features(layers.astype(np.float32), ("",) * 50)
    rows = fitted.transform(layers.astype(np.float32), ("",) * 50)
    standard = (layers - layers.mean(axis=0)) / layers.std(axis=0) / np.sqrt(6)
    assert np.abs(rows @ rows.T - standard @ standard.T).max() < 1e-4


def test_constant_columns_and_texts_without_words_are_harmless() -> None:
    layers = np.ones((5, 3), np.float32)
    fitted = fit_features(layers, ("...",) * 4 + ("",))
    assert np.isfinite(fitted.transform(layers, ("...",) * 5)).all()
    none = fit_features(layers, ("", " ", "\n", "", ""))
    assert none.vectorizer is None
    assert np.isfinite(none.transform(layers, ("new words",) * 5)).all()


def test_wide_layers_keep_their_leading_components_without_a_full_decomposition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    spectrum = 1 / np.arange(1, 501)
    layers = (rng.normal(size=(500, 500)) * spectrum) @ rng.normal(size=(500, 900)) + rng.normal(size=900)
    standard = (layers - layers.mean(axis=0)) / layers.std(axis=0) / np.sqrt(900)
    left, values, _ = np.linalg.svd(standard, full_matrices=False)
    exact = (left[:, :384] * values[:384] ** 2) @ left[:, :384].T

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("n² · width")

    monkeypatch.setattr(np.linalg, "svd", never)
    texts = ("",) * 500
    layers = layers.astype(np.float32)
    rows = fit_features(layers, texts).transform(layers, texts)
    assert rows.shape == (500, 384)
    assert np.linalg.norm(rows @ rows.T - exact) < 1e-3 * np.linalg.norm(exact)
    assert np.array_equal(rows, fit_features(layers, texts).transform(layers, texts))


def test_separable_classes_are_regularised_least() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 4
    features = (np.eye(4)[labels] + 0.05 * rng.normal(size=(400, 4))).astype(np.float32)
    assert fit_probe(features, labels, 4).C == STRENGTHS[-1] == 100
