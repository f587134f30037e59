"""The rows after the votes: probably wrong and honestly disputed are two things, kept in two columns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from curatekit.annotators.agreement import alpha_interval, fleiss_kappa
from curatekit.annotators.consensus import Consensus, majority_labels
from curatekit.arrays import Floats, Ints, Strings
from curatekit.errors import InputError
from curatekit.intervals import Interval
from curatekit.votes import Votes

DISPUTED = 2 / 3
"""A row is disputed where the commonest label has no more than this share of the votes."""

READING = (
    "A disputed row is one on which people differ: more votes or a clearer rule may settle it, or nothing will. That is "
    "no error. is_issue marks rows whose given label is probably wrong."
)


@dataclass(frozen=True)
class Summary:
    """What the rows add up to."""

    n: int
    n_votes: int
    n_annotators: int | None
    """None where votes bear no names."""
    method: str
    classes: tuple[str, ...]
    n_unanimous: int
    n_disputed: int
    n_issues: int
    n_disputed_issues: int
    alpha: Interval
    """Krippendorff's, nominal; the interval is from 1,000 resamples of the rows."""
    fleiss_kappa: float
    """NaN unless each row has the same number of votes."""
    reading: str = READING


@dataclass(frozen=True)
class Agreement:
    """The rows, those of the most doubtful given label first, and their summary."""

    rows: pl.DataFrame
    summary: Summary


def agreement_on_rows(
    votes: Votes,
    consensus: Consensus,
    given: Ints | None = None,
    *,
    pred_probs: Floats | None = None,
    ids: Strings | Sequence[str] | None = None,
    texts: Sequence[str] | None = None,
    seed: int = 0,
) -> Agreement:
    """Return all n rows ranked by P(the given label is right | votes and model), low and doubtful first, and the summary.

    given       (n,) the labels in use, such as a column of the data; the default is the votes' majority
    pred_probs  (n, K) what the model says without the votes, for the reasons

    Columns: id, text, given_label, suggested_label (the consensus), score, is_issue (the consensus is another label),
    is_disputed (the commonest label has two thirds of the votes or fewer), reasons, n_votes, agreement (share of the votes for
    the consensus), vote_entropy (bits), soft_label (the votes' shares, as JSON), suggested_probability. Numbers are
    rounded to six decimals. Raises InputError for arrays that do not fit.
    """
    n = votes.n
    given = majority_labels(votes, pred_probs) if given is None else given
    for name, values in (("given labels", given), ("ids", ids), ("texts", texts), ("pred_probs", pred_probs)):
        if values is not None and len(values) != n:
            raise InputError(f"there are {len(values):,} {name} and {n:,} rows with votes. Give one for each.")
    every = np.arange(n)
    shares, names = votes.shares, np.array(votes.classes, dtype=object)
    score = consensus.probs[every, given]
    is_issue = consensus.labels != given
    is_disputed = shares.max(axis=1) <= DISPUTED + 1e-12
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    table = pl.DataFrame(
        {
            "id": pl.Series([str(value) for value in (ids if ids is not None else every)], dtype=pl.String),
            "text": pl.Series(list(texts) if texts is not None else [None] * n, dtype=pl.String),
            "given_label": pl.Series(names[given], dtype=pl.String),
            "suggested_label": pl.Series(names[consensus.labels], dtype=pl.String),
            "score": np.round(score, 6),
            "is_issue": is_issue,
            "is_disputed": is_disputed,
            "reasons": _reasons(votes, consensus, given, is_disputed, pred_probs),
            "n_votes": votes.per_row,
            "agreement": np.round(shares[every, consensus.labels], 6),
            "vote_entropy": np.round(np.abs((shares * logs).sum(axis=1)), 6),
            "soft_label": [_soft(row, votes.classes) for row in shares],
            "suggested_probability": np.round(consensus.probs[every, consensus.labels], 6),
        }
    )
    summary = Summary(
        n=n,
        n_votes=len(votes),
        n_annotators=len(votes.names) if votes.named else None,
        method=consensus.method,
        classes=votes.classes,
        n_unanimous=int(((shares.max(axis=1) == 1) & (votes.per_row > 1)).sum()),
        n_disputed=int(is_disputed.sum()),
        n_issues=int(is_issue.sum()),
        n_disputed_issues=int((is_issue & is_disputed).sum()),
        alpha=alpha_interval(votes.counts, seed=seed),
        fleiss_kappa=fleiss_kappa(votes.counts),
    )
    return Agreement(table[np.argsort(score, kind="stable")], summary)


def _soft(shares: Floats, classes: Sequence[str]) -> str:
    return json.dumps(
        {classes[k]: round(float(shares[k]), 6) for k in np.flatnonzero(shares).tolist()}, ensure_ascii=False
    )


def _reasons(
    votes: Votes, consensus: Consensus, given: Ints, is_disputed: np.ndarray, pred_probs: Floats | None
) -> list[str]:
    """Return in words what the votes say, what the model says, and what both together do."""
    reasons = []
    names = votes.classes
    for row, (g, c) in enumerate(zip(given.tolist(), consensus.labels.tolist(), strict=True)):
        counts = votes.counts[row]
        order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
        words = "votes: " + ", ".join(f"{names[k]} {counts[k]}" for k in order)
        if pred_probs is not None:
            words += f"; model: p({names[g]}) = {pred_probs[row, g]:.2f}"
            words += f", p({names[c]}) = {pred_probs[row, c]:.2f}" if c != g else ""
        words += f"; together: p({names[g]}) = {consensus.probs[row, g]:.2f}"
        words += f", p({names[c]}) = {consensus.probs[row, c]:.2f}" if c != g else ""
        reasons.append(words + ("; people differ here" if is_disputed[row] else ""))
    return reasons
