"""Methods that ask the probe of the training rows, or one of the examples, and the balanced baseline."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from curatekit.reporting import reporting
from curatekit.select import choose
from tests.notes import Notes
from tests.select_material import material


def sklearn_probs(x: np.ndarray, y: np.ndarray, asked: np.ndarray, C: float = 1.0) -> np.ndarray:
    return LogisticRegression(C=C, max_iter=2000, tol=1e-8).fit(x, y).predict_proba(asked)


def test_lowest_pvi_takes_the_rows_that_the_model_gives_the_least_bits() -> None:
    one = material(0)
    probs = sklearn_probs(one.train_features, one.train_labels, one.pool_features)
    prior = (np.bincount(one.train_labels) + 1) / (40 + 3)
    bits = np.log2(probs[np.arange(60), one.pool_labels]) - np.log2(prior[one.pool_labels])
    found = choose("lowest-pvi", one, 10)
    assert found.rows.tolist() == np.argsort(bits)[:10].tolist()
    np.testing.assert_allclose(found.value, -bits[found.rows], atol=1e-3)
    assert found.reason[0].startswith("PVI −")


def test_uncertainty_takes_the_rows_of_greatest_entropy() -> None:
    one = material(1)
    probs = sklearn_probs(one.train_features, one.train_labels, one.pool_features)
    entropy = [-sum(p * np.log2(p) for p in row) for row in probs]
    found = choose("uncertainty", one, 10)
    np.testing.assert_allclose(found.value, np.sort(entropy)[::-1][:10], atol=1e-3)
    np.testing.assert_allclose(found.value, np.array(entropy)[found.rows], atol=1e-3)


def test_ambiguous_takes_the_rows_that_replicates_disagree_about() -> None:
    one = material(2)
    rng = np.random.default_rng(3)
    given = []
    for _ in range(10):
        drawn = rng.integers(40, size=40)
        probs = np.full((60, 3), 1e-9)
        present = np.unique(one.train_labels[drawn])
        probs[:, present] = sklearn_probs(one.train_features[drawn], one.train_labels[drawn], one.pool_features)
        given.append(probs[np.arange(60), one.pool_labels])
    deviation = np.std(given, axis=0)
    found = choose("ambiguous", one, 10, seed=3)
    np.testing.assert_allclose(found.value, deviation[found.rows], atol=2e-3)
    assert len(set(found.rows.tolist()) & set(np.argsort(-deviation)[:10].tolist())) >= 9


def test_balanced_draws_as_many_of_each_label_of_the_specifications() -> None:
    one = material(3)
    counts = np.zeros(60)
    for seed in range(300):
        found = choose("balanced", one, 11, seed=seed)
        assert np.bincount(one.pool_labels[found.rows], minlength=3).tolist() == [6, 5, 0]
        counts[found.rows] += 1
    ours = counts[one.pool_labels == 0]
    assert ours.min() > 60  # 90 each are expected
    assert ours.max() < 120


def test_specification_probe_takes_rows_whose_label_the_examples_alone_would_give() -> None:
    one = material(4, spec_labels=(0, 1, 2))
    probs = sklearn_probs(one.example_features, one.example_labels, one.pool_features)
    shared = np.flatnonzero(probs.argmax(axis=1) == one.pool_labels)
    found = choose("specification-probe", one, len(shared))
    assert sorted(found.rows) == shared.tolist()
    similarity = [
        max(float(one.pool_embeddings[row] @ e) for e in one.example_embeddings[one.example_specifications == "abc".index(name)])
        for row, name in zip(found.rows, found.specification, strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose(
        found.value, probs[found.rows, one.pool_labels[found.rows]] * np.array(similarity), atol=1e-3
    )
    first = dict(reversed(list(zip(found.specification, found.value, strict=True))))
    for name, value in zip(found.specification, found.value, strict=True):
        assert value <= first[name] + 1e-9  # each specification takes its best first


def test_specification_probe_says_when_it_cannot_keep_to_what_it_shares() -> None:
    notes = Notes()
    with reporting(notes):
        found = choose("specification-probe", material(5), 38)
        one = material(6, spec_labels=(1, 1))
        same = choose("specification-probe", one, 5)
    assert len(set(found.rows.tolist())) == 38
    assert "less than k: others are taken too" in notes.lines[0]
    assert "All specifications have the same label" in notes.lines[1]
    assert same.rows.tolist() == choose("quota", one, 5).rows.tolist()


@pytest.mark.parametrize("k", [1, 6, 25])
def test_quota_takes_the_nearest_in_turns(k: int) -> None:
    one = material(k)
    taken: list[tuple[int, str]] = []
    while len(taken) < k:
        for s, name in enumerate("abc"):
            label = one.example_labels[one.example_specifications == s][0]
            free = [row for row in np.flatnonzero(one.pool_labels == label) if row not in {row for row, _ in taken}]
            if free and len(taken) < k:
                near = {row: max(one.pool_embeddings[row] @ one.example_embeddings[one.example_specifications == s].T) for row in free}  # fmt: skip
                taken.append((int(max(near, key=near.__getitem__)), name))
    found = choose("quota", one, k)
    assert list(zip(found.rows.tolist(), found.specification, strict=True)) == taken
