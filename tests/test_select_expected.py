"""What a selection is expected to do, against counts by hand and against simulated templates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit import registry
from curatekit.errors import InputError
from curatekit.intervals import Interval, wilson
from curatekit.predict.probe import fit_probe
from curatekit.reporting import reporting
from curatekit.select import Material, choose, is_fitted
from curatekit.select.expected import (
    Expected,
    alike,
    clustered_rate,
    expected_failures,
    halves,
    knee,
    needed,
)
from tests.notes import Notes


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def material(seed: int = 0, templates: int = 6, fillings: int = 5) -> Material:
    """Two specifications whose examples are fillings of templates: points close around the template's own."""
    rng = np.random.default_rng(seed)
    p, n_classes = 24, 2

    def rows(n: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.integers(0, n_classes, n)
        return unit(rng.normal(size=(n, p)) + 0.8 * np.eye(n_classes, p)[labels]), labels

    train, pool = rows(80), rows(60)
    centres = unit(rng.normal(size=(2 * templates, p)))
    examples = unit(np.repeat(centres, fillings, axis=0) + 0.02 * rng.normal(size=(2 * templates * fillings, p)))
    specifications = np.repeat([0, 1], templates * fillings)
    return Material(*train, pool[0], pool[0], pool[1], examples, examples, specifications.copy(), specifications,
                    ("a", "b"), ("x", "y"), C=1.0)  # fmt: skip


def test_fillings_of_a_template_are_alike_and_templates_are_not() -> None:
    groups = alike(material())
    blocks = groups.reshape(12, 5)
    assert (blocks == blocks[:, :1]).all()
    assert len(np.unique(groups)) >= 10  # two centres may happen to lie within 0.6
    assert not set(groups[:30]) & set(groups[30:])


@given(st.lists(st.integers(1, 6), min_size=2, max_size=12), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_halves_keep_groups_whole_and_are_nearly_even(sizes: list[int], seed: int) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    parts = halves(groups, np.zeros(len(groups), int), seed)
    assert all(len(set(parts[groups == g])) == 1 for g in range(len(sizes)))
    counts = np.bincount(parts, minlength=2)
    assert abs(counts[0] - counts[1]) <= max(sizes)


def test_single_groups_do_not_all_fall_into_one_half() -> None:
    parts = halves(np.arange(200), np.arange(200), 0)
    assert 60 < parts.sum() < 140


def test_what_is_expected_of_a_fitted_method_is_measured_on_the_other_half() -> None:
    there = material()
    groups = alike(there)
    parts = halves(groups, there.example_specifications, 3)
    failed = np.zeros(len(parts), bool)
    for part in (0, 1):
        rows = choose("influence", there.with_examples(np.flatnonzero(parts != part)), 20, 3).rows
        features = np.concatenate([there.train_features, there.pool_features[rows]])
        labels = np.concatenate([there.train_labels, there.pool_labels[rows]])
        answers = fit_probe(features, labels, 2, C=1.0).logits(there.example_features).argmax(axis=1)
        failed[parts == part] = (answers != there.example_labels)[parts == part]
    (found,) = expected_failures(there, "influence", [20], seed=3)
    assert found.failure_rate.value == pytest.approx(failed.mean())
    assert [one.value for one in found.per_specification] == pytest.approx([failed[:30].mean(), failed[30:].mean()])
    assert found.by_label.value == pytest.approx((failed[:30].mean() + failed[30:].mean()) / 2)  # one label each


def test_without_rows_and_for_methods_blind_to_the_examples_all_examples_measure() -> None:
    there = material()
    m0 = fit_probe(there.train_features, there.train_labels, 2, C=1.0)
    failed = m0.logits(there.example_features).argmax(axis=1) != there.example_labels
    rows = choose("random", there, 10, 1).rows
    m1 = fit_probe(
        np.concatenate([there.train_features, there.pool_features[rows]]),
        np.concatenate([there.train_labels, there.pool_labels[rows]]), 2, C=1.0,
    )  # fmt: skip
    failed_1 = m1.logits(there.example_features).argmax(axis=1) != there.example_labels
    found = expected_failures(there, "random", [0, 10], seed=1)
    assert [one.failure_rate.value for one in found] == pytest.approx([failed.mean(), failed_1.mean()])


def test_a_specification_of_one_example_is_expected_without_its_own_guidance() -> None:
    there = material()
    single = there.with_examples(np.r_[0, 30:60])
    (found,) = expected_failures(single, "influence", [10])
    assert found.per_specification[0].value in (0.0, 1.0)


FITTED = [name for name in registry.names("select") if is_fitted(name)]


@pytest.mark.parametrize("method", FITTED)
@pytest.mark.parametrize("kept", [range(1), range(5)], ids=["one example", "one template"])
def test_nothing_is_expected_where_no_half_can_measure_and_it_is_said_once(method: str, kept: range) -> None:
    notes = Notes()
    alone = with_texts(material().with_examples(np.array(kept)))
    assert len(choose(method, alone, 10).rows) == 10  # the selection itself works
    with reporting(notes):
        none, some, more = expected_failures(alone, method, [0, 5, 10])
    assert 0 <= none.failure_rate.value <= 1
    for one in (some, more):
        assert np.isnan([*one.failure_rate, *one.by_label, *one.per_specification[0]]).all()
    assert sum("too much alike for one half of them to choose and the other to measure" in line for line in notes.lines) == 1  # fmt: skip
    assert knee([none, some, more]) is None
    assert np.isnan(needed([none, some, more], -0.1))
    assert needed([none, some, more], 1.0) == 0


@pytest.mark.parametrize("method", FITTED)
def test_two_specifications_of_one_template_each_are_told_apart_by_the_halves(method: str) -> None:
    for seed in range(4):
        (found,) = expected_failures(with_texts(material().with_examples(np.r_[0:5, 30:35])), method, [5], seed)
        assert not np.isnan([one.value for one in found.per_specification]).any()


@given(st.lists(st.integers(1, 9), min_size=2, max_size=30), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_specifications_of_one_group_each_are_in_both_halves(sizes: list[int], seed: int) -> None:
    of = np.repeat(np.arange(len(sizes)), sizes)
    parts = halves(of, of, seed)
    assert set(parts.tolist()) == {0, 1}
    assert abs(int((parts == 0).sum()) - int((parts == 1).sum())) <= max(sizes)


@pytest.mark.parametrize("method", FITTED)
def test_a_half_whose_labels_leave_fewer_rows_than_k_chooses_all_of_them(method: str) -> None:
    """Each half has one of two labels, 30 of the 60 rows each; all 50 rows asked for can be chosen by both together."""
    there = with_texts(material().with_examples(np.r_[0:5, 30:35]))
    there = replace(there, pool_labels=np.arange(60) % 2)
    notes = Notes()
    with reporting(notes):
        (found,) = expected_failures(there, method, [50])
    failed = np.zeros(10, bool)
    for s in (0, 1):  # the specification of the other half chooses
        rows = np.flatnonzero(there.pool_labels != s)
        if method == "influence":  # it takes rows of any label
            rows = choose(method, there.with_examples(np.flatnonzero(there.example_specifications != s)), 50).rows
        probe = fit_probe(
            np.concatenate([there.train_features, there.pool_features[rows]]),
            np.concatenate([there.train_labels, there.pool_labels[rows]]), 2, C=1.0,
        )  # fmt: skip
        own = there.example_specifications == s
        failed[own] = probe.logits(there.example_features[own]).argmax(axis=1) != s
    assert found.failure_rate.value == pytest.approx(failed.mean())
    assert any("labels that 30 rows of the pool bear, fewer than k" in line for line in notes.lines) == (
        method != "influence"
    )


def test_a_k_that_the_labels_of_all_examples_do_not_have_is_refused_with_their_number() -> None:
    there = replace(material(), pool_labels=np.repeat([0, 1, 2], 20), classes=("x", "y", "z"))
    with pytest.raises(
        InputError, match=r"k is 45, and the pool has 40 rows with a label of the specifications \(x, y\)"
    ):
        expected_failures(there, "quota", [45])


def test_rows_that_are_known_are_not_chosen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    there = material()
    plain = expected_failures(there, "random", [5, 8], seed=1)
    rows = {k: choose("random", there, k, 1).rows for k in (5, 8)}
    monkeypatch.setattr("curatekit.select.expected.choose", None)
    assert expected_failures(there, "random", [5, 8], seed=1, chosen=rows) == plain


def with_texts(there: Material) -> Material:
    """The material with texts by the label, for methods that read words."""
    texts = tuple(f"word {'xy'[label]} {number}" for number, label in enumerate(there.pool_labels))
    return replace(there, pool_texts=texts, example_texts=tuple(f"word {'xy'[y]}" for y in there.example_labels))


def test_groups_of_one_row_give_the_score_interval_and_copies_add_nothing() -> None:
    rng = np.random.default_rng(0)
    failed = rng.random(40) < 0.3
    apart = clustered_rate(failed, np.arange(40))
    plain = wilson(int(failed.sum()), 40)
    assert apart.low == pytest.approx(plain.low, abs=0.01)
    assert apart.high == pytest.approx(plain.high, abs=0.01)
    copied = clustered_rate(np.repeat(failed, 7), np.repeat(np.arange(40), 7))
    assert copied == pytest.approx(apart, abs=1e-9)
    none = clustered_rate(np.zeros(30, bool), np.repeat(np.arange(3), 10))
    assert none == wilson(0, 3)


def test_the_interval_holds_for_templates_that_fail_together() -> None:
    rng = np.random.default_rng(1)
    groups, held = np.repeat(np.arange(30), 8), 0
    for _ in range(400):
        rate = np.clip(rng.beta(1.2, 2.8, 30), 0.01, 0.99)  # mean 0.3
        failed = rng.random(240) < rate[groups]
        found = clustered_rate(failed, groups)
        held += found.low <= 0.3 <= found.high
    assert 0.90 <= held / 400 <= 0.99


def curve(*points: tuple[int, float]) -> list[Expected]:
    return [Expected(k, Interval(rate, rate, rate), Interval(rate, rate, rate), ()) for k, rate in points]


def test_the_knee_is_where_doubling_no_longer_pays() -> None:
    assert knee(curve((0, 0.5), (100, 0.3), (200, 0.2), (400, 0.19), (800, 0.185))) == 200
    assert knee(curve((0, 0.5), (100, 0.5), (200, 0.5))) == 0
    assert knee(curve((0, 0.5), (100, 0.4), (1600, 0.33))) == 100  # four doublings, less than 0.02 each
    assert knee(curve((0, 0.5), (100, 0.4), (200, 0.3))) == 200


def test_how_many_rows_a_target_takes() -> None:
    points = curve((0, 0.5), (100, 0.3), (300, 0.2))
    assert needed(points, 0.6) == 0
    assert needed(points, 0.4) == pytest.approx(50)
    assert needed(points, 0.25) == pytest.approx(200)
    assert np.isnan(needed(points, 0.1))
    assert needed(curve((100, 0.3)), 0.35) == 100


def test_the_order_of_the_examples_does_not_matter_to_the_groups() -> None:
    there = material()
    order = np.random.default_rng(5).permutation(len(there.example_labels))
    shuffled = replace(
        there, example_features=there.example_features[order], example_embeddings=there.example_embeddings[order],
        example_labels=there.example_labels[order], example_specifications=there.example_specifications[order],
    )  # fmt: skip
    a, b = alike(there)[order], alike(shuffled)
    assert ((a[:, None] == a) == (b[:, None] == b)).all()
