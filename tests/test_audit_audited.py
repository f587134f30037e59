"""Issues after an audit: the count, the marks, and what cannot be told."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from curatekit.audit.audited import AS_MANY, BEST_F1, Audited, audited
from curatekit.audit.reviews import Review, Reviews, Sample
from curatekit.audit.sample import audit_sample
from curatekit.errors import InputError
from curatekit.label_errors import LabelErrors, find_label_errors
from curatekit.reporting import reporting
from tests.notes import Notes

N = 1000


@pytest.fixture(scope="module")
def case() -> tuple[LabelErrors, dict[str, bool]]:
    """1,000 rows of two classes, 120 flipped, seen by probabilities that know the truth fairly well."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, N)
    flipped = np.arange(N) < 120
    p_true = 1 / (1 + np.exp(-rng.normal(2, 1.5, N)))
    probs = np.where(truth[:, None] == np.arange(2), p_true[:, None], 1 - p_true[:, None])
    found = find_label_errors(np.where(flipped, 1 - truth, truth), probs)
    return found, {str(row): bool(flipped[row]) for row in range(N)}


def reviewed(
    found: LabelErrors, wrong: dict[str, bool], n: int = 200, seed: int = 0, first: int | None = None
) -> Reviews:
    sample = audit_sample(found.issues, n, seed)
    given = dict(found.issues.select("id", "given_label").iter_rows())
    verdicts = {
        id: Review(wrong[id], str(1 - int(given[id])) if wrong[id] else given[id], "said", "r.csv")
        for id in sample["id"].to_list()[:first]
    }
    rows = sample.group_by("stratum").agg(pl.col("stratum_rows").first()).sort("stratum")["stratum_rows"].to_numpy()
    return Reviews(verdicts, Sample(rows, {id: s - 1 for id, s in sample.select("id", "stratum").iter_rows()}, "r.csv"))


@pytest.fixture(scope="module")
def done(case) -> Audited:  # type: ignore[no-untyped-def]
    return audited(case[0], reviewed(*case))


def test_the_count_holds_the_truth_and_is_the_weighted_sum(case, done: Audited) -> None:  # type: ignore[no-untyped-def]
    sample = audit_sample(case[0].issues, 200)
    by_hand = sum(1 / p for id, p in sample.select("id", "inclusion_probability").iter_rows() if case[1][id])
    audit = done.audit
    assert audit.count is not None
    assert audit.count.value == pytest.approx(by_hand, rel=1e-4)
    assert audit.count.low <= 120 <= audit.count.high
    assert (audit.drawn, audit.reviewed) == (200, 200)
    assert audit.wrong == sum(case[1][id] for id in sample["id"])
    assert (audit.picked, audit.picked_wrong, audit.why_no_count) == (0, None, "")


def test_each_row_has_its_probability_and_the_cut_behind_it(done: Audited) -> None:
    issues = done.found.issues
    total = issues["p_wrong"].sum()
    assert issues["precision"].to_numpy() == pytest.approx(issues["p_wrong"].cum_sum() / np.arange(1, N + 1), abs=1e-5)
    assert issues["recall"].to_numpy() == pytest.approx(issues["p_wrong"].cum_sum() / total, abs=1e-5)
    assert done.audit.count is not None
    assert total == pytest.approx(done.audit.count.value, rel=0.1)


def test_intervals_of_cuts_hold_the_truth(case, done: Audited) -> None:  # type: ignore[no-untyped-def]
    wrong = np.array([case[1][id] for id in done.found.issues["id"]])
    for cut in done.audit.cuts:
        assert cut.precision.low <= wrong[: cut.rows].mean() <= cut.precision.high
        assert cut.recall.low <= wrong[: cut.rows].sum() / 120 <= cut.recall.high


def test_marks_follow_the_cut_but_reviewed_rows_their_verdict(case, done: Audited) -> None:  # type: ignore[no-untyped-def]
    reviews = reviewed(*case)
    assert done.audit.marked_by == BEST_F1 == done.audit.cuts[0].name
    for rank, row in enumerate(done.found.issues.iter_rows(named=True)):
        if row["id"] in reviews.verdicts:
            assert row["is_issue"] == case[1][row["id"]] == (row["p_wrong"] == 1)
            assert (row["suggested_label"] == row["given_label"]) == (not case[1][row["id"]])
            assert row["suggested_probability"] == 1
            assert row["reasons"].startswith("reviewed: said; p(")
        else:
            assert row["is_issue"] == (rank < done.audit.cuts[0].rows)
    assert done.found.summary.n_issues == done.found.issues["is_issue"].sum()
    assert sum(pair.n for pair in done.found.summary.confusions) <= done.found.summary.n_issues


