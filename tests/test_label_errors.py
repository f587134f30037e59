"""find_label_errors: the ranking, the cut, the columns and the summary."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from curatekit.errors import InputError
from curatekit.index import Neighbours, nearest
from curatekit.label_errors import LabelErrors, find_label_errors
from curatekit.scores.combined import combined, combined_probs
from curatekit.scores.confident_learning import confident_joint, label_issues

COLUMNS = [
    "id", "text", "given_label", "suggested_label", "score", "p_wrong", "is_issue", "reasons",
    "self_confidence", "knn_agreement", "suggested_probability",
]  # fmt: skip
CLASSES = ("bank", "card", "refund")


def planted(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray, Neighbours, np.ndarray]:
    """Three clusters, 10 % of the labels flipped: labels, out-of-sample probabilities, neighbours, what was flipped."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 3, n)
    vectors = np.eye(3)[true] * 3 + rng.normal(size=(n, 3)) * 0.8
    flipped = rng.random(n) < 0.1
    labels = np.where(flipped, (true + 1) % 3, true)
    probs = np.exp(2 * vectors)
    return labels, probs / probs.sum(axis=1, keepdims=True), nearest(vectors, 10), flipped


@pytest.fixture(scope="module")
def case() -> tuple[np.ndarray, np.ndarray, Neighbours, np.ndarray]:
    return planted()


@pytest.fixture(scope="module")
def found(case: tuple[np.ndarray, np.ndarray, Neighbours, np.ndarray]) -> LabelErrors:
    labels, probs, neighbours, _ = case
    ids = [f"r{i}" for i in range(len(labels))]
    return find_label_errors(
        labels, probs, neighbours, classes=CLASSES, ids=ids, texts=[f"text {id}" for id in ids], family="probe"
    )


def test_all_rows_are_there_ranked_in_the_order_of_the_columns(case, found) -> None:  # type: ignore[no-untyped-def]
    labels, probs, neighbours, _ = case
    issues = found.issues
    assert issues.columns == COLUMNS
    order = np.argsort(combined(labels, probs, neighbours), kind="stable")
    assert issues["id"].to_list() == [f"r{i}" for i in order]
    assert issues["text"][0] == f"text r{order[0]}"
    assert issues["score"].is_sorted()
    np.testing.assert_array_equal(issues["given_label"], np.array(CLASSES)[labels[order]])
    p = combined_probs(labels, probs, neighbours)[order]
    np.testing.assert_array_equal(issues["suggested_label"], np.array(CLASSES)[p.argmax(axis=1)])
    np.testing.assert_allclose(issues["suggested_probability"], p.max(axis=1), atol=1e-6)


def test_as_many_rows_are_issues_as_confident_learning_counts(case, found) -> None:  # type: ignore[no-untyped-def]
    labels, probs, neighbours, flipped = case
    p = combined_probs(labels, probs, neighbours)
    summary, issues = found.summary, found.issues
    assert summary.n_issues == issues["is_issue"].sum() == label_issues(labels, p).sum()
    assert issues["is_issue"].to_list() == [True] * summary.n_issues + [False] * (300 - summary.n_issues)
    assert summary.n_argmax == (p.argmax(axis=1) != labels).sum()
    assert summary.n_cleanlab == label_issues(labels, probs).sum()
    np.testing.assert_array_equal(summary.confident_joint, confident_joint(labels, p))
    np.testing.assert_allclose(summary.noise_matrix.sum(axis=0), 1)
    right = {f"r{i}" for i in np.flatnonzero(flipped)} & set(issues.filter("is_issue")["id"])
    assert len(right) > 0.8 * flipped.sum()
    assert abs(summary.n_issues - flipped.sum()) < 0.35 * flipped.sum()


def test_an_issue_never_suggests_the_given_label(found: LabelErrors) -> None:
    assert found.issues.filter("is_issue", pl.col("given_label") == pl.col("suggested_label")).is_empty()


def test_reasons_are_words(case, found) -> None:  # type: ignore[no-untyped-def]
    labels, probs, neighbours, _ = case
    row = int(found.issues["id"][0][1:])
    given, suggested = labels[row], int(combined_probs(labels, probs, neighbours)[row].argmax())
    votes = int((labels[neighbours.rows[row]] == suggested).sum())
    assert found.issues["reasons"][0] == (
        f"p({CLASSES[given]}) = {probs[row, given]:.2f}, p({CLASSES[suggested]}) = {probs[row, suggested]:.2f}; "
        f"{votes} of 10 neighbours say {CLASSES[suggested]}"
    )
    assert "neighbours agree" in found.issues["reasons"][-1]


