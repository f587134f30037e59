"""Which words tell a label: the check for spurious correlations between single words and labels."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError


class Associations(NamedTuple):
    """One entry for each of A pairs of a word and a label that occur together; the words in at least `min_rows` rows."""

    word: Ints  # (A,) column of the counts
    label: Ints  # (A,)
    rows: Ints  # (A,) n_w, the rows that hold the word, however often
    label_rows: Ints  # (A,) k, those of them with the label
    share: Floats  # (A,) p̂ = k / n_w, p(label | word)
    low: Floats  # (A,) Wilson's limits of the share, of each by itself
    high: Floats
    prior: Floats  # (A,) p₀, the share of the label among all rows
    z: Floats  # (A,) (p̂ − p₀) / √(p₀ (1 − p₀) / n_w)
    log_odds: Floats  # (A,) nats, of the word in the label's rows against the others'; shrunk to 0 where rows are few
    log_odds_z: Floats  # (A,) over its standard error: what to rank by
    p_value: Floats  # (A,) P(k or more | p₀), binomial, exact
    q_value: Floats  # (A,) Benjamini and Hochberg's, over all words and labels


def associations(
    counts: Any, labels: Ints, n_classes: int, *, min_rows: int = 2, confidence: float = 0.95
) -> Associations:
    """Return how strongly each word (V of them) goes with each label, by rows: a word counts once a row.

    counts (n, V) sparse, how often each word stands in each row; labels (n,). z is large for whatever a single word tells;
    in data without shortcuts no word should tell the label alone. Its normal tail is far too small for rare words and rare
    labels, so that the p-value is the exact upper tail of the binomial; q_value ≤ 0.05 keeps the share of false ones among
    those named to 5 %. The tests counted are all words in `min_rows` rows times all labels: a word that never occurs with
    a label has p = 1 there. Rows are taken as independent: copies of a row make everything look surer than it is.

    log_odds is δ of Monroe et al. with each word's count in all rows as its prior count: 0 where nothing is known, and a
    word must be both frequent and skewed for a large z of it.
    Raises InputError when fewer than two labels occur, or no word is in `min_rows` rows.

    Sources: Gardner et al. (2021), Competency Problems, EMNLP, for z; Wilson (1927), JASA 22:209, for the limits; Monroe,
    Colaresi & Quinn (2008), Fightin' Words, Political Analysis 16:372, for the log-odds with an informative Dirichlet prior;
    Benjamini & Hochberg (1995), JRSS B 57:289.
    """
    from scipy.sparse import csr_array
    from scipy.special import betainc

    n = len(labels)
    of_label = np.bincount(labels, minlength=n_classes)
    if (of_label > 0).sum() < 2:
        raise InputError("Words can tell labels apart only where there are two or more. Give rows of another label.")
    held = (counts > 0).astype(np.int64)
    rows_of = np.asarray(held.sum(axis=0)).ravel()
    tested = rows_of >= min_rows
    if not tested.any():
        raise InputError(f"No word stands in {min_rows} rows or more, so that none can be tested. Give more rows.")
    member = csr_array((np.ones(n, np.int64), (labels, np.arange(n))), shape=(n_classes, n))
    together = (member @ held).tocoo()
    order = np.lexsort((together.row, together.col))
    order = order[tested[together.col[order]]]
    label, word, count = together.row[order], together.col[order], together.data[order]

    rows, prior = rows_of[word], of_label[label] / n
    share = count / rows
    low, high = _wilson_limits(count, rows, confidence)
    log_odds, variance = _log_odds(count, rows, of_words=(member @ held).sum(axis=1)[label], all_words=held.sum())
    p_value = betainc(count, rows - count + 1, prior)
    return Associations(
        word, label, rows, count, share, low, high, prior,
        z=(share - prior) / np.sqrt(prior * (1 - prior) / rows),
        log_odds=log_odds,
        log_odds_z=log_odds / np.sqrt(variance),
        p_value=p_value,
        q_value=benjamini_hochberg(p_value, int(tested.sum()) * int((of_label > 0).sum())),
    )  # fmt: skip


def _log_odds(count: Ints, rows: Ints, *, of_words: Ints, all_words: int) -> tuple[Floats, Floats]:
    """Return δ and its variance: y + a in n + a₀ against the same of the others, with the prior a = y of all rows, a₀ = n of all."""
    own, others = count + rows, (rows - count) + rows
    if all_words == rows[0]:  # the only word there is: there is nothing to compare its odds with
        return np.zeros(len(rows)), 1 / own + 1 / others
    of_own, of_others = of_words + all_words, 2 * all_words - of_words
    return np.log(own / (of_own - own)) - np.log(others / (of_others - others)), 1 / own + 1 / others


def _wilson_limits(count: Ints, n: Ints, confidence: float) -> tuple[Floats, Floats]:
    """Return what `curatekit.intervals.wilson` does, for arrays."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate = count / n
    centre = rate + z * z / (2 * n)
    half = z * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low, high = (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)
    return np.where(count == 0, 0.0, low), np.where(count == n, 1.0, high)


def benjamini_hochberg(p_values: Floats, tests: int) -> Floats:
    """Return the adjusted p-values min over j ≥ i of p_(j) tests / j; the tests that are not among them have p = 1."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.minimum(p_values[order] * tests / np.arange(1, len(order) + 1), 1)
    q_values = np.empty(len(order))
    q_values[order] = np.minimum.accumulate(adjusted[::-1])[::-1]
    return q_values
