"""Numbers: cleanlab's scores by value, the cut, the suggestion as values are written."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from curatekit.errors import InputError
from curatekit.targets import find_number_errors, residual_quality

COLUMNS = [
    "id", "text", "given_label", "suggested_label", "score", "is_issue", "is_outlier", "reasons", "predicted", "residual",
    "suggested_probability",
]  # fmt: skip


def planted(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values in halves from 1 to 5 of which some are wrong, predictions of the right ones, which are wrong."""
    rng = np.random.default_rng(seed)
    true = np.round(2 * rng.uniform(1, 5, n)) / 2
    predicted = true + 0.2 * rng.normal(size=n)
    wrong = rng.random(n) < 0.1
    return np.where(wrong, 6 - true, true), predicted, wrong & (true != 3)


def test_the_score_is_that_of_cleanlabs_regression_learner() -> None:
    learn = pytest.importorskip("cleanlab.regression.learn")
    from sklearn.linear_model import LinearRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    y = x @ [1.0, 2.0, 3.0] + rng.normal(size=80)
    learner = learn.CleanLearning(LinearRegression(), seed=0)
    theirs = learner.find_label_issues(x, y, uncertainty=1.0)
    np.testing.assert_allclose(
        residual_quality(y, theirs["predicted_label"].to_numpy()), theirs["label_quality"], rtol=1e-6
    )


def test_the_order_is_that_of_cleanlabs_residual_score_where_that_has_one() -> None:
    rank = pytest.importorskip("cleanlab.regression.rank")
    values, predicted, _ = planted()
    theirs = rank.get_label_quality_scores(values, predicted, method="residual")
    np.testing.assert_array_equal(
        np.argsort(residual_quality(values, predicted), kind="stable"), np.argsort(theirs, kind="stable")
    )
    # in thousands all of cleanlab's are 0; ours do not depend on the unit
    assert not rank.get_label_quality_scores(1e6 * values, 1e6 * predicted, method="residual").max() > 1e-3
    np.testing.assert_allclose(residual_quality(1e6 * values, 1e6 * predicted), residual_quality(values, predicted))


def test_wrong_values_stand_first_and_get_the_right_one() -> None:
    values, predicted, wrong = planted()
    found = find_number_errors(values, predicted, ids=[f"r{i}" for i in range(300)], texts=["t"] * 300)
    issues = found.issues
    assert issues.columns == COLUMNS
    assert issues["score"].is_sorted()
    flagged = {int(id[1:]) for id in issues.filter("is_issue")["id"]}
    right = flagged & set(np.flatnonzero(wrong).tolist())
    assert len(right) > 0.9 * len(flagged)
    assert len(right) > 0.8 * wrong.sum()
    top = issues.head(20)
    true = np.where(wrong, 6 - values, values)[[int(id[1:]) for id in top["id"]]]
    assert np.abs(top["suggested_label"].cast(float).to_numpy() - true).max() <= 0.5
    assert found.summary.n_issues == len(flagged)
    assert found.summary.r2 == pytest.approx(
        1 - ((values - predicted) ** 2).sum() / ((values - values.mean()) ** 2).sum()
    )
    assert found.summary.spread == pytest.approx(1.4826 * np.median(np.abs(values - predicted)))


def test_suggestions_are_written_as_the_values_are() -> None:
    whole = find_number_errors(np.array([1.0, 2, 3, 5, 1]), np.array([1.1, 2.1, 2.9, 5.1, 9.7])).issues
    last = whole.row(0, named=True)
    assert (last["given_label"], last["suggested_label"]) == ("1", "5")  # not beyond the largest
    tenths = find_number_errors(np.array([0.1, 0.2, 0.3, 0.5, 0.1]), np.array([0.11, 0.21, 0.29, 0.51, 0.4321])).issues
    assert tenths["suggested_label"][0] == "0.4"
    assert tenths["given_label"].to_list()[0] == "0.1"


def test_a_value_far_from_all_others_is_an_outlier_too() -> None:
    values, predicted, _ = planted()
    values[7] = 45.0
    issues = find_number_errors(values, predicted).issues
    row = issues.row(by_predicate=pl.col("id") == "7", named=True)
    assert row["is_outlier"]
    assert row["is_issue"]
    assert "far from all values (their median is 3" in row["reasons"]
    assert issues["is_outlier"].sum() == 1
    assert float(row["suggested_label"]) <= 5


def test_probability_by_hand() -> None:
    values, predicted = np.array([1.0, -1.0, 1.0, 2.0]), np.zeros(4)
    issues = find_number_errors(values, predicted).issues
    # the spread is 1.4826: the last is 1.349 spreads away, P(|z| < 1.349) = 0.8226
    assert issues["suggested_probability"][0] == pytest.approx(0.8226, abs=1e-3)
    assert issues["score"][0] == pytest.approx(np.exp(-2), abs=1e-6)


def test_perfect_predictions_leave_nothing_to_doubt() -> None:
    found = find_number_errors(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]))
    assert found.summary.n_issues == 0
    assert found.issues["score"].to_list() == [1, 1, 1]
    one = find_number_errors(np.array([1.0, 2.0, 3.0, 3.0]), np.array([1.0, 2.0, 3.0, 2.0]))
    assert one.issues["is_issue"].to_list() == [True, False, False, False]


def test_arrays_that_do_not_fit_are_refused() -> None:
    values = np.arange(3.0)
    for arguments, says in [
        ((values, values[:2]), "2 predictions"),
        ((np.array([0, np.nan, 1]), values), "row 1 has no finite value"),
        ((values, np.array([0, 1, np.inf])), "row 2 has no finite prediction"),
        ((values[:0], values[:0]), "no values"),
    ]:
        with pytest.raises(InputError, match=says):
            find_number_errors(*arguments)
    with pytest.raises(InputError, match="1 ids"):
        find_number_errors(values, values, ids=["a"])
