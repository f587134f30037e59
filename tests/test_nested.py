"""Nested training sets: orders whose beginnings are spread over the classes, and models of parts of the training rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.predict import crossfit
from curatekit.predict.folding import bound_together
from curatekit.predict.knn import KnnFamily
from curatekit.predict.nested import FIRST, Nested, nested_order
from curatekit.predict.null import null_prior
from curatekit.predict.probe import fit_temperature
from curatekit.predict.probe_family import ProbeFamily
from tests.test_crossfit import Centroids, material, task


@given(st.lists(st.integers(0, 5), min_size=1, max_size=80), st.integers(0, 3))
@settings(max_examples=60)
def test_every_beginning_is_spread_over_the_classes(labels: list[int], seed: int) -> None:
    own = np.array(labels)
    order = nested_order(own, seed)
    assert sorted(order) == list(range(len(own)))
    counts = np.bincount(own)
    present = int((counts > 0).sum())
    for m in range(len(own) + 1):
        held = np.bincount(own[order[:m]], minlength=len(counts))
        if m >= FIRST * present:
            assert (held >= np.minimum(counts, FIRST)).all()
        if m >= len(own) / 2:  # the rows that stand first have their places filled by then
            assert (np.abs(held - counts * m / len(own)) <= present + 1).all()


def test_large_classes_are_spread_within_a_row() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [600, 300, 100]))
    order = nested_order(labels, 0)
    for m in (50, 100, 250, 500):
        assert np.bincount(labels[order[:m]]) == pytest.approx(m * np.array([0.6, 0.3, 0.1]), abs=1.5)


def test_the_order_is_drawn_by_the_seed_and_within_classes_at_random() -> None:
    labels = np.arange(40) % 2
    assert (nested_order(labels, 1) == nested_order(labels, 1)).all()
    assert (nested_order(labels, 1) != nested_order(labels, 2)).any()
    first = [nested_order(labels, seed)[0] for seed in range(200)]
    assert len(set(first)) > 30


def nested(n: int = 240, seed: int = 3, family=ProbeFamily(), groups=None):  # noqa: B008 (frozen)
    layers, texts, labels = task(n)
    rows = material(layers, texts)
    whole = crossfit.cross_fit(family, rows, labels, 3, seed=seed, groups=groups)
    return Nested(family, rows, labels, bound_together(texts, groups), whole, seed), whole, labels


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=12, max_size=60), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_smaller_training_sets_are_within_larger_ones_and_test_rows_stay(rows: list, seed: int) -> None:
    labels = np.array([label for label, _ in rows])
    texts = tuple(f"{text}" if text < 3 else f"{text} {i}" for i, (_, text) in enumerate(rows))
    if len(set(texts)) < 5 or len(set(labels)) < 2:
        return
    layers = np.zeros((len(rows), 4), np.float16)
    fold = crossfit.folds(labels, texts, 3, seed)
    probs = np.full((len(rows), 4), 0.25)
    whole = crossfit.Predictions(probs, probs, fold, np.zeros(len(rows), bool), "none")
    one = Nested(ProbeFamily(), material(layers, texts), labels, bound_together(texts), whole, seed)
    assert sorted(np.concatenate([split.test for split in one.splits])) == list(range(len(rows)))
    for split in one.splits:
        assert sorted([*split.train, *split.test]) == list(range(len(rows)))
        assert not {texts[i] for i in split.train} & {texts[i] for i in split.test}
        parts = [set(split.train[: round(share * len(split.train))]) for share in (0.125, 0.25, 0.5, 1)]
        assert all(small <= large for small, large in pairwise(parts))


def test_a_part_is_predicted_by_models_of_its_rows_alone() -> None:
    """The slow twin: by hand, fold by fold; the null is that of all training rows."""
    one, whole, labels = nested()
    found = one.predictions(0.25)
    (x,) = one.family.prepare(one.material)
    for k in range(5):
        train, test = np.flatnonzero(whole.folds != k), np.flatnonzero(whole.folds == k)
        rows = np.sort(train[nested_order(labels[train], [3, k])][: round(0.25 * len(train))])
        model = one.family.fit(x[rows], labels[rows], 3, seed=3, units=one.units[rows])
        probs = crossfit.spread(model.logits(x[test]), model.temperature, null_prior(labels[train], 3))
        assert np.allclose(found.pred_probs[test], probs, atol=1e-12)
        assert (found.null_probs[test] == null_prior(labels[train], 3)).all()
    assert (found.folds == whole.folds).all()
    assert found.pred_probs.max() < 1


@pytest.mark.parametrize("family", [ProbeFamily(), KnnFamily(), Centroids()], ids=lambda f: f.name)
def test_nearly_all_of_the_training_rows_are_all_of_them(family) -> None:
    """A share that rounds to every row gives what the cross-fit gave, temperature included."""
    one, whole, _ = nested(family=family)
    found = one.predictions(1 - 1e-6)
    assert (found.pred_probs == whole.pred_probs).all()
    assert (found.null_probs == whole.null_probs).all()


def test_the_temperature_is_fitted_on_other_folds() -> None:
    one, whole, labels = nested(family=Centroids())
    found = one.predictions(0.5)
    assert found.temperature is not None
    (x,) = one.family.prepare(one.material)
    logits = np.empty((240, 3))
    for train, test in one.splits:
        rows = np.sort(train[: round(0.5 * len(train))])
        logits[test] = one.family.fit(x[rows], labels[rows], 3, seed=3, units=rows).logits(x[test])
    others = whole.folds != 2
    expected = fit_temperature(labels[others], logits[others])
    assert found.temperature[whole.folds == 2] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("family", [ProbeFamily(), KnnFamily()], ids=lambda f: f.name)
def test_an_evaluation_file_is_predicted_by_one_model_of_a_part(family) -> None:
    layers, texts, labels = task(300)
    train, test = material(layers[:200], texts[:200]), material(layers[200:], texts[200:])
    whole = crossfit.fit_eval(family, train, labels[:200], test, labels[200:], 3, seed=1)
    one = Nested(family, train, labels[:200], np.arange(200), whole, 1, (test, labels[200:]))
    found = one.predictions(0.5)
    rows = np.sort(nested_order(labels[:200], 1)[:100])
    x, asked = family.prepare(train, test)
    slow = family.fit(x[rows], labels[rows], 3, seed=1, units=rows)
    assert (found.pred_probs.argmax(axis=1) == slow.logits(asked).argmax(axis=1)).all()
    assert (one.predictions(1 - 1e-6).pred_probs == whole.pred_probs).all()
    assert found.pred_probs.shape == (100, 3)


def test_a_class_of_two_rows_is_in_the_smallest_part() -> None:
    layers, texts, labels = task(240)
    labels[labels == 2] = 1
    labels[[5, 100]] = 2
    whole = crossfit.cross_fit(ProbeFamily(), material(layers, texts), labels, 3)
    one = Nested(ProbeFamily(), material(layers, texts), labels, np.arange(240), whole)
    found = one.predictions(6 / 192)
    assert not found.unscorable.any()


def test_models_of_a_slow_family_are_kept_one_by_one() -> None:
    one, _, _ = nested(family=Centroids())
    stored: dict[int, object] = {}

    def keep(k, compute):
        return stored.setdefault(k, compute())

    first = one.predictions(0.5, keep)
    assert sorted(stored) == [0, 1, 2, 3, 4]
    again = one.predictions(0.5, lambda k, compute: stored[k])
    assert (first.pred_probs == again.pred_probs).all()
