"""The strata that rows to review are drawn from, and how many from each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.audit.expected import spread

ROWS_EACH = 8
MOST_STRATA = 64
LEAST = 2


class Design(NamedTuple):
    """Strata of neighbouring ranks: how many rows each holds, and how many of them are drawn (both (H,))."""

    rows: Ints
    drawn: Ints

    @property
    def of_row(self) -> Ints:
        """The stratum of each rank (n,), from 0."""
        of_row: Ints = np.repeat(np.arange(len(self.rows)), self.rows)
        return of_row


class Drawn(NamedTuple):
    """The rows to review, in the order to review them: their ranks, and the stratum of each, from 0."""

    rank: Ints
    stratum: Ints


def neyman_design(rates: Floats, n_reviews: int) -> Design:
    """Return the design that draws `n_reviews` rows, all of them where there are fewer; rates (n,) are by rank.

    The strata cut the ranks so that each holds the same Σ √(p(1 − p)) (with the guard of `spread`), which is Dalenius
    and Hodges' rule with the deviation itself in place of √f. Neyman's allocation then gives each the same number, here
    about eight: rows of little doubt form large strata, and those about the cut small ones.

    Sources: Neyman (1934), JRSS 97:558; Dalenius & Hodges (1959), JASA 54:88; Cochran (1977), Sampling Techniques, ch. 5.
    """
    weight = spread(rates)
    n_strata = int(np.clip(n_reviews // ROWS_EACH, 1, min(MOST_STRATA, len(rates))))
    inner = np.searchsorted(np.cumsum(weight), weight.sum() * np.arange(1, n_strata) / n_strata)
    edges = np.unique(np.concatenate([[0], np.maximum(inner, 1), [len(rates)]]))
    rows = np.diff(edges)
    return Design(rows, allocation(rows, np.add.reduceat(weight, edges[:-1]), n_reviews))


def allocation(rows: Ints, weight: Floats, n_reviews: int, least: int = LEAST) -> Ints:
    """Return how many of the rows of each stratum are drawn (H,): in proportion to `weight`, n_reviews in all.

    Never more than there are, nor fewer than `least` (or all of a smaller stratum, or an equal share of few reviews).
    """
    n_reviews = min(n_reviews, int(rows.sum()))
    fewest = np.minimum(rows, min(least, n_reviews // len(rows)))
    low, high = 0.0, float(n_reviews + rows.sum()) / float(weight[weight > 0].min(initial=1.0))
    for _ in range(100):
        scale = (low + high) / 2
        low, high = (scale, high) if np.clip(scale * weight, fewest, rows).sum() < n_reviews else (low, scale)
    wanted = np.clip(high * weight, fewest, rows)
    drawn: Ints = np.minimum(np.floor(wanted + 1e-9).astype(np.int64), rows)
    left = n_reviews - int(drawn.sum())
    room = np.where(drawn < rows, wanted - drawn, -np.inf)
    drawn[np.argsort(-room, kind="stable")[:left]] += 1
    return drawn


def draw(design: Design, rng: np.random.Generator) -> Drawn:
    """Return rows drawn at random without replacement, the strata in turn.

    So any beginning of the list is a smaller sample of the same kind, and whoever reviews sees the doubtful and the
    undoubted in no order that would tell them apart.
    """
    ranks, strata, turns = [], [], []
    start = 0
    for stratum, (rows, drawn) in enumerate(zip(design.rows.tolist(), design.drawn.tolist(), strict=True)):
        ranks.append(start + rng.choice(rows, drawn, replace=False))
        strata.append(np.full(drawn, stratum))
        turns.append(np.arange(drawn) / max(drawn, 1))
        start += rows
    order = np.lexsort((rng.random(int(design.drawn.sum())), np.concatenate(turns)))
    return Drawn(np.concatenate(ranks)[order], np.concatenate(strata)[order])
