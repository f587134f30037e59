"""Trees on columns of numbers."""

from __future__ import annotations

import numpy as np
import pytest

from curatekit.predict.null import null_prior
from curatekit.predict.probe import softmax
from curatekit.predict.trees import STRENGTHS, FittedTrees, fit_trees


def bits(labels: np.ndarray, logits: np.ndarray) -> float:
    """The mean bits per row by which the logits are better than one half."""
    return float(np.log2(2 * softmax(logits)[np.arange(len(labels)), labels]).mean())


def columns(n: int = 600, p: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, p)).astype(np.float32)


def fitted(x: np.ndarray, labels: np.ndarray, units: np.ndarray | None = None, seed: int = 0) -> FittedTrees:
    return fit_trees(
        x, labels, int(labels.max()) + 1, seed=seed, units=np.arange(len(labels)) if units is None else units
    )


@pytest.mark.parametrize(
    "rule",
    [
        lambda x: np.abs(x[:, 0]) < 0.7,  # neither low nor high
        lambda x: (x[:, 0] > 0) ^ (x[:, 1] > 0),  # neither alone says anything
        lambda x: np.floor(3 * x[:, 2]).astype(int) % 2 == 0,
    ],
)
def test_rules_of_columns_are_learnt_out_of_sample(rule) -> None:
    x, other = columns(1200), columns(500, seed=1)
    model = fitted(x, rule(x).astype(int))
    assert bits(rule(other).astype(int), model.logits(other)) > 0.6
    assert bits(rule(x).astype(int), model.held_out(x)) > 0.6


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_columns_that_say_nothing_leave_the_prior(share: float) -> None:
    x = columns(400)
    labels = (np.random.default_rng(1).random(400) > share).astype(int)
    model = fitted(x, labels)
    probs = softmax(model.logits(x))
    assert model.details["shrinkage"] >= 100
    assert (probs * np.log2(probs / null_prior(labels, 2))).sum(axis=1).mean() < 0.01  # bits that it claims to know


def slow(tree, counts: np.ndarray, strength: float, row: np.ndarray) -> np.ndarray:
    """The shrunk shares of one row, node by node from the root, as Agarwal et al. write it."""
    node, share = 0, counts[0] / counts[0].sum()
    result = share
    while tree.children_left[node] >= 0:
        value = row[tree.feature[node]]
        left = bool(tree.missing_go_to_left[node]) if np.isnan(value) else value <= tree.threshold[node]
        child = tree.children_left[node] if left else tree.children_right[node]
        below = counts[child] / counts[child].sum()
        result = result + (below - share) / (1 + strength / counts[node].sum())
        node, share = child, below
    return result


def test_logits_equal_their_slow_twin() -> None:
    x = columns(300)
    x[::7, 0] = np.nan
    labels = (np.nan_to_num(x[:, 0]) > 0.3).astype(int) + (x[:, 1] > 1)
    model = fitted(x, labels)
    assert model.strength in STRENGTHS
    prior = null_prior(labels, 3)
    for row in range(0, 300, 37):
        total, unseen, asked = np.zeros(3), np.zeros(3), 0
        for tree, seen in zip(model.trees, model.seen, strict=True):
            counts = tree.value[:, 0] * tree.weighted_n_node_samples[:, None]
            share = slow(tree, counts, model.strength, x[row])
            total += share
            unseen, asked = unseen + share * (not seen[row]), asked + (not seen[row])
        n = len(x)
        assert model.logits(x[[row]])[0] == pytest.approx(np.log((n * total / 30 + prior) / (n + 1)))
        assert model.held_out(x)[row] == pytest.approx(np.log((n * unseen / asked + prior) / (n + 1)))


def test_rows_of_one_unit_are_never_apart() -> None:
    """Copies with labels at random: a tree that has seen one knows the other, which is no evidence."""
    rng = np.random.default_rng(0)
    x, labels, units = (
        np.repeat(columns(150), 2, axis=0),
        np.repeat(rng.integers(2, size=150), 2),
        np.repeat(np.arange(150), 2),
    )
    model = fitted(x, labels, units)
    assert (model.seen[:, ::2] == model.seen[:, 1::2]).all()
    assert bits(labels, model.held_out(x)) < 0.05
    assert bits(labels, fitted(x, labels).held_out(x)) > 0.1


def test_the_same_arguments_give_the_same_trees_and_the_order_of_rows_is_nothing() -> None:
    x = columns(300)
    labels = (x[:, 0] + 0.5 * columns(300, 1, seed=2)[:, 0] > 0).astype(int)
    once = fitted(x, labels).logits(x)
    assert (once == fitted(x, labels).logits(x)).all()
    assert (once != fitted(x, labels, seed=1).logits(x)).any()
    order = np.random.default_rng(3).permutation(300)
    assert fitted(x[order], labels[order], order).logits(x) == pytest.approx(once, abs=1e-9)


def test_one_unit_or_missing_values_everywhere_leave_the_prior() -> None:
    labels = np.array([0, 0, 1] * 10)
    prior = null_prior(labels, 2)
    one = fitted(columns(30), labels, np.zeros(30, int))
    assert softmax(one.logits(columns(2))) == pytest.approx(np.tile(prior, (2, 1)))
    assert softmax(one.held_out(columns(30))) == pytest.approx(np.tile(prior, (30, 1)))
    empty = fitted(np.full((30, 2), np.nan, np.float32), labels)
    assert np.ptp(empty.logits(columns(5, 2)), axis=0).max() < 1e-12
