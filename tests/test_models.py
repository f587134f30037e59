"""The models behind predictions, asked about other texts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from curatekit.errors import InputError
from curatekit.predict import crossfit
from curatekit.predict.crossfit import IN_NO_FOLD, Predictions, fit_eval
from curatekit.predict.family import Material, load_family
from curatekit.predict.models import Models
from curatekit.scores.self_confidence import given_probs
from tests.letters import Centroids, Letters, models, sentences


@pytest.mark.parametrize("name", ["letters", "probe", "mlp", "knn", "ensemble"])
@pytest.mark.parametrize("pairs", [False, True], ids=["single", "pairs"])
def test_asked_about_the_rows_themselves_they_give_the_predictions(name: str, pairs: bool) -> None:
    inputs, labels = sentences(60, 3, pairs=pairs)
    asked = models(Centroids() if name == "letters" else load_family(name), inputs, labels, 3, n_folds=3)
    rows = np.random.default_rng(0).permutation(60)
    texts = tuple(tuple(column[row] for row in rows) for column in inputs)
    bits = asked.log2_given(rows, texts)
    expected = np.log2(given_probs(labels, asked.predictions.pred_probs))[rows]
    np.testing.assert_allclose(bits, expected, atol=1e-5)


def test_each_row_is_asked_of_the_model_that_has_not_seen_it_at_its_temperature() -> None:
    inputs, labels = sentences(60)
    asked = models(Centroids(), inputs, labels, 2, n_folds=3)
    rows = np.arange(60)
    bits = asked.log2_given(rows, (("alpha beta",) * 60,))
    folds, (x,), (other,) = asked.predictions.folds, Centroids().prepare(asked.material), Centroids().prepare(
        Material((("alpha beta",),), Letters())
    )  # fmt: skip
    for k in range(3):
        temperature = asked.predictions.temperature[folds == k][0]
        logits = Centroids().fit(x[folds != k], labels[folds != k], 2, seed=0, units=rows).logits(other)[0]
        expected = logits / temperature - np.log(np.exp(logits / temperature).sum())
        np.testing.assert_allclose(bits[folds == k], expected[labels[folds == k]] / np.log(2), atol=1e-9)
    assert len(np.unique(asked.predictions.temperature)) == 3


def test_equal_texts_are_read_once_for_each_model() -> None:
    inputs, labels = sentences(40)
    asked = replace(models(load_family("knn"), inputs, labels, 2, n_folds=3), encode=(encoder := Letters()))
    asked.log2_given(np.arange(40), (("alpha",) * 20 + ("beta",) * 20,))
    assert sorted(encoder.read) == sorted([("alpha",), ("beta",)] * 3)


def test_rows_of_an_evaluation_file_are_asked_of_the_model_of_all_training_rows() -> None:
    (texts,), labels = sentences(90)
    material, evaluated = Material((texts[:60],), Letters()), Material((texts[60:],), Letters())
    made = fit_eval(Centroids(), material, labels[:60], evaluated, labels[60:], 2)
    assert len(np.unique(made.temperature)) == 5  # those of the five parts
    asked = Models(
        Centroids(), material, labels[:60], np.arange(60), np.full(60, IN_NO_FOLD), made, labels[60:], Letters(),
        lambda inputs: (),
    )  # fmt: skip
    bits = asked.log2_given(np.arange(30), (texts[60:],))
    np.testing.assert_allclose(bits, np.log2(given_probs(labels[60:], made.pred_probs)), atol=1e-9)


def test_many_texts_and_classes_are_spread_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, labels = sentences(60, 5)
    asked = models(Centroids(), inputs, labels, 5, n_folds=3)
    whole = asked.log2_given(np.arange(60), inputs)
    monkeypatch.setattr("curatekit.predict.models._AT_ONCE", 7)
    sizes: list[int] = []
    spread = crossfit.spread
    monkeypatch.setattr(
        "curatekit.predict.models.spread", lambda logits, *rest: sizes.append(logits.size) or spread(logits, *rest)
    )
    np.testing.assert_array_equal(asked.log2_given(np.arange(60), inputs), whole)
    assert max(sizes) == 5


def test_a_class_that_a_fold_has_not_seen_keeps_the_null() -> None:
    (texts,), labels = sentences(40)
    labels[7] = 2
    asked = models(Centroids(), (texts,), labels, 3, n_folds=3)
    bits = asked.log2_given(np.array([7, 7]), (("alpha", "beta gamma"),))
    np.testing.assert_allclose(bits, np.log2(asked.predictions.null_probs[7, 2]))


def test_predictions_from_elsewhere_have_no_models() -> None:
    inputs, labels = sentences(40)
    asked = models(Centroids(), inputs, labels, 2, n_folds=3)
    given = asked.predictions
    foreign = Predictions(given.pred_probs, given.null_probs, given.folds, given.unscorable, "external (p.csv)")
    with pytest.raises(InputError, match=r"external \(p.csv\) came without models"):
        replace(asked, predictions=foreign).log2_given(np.arange(40), inputs)
