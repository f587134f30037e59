"""The families on embeddings: mlp, knn, ensemble; the probe has its own file."""

from __future__ import annotations

import numpy as np
import pytest

from curatekit.embed import Features
from curatekit.errors import InputError
from curatekit.predict.crossfit import cross_fit
from curatekit.predict.ensemble import MEMBERS, EnsembleFamily
from curatekit.predict.family import Material, load_family
from curatekit.predict.knn import NEIGHBOURS, PRIORS, KnnFamily
from curatekit.predict.mlp import MlpFamily
from curatekit.predict.null import null_prior
from curatekit.predict.probe import softmax


def rows(n: int = 120, n_classes: int = 3, seed: int = 0) -> tuple[Material, np.ndarray]:
    """Rows in clouds around the corners of a simplex, by class."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % n_classes)
    vectors = (3 * np.eye(n_classes, 12)[labels] + rng.normal(size=(n, 12))).astype(np.float32)
    features = Features(vectors, vectors.astype(np.float16), np.zeros(n, bool), 0)
    return Material((tuple(f"row {i}" for i in range(n)),), lambda inputs: features), labels


def knn_twin(x: np.ndarray, labels: np.ndarray, query: np.ndarray, k: int, prior: float, n_classes: int) -> np.ndarray:
    """One query at a time, every similarity, a loop over the neighbours."""
    similarity = [float(query @ row / (np.linalg.norm(query) * np.linalg.norm(row))) for row in x]
    near = sorted(range(len(x)), key=lambda i: (-round(similarity[i], 9), i))[:k]
    votes = prior * null_prior(labels, n_classes)
    for i in near:
        votes[labels[i]] += np.exp((similarity[i] - similarity[near[0]]) / 0.1)
    return votes / votes.sum()


def test_knn_equals_its_slow_twin() -> None:
    material, labels = rows()
    (x,) = KnnFamily().prepare(material)
    fitted = KnnFamily().fit(x[:90], labels[:90], 3, seed=0, units=np.arange(90))
    k, prior = int(fitted.details["neighbours"]), fitted.details["prior_weight"]
    twin = [knn_twin(x[:90], labels[:90], query, k, prior, 3) for query in x[90:]]
    np.testing.assert_allclose(softmax(fitted.logits(x[90:])), twin, atol=1e-6)


def test_knn_chooses_what_predicts_each_row_best_from_the_others() -> None:
    material, labels = rows(60)
    (x,) = KnnFamily().prepare(material)
    units = np.arange(60)
    units[1] = 0  # a copy of row 0 must not speak for it
    x = x.copy()
    x[1] = x[0]
    losses = {}
    for k in (5, 10, 20, 50, 59):
        for prior in PRIORS:
            loss = 0.0
            for i in range(60):
                others = np.flatnonzero(np.arange(60) != i)
                similarity = x[others] @ x[i] / (np.linalg.norm(x[others], axis=1) * np.linalg.norm(x[i]))
                near = others[np.lexsort((others, -np.round(similarity, 9)))][:k]
                near = near[units[near] != units[i]]
                cosine = x[near] @ x[i] / (np.linalg.norm(x[near], axis=1) * np.linalg.norm(x[i]))
                votes = prior * null_prior(labels, 3)
                np.add.at(votes, labels[near], np.exp((cosine - cosine.max()) / 0.1))
                loss -= np.log(votes[labels[i]] / votes.sum())
            losses[min(k, 59), prior] = loss
    fitted = KnnFamily().fit(x, labels, 3, seed=0, units=units)
    assert (fitted.k, fitted.prior) == min(losses, key=losses.__getitem__)
    assert NEIGHBOURS[-1] > 59  # more than there are


def test_the_network_follows_its_seed_and_learns() -> None:
    material, labels = rows()
    (x,) = MlpFamily().prepare(material)
    units = np.arange(90)
    made, again, other = (
        MlpFamily().fit(x[:90], labels[:90], 3, seed=s, units=units).logits(x[90:]) for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(made, again)
    assert (made != other).any()
    assert (made.argmax(axis=1) == labels[90:]).mean() > 0.8


def test_the_ensemble_is_the_mean_of_its_members() -> None:
    material, labels = rows()
    family, units = EnsembleFamily(), np.arange(90)
    (x,) = family.prepare(material)
    assert len(x) == len(x[np.arange(120)]) == 120
    train, test = np.arange(90), np.arange(90, 120)
    fitted = family.fit(x[train], labels[:90], 3, seed=0, units=units)
    probs = []
    for member in MEMBERS:
        (own,) = member.prepare(material)
        one = member.fit(own[:90], labels[:90], 3, seed=0, units=units)
        probs.append(softmax(one.logits(own[90:]) / (one.temperature or 1.0)))
    np.testing.assert_allclose(softmax(fitted.logits(x[test])), np.mean(probs, axis=0), atol=1e-9)
    assert {"C", "neighbours"} <= set(fitted.details)


@pytest.mark.parametrize("name", ["probe", "mlp", "knn", "ensemble"])
def test_classes_renamed_and_rows_permuted_change_nothing_but_the_order(name: str) -> None:
    """Renaming permutes the columns. (Rows permuted: the same model within the tolerance of its optimiser.)"""
    material, labels = rows(90)
    (x,) = load_family(name).prepare(material)
    train, test = np.arange(60), np.arange(60, 90)
    units = np.arange(60)
    first = load_family(name).fit(x[train], labels[:60], 3, seed=0, units=units)
    probs = softmax(first.logits(x[test]) / (first.temperature or 1.0))
    renamed = np.array([2, 0, 1])
    other = load_family(name).fit(x[train], renamed[labels[:60]], 3, seed=0, units=units)
    again = softmax(other.logits(x[test]) / (other.temperature or 1.0))[:, renamed]
    # a network begins with other weights for each class: its answers agree, its numbers nearly
    assert np.abs(again - probs).max() < (0.15 if name in ("mlp", "ensemble") else 0.02)
    assert (again.argmax(axis=1) == probs.argmax(axis=1)).mean() > 0.9


@pytest.mark.parametrize("name", ["probe", "mlp", "knn", "ensemble"])
def test_a_thousand_classes_and_pairs_are_survived(name: str) -> None:
    n, n_classes = 2000, 1000
    rng = np.random.default_rng(0)
    labels = np.arange(n) % n_classes
    vectors = (rng.normal(size=(n_classes, 32))[labels] + 0.05 * rng.normal(size=(n, 32))).astype(np.float32)
    features = Features(vectors, vectors.astype(np.float16), np.zeros(n, bool), 0)
    pairs = (tuple(f"a{i}" for i in range(n)), tuple(f"b{i}" for i in range(n)))
    made = cross_fit(load_family(name), Material(pairs, lambda inputs: features), labels, n_classes, n_folds=2)
    assert made.pred_probs.shape == (n, n_classes)
    assert np.allclose(made.pred_probs.sum(axis=1), 1)
    assert (made.pred_probs.argmax(axis=1) == labels).mean() > 0.3


def test_a_family_that_takes_no_model_says_so() -> None:
    with pytest.raises(InputError, match="'probe' takes no model, but 'large' was named"):
        load_family("probe:large")
    with pytest.raises(InputError, match=r"Did you mean 'knn'\?"):
        load_family("knm")
