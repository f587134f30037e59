"""How far the classes' words lie apart: Jensen–Shannon divergence of unigrams, and what chance alone would give."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.reporting import step

_AT_ONCE = 1 << 21  # numbers in one block
_TIE = 1e-12  # bits; sums in another order differ by less


class Chance(NamedTuple):
    """What shuffled labels give for each of P pairs of classes."""

    mean: Floats  # (P,) bits, the mean divergence
    p_value: Floats  # (P,) share of shuffles, the data among them, whose divergence is at least that of the data


def unigram_divergence(counts: Any, labels: Ints, n_classes: int, *, alpha: float = 1.0) -> Floats:
    """Return the Jensen–Shannon divergence of the words of every two classes, (K, K) in bits: H((p + q)/2) − (H(p) + H(q))/2.

    counts (n, V) sparse, how often each word stands in each row; labels (n,); p(w) = (c_w + α) / (Σ c + αV), so that α = 1 is
    Laplace's rule. 0: the same distribution; 1: no word in common, and no smoothing. A class without a row has NaN.

    The value depends on the size of the classes: chance alone drives small ones apart, and smoothing drives them together
    again once αV exceeds their words. Compare it with `shuffled_divergence`, not with that of another pair.
    Raises InputError when α is not above 0, or when there is no word.

    Source: Lin (1991), Divergence Measures Based on the Shannon Entropy, IEEE Transactions on Information Theory 37:145.
    """
    _require_above_0(alpha)
    if not counts.shape[1]:
        raise InputError("There is no word in any text. Unigrams need words: runs of letters or digits.")
    by_class = _by_class(counts, labels, n_classes)
    columns = by_class.tocsc()
    k, v = by_class.shape
    totals = np.asarray(by_class.sum(axis=1)).ravel() + alpha * v
    support = np.diff(by_class.indptr)
    absent = alpha / totals  # the probability of a word that a class does not have
    # A class has few different counts, so that a sum over its words is one over (count, how many words have it).
    words_of, counts_of = (np.split(part, by_class.indptr[1:-1]) for part in (by_class.indices, by_class.data))
    kinds = [np.unique(own, return_counts=True) for own in counts_of]
    kind_class = np.repeat(np.arange(k), [len(values) for values, _ in kinds])
    kind_p = (np.concatenate([values for values, _ in kinds]) + alpha) / totals[kind_class]
    kind_words = np.concatenate([words for _, words in kinds])
    entropy = _by_kinds(kind_class, kind_words * _surprise(kind_p), k) + (v - support) * _surprise(absent)

    divergence, width = np.zeros((k, k)), max(1, _AT_ONCE // k)
    with step("divergences", k, "classes") as advance:
        for i in range(k):
            own, own_counts = words_of[i], counts_of[i]
            others = slice(i + 1, k)
            both = np.zeros(k - i - 1)
            # Words of one class alone are summed by kinds; those of class i are looked at one by one, for all j > i at once.
            mixed = _by_kinds(kind_class, kind_words * _surprise((kind_p + absent[i]) / 2), k)[others]
            for start in range(0, len(own), width):
                block = columns[:, own[start : start + width]].toarray()[others]
                p = (own_counts[start : start + width] + alpha) / totals[i]
                q = (block + alpha) / totals[others, None]
                held = block > 0
                both += held.sum(axis=1)
                mixed += _surprise((p + q) / 2).sum(axis=1)
                mixed -= np.where(held, _surprise((absent[i] + q) / 2), 0).sum(axis=1)
            mixed += (v - len(own) - support[others] + both) * _surprise((absent[i] + absent[others]) / 2)
            divergence[i, others] = np.maximum(mixed - (entropy[i] + entropy[others]) / 2, 0)
            advance(1)
    divergence += divergence.T
    empty = np.bincount(labels, minlength=n_classes) == 0
    divergence[empty] = divergence[:, empty] = np.nan
    return divergence


def shuffled_divergence(
    counts: Any,
    labels: Ints,
    pairs: Ints,
    *,
    alpha: float = 1.0,
    n_shuffles: int = 200,
    seed: int = 0,
) -> Chance:
    """Return the mean divergence of P pairs of classes when the labels of their rows are shuffled, and a p-value for each.

    counts (n, V) sparse and labels (n,) as for `unigram_divergence`; pairs (P, 2) of classes that have rows. Rows are
    shuffled whole, since the words of a text come together; only those of the two classes, so that the null says "these two
    cannot be told apart". The p-value is (1 + #{shuffled ≥ observed}) / (1 + n_shuffles), valid at any size; the result
    for a pair does not depend on the other pairs. Raises InputError when α is not above 0.

    Source: Phipson & Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9:39, for the p-value.
    """
    _require_above_0(alpha)
    pairs = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    mean, p_value = np.empty(len(pairs)), np.empty(len(pairs))
    with step("shuffled labels", len(pairs), "pairs") as advance:
        for pair, (first, second) in enumerate(pairs.tolist()):
            rows = np.flatnonzero((labels == first) | (labels == second))
            used = counts[rows].tocsc()
            used = used[:, np.diff(used.indptr) > 0].T.tocsr()  # (words that these rows hold, rows)
            observed = _divergence(used, (labels[rows] == first)[:, None], counts.shape[1], alpha)[0]
            rng = np.random.default_rng([seed, first, second])
            shuffled = _shuffles(used, int((labels[rows] == first).sum()), counts.shape[1], alpha, n_shuffles, rng)
            mean[pair] = shuffled.mean()
            p_value[pair] = (1 + (shuffled >= observed - _TIE).sum()) / (1 + n_shuffles)
            advance(1)
    return Chance(mean, p_value)


def _shuffles(used: Any, size: int, v: int, alpha: float, n_shuffles: int, rng: np.random.Generator) -> Floats:
    """Return the divergences (n_shuffles,) when `size` rows at random are the first class."""
    rows = used.shape[1]
    at_once = max(1, _AT_ONCE // max(*used.shape, 1))
    found = []
    for start in range(0, n_shuffles, at_once):
        first = np.zeros((rows, min(at_once, n_shuffles - start)), np.int32)
        first[:size] = 1
        found.append(_divergence(used, rng.permuted(first, axis=0), v, alpha))
    return np.concatenate(found)


def _divergence(used: Any, first: Any, v: int, alpha: float) -> Floats:
    """Return the divergences (R,) of R ways to divide the rows: used (words, rows) counts, first (rows, R) 1 or 0.

    The v − words that none of the rows holds are counted in.
    """
    a = used @ first.astype(np.int32)
    b = np.asarray(used.sum(axis=1)).reshape(-1, 1) - a
    p, q = ((c + alpha) / (c.sum(axis=0) + alpha * v) for c in (a, b))
    rest_p, rest_q = (alpha / (c.sum(axis=0) + alpha * v) for c in (a, b))
    seen = (_surprise((p + q) / 2) - (_surprise(p) + _surprise(q)) / 2).sum(axis=0)
    unseen = _surprise((rest_p + rest_q) / 2) - (_surprise(rest_p) + _surprise(rest_q)) / 2
    return np.asarray(np.maximum(seen + (v - len(a)) * unseen, 0))


def _by_class(counts: Any, labels: Ints, n_classes: int) -> Any:
    """Return the counts (K, V) of each word in each class, sparse and sorted."""
    from scipy.sparse import csr_array

    n = len(labels)
    member = csr_array((np.ones(n, np.int64), (labels, np.arange(n))), shape=(n_classes, n))
    by_class = (member @ counts).tocsr()
    by_class.sort_indices()
    return by_class


def _by_kinds(kind_class: Ints, values: Floats, k: int) -> Floats:
    """Return the sums (K,) of the values of each class; bincount of nothing would be whole numbers."""
    return np.bincount(kind_class, values, k).astype(np.float64)


def _require_above_0(alpha: float) -> None:
    if not alpha > 0:
        raise InputError(f"The smoothing alpha must be above 0, and is {alpha}.")


def _surprise(p: Floats) -> Floats:
    return -p * np.log2(p)
