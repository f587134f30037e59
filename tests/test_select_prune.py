"""Pruning by a score, its random baseline, and what it does to the probe."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from curatekit.errors import InputError
from curatekit.select.prune import count_to_keep, effect, pruned, random_like


@pytest.mark.parametrize(
    ("keep", "n", "count"),
    [("0.5", 10, 5), ("50%", 10, 5), ("7", 10, 7), ("1", 10, 1), ("1.0", 10, 10), ("0.25", 10, 2)],
)
def test_a_share_or_a_count(keep: str, n: int, count: int) -> None:
    assert count_to_keep(keep, n) == count


@pytest.mark.parametrize("keep", ["0", "11", "1.5", "half", "0.01", "-3", "inf", "nan%"])
def test_what_is_neither_is_refused(keep: str) -> None:
    with pytest.raises(InputError, match="--keep"):
        count_to_keep(keep, 10)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=40), st.data(), st.booleans())
def test_the_best_are_kept_in_each_class_or_over_all(
    rows: list[tuple[int, int]], data: st.DataObject, within: bool
) -> None:
    labels, scores = (np.array(part) for part in zip(*rows, strict=True))
    k = data.draw(st.integers(1, len(rows)))
    found = pruned(scores.astype(float), labels, k, score="s", within_class=within)
    assert found.kept.sum() == k
    for label in set(labels.tolist()) if within else [None]:
        group = np.flatnonzero(labels == label) if within else np.arange(len(rows))
        best = sorted(group, key=lambda row: (-scores[row], row))[: int(found.kept[group].sum())]
        assert sorted(best) == np.flatnonzero(found.kept & np.isin(np.arange(len(rows)), group)).tolist()
        if within:
            assert abs(found.kept[group].sum() - k * len(group) / len(rows)) < 1
    for kept, reason in zip(found.kept, found.reason, strict=True):
        assert reason.startswith("kept: s " if kept else "dropped: s ")


def test_over_all_the_class_that_scores_low_is_lost() -> None:
    labels = np.array([0] * 8 + [1] * 2)
    scores = np.where(labels == 1, 0.1, 0.9)
    assert np.bincount(labels[pruned(scores, labels, 5, score="s").kept]).tolist() == [4, 1]
    assert np.bincount(labels[pruned(scores, labels, 5, score="s", within_class=False).kept]).tolist() == [5]


def test_a_score_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="Row 2 has no finite score"):
        pruned(np.array([1.0, np.nan]), np.array([0, 1]), 1, score="s")


def test_the_baseline_has_the_same_class_counts_and_every_row_a_chance() -> None:
    labels = np.arange(30) % 3
    kept = np.arange(30) < 12
    times = np.zeros(30)
    for seed in range(300):
        drawn = random_like(kept, labels, seed)
        np.testing.assert_array_equal(np.bincount(labels[drawn]), np.bincount(labels[kept]))
        times += drawn
    assert times.min() > 80  # 120 each are expected
    assert times.max() < 160


def test_the_effect_is_that_of_probes_trained_on_these_rows() -> None:
    rng = np.random.default_rng(0)
    labels, heldout = np.arange(300) % 2, np.arange(200) % 2
    features, others = (rng.normal(size=(len(y), 6)).astype(np.float32) + 0.8 * y[:, None] for y in (labels, heldout))
    wrong = np.arange(300) < 90
    given_labels = np.where(wrong, 1 - labels, labels)
    found = effect(features, given_labels, ~wrong, others, heldout, 2, draws=3)
    expected = LogisticRegression(C=1.0).fit(features[~wrong], labels[~wrong]).score(others, heldout)
    assert found.kept.accuracy.value == pytest.approx(expected, abs=0.02)
    assert len(found.random) == 3
    assert found.kept.accuracy.value > max(one.accuracy.value for one in found.random)
    again = effect(features, given_labels, ~wrong, others, heldout, 2, draws=3)
    assert [one.accuracy for one in again.random] == [one.accuracy for one in found.random]
