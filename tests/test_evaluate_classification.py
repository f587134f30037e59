"""Accuracy, macro-F1 and MCC against scikit-learn, by value; the bootstrap against drawing rows; its coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.errors import InputError
from curatekit.evaluate.classification import (
    _Counts,
    _macro_f1,
    _mcc,
    _resampled,
    classification,
    confusion_matrix,
    macro_f1,
    mcc,
)
from curatekit.intervals import wilson

PAIRS = st.integers(1, 6).flatmap(
    lambda k: st.tuples(
        st.just(k), st.lists(st.tuples(st.integers(0, k - 1), st.integers(0, k - 1)), min_size=1, max_size=40)
    )
)


@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")
@given(PAIRS)
@settings(deadline=None, max_examples=50)
def test_every_figure_is_that_of_sklearn(case: tuple[int, list[tuple[int, int]]]) -> None:
    from sklearn import metrics

    n_classes, pairs = case
    labels, predicted = np.array(pairs).T
    assert macro_f1(labels, predicted, n_classes) == pytest.approx(
        metrics.f1_score(labels, predicted, average="macro", zero_division=0)
    )
    assert mcc(labels, predicted, n_classes) == pytest.approx(metrics.matthews_corrcoef(labels, predicted))
    scores = classification(labels, predicted, n_classes, n_resamples=20)
    assert scores.accuracy == wilson(int((labels == predicted).sum()), len(pairs))
    assert scores.macro_f1.value == macro_f1(labels, predicted, n_classes)
    assert scores.mcc.value == mcc(labels, predicted, n_classes)
    every = list(range(n_classes))
    assert np.array_equal(scores.confusion, metrics.confusion_matrix(labels, predicted, labels=every))
    precision, recall, f1, n = metrics.precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0)
    np.testing.assert_allclose([row.precision for row in scores.per_class], precision)
    np.testing.assert_allclose([row.recall for row in scores.per_class], recall)
    np.testing.assert_allclose([row.f1 for row in scores.per_class], f1)
    assert [row.n for row in scores.per_class] == n.tolist()


def test_by_hand() -> None:
    # classes a, b: TP 3, FN 1, FP 2, TN 4
    labels = np.array([0] * 4 + [1] * 6)
    predicted = np.array([0, 0, 0, 1, 0, 0, 1, 1, 1, 1])
    scores = classification(labels, predicted, 2)
    assert scores.confusion.tolist() == [[3, 1], [2, 4]]
    assert scores.accuracy.value == 0.7
    assert scores.macro_f1.value == pytest.approx((6 / 9 + 8 / 11) / 2)
    assert scores.mcc.value == pytest.approx((3 * 4 - 2 * 1) / (5 * 4 * 6 * 5) ** 0.5)
    assert scores.per_class[0] == pytest.approx((4, 5, 3 / 5, 3 / 4, 2 / 3))


def test_the_resampled_statistics_are_those_of_resampled_rows() -> None:
    """Each draw of cells is written out as rows and given to sklearn."""
    from sklearn import metrics

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 60)
    predicted = np.where(rng.random(60) < 0.6, labels, rng.integers(0, 4, 60))
    confusion = confusion_matrix(labels, predicted, 5)  # a class that never occurs
    draws = _resampled(confusion, 30, rng)
    assert (draws.sum(1) == 60).all()
    f1s, mccs = _macro_f1(_Counts.of(confusion, draws)), _mcc(_Counts.of(confusion, draws))
    cells = np.transpose(np.nonzero(confusion))
    for draw, one_f1, one_mcc in zip(draws, f1s, mccs, strict=True):
        rows = np.repeat(cells, draw, axis=0)
        assert one_f1 == pytest.approx(metrics.f1_score(rows[:, 0], rows[:, 1], average="macro", zero_division=0))
        assert one_mcc == pytest.approx(metrics.matthews_corrcoef(rows[:, 0], rows[:, 1]))


def test_drawing_cells_is_drawing_rows() -> None:
    """The same quantiles as the obvious bootstrap: n rows with replacement, one after the other."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 200)
    predicted = np.where(rng.random(200) < 0.7, labels, rng.integers(0, 3, 200))
    slow = [
        (macro_f1(labels[rows], predicted[rows], 3), mcc(labels[rows], predicted[rows], 3))
        for rows in rng.integers(0, 200, size=(4000, 200))
    ]
    scores = classification(labels, predicted, 3, n_resamples=4000)
    expected = np.quantile(np.array(slow), [0.025, 0.975], axis=0)
    np.testing.assert_allclose([scores.macro_f1.low, scores.mcc.low], expected[0], atol=0.01)
    np.testing.assert_allclose([scores.macro_f1.high, scores.mcc.high], expected[1], atol=0.01)


def test_95_percent_of_the_intervals_hold_the_truth() -> None:
    rng = np.random.default_rng(2)
    cells = np.array([[0.45, 0.05, 0.0], [0.06, 0.22, 0.02], [0.02, 0.03, 0.15]])
    counts = _Counts.of(np.ones((3, 3), int), (cells * 1e9).astype(int).reshape(1, -1))
    truth = (float(np.trace(cells)), float(_macro_f1(counts)[0]), float(_mcc(counts)[0]))
    hits = np.zeros(3)
    for trial in range(400):
        labels, predicted = np.divmod(rng.choice(9, size=300, p=cells.ravel()), 3)
        scores = classification(labels, predicted, 3, seed=trial, n_resamples=400)
        for i, interval in enumerate((scores.accuracy, scores.macro_f1, scores.mcc)):
            hits[i] += interval.low <= truth[i] <= interval.high
    assert (hits / 400 > 0.92).all(), hits / 400
    assert (hits / 400 < 0.98).all(), hits / 400


@given(PAIRS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_the_order_of_rows_changes_nothing_and_the_seed_decides(
    case: tuple[int, list[tuple[int, int]]], rng: object
) -> None:
    n_classes, pairs = case
    shuffled = list(pairs)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    scores = [classification(*np.array(rows).T, n_classes, seed=5, n_resamples=50) for rows in (pairs, shuffled)]
    assert scores[0][:-1] == scores[1][:-1]
    assert scores[0].macro_f1.low <= scores[0].macro_f1.high


def test_a_perfect_model_and_one_class_alone() -> None:
    labels = np.array([0, 1, 2] * 20)
    scores = classification(labels, labels, 3)
    assert scores.macro_f1 == scores.mcc == (1, 1, 1)
    assert scores.accuracy[0] == scores.accuracy[2] == 1
    one = classification(np.zeros(9, int), np.zeros(9, int), 2)
    assert one.mcc.value == 0
    assert one.macro_f1.value == 1


def test_bad_arrays_are_refused() -> None:
    with pytest.raises(InputError, match="no labelled row"):
        classification(np.zeros(0, int), np.zeros(0, int), 2)
    with pytest.raises(ValueError, match="codes outside"):
        classification(np.array([0, 2]), np.array([0, 1]), 2)
    with pytest.raises(ValueError, match="codes outside"):
        classification(np.array([0, -1]), np.array([0, 1]), 2)
    with pytest.raises(ValueError, match="shapes differ"):
        confusion_matrix(np.array([0]), np.array([0, 1]), 2)
