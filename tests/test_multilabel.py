"""Several labels a row: cleanlab's scores and masks by value, the suggestion, the words."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from curatekit.arrays import Bools, Floats
from curatekit.errors import InputError, NoSpace
from curatekit.multilabel import (
    MultilabelErrors,
    doubtful_labels,
    exponential_moving_average,
    find_multilabel_errors,
    members_of,
    stated_probs,
)

COLUMNS = [
    "id", "text", "given_label", "suggested_label", "score", "is_issue", "reasons", "superfluous", "missing", "label_quality",
    "suggested_probability",
]  # fmt: skip
NAMES = ("anger", "joy", "love", "pride")


def planted(n: int = 400, k: int = 4, seed: int = 0) -> tuple[Bools, Floats, Bools]:
    """Memberships of which some are wrong, probabilities of the right ones, which are wrong."""
    rng = np.random.default_rng(seed)
    true = rng.random((n, k)) < 0.35
    probs = np.clip(np.where(true, rng.beta(8, 2, (n, k)), rng.beta(2, 8, (n, k))), 0.001, 0.999)
    wrong = rng.random((n, k)) < 0.04
    return true ^ wrong, probs, wrong


@pytest.fixture(scope="module")
def found() -> MultilabelErrors:
    members, probs, _ = planted()
    return find_multilabel_errors(members, probs, names=NAMES, separator="|", texts=["t"] * len(members))


@pytest.mark.parametrize("seed", range(5))
def test_scores_and_masks_are_cleanlabs(seed: int) -> None:
    rank = pytest.importorskip("cleanlab.multilabel_classification.rank")
    filter = pytest.importorskip("cleanlab.multilabel_classification.filter")
    members, probs, _ = planted(n=120, k=3 + seed, seed=seed)
    lists = [np.flatnonzero(row).tolist() for row in members]
    stated = stated_probs(members, probs)
    np.testing.assert_allclose(stated, rank.get_label_quality_scores_per_class(lists, probs))
    np.testing.assert_allclose(exponential_moving_average(stated), rank.get_label_quality_scores(lists, probs))
    theirs = filter.find_multilabel_issues_per_class(lists, probs, n_jobs=1)
    np.testing.assert_array_equal(doubtful_labels(members, probs), theirs)
    ours = find_multilabel_errors(members, probs).issues.sort(pl.col("id").cast(int))
    np.testing.assert_array_equal(ours["is_issue"], filter.find_label_issues(lists, probs, n_jobs=1))


def test_the_moving_average_by_hand() -> None:
    # 0.9, then 0.8 · 0.4 + 0.2 · 0.9 = 0.5, then 0.8 · 0.1 + 0.2 · 0.5 = 0.18
    np.testing.assert_allclose(exponential_moving_average(np.array([[0.4, 0.9, 0.1]])), [0.18])
    np.testing.assert_allclose(exponential_moving_average(np.array([[0.7]])), [0.7])


def test_rows_are_ranked_by_their_most_doubtful_label(found: MultilabelErrors) -> None:
    members, probs, wrong = planted()
    issues = found.issues
    assert issues.columns == COLUMNS
    stated = stated_probs(members, probs).min(axis=1)
    assert issues["id"].to_list() == [str(row) for row in np.argsort(stated, kind="stable")]
    assert issues["score"].is_sorted()
    first = wrong.any(axis=1)[issues["id"].cast(int).to_numpy()]
    assert first[: wrong.any(axis=1).sum()].mean() > 0.85


def test_the_suggestion_is_the_given_set_without_the_superfluous_and_with_the_missing(found: MultilabelErrors) -> None:
    for row in found.issues.iter_rows(named=True):
        given, suggested, superfluous, missing = (
            set(filter(None, row[name].split("|")))
            for name in ("given_label", "suggested_label", "superfluous", "missing")
        )
        assert suggested == (given - superfluous) | missing
        assert superfluous <= given
        assert not missing & given
        assert row["is_issue"] == bool(superfluous | missing)
    members, _, wrong = planted()
    truth = members ^ wrong
    flagged = found.issues.filter("is_issue")
    right = [
        row["suggested_label"] == "|".join(NAMES[k] for k in np.flatnonzero(truth[int(row["id"])]))
        for row in flagged.iter_rows(named=True)
    ]
    assert np.mean(right) > 0.8


def test_reasons_name_the_label_and_its_probability(found: MultilabelErrors) -> None:
    members, probs, _ = planted()
    row = int(found.issues["id"][0])
    worst = int(stated_probs(members, probs)[row].argmin())
    word = "given" if members[row, worst] else "missing"
    assert found.issues["reasons"][0].startswith(f"{NAMES[worst]} is {word}, p = {probs[row, worst]:.2f}")


def test_the_summary_adds_up(found: MultilabelErrors) -> None:
    summary = found.summary
    assert summary.n_issues == found.issues["is_issue"].sum()
    assert summary.n_superfluous == sum(label.n_superfluous for label in summary.labels)
    assert summary.n_missing == sum(label.n_missing for label in summary.labels)
    assert {label.label for label in summary.labels} == set(NAMES)
    assert sum(label.n_given for label in summary.labels) == planted()[0].sum()


def test_a_label_that_was_not_judged_is_taken_as_right() -> None:
    members, probs, _ = planted()
    probs[:, 1] = 0.0
    judged = np.array([True, False, True, True])
    issues = find_multilabel_errors(members, probs, judged, names=NAMES).issues
    assert not any("joy" in row for row in issues["superfluous"].to_list() + issues["missing"].to_list())
    assert issues["score"].max() > 0
    assert "joy" not in " ".join(issues["reasons"])


def test_sets_without_separator_are_json() -> None:
    members, probs, _ = planted()
    issues = find_multilabel_errors(members, probs, names=('a "b"', "c|d", "e", "f")).issues
    assert set().union(*(json.loads(row) for row in issues["given_label"])) == {'a "b"', "c|d", "e", "f"}


def test_members_of_lists() -> None:
    members, names = members_of([["b", "a"], [], ["b", "b"]])
    assert names == ("a", "b")
    assert members.tolist() == [[True, True], [False, False], [False, True]]
    with pytest.raises(InputError, match="1 different labels"):
        members_of([["a"], []])
    with pytest.raises(NoSpace, match=r"100,000 labels on 100,000 rows would take \d+ GB"):
        members_of([[str(k)] for k in range(100_000)])


def test_arrays_that_do_not_fit_are_refused() -> None:
    members, probs, _ = planted(n=20)
    for wrong, says in [
        ({"ids": ["a"]}, "1 ids"),
        ({"names": ["a"]}, "1 names"),
        ({"probs": probs[:3]}, "3 rows of probabilities"),
        ({"probs": np.where(np.arange(20)[:, None] == 4, np.nan, probs)}, "row 4"),
        ({"probs": probs + 1}, "row 0"),
    ]:
        with pytest.raises(InputError, match=says):
            find_multilabel_errors(members, **{"probs": probs, **wrong})
