"""The issues after an audit: how many labels are wrong, what each cut finds, and which rows are marked for fixing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from curatekit.arrays import Bools, Floats, Ints
from curatekit.audit.estimate import Tally, best_f1_cut, cut_interval, expected_wrong, precision_cut, total_interval
from curatekit.audit.expected import rates_expected, reviews_needed
from curatekit.audit.posterior import rate_draws
from curatekit.audit.reviews import Reviews
from curatekit.errors import InputError
from curatekit.intervals import Interval, wilson
from curatekit.label_errors import LabelErrors, confusions
from curatekit.reporting import note

SAME_ORDER = 0.95
HALF_WIDTHS = (0.2, 0.1)
BEST_F1, AS_MANY = "best F1", "as many as are wrong"
CONFIDENT, ARGMAX = "confident learning's count", "argmax's count"


@dataclass(frozen=True)
class Cut:
    """Calling the first `rows` of the ranked rows wrong: which share of them is, and which share of all wrong rows."""

    name: str
    rows: int
    precision: Interval
    recall: Interval


@dataclass(frozen=True)
class Audit:
    """What the reviews say about all rows."""

    drawn: int
    reviewed: int
    """Of the rows drawn, how many are reviewed, and of these"""
    wrong: int
    """how many are wrong."""
    picked: int
    picked_wrong: Interval | None
    """Rows that were reviewed without being drawn, and which share of them is wrong; of the other rows it says nothing."""
    count: Interval | None
    """Wrong labels among all rows, unbiased, with the 95 % limits; None where the reviews cannot tell."""
    why_no_count: str
    cuts: tuple[Cut, ...]
    marked_by: str
    """Which cut marks is_issue."""
    reviews_needed: dict[str, int]
    """How many reviews would bring the limits to ±20 % and ±10 % of the count, by what is known now."""


@dataclass(frozen=True)
class Audited:
    """The rows and their summary with the marks of an audit, and what it says."""

    found: LabelErrors
    audit: Audit


def audited(found: LabelErrors, reviews: Reviews, *, precision: float | None = None, seed: int = 0) -> Audited:
    """Return the label errors found, with what the reviews say of each row, and the estimates from them.

    Rows are marked is_issue by a cut: the largest of at least this expected `precision`, by default the one of the
    largest expected F1; reviewed rows by their verdict. A right label that was named becomes the suggested one, with
    probability 1. Where the sample gives estimates, p_wrong is each row's probability to be wrong by them, and there are new columns
    precision and recall, those of a cut behind the row. Where it gives none, the marks of other rows stay.
    Raises InputError for a precision where no cut can be judged.
    """
    issues, sample = found.issues, reviews.sample
    ids = issues["id"].to_list()
    verdict = np.array([-1 if (review := reviews.verdicts.get(id)) is None else int(review.wrong) for id in ids])
    drawn_in = np.array([-1 if sample is None else sample.stratum.get(id, -1) for id in ids])
    drawn = drawn_in >= 0
    n_picked, n_picked_wrong = int((~drawn & (verdict >= 0)).sum()), int((~drawn & (verdict == 1)).sum())
    marked = issues["is_issue"].to_numpy()
    count, cuts, marked_by, needed = None, [], CONFIDENT, {}
    rows = np.zeros(0, np.int64) if sample is None else sample.rows
    tally = Tally(
        rows, *(np.bincount(drawn_in[drawn & of], minlength=len(rows)) for of in (verdict >= 0, verdict == 1))
    )
    why_no_count = _why_no_count(tally)
    if not why_no_count:
        rng = np.random.default_rng(seed)
        expected_before = rates_expected(issues)
        stratum = np.repeat(np.arange(len(rows)), rows)
        log_odds = np.log(expected_before / (1 - expected_before))
        rates = rate_draws(tally.reviewed, tally.wrong, np.bincount(stratum, log_odds) / rows, rng)
        count = _within_known(total_interval(tally, rates, rng), verdict)
        needed = {f"±{share:.0%}": reviews_needed(rates.mean(axis=0)[stratum], share) for share in HALF_WIDTHS}
        if _same_order(drawn_in, stratum):
            expected = expected_wrong(stratum, verdict, rates)
            n_rows = _cuts(issues, expected, count, precision)
            cuts = [
                Cut(name, n, *cut_interval(np.arange(len(ids)) < n, stratum, verdict, rates, rng))
                for name, n in n_rows.items()
            ]
            marked_by = cuts[0].name
            issues = _with_estimates(issues, expected)
        else:
            marked_by, n_rows = AS_MANY, {AS_MANY: round(count.value)}
            note(
                "The rows stand in another order than when the sample was drawn: the count holds, but no cut can be judged. "
                "For that, run with the score and the options that gave the issues which the sample was drawn from."
            )
        marked = np.arange(len(ids)) < n_rows[marked_by]
    if precision is not None and not cuts:
        raise InputError(
            f"no cut of a wanted precision can be found: {why_no_count or 'the rows stand in another order than the sample was drawn in'}. "
            "Review a sample that curate audit-sample drew from these issues."
        )
    audit = Audit(
        drawn=int(drawn.sum()),
        reviewed=int(tally.reviewed.sum()),
        wrong=int(tally.wrong.sum()),
        picked=n_picked,
        picked_wrong=wilson(n_picked_wrong, n_picked) if n_picked else None,
        count=count,
        why_no_count=why_no_count,
        cuts=tuple(cuts),
        marked_by=marked_by,
        reviews_needed=needed,
    )
    issues = _with_verdicts(issues, marked, reviews)
    n_issues = int(issues["is_issue"].sum())
    summary = replace(
        found.summary, n_issues=n_issues, issue_share=n_issues / len(issues), confusions=confusions(issues)
    )
    return Audited(LabelErrors(issues, summary), audit)


def _why_no_count(tally: Tally) -> str:
    if not len(tally.rows):
        return "none of the reviewed rows was drawn by curate audit-sample, and rows that somebody picked tell nothing of the others"
    unseen = int((tally.reviewed == 0).sum())
    if unseen:
        return (
            f"{unseen} of the sample's {len(tally.rows)} strata have no reviewed row yet, and what is there is unknown"
        )
    return ""


def _within_known(count: Interval, verdict: Ints) -> Interval:
    """Return the count, not below what is known to be wrong nor above what is not known to be right."""
    least, most = int((verdict == 1).sum()), int((verdict != 0).sum())
    return Interval(*(min(max(value, least), most) for value in count))


def _same_order(drawn_in: Ints, stratum: Ints) -> bool:
    """Return whether the drawn rows stand where they stood: another processor may move some to the next stratum."""
    drawn = drawn_in >= 0
    return bool((np.abs(stratum[drawn] - drawn_in[drawn]) <= 1).mean() >= SAME_ORDER)


def _cuts(issues: pl.DataFrame, expected: Floats, count: Interval, precision: float | None) -> dict[str, int]:
    """Return the named cuts, that which marks is_issue first."""
    cuts = {} if precision is None else {f"precision {precision:g}": precision_cut(expected, precision)}
    if precision is not None and not next(iter(cuts.values())):
        note(f"No cut reaches a precision of {precision:g}: only reviewed rows that are wrong are marked.")
    return cuts | {
        BEST_F1: best_f1_cut(expected),
        AS_MANY: round(count.value),
        CONFIDENT: int(issues["is_issue"].sum()),
        ARGMAX: int((issues["given_label"] != issues["suggested_label"]).sum()),
    }


def _with_estimates(issues: pl.DataFrame, expected: Floats) -> pl.DataFrame:
    found = np.cumsum(expected)
    return issues.with_columns(
        p_wrong=pl.Series(expected).round(6),
        precision=pl.Series(found / np.arange(1, len(found) + 1)).round(6),
        recall=pl.Series(found / max(found[-1], 1e-12)).round(6),
    )


def _with_verdicts(issues: pl.DataFrame, marked: Bools, reviews: Reviews) -> pl.DataFrame:
    """Return the issues with the marks, and on reviewed rows the verdict in their place, and among the reasons."""
    columns: dict[str, list[object]] = {
        name: issues[name].to_list() for name in ("suggested_label", "suggested_probability", "reasons")
    }
    is_issue = marked.tolist()
    for row, id in enumerate(issues["id"].to_list()):
        review = reviews.verdicts.get(id)
        if review is None:
            continue
        is_issue[row] = review.wrong
        columns["reasons"][row] = f"reviewed: {review.said}; {columns['reasons'][row]}"
        if review.label is not None:
            columns["suggested_label"][row], columns["suggested_probability"][row] = review.label, 1.0
    return issues.with_columns(
        pl.Series("is_issue", is_issue, dtype=pl.Boolean),
        *(pl.Series(name, values, dtype=issues.schema[name]) for name, values in columns.items()),
    )
