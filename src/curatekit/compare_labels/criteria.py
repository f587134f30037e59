"""Where the criteria of two sets differ in words: what a word, or two together, say of the label in each."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.information.association import benjamini_hochberg
from curatekit.intervals import wilson
from curatekit.reporting import note, step

MAX_RULES = 200_000
"""Conjunctions tested at the most, those in most rows."""

_AT_ONCE = 1 << 21  # numbers in one block


class Criteria(NamedTuple):
    """One entry for each of C pairs of a word (or two) and a label, in rows of both sets."""

    word: Ints  # (C,) which word or conjunction
    label: Ints  # (C,)
    first_rows: Ints  # (C,) rows of the first set that hold it
    first_label_rows: Ints  # (C,) those of them with the label
    first_share: Floats  # (C,) p, the label's share of these rows
    first_lift: Floats  # (C,) p over the label's share of all rows of the set
    second_rows: Ints
    second_label_rows: Ints
    second_share: Floats
    second_lift: Floats
    difference: Floats  # (C,) p' − q', of the shares taken to one base rate
    low: Floats  # (C,) its limits, of each by itself
    high: Floats
    p_value: Floats  # (C,) exact, two-sided, of no difference beyond the base rates
    q_value: Floats  # (C,) Benjamini and Hochberg's

    @property
    def at_least(self) -> Floats:
        """The limit of the difference that is nearest to 0, as a size; 0 where the limits enclose 0: what to rank by."""
        return np.maximum(np.maximum(self.low, -self.high), 0)

    def take(self, rows: Ints | Bools) -> Criteria:
        """Return the entries at these rows."""
        return Criteria._make(values[rows] for values in self)


def criteria(
    first: Any, second: Any, first_labels: Ints, second_labels: Ints, labels: Ints, *, confidence: float = 0.95
) -> Criteria:
    """Return for each of V words and each label how P(label | word) differs between two sets, whatever their base rates.

    first (n, V) and second (m, V) sparse: which rows hold each word, 0 or 1, every word in at least one row of each set; labels:
    those to look at, each borne by some rows of each set and not by all.

    Where two sets hold the same kind of text, labelled by one criterion, and only their shares π of the label differ, the odds of
    the label given a word differ by the odds of π alone. So both shares are taken to the mean π of the two sets,
    p' = p r / (p r + (1 − p) s) with r = π/π₁ and s = (1 − π)/(1 − π₁), and compared there. Limits: Wilson's of each share,
    taken to π likewise, and Newcombe's difference of the two. The p-value is exact: given how many of the rows with the word bear
    the label in both sets together, their number in the first is Fisher's noncentral hypergeometric with the odds of
    π₁ against π₂; twice the smaller tail. The base rates count as known, which errs on the safe side for words in many rows.

    Rows are taken as independent: copies make everything look surer than it is. A difference may lie in the texts that
    hold the word and not in the people who labelled them: look at the rows.

    Sources: Saerens, Latinne & Decaestecker (2002), Neural Computation 14:21, for the base rates; Newcombe (1998), Statistics in
    Medicine 17:873, method 10; Fisher (1935), JRSS 98:39; Benjamini & Hochberg (1995), JRSS B 57:289.
    """
    words = first.shape[1]
    parts = []
    for label in labels.tolist():
        of = [_counted(held, own == label) for held, own in ((first, first_labels), (second, second_labels))]
        parts.append(compared(of[0], of[1], confidence=confidence))
    stacked = [np.concatenate(values) for values in zip(*parts, strict=True)]
    word, label = np.tile(np.arange(words), len(labels)), np.repeat(labels, words)
    q_value = benjamini_hochberg(stacked[-1], len(stacked[-1]))
    return Criteria._make([word, label, *stacked, q_value])


class Counted(NamedTuple):
    """Of one set: the rows that hold each of V words, those of them with the label, and the label's share of all rows."""

    rows: Ints
    label_rows: Ints
    prior: float


def _counted(held: Any, borne: Bools) -> Counted:
    rows = np.asarray(held.sum(axis=0), np.int64).ravel()
    return Counted(rows, np.asarray(held[np.flatnonzero(borne)].sum(axis=0), np.int64).ravel(), float(borne.mean()))


def compared(first: Counted, second: Counted, *, confidence: float = 0.95) -> tuple[Any, ...]:
    """Return the values of `Criteria` from first_rows to p_value for V words and one label; see `criteria`."""
    prior = (first.prior + second.prior) / 2
    shares, moved, limits = [], [], []
    for one in (first, second):
        shares.append(one.label_rows / one.rows)
        moved.append(at_prior(shares[-1], one.prior, prior))
        limits.append([at_prior(x, one.prior, prior) for x in _limits(one.label_rows, one.rows, confidence)])
    (low, high), (other_low, other_high) = limits
    difference = moved[0] - moved[1]
    odds = first.prior / (1 - first.prior) / (second.prior / (1 - second.prior))
    return (
        first.rows, first.label_rows, shares[0], shares[0] / first.prior,
        second.rows, second.label_rows, shares[1], shares[1] / second.prior,
        difference,
        difference - np.hypot(moved[0] - low, other_high - moved[1]),
        difference + np.hypot(high - moved[0], moved[1] - other_low),
        exact_p_values(first.label_rows, first.rows, second.label_rows, second.rows, odds),
    )  # fmt: skip


