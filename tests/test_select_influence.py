"""Greedy influence against its definition: the Hessian written out, and the model trained again."""

from __future__ import annotations

from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from curatekit.predict.probe import Probe, fit_probe, softmax
from curatekit.select import Material, choose, label_averaging
from curatekit.select import influence as module
from curatekit.select.influence import influence

NONE = np.zeros(0, int)


def material(seed: int, n_classes: int) -> Material:
    rng = np.random.default_rng(seed)
    p = 5

    def rows(n: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.integers(0, n_classes, n)
        features = rng.normal(size=(n, p)) + 0.7 * np.eye(n_classes, p)[labels]
        return features.astype(np.float32), labels

    train, pool, examples = rows(60), rows(40), rows(12)
    specifications = np.repeat([0, 1, 2], 4)
    return Material(
        *train, pool[0], pool[0], pool[1], examples[0], examples[0], examples[1], specifications,
        ("a", "b", "c"), tuple("xyz"[:n_classes]), C=1.0,
    )  # fmt: skip


def asked_of(given: Material) -> dict[str, Any]:
    """Return what influence asks of the material, by name."""
    asked = signature(influence).parameters
    return {name: value for name, value in vars(given).items() if name in asked}


def loss(probe: Probe, features: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    probs = softmax(probe.logits(features))
    return float(-(weights * np.log(probs[np.arange(len(labels)), labels])).sum())


def objective(probe: Probe, given: Material, keep: float) -> float:
    return loss(
        probe, given.example_features, given.example_labels, label_averaging(given.example_labels)
    ) + keep * loss(probe, given.train_features, given.train_labels, label_averaging(given.train_labels))


def refitted(given: Material, added: np.ndarray) -> tuple[Probe, np.ndarray]:
    features = np.vstack([given.train_features, given.pool_features[added]])
    labels = np.append(given.train_labels, given.pool_labels[added])
    return fit_probe(features, labels, len(given.classes), C=given.C), features


def written_out(given: Material, keep: float, added: np.ndarray = NONE) -> np.ndarray:
    """Return ∇J · H⁻¹ ∇ℓ of each pool row and of each specification's own loss, (N, 1 + S), by loops and a dense inverse."""
    n_classes = len(given.classes)
    probe, features = refitted(given, added)

    def gradient(x: np.ndarray, y: int) -> np.ndarray:
        slope = softmax(probe.logits(x[None]))[0] - np.eye(n_classes)[y]
        return np.outer(np.append(x, 1), slope).ravel()

    size = (given.train_features.shape[1] + 1) * n_classes
    hessian = np.zeros((size, size))
    for x in features:
        probs = softmax(probe.logits(x[None]))[0]
        x1 = np.append(x, 1)
        hessian += np.kron(np.outer(x1, x1), np.diag(probs) - np.outer(probs, probs))
    ridge = np.full((given.train_features.shape[1] + 1, n_classes), (2 if n_classes == 2 else 1) / given.C)
    ridge[-1] = 1e-4
    hessian += np.diag(ridge.ravel())

    def mean(features: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return sum(w * gradient(x, y) for x, y, w in zip(features, labels, weights, strict=True))

    of_examples = given.example_features, given.example_labels
    goals = [mean(*of_examples, label_averaging(given.example_labels))]
    goals[0] = goals[0] + keep * mean(given.train_features, given.train_labels, label_averaging(given.train_labels))
    goals += [mean(*of_examples, (given.example_specifications == s) / 4) for s in range(3)]
    directions = np.linalg.solve(hessian, np.array(goals).T)
    return np.array([gradient(x, y) for x, y in zip(given.pool_features, given.pool_labels, strict=True)]) @ directions


@pytest.mark.parametrize(("seed", "n_classes", "keep"), [(0, 2, 1.0), (1, 3, 1.0), (2, 3, 0.0), (3, 2, 0.5)])
def test_one_round_takes_the_rows_of_greatest_influence(
    monkeypatch: pytest.MonkeyPatch, seed: int, n_classes: int, keep: float
) -> None:
    given = material(seed, n_classes)
    fields = asked_of(given)
    truth = written_out(given, keep)
    order = np.argsort(-truth[:, 0])
    loose = influence(**fields, k=15, rounds=1, keep=keep)
    assert len(set(loose.rows) & set(order[:15])) >= 14
    monkeypatch.setattr("curatekit.select.influence._TOLERANCE", 1e-5)
    monkeypatch.setattr("curatekit.select.influence._ROUGHLY", 1e-5)
    found = influence(**fields, k=15, rounds=1, keep=keep)
    assert found.rows.tolist() == order[:15].tolist()
    np.testing.assert_allclose(found.value, truth[found.rows, 0], rtol=1e-3)
    for row, name, reason in zip(found.rows, found.specification, found.reason, strict=True):
        best = int(truth[row, 1:].argmax())
        assert name == (given.specifications[best] if truth[row, 1 + best] > 0 else "")
        assert (repr(name) if name else "training data") in reason


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_second_round_minds_the_training_loss_by_what_the_first_did_to_it(seed: int) -> None:
    given = material(seed, 2)
    fields = asked_of(given)
    found = influence(**fields, k=20, rounds=2)
    first = found.rows[:10]
    weights = label_averaging(given.train_labels)
    before, after = (
        loss(refitted(given, rows)[0], given.train_features, given.train_labels, weights) for rows in (NONE, first)
    )
    keep = float(np.clip(np.exp(10 * (after / before - 1)), 0.3, 20))
    assert keep != pytest.approx(1, abs=0.02)
    truth = written_out(given, keep, first)[:, 0]
    truth[first] = -np.inf
    assert len(set(found.rows[10:]) & set(np.argsort(-truth)[:10])) >= 9
    np.testing.assert_allclose(
        found.value[10:], truth[found.rows[10:]], rtol=0.1, atol=0.02 * np.abs(found.value).max()
    )


def test_influence_foretells_what_training_on_the_row_does() -> None:
    given = material(4, 3)
    fields = asked_of(given)
    found = influence(**fields, k=40, rounds=1)
    before = objective(fit_probe(given.train_features, given.train_labels, 3, C=1.0), given, 1.0)
    lowered = []
    for row in found.rows:
        features = np.vstack([given.train_features, given.pool_features[row : row + 1]])
        labels = np.append(given.train_labels, given.pool_labels[row])
        lowered.append(before - objective(fit_probe(features, labels, 3, C=1.0), given, 1.0))
    assert np.corrcoef(found.value, lowered)[0, 1] > 0.95


def test_rounds_refit_and_never_take_a_row_twice() -> None:
    given = material(5, 2)
    found = choose("influence", given, 23)
    assert len(set(found.rows.tolist())) == 23
    assert found.reason[0].startswith("round 1: ")
    assert found.reason[-1].startswith("round 10: ")
    assert choose("influence", given, 40).rows.tolist() != found.rows.tolist()
    assert sorted(choose("influence", given, 40).rows) == list(range(40))
    again = choose("influence", given, 23, seed=9)
    np.testing.assert_array_equal(found.rows, again.rows)


def test_more_than_chance_lowers_the_loss_on_held_out_rows_like_the_examples() -> None:
    given = material(6, 2)
    chosen = choose("influence", given, 10).rows
    random = choose("random", given, 10).rows

    def after(rows: np.ndarray) -> float:
        features = np.vstack([given.train_features, given.pool_features[rows]])
        probe = fit_probe(features, np.append(given.train_labels, given.pool_labels[rows]), 2, C=1.0)
        return objective(probe, given, 1.0)

    assert after(chosen) < after(random)


def test_a_pool_in_a_memory_map_is_read_in_blocks_and_gives_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = material(7, 3)
    half = given.pool_features.astype(np.float16)
    whole = choose("influence", replace(given, pool_features=half.astype(np.float32)), 20)
    np.save(tmp_path / "pool.npy", half)
    monkeypatch.setattr(module, "_BLOCK", 7)
    mapped = choose("influence", replace(given, pool_features=np.load(tmp_path / "pool.npy", mmap_mode="r")), 20)
    np.testing.assert_array_equal(whole.rows, mapped.rows)
    np.testing.assert_allclose(whole.value, mapped.value, rtol=1e-4)


@given_by(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.data())
def test_the_largest_are_those_of_a_full_stable_sort(values: list[int], data: st.DataObject) -> None:
    value = np.array(values, float)
    size = data.draw(st.integers(1, len(values)))
    np.testing.assert_array_equal(module._largest(value, size), np.argsort(-value, kind="stable")[:size])
