"""The failure rate to expect of a selection, before anything is trained on it.

Rows that were chosen by the examples do well on these examples, as rows of a training set do on themselves. So the examples
are split, rows are chosen by one part, and the refitted probe is measured on the other. Examples that are nearly the same
text, such as the fillings of one template, stay in one part and count as one observation in the interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import isnan
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Bools, Ints
from curatekit.errors import InputError
from curatekit.intervals import NOTHING, Interval, mean_of_rates, wilson
from curatekit.linkage import average_linkage
from curatekit.predict.probe import Probe
from curatekit.reporting import note, step
from curatekit.select import Material, choose, heard, is_fitted
from curatekit.select.prepare import NOTHING as NO_ROWS
from curatekit.select.prepare import refit
from curatekit.select.same_label import require_rows

ALIKE = 0.6
"""Mean cosine similarity from which examples of a specification count as fillings of one template."""

FOLDS = 2
_GAIN_TO_GO_ON = 0.02  # of the failure rate, by twice the rows


class Expected(NamedTuple):
    """What a probe trained on the training rows and k chosen ones is expected to get wrong of new cases."""

    k: int
    failure_rate: Interval
    by_label: Interval
    """The mean of the failure rates within each label."""
    per_specification: tuple[Interval, ...]


def expected_failures(
    material: Material,
    method: str,
    budgets: Sequence[int],
    seed: int = 0,
    start: Probe | None = None,
    chosen: Mapping[int, Ints] | None = None,
) -> tuple[Expected, ...]:
    """Return the failure rates to expect of `method` at each of the budgets, with 95 % intervals.

    Two-fold cross-fitting over `alike` examples: see the module. A method that does not look at the examples chooses once, and
    the probe is measured on all of them; `chosen` are such rows by budget where they are known. k = 0 stands for no rows at all, M0.
    The expectation is a little too high where one half of the examples guides less well than all do, and too low where new cases
    differ from the examples more than these among each other. NaN where there is no example, or none left for one of the
    halves, and it is said.
    """
    groups = alike(material)
    real = ~np.isin(material.example_specifications, material.weak)
    parts = np.full(len(groups), FOLDS)  # a statement guides in every part, and has no answer that could be wrong
    parts[real] = halves(groups[real], material.example_specifications[real], seed)
    cross_fitted = any(budgets) and is_fitted(method)  # M0 has no method
    in_both = all((parts == part).any() for part in range(FOLDS))
    if not real.any():
        note("Nothing can be expected of any rows: the specifications have no examples, which could fail.")
    elif cross_fitted and not in_both:
        note(
            f"Nothing can be expected of {method}: the examples are too much alike for one half of them to choose and the other to "
            "measure. Give examples of other wordings."
        )
    found = []
    with step("expected failures", len(budgets), "budgets") as advance:
        for k in budgets:
            failed = np.zeros(len(groups), bool)
            measured = real
            if not k or not cross_fitted:
                if k and chosen is not None and k in chosen:
                    rows = chosen[k]
                else:
                    rows = choose(method, material, k, seed).rows if k else NO_ROWS
                failed[real] = _failed(material, real, rows, start)
            elif in_both:
                for part in range(FOLDS):
                    rows = _by_half(material, method, np.flatnonzero(parts != part), k, seed)
                    failed[parts == part] = _failed(material, parts == part, rows, start)
            else:
                measured = np.zeros(len(groups), bool)
            found.append(_expected(k, failed[measured], groups[measured], material, measured))
            advance(1)
    return tuple(found)


def _failed(material: Material, asked: Bools, rows: Ints, start: Probe | None) -> Bools:
    """Return which of the examples asked (m,) the probe gets wrong that is refitted with these rows."""
    if not asked.any():
        return np.zeros(0, bool)
    answers = refit(material, rows, start).logits(material.example_features[asked]).argmax(axis=1)
    failed: Bools = answers != material.example_labels[asked]
    return failed


def _by_half(material: Material, method: str, examples: Ints, k: int, seed: int) -> Ints:
    """Return the k rows that these examples choose, or all rows of their labels where the labels of all examples alone have k."""
    half = heard(method, material.with_examples(examples))
    try:
        return choose(method, half, k, seed).rows
    except InputError:
        require_rows(material.pool_labels, material.example_labels, material.classes, k)
        usable = int(np.isin(material.pool_labels, half.example_labels).sum())
        if usable >= k:
            raise
    note(
        f"One half of the examples has labels that {usable:,} rows of the pool bear, fewer than k: what is expected of {k:,} rows "
        f"chosen by {method} is that of {usable:,} there, a little too high."
    )
    return choose(method, half, usable, seed).rows if usable else NO_ROWS


def alike(material: Material) -> Ints:
    """Return the group of each example (m,): within a specification, average linkage at a cosine similarity of 0.6."""
    groups = np.zeros(len(material.example_labels), np.int64)
    first = 0
    for s in range(len(material.specifications)):
        rows = np.flatnonzero(material.example_specifications == s)
        groups[rows] = first + average_linkage(material.example_embeddings[rows], ALIKE)
        first = int(groups[rows].max(initial=first - 1)) + 1
    return groups


def halves(groups: Ints, specifications: Ints, seed: int = 0) -> Ints:
    """Return the part of each example (m,), 0 or 1: whole groups, each specification halved as evenly as they allow.

    Where that leaves a choice, the part that has fewer examples gets the group, so that specifications of a single one are in both.
    """
    parts = np.zeros(len(groups), np.int64)
    rng = np.random.default_rng(seed)
    total = rng.random(FOLDS) * 0.5  # the first of equals is drawn
    for s in np.unique(specifications):
        names, sizes = np.unique(groups[specifications == s], return_counts=True)
        order = rng.permutation(len(names))
        load = np.zeros(FOLDS)
        for at in order[np.argsort(-sizes[order], kind="stable")]:
            least = int(np.lexsort((total, load))[0])
            parts[groups == names[at]] = least
            load[least] += sizes[at]
            total[least] += sizes[at]
    return parts


def knee(expected: Sequence[Expected]) -> int | None:
    """Return the smallest budget after which each further doubling lowers the expected failure rate by less than 0.02.

    None where nothing can be expected at some budget.
    """
    if any(isnan(one.failure_rate.value) for one in expected):
        return None
    last = expected[-1].k
    for now, then in reversed(list(pairwise(expected))):
        doublings = np.log2(then.k / now.k) if now.k else 1.0
        if now.failure_rate.value - then.failure_rate.value >= _GAIN_TO_GO_ON * doublings:
            break
        last = now.k
    return last


def needed(expected: Sequence[Expected], target: float) -> float:
    """Return how many rows it takes to expect the target failure rate, between budgets by linear interpolation.

    0 where no rows are needed, NaN where none of the budgets reaches it, or nothing can be expected of those that might.
    """
    for now, then in zip([None, *expected], expected, strict=False):
        if then.failure_rate.value <= target:
            if now is None or now.failure_rate.value <= target:
                return float(then.k)
            share = (now.failure_rate.value - target) / (now.failure_rate.value - then.failure_rate.value)
            return now.k + share * (then.k - now.k)
    return float("nan")


def _expected(k: int, failed: Bools, groups: Ints, material: Material, real: Bools) -> Expected:
    labels, specifications = material.example_labels[real], material.example_specifications[real]
    by_label = [clustered_rate(failed[labels == label], groups[labels == label]) for label in np.unique(labels)]
    return Expected(
        k,
        clustered_rate(failed, groups),
        mean_of_rates(by_label),
        tuple(
            clustered_rate(failed[specifications == s], groups[specifications == s])
            for s in range(len(material.specifications))
        ),
    )


def clustered_rate(failed: Bools, groups: Ints, confidence: float = 0.95) -> Interval:
    """Return the mean of failed (n,) with the Wilson interval of as many independent cases as the groups (n,) are worth.

    These are p(1 − p) / var p, var p = G / (G − 1) · Σ_g (Σ_{i ∈ g} (f_i − p))² / n² (linearised cluster variance), times
    (z / t_{G − 1})², for the variance of few groups is hardly known, between 1 and n; where none or all failed, the number G of
    groups. Korn and Graubard (1998), Survey Methodology 24:193, use this effective size.
    """
    from scipy.stats import norm, t

    n = len(failed)
    if not n:
        return NOTHING
    rate = float(failed.mean())
    sums = np.bincount(np.unique(groups, return_inverse=True)[1], weights=failed - rate)
    n_groups = len(sums)
    variance = float((sums**2).sum()) / n**2 * n_groups / max(n_groups - 1, 1)
    size = float(n_groups)
    if variance and n_groups > 1:
        level = (1 + confidence) / 2
        size = rate * (1 - rate) / variance * float(norm.ppf(level) / t.ppf(level, n_groups - 1)) ** 2
        size = min(max(size, 1.0), n)
    return wilson(rate * size, size, confidence)
