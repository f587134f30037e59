"""How often near rows of two sets bear different labels, against chance and against near rows within a set."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.compare_labels.pairs import MutualPairs
from curatekit.intervals import NOTHING, Interval, mean_of_rates, wilson

EDGES = (0.9, 0.8, 0.7, 0.6)
"""Where one band of similarity ends and the next begins."""

_RESAMPLES = 2_000


class Disagreement(NamedTuple):
    """What n pairs of labels, one of each set, say."""

    pairs: int
    differing: int
    rate: Interval  # differing / pairs
    chance: float  # 1 − Σ_k p_k q_k, with the shares p and q of the labels on the two sides; NaN without pairs
    kappa: Interval  # 1 − rate / chance: 1 is agreement, 0 what chance gives; NaN where both sides bear one label
    labels: Ints  # (K, K) pairs by (label in the first set, label in the second)


class Band(NamedTuple):
    """Pairs that are alike to a degree: of both sets, and within each of them."""

    name: str
    across: Disagreement
    within: tuple[Interval, Interval]  # the rates in the first set and in the second
    within_pairs: tuple[int, int]


class Excess(NamedTuple):
    """How much more near rows differ across two sets than within one."""

    pairs: int  # across the sets, in bands that have pairs within a set too
    value: Interval


def disagreement(first: Ints, second: Ints, n_classes: int, *, confidence: float = 0.95, seed: int = 0) -> Disagreement:
    """Return how often the labels (n,) of pairs differ, beside what chance gives with the same shares of labels.

    The limits of the rate are Wilson's, those of kappa the percentiles of 2,000 resamples of the pairs: give pairs that have
    no row in common. Source: Cohen (1960), Educational and Psychological Measurement 20:37.
    """
    counts = np.bincount(first * n_classes + second, minlength=n_classes**2).reshape(n_classes, n_classes)
    n, differing = int(counts.sum()), int(counts.sum() - np.trace(counts))
    if not n:
        return Disagreement(0, 0, NOTHING, float("nan"), NOTHING, counts)
    row, column = np.nonzero(counts)
    cells = counts[row, column]
    drawn = np.random.default_rng(seed).multinomial(n, cells / n, size=_RESAMPLES)
    chance, kappa = _kappa(cells[None], row, column, n_classes)
    _, resampled = _kappa(drawn, row, column, n_classes)
    value, limits = float(kappa[0]), (float("nan"), float("nan"))
    if np.isfinite(value):
        tail = (1 - confidence) / 2
        limits = tuple(np.quantile(resampled[np.isfinite(resampled)], [tail, 1 - tail]).tolist())
    return Disagreement(
        n, differing, wilson(differing, n, confidence), float(chance[0]), Interval(value, *limits), counts
    )


def _kappa(cells: Ints, row: Ints, column: Ints, n_classes: int) -> tuple[Floats, Floats]:
    """Return the disagreement by chance and kappa of B tables, given the counts (B, C) of their occupied cells."""
    shares = cells / cells.sum(axis=1, keepdims=True)
    p, q = (shares @ np.eye(n_classes)[where] for where in (row, column))
    chance = 1 - (p * q).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return chance, np.where(chance > 0, 1 - shares[:, row != column].sum(axis=1) / chance, np.nan)


def bands(
    across: MutualPairs,
    within: tuple[MutualPairs, MutualPairs],
    first: Ints,
    second: Ints,
    n_classes: int,
    *,
    confidence: float = 0.95,
) -> list[Band]:
    """Return the disagreement of pairs of the same words, and by bands of similarity, most alike first.

    across: pairs of both sets; within: of each set alone; first (n,) and second (m,): the labels of the sets.
    """
    labels = [(first[across.first], second[across.second])] + [
        (own[pairs.first], own[pairs.second]) for own, pairs in zip((first, second), within, strict=True)
    ]
    codes = [band_of(pairs) for pairs in (across, *within)]
    found = []
    for k, name in enumerate(band_names()):
        parts = [(a[code == k], b[code == k]) for (a, b), code in zip(labels, codes, strict=True)]
        rates = [wilson(int((a != b).sum()), len(a), confidence) for a, b in parts[1:]]
        found.append(
            Band(
                name, disagreement(*parts[0], n_classes, confidence=confidence),
                (rates[0], rates[1]), (len(parts[1][0]), len(parts[2][0])),
            )
        )  # fmt: skip
    return found


def band_names() -> list[str]:
    """Return what the bands are called, most alike first."""
    return ["same words", f"≥ {EDGES[0]}", *(f"{low} to {high}" for high, low in pairwise(EDGES)),
            f"< {EDGES[-1]}"]  # fmt: skip


def band_of(pairs: MutualPairs) -> Ints:
    """Return the band (M,) of each pair: 0 for the same words, then by similarity."""
    band = 1 + np.searchsorted(-np.array(EDGES), -pairs.similarity)
    return np.where(pairs.same_words, 0, band)


def excess(bands: list[Band]) -> Excess:
    """Return Σ_b w_b (rate across − rate within) with the bands' shares w_b of the pairs across: what noise does not explain.

    Within a set near rows differ too: they are near, not the same, and labels err. For texts that are alike, labelled y with
    probability p(y) in the one set and q(y) in the other, pairs differ in 1 − p·q across and in 1 − p·p and 1 − q·q within: across
    less the mean of both is |p − q|² / 2. So it is 0 where both label alike, noise and all, and at most 1; noise in the one set
    alone counts with the square of its rate. In a band the rate within is that mean, or the rate of the one set that has pairs
    there. The limits are recovered from those of the rates. Where two sets have other texts, rows that are equally similar may
    still differ in more than their annotators.

    Sources: Newcombe (1998), Statistics in Medicine 17:873; Zou, Huang & Zhang (2009), CSDA 53:1080 (MOVER).
    """
    used = [band for band in bands if band.across.pairs and sum(band.within_pairs)]
    n = sum(band.across.pairs for band in used)
    if not n:
        return Excess(0, NOTHING)
    value = below = above = 0.0
    for band in used:
        share, across = band.across.pairs / n, band.across.rate
        within = mean_of_rates([rate for rate, pairs in zip(band.within, band.within_pairs, strict=True) if pairs])
        value += share * (across.value - within.value)
        below += share**2 * ((across.value - across.low) ** 2 + (within.high - within.value) ** 2)
        above += share**2 * ((across.high - across.value) ** 2 + (within.value - within.low) ** 2)
    return Excess(n, Interval(value, value - sqrt(below), value + sqrt(above)))
