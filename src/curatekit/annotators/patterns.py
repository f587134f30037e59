"""Each annotator: how good, how much like the others, and whether the votes look as if nobody had read the rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from curatekit.annotators.consensus import Consensus, agreement_with_others
from curatekit.arrays import Floats, Ints
from curatekit.votes import Votes

ENOUGH = 20
"""Votes on shared rows below which nothing is said about an annotator's pattern."""

_Z = 1.959964
_ALWAYS = 0.95
_UNUSUAL = 1e-3
_POOR = 0.4


def confusions(votes: Votes, labels: Ints) -> Ints:
    """Return how often each annotator gave label l to rows whose consensus is k: (M, K, K), consensus down."""
    m, k = len(votes.names), len(votes.classes)
    cell = (votes.annotators * k + labels[votes.rows]) * k + votes.labels
    return np.bincount(cell, minlength=m * k * k).reshape(m, k, k)


def annotator_table(votes: Votes, consensus: Consensus) -> pl.DataFrame:
    """Return one row for each annotator, the worst first.

    Columns: annotator, n_votes, quality (of the consensus method), agreement_with_consensus, agreement_with_others (over
    pairs of votes on a row), kappa with the others and its limits, most_given and its share, most_confused (the
    commonest label given against the consensus, in words), pattern.

    κ = (a − c) / (1 − c): a is the mean share of a row's other votes that agree, c = Σ_k p_k q_k what the annotator's own
    label shares p and the others' q on the same rows give by chance; the limits are those of a, at 95 %. A pattern is
    "always LABEL" (95 % of the votes, where the others' share would give that less than once in a thousand, all annotators
    counted), "below chance" (κ surely under 0: labels mixed up?), "at chance" (κ may be 0, and is surely under 0.4).
    None is named for fewer than 20 votes on shared rows.
    """
    m, k = len(votes.names), len(votes.classes)
    n_votes = np.bincount(votes.annotators, minlength=m)
    agreement = np.bincount(votes.annotators, votes.labels == consensus.labels[votes.rows], m) / np.maximum(n_votes, 1)
    given = np.bincount(votes.annotators * k + votes.labels, minlength=m * k).reshape(m, k)
    top = given.argmax(axis=1)
    share = given.max(axis=1) / np.maximum(n_votes, 1)
    alike = _alike(votes)
    rounded = {
        "quality": consensus.quality,
        "agreement_with_consensus": agreement,
        "agreement_with_others": agreement_with_others(votes),
        "kappa": alike.kappa,
        "kappa_low": alike.low,
        "kappa_high": alike.high,
    }
    table = pl.DataFrame(
        {
            "annotator": pl.Series(votes.names, dtype=pl.String),
            "n_votes": n_votes,
            **{name: pl.Series(np.round(values, 6)).fill_nan(None) for name, values in rounded.items()},
            "most_given": pl.Series([votes.classes[label] for label in top], dtype=pl.String),
            "most_given_share": np.round(share, 6),
            "most_confused": pl.Series(_most_confused(votes, consensus.labels), dtype=pl.String),
            "pattern": pl.Series(_patterns(votes, alike, top, share), dtype=pl.String),
        }
    )
    return table.sort("quality", "agreement_with_consensus", "annotator", nulls_last=True)


class _Alike(NamedTuple):
    """How each annotator's votes compare with the others' on the same rows."""

    shared: Ints  # (M,) votes on rows that others voted on
    kappa: Floats  # (M,)
    low: Floats  # (M,)
    high: Floats  # (M,)
    others: Floats  # (M, K) the others' share of each label


def _alike(votes: Votes) -> _Alike:
    m, k = len(votes.names), len(votes.classes)
    others_in_row = votes.per_row[votes.rows] - 1
    used = np.flatnonzero(others_in_row > 0)
    who, said = votes.annotators[used], votes.labels[used]
    rest = votes.counts[votes.rows[used]].astype(np.float64)
    rest[np.arange(len(used)), said] -= 1
    rest /= others_in_row[used, None]
    same = rest[np.arange(len(used)), said]
    shared = np.bincount(who, minlength=m)
    with np.errstate(invalid="ignore", divide="ignore"):
        others = np.stack([np.bincount(who, rest[:, label], m) for label in range(k)], axis=1) / shared[:, None]
        own = np.bincount(who * k + said, minlength=m * k).reshape(m, k) / shared[:, None]
        mean = np.bincount(who, same, m) / shared
        spread = np.sqrt(np.maximum(np.bincount(who, same**2, m) / shared - mean**2, 0) / shared)
        chance = (own * others).sum(axis=1)
        kappa, low, high = ((value - chance) / (1 - chance) for value in (mean, mean - _Z * spread, mean + _Z * spread))
    for values in (kappa, low, high):
        values[~np.isfinite(values)] = np.nan  # nobody to compare with, or all votes are the same
    return _Alike(shared, kappa, low, high, others)


def _patterns(votes: Votes, alike: _Alike, top: Ints, share: Floats) -> list[str | None]:
    from scipy.stats import binom

    m = len(votes.names)
    times = np.round(share * np.bincount(votes.annotators, minlength=m))
    patterns: list[str | None] = []
    for j in range(m):
        pattern = None
        if alike.shared[j] >= ENOUGH and votes.named:
            expected = alike.others[j, top[j]]
            n = int(np.round(times[j] / share[j]))
            if share[j] >= _ALWAYS and m * binom.sf(times[j] - 1, n, expected) < _UNUSUAL:
                pattern = f"always {votes.classes[top[j]]}"
            elif alike.high[j] < 0:
                pattern = "below chance"
            elif alike.low[j] <= 0 and alike.high[j] < _POOR:
                pattern = "at chance"
        patterns.append(pattern)
    return patterns


def _most_confused(votes: Votes, labels: Ints) -> list[str | None]:
    """Return for each annotator the commonest label given against the consensus, in words; None where all agree."""
    wrong = votes.labels != labels[votes.rows]
    k = len(votes.classes)
    cell = (votes.annotators[wrong] * k + votes.labels[wrong]) * k + labels[votes.rows[wrong]]
    cells, counts = np.unique(cell, return_counts=True)
    said: list[str | None] = [None] * len(votes.names)
    for position in np.lexsort((-cells, counts)).tolist():  # the last written is the commonest
        annotator, pair = divmod(int(cells[position]), k * k)
        given, true = divmod(pair, k)
        said[annotator] = f"{votes.classes[given]} for {votes.classes[true]}: {counts[position]:,}"
    return said