def _limits(count: Ints, n: Ints, confidence: float) -> Floats:
    """Return Wilson's limits (2, V) of count / n; few counts are different."""
    different, which = np.unique(np.stack([count, n]), axis=1, return_inverse=True)
    limits = np.array([wilson(k, m, confidence)[1:] for k, m in different.T.tolist()]).reshape(-1, 2)
    by_word: Floats = limits[which.ravel()].T
    return by_word


def at_prior(share: Floats, prior: float, other: float) -> Floats:
    """Return what a share p of a label would be if the label's base rate were `other` instead of `prior`; both in (0, 1)."""
    up, down = share * other / prior, (1 - share) * (1 - other) / (1 - prior)
    return up / (up + down)


def exact_p_values(k1: Ints, n1: Ints, k2: Ints, n2: Ints, odds: float) -> Floats:
    """Return min(1, 2 min(P(X ≤ k₁), P(X ≥ k₁))) for V tables; X is Fisher's noncentral hypergeometric.

    X counts the k = k₁ + k₂ successes that fall to the first n₁ of n₁ + n₂ rows, whose odds of success are `odds` times
    those of the second: P(x) ∝ C(n₁, x) C(n₂, k − x) odds^x. Source: Fisher (1935), JRSS 98:39.
    """
    total = k1 + k2
    lowest, highest = np.maximum(0, total - n2), np.minimum(n1, total)
    width = highest - lowest + 1
    p_value = np.empty(len(k1))
    log_factorial = np.concatenate(
        [[0.0], np.cumsum(np.log(np.arange(1, max(n1.max(initial=0), n2.max(initial=0)) + 1)))]
    )
    ends = np.cumsum(width)
    start = 0
    while start < len(k1):
        stop = max(start + 1, int(np.searchsorted(ends, (ends[start - 1] if start else 0) + _AT_ONCE)))
        part = slice(start, stop)
        own = np.repeat(np.arange(start, stop), width[part])
        offset = np.cumsum(width[part]) - width[part]
        x = np.arange(len(own)) - np.repeat(offset, width[part]) + lowest[own]
        a, b, k = n1[own], n2[own], total[own] - x
        logs = x * np.log(odds) - log_factorial[x] - log_factorial[a - x] - log_factorial[k] - log_factorial[b - k]
        weight = np.exp(logs - np.repeat(np.maximum.reduceat(logs, offset), width[part]))
        whole = np.add.reduceat(weight, offset)
        below = np.add.reduceat(np.where(x <= k1[own], weight, 0), offset) / whole
        above = np.add.reduceat(np.where(x >= k1[own], weight, 0), offset) / whole
        p_value[part] = np.minimum(1, 2 * np.minimum(below, above))
        start = stop
    return p_value


class Rules(NamedTuple):
    """Conjunctions of two words: R pairs of columns, and the rows of each set that hold both."""

    words: Ints  # (R, 2)
    first: Any  # (n, R) sparse
    second: Any  # (m, R) sparse


def conjunctions(first: Any, second: Any, *, min_rows: int = 5, most: int = MAX_RULES) -> Rules:
    """Return the pairs of words that stand together in `min_rows` rows or more of each set; (n, V) and (m, V) sparse, 0 or 1.

    Of more than `most` those are kept that stand in most rows (of the set where they stand in fewer), which is said in a note.
    """
    words = first.shape[1]
    width = max(1, _AT_ONCE // max(words, 1))
    found, support = [], []
    transposed = [held.T.tocsr() for held in (first, second)]
    columns = [held.tocsc() for held in (first, second)]
    with step("words together", words, "words") as advance:
        for start in range(0, words, width):
            block = slice(start, min(start + width, words))
            together = [np.asarray((t[block] @ c.tocsr()).todense()) for t, c in zip(transposed, columns, strict=True)]
            fewest = np.minimum(*together)
            a, b = np.nonzero(fewest >= min_rows)
            later = b > a + start
            found.append(np.stack([a[later] + start, b[later]], axis=1))
            support.append(fewest[a[later], b[later]])
            advance(block.stop - block.start)
    pairs = np.concatenate(found) if found else np.zeros((0, 2), np.int64)
    if len(pairs) > most:
        note(
            f"{len(pairs):,} pairs of words stand in {min_rows} rows or more of both sets; the {most:,} in most rows are tested."
        )
        pairs = pairs[np.sort(np.argsort(-np.concatenate(support), kind="stable")[:most])]
    return Rules(pairs, *(_both(held, pairs) for held in columns))


def _both(held: Any, pairs: Ints) -> Any:
    """Return which rows hold both words of each pair, (n, R) csr."""
    return held[:, pairs[:, 0]].multiply(held[:, pairs[:, 1]]).tocsr()


def beyond_their_words(rules: Criteria, pairs: Ints, words: Criteria) -> Bools:
    """Return (C,) whether the limits of a conjunction's difference lie beyond the differences of both of its words.

    rules: one entry for each conjunction and label; pairs (R, 2): their words; words: one entry for each word and label, in
    the same order of labels.
    """
    n_words = int(words.word.max(initial=-1)) + 1
    block = {label: at for at, label in enumerate(dict.fromkeys(words.label.tolist()))}
    offset = np.array([block[label] for label in rules.label.tolist()], np.int64) * n_words
    one, other = (words.difference[offset + pairs[rules.word, side]] for side in (0, 1))
    above, below = np.maximum(np.maximum(one, other), 0), np.minimum(np.minimum(one, other), 0)
    beyond: Bools = (rules.low > above) | (rules.high < below)
    return beyond