def test_confusions_add_up_to_the_issues(found: LabelErrors) -> None:
    pairs = found.summary.confusions
    assert sum(pair.n for pair in pairs) == found.summary.n_issues
    assert [pair.n for pair in pairs] == sorted((pair.n for pair in pairs), reverse=True)
    counted = found.issues.filter("is_issue").group_by("given_label", "suggested_label").len()
    assert {pair[:3] for pair in pairs} == set(counted.iter_rows())


def test_any_score_ranks_and_ties_go_by_row(case) -> None:  # type: ignore[no-untyped-def]
    labels, probs, neighbours, _ = case
    found = find_label_errors(labels, probs, neighbours, scores=np.zeros(300), score="nothing")
    assert found.issues["id"].to_list() == [str(i) for i in range(300)]
    assert found.summary.score == "nothing"


def test_probabilities_alone_suffice(case) -> None:  # type: ignore[no-untyped-def]
    labels, probs, _, _ = case
    found = find_label_errors(labels, probs)
    assert found.issues["knn_agreement"].null_count() == found.issues["text"].null_count() == 300
    assert "neighbours" not in found.issues["reasons"][0]
    assert found.summary.n_issues <= found.summary.n_cleanlab == label_issues(labels, probs).sum()


def test_clean_labels_have_no_issue() -> None:
    labels = np.arange(30) % 3
    found = find_label_errors(labels, np.full((30, 3), 0.05) + 0.85 * np.eye(3)[labels])
    assert found.summary.n_issues == found.summary.n_argmax == 0
    assert found.summary.confusions == ()


def test_a_row_that_cannot_be_scored_is_no_issue(case) -> None:  # type: ignore[no-untyped-def]
    labels, probs, neighbours, _ = case
    before = find_label_errors(labels, probs, neighbours)
    worst = before.issues["id"][:2].to_list()
    unscorable = np.isin(np.arange(300), [int(row) for row in worst])
    found = find_label_errors(labels, probs, neighbours, unscorable)
    last = found.issues.tail(2)
    assert last["id"].to_list() == worst
    assert last["is_issue"].to_list() == [False, False]
    assert last["score"].to_list() == [None, None]
    assert last["given_label"].to_list() == last["suggested_label"].to_list()
    assert all(reason.startswith("cannot be scored: the model was fitted without any ") for reason in last["reasons"])
    assert found.issues["id"].head(298).to_list() == before.issues["id"].tail(298).to_list()
    assert found.summary.n_issues == before.summary.n_issues - 2
    assert found.summary.n_argmax == before.summary.n_argmax - 2


def test_arrays_that_do_not_fit_are_refused(case) -> None:  # type: ignore[no-untyped-def]
    labels, probs, neighbours, _ = case
    for wrong, says in [
        ({"ids": ["a"]}, "1 ids"),
        ({"texts": ["a"]}, "1 texts"),
        ({"classes": ["a"]}, "1 classes"),
        ({"scores": np.zeros(2)}, "2 scores"),
        ({"scores": np.full(300, np.nan)}, "row 0 has no finite score"),
        ({"unscorable": np.zeros(2, bool)}, "2 unscorable"),
    ]:
        with pytest.raises(InputError, match=says):
            find_label_errors(labels, probs, neighbours, **wrong)


def test_cleanlabs_own_list_on_the_published_imdb_probabilities(real_data: Path) -> None:
    """The list of cleanlab 2.9 on the 25,000 stored probabilities (half precision, so full of ties), order included.

    They sum to 1.00002, which cleanlab 2.9 refuses, so they are normalised.
    """
    filter = pytest.importorskip("cleanlab.filter")

    from curatekit.scores.confident_learning import ranked_label_issues

    frame = pl.read_parquet(real_data / "label_errors_imdb" / "test.parquet", columns=["label_id", "p_neg", "p_pos"])
    labels = frame["label_id"].to_numpy().astype(np.int64)
    probs = frame.select("p_neg", "p_pos").to_numpy()
    probs /= probs.sum(axis=1, keepdims=True)
    theirs = filter.find_label_issues(labels, probs, return_indices_ranked_by="self_confidence", n_jobs=1)
    np.testing.assert_array_equal(ranked_label_issues(labels, probs), theirs)