def test_a_wanted_precision_is_expected_of_its_cut_and_not_of_the_next(case) -> None:  # type: ignore[no-untyped-def]
    found = audited(case[0], reviewed(*case), precision=0.9)
    cut = found.audit.cuts[0]
    assert found.audit.marked_by == cut.name == "precision 0.9"
    precision = found.found.issues["precision"]
    assert precision[cut.rows - 1] >= 0.9
    assert (precision[cut.rows :] < 0.9).all()


def test_a_precision_that_no_cut_reaches_marks_reviewed_rows_alone(case) -> None:  # type: ignore[no-untyped-def]
    found, wrong = case
    reviews = reviewed(found, wrong)
    # the most doubtful row is known to be right, so no cut is free of mistakes
    reviews.verdicts[found.issues["id"][0]] = Review(False, found.issues["given_label"][0], "keep", "r.csv")
    heard = Notes()
    with reporting(heard):
        done = audited(found, reviews, precision=1.0)
    assert done.found.issues.filter("is_issue")["id"].to_list() == [
        id for id in found.issues["id"] if id in reviews.verdicts and reviews.verdicts[id].wrong
    ]
    assert "No cut reaches a precision of 1" in heard.lines[0]


def test_a_review_that_stopped_early_counts_with_wider_limits(case, done: Audited) -> None:  # type: ignore[no-untyped-def]
    early = audited(case[0], reviewed(*case, first=60)).audit
    assert (early.drawn, early.reviewed) == (200, 60)
    assert early.count is not None
    assert done.audit.count is not None
    assert early.count.low <= 120 <= early.count.high
    assert early.count.high - early.count.low > 1.3 * (done.audit.count.high - done.audit.count.low)


def test_a_stratum_without_review_gives_no_count(case) -> None:  # type: ignore[no-untyped-def]
    done = audited(case[0], reviewed(*case, first=5))
    assert done.audit.count is None
    assert done.audit.why_no_count.startswith("20 of the sample's 25 strata have no reviewed row")
    assert "precision" not in done.found.issues.columns
    assert done.found.issues["p_wrong"].equals(case[0].issues["p_wrong"])


def test_rows_that_somebody_picked_give_their_own_share_and_no_count(case) -> None:  # type: ignore[no-untyped-def]
    found, wrong = case
    first = found.issues["id"].to_list()[:50]
    picked = {id: Review(wrong[id], None if wrong[id] else "0", "said", "r.csv") for id in first}
    done = audited(found, Reviews(picked, None))
    assert done.audit.count is None
    assert "rows that somebody picked" in done.audit.why_no_count
    assert done.audit.picked == 50
    assert done.audit.picked_wrong is not None
    assert done.audit.picked_wrong.value == sum(wrong[id] for id in first) / 50
    assert done.found.issues["is_issue"][:50].to_list() == [wrong[id] for id in first]
    assert done.found.issues["is_issue"][50:].equals(found.issues["is_issue"][50:])
    with pytest.raises(
        InputError, match="no cut of a wanted precision can be found: none of the reviewed rows was drawn"
    ):
        audited(found, Reviews(picked, None), precision=0.9)


def test_picked_rows_do_not_move_the_count_of_a_sample(case, done: Audited) -> None:  # type: ignore[no-untyped-def]
    found, wrong = case
    reviews = reviewed(found, wrong)
    more = {id: Review(wrong[id], None, "said", "p.csv") for id in found.issues["id"].to_list()[:150]}
    both = audited(found, Reviews(more | reviews.verdicts, reviews.sample)).audit
    assert both.picked > 50
    assert both.count is not None
    assert done.audit.count is not None
    assert both.count.value == done.audit.count.value
    assert both.count.low >= sum(wrong[id] for id in more)


def test_in_another_order_the_count_holds_but_no_cut_is_judged(case, done: Audited) -> None:  # type: ignore[no-untyped-def]
    found, wrong = case
    mixed = LabelErrors(found.issues.sample(fraction=1, shuffle=True, seed=0), found.summary)
    heard = Notes()
    with reporting(heard):
        other = audited(mixed, reviewed(found, wrong))
    assert other.audit.count is not None
    assert done.audit.count is not None
    assert other.audit.count.value == done.audit.count.value
    assert other.audit.count.low <= 120 <= other.audit.count.high
    assert other.audit.cuts == ()
    assert other.audit.marked_by == AS_MANY
    assert "another order" in heard.lines[0]
    with pytest.raises(InputError, match="another order"):
        audited(mixed, reviewed(found, wrong), precision=0.9)


def test_all_rows_reviewed_are_counted_exactly(case) -> None:  # type: ignore[no-untyped-def]
    audit = audited(case[0], reviewed(*case, n=N)).audit
    assert audit.count == (120, 120, 120)
    assert audit.reviews_needed["±20%"] <= N


def test_the_same_seed_gives_the_same_limits(case, done: Audited) -> None:  # type: ignore[no-untyped-def]
    assert audited(case[0], reviewed(*case)).audit == done.audit
