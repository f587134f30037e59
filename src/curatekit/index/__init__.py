"""Nearest neighbours by cosine similarity, exact or from inverted lists, ties to the lower row.

FAISS (exact) or the lists (approximate) propose candidates; their similarity is computed again in float64, rounded to 1e-9
and sorted by (-similarity, row). So the result has the same bytes for every batch size and number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curatekit.arrays import Floats
from curatekit.errors import InputError
from curatekit.index import lists
from curatekit.reporting import note, step

APPROXIMATE_ABOVE = 40_000
"""Items above which method "auto" is approximate: below, the exact search takes seconds."""

_RECALL_GOAL = 0.993  # measured on a sample that also decides when to stop: a little above the 0.99 that is wanted
_RECALL_FLOOR = 0.95
_SHARE_OF_LISTS = 0.3
_AUDITED = 1_000
_BLOCK = 2_048
_DECIMALS = 9
# More than the float32 rounding of an inner product of unit vectors, and far less than the gaps between real neighbours.
_SLACK = 2e-6

Rows = NDArray[np.int64]
Similarity = NDArray[np.float64]
# Candidates (m, w) of the queries in some rows; their float32 similarity where every item was looked at, best first.
Propose = Callable[[Rows], tuple[NDArray[np.float32] | None, Rows]]


class Neighbours(NamedTuple):
    """The nearest items of each query, most similar first."""

    rows: Rows
    """(m, k): rows of the items."""
    similarity: Similarity
    """(m, k): cosine similarity, rounded to 1e-9; 0 where either vector is zero."""
    recall: float
    """Share of the true neighbours found, measured on up to 1,000 queries; 1.0 for the exact search."""
    method: str
    """"exact" or "approximate"."""


def nearest(queries: Floats, k: int, items: Floats | None = None, *, method: str = "auto", seed: int = 0) -> Neighbours:
    """Return for each query the k items of largest cosine similarity q.x / (|q| |x|), ties to the lower row.

    `queries` (m, d) and `items` (n, d) are finite and used as float32. Without `items` the queries are the items, and a row
    is not its own neighbour (its exact duplicates are). There are min(k, n) columns, min(k, n - 1) without `items`: no padding.
    `method` is "exact", "approximate" (inverted lists, their candidates ranked exactly) or "auto": approximate where queries and
    items are both above 40,000 (a training set among itself), or the products to compute as many. The lists are asked, nearest
    first, until the recall on 1,000 queries is 0.99; under 0.95 with 30 % of them asked, the search is exact, with a note.

    Sivic, Zisserman 2003, "Video Google" (inverted lists); Douze et al. 2024, "The Faiss library" (the exact search).
    """
    if method not in ("auto", "exact", "approximate"):
        raise InputError(f"Unknown search method {method!r}. Choose auto, exact or approximate.")
    if k < 1:
        raise InputError(f"k is {k}. Ask for at least one neighbour.")
    asked = _vectors(queries, "query")
    among = asked if items is None else _vectors(items, "item")
    if asked.raw.shape[1] != among.raw.shape[1]:
        raise InputError(
            f"The queries have {asked.raw.shape[1]} dimensions and the items {among.raw.shape[1]}. "
            "Embed both with the same encoder."
        )
    n = len(among.raw)
    k = min(k, n - (items is None))
    if k < 1 or not len(asked.raw):
        shape = (len(asked.raw), max(k, 0))
        return Neighbours(np.zeros(shape, np.int64), np.zeros(shape), 1.0, "exact")
    search = _Search(asked, among, k, own=items is None)
    if method == "approximate" or (method == "auto" and len(asked.raw) * n > APPROXIMATE_ABOVE**2):
        candidates, recall = search.candidates(seed)
        if recall >= _RECALL_FLOOR:
            return Neighbours(*search.ranked(candidates), recall, "approximate")
        note(
            f"The approximate search found {recall:.1%} of the true neighbours, under {_RECALL_FLOOR:.0%}: searched exactly."
        )
    return Neighbours(*search.exact(np.arange(len(asked.raw)), "nearest neighbours"), 1.0, "exact")


class _Vectors(NamedTuple):
    raw: NDArray[np.float32]
    norms: Similarity
    unit: NDArray[np.float32]


def _vectors(values: Floats, what: str) -> _Vectors:
    """Return the vectors as float32, their norms (1 for a zero vector) and the vectors over their norms."""
    with np.errstate(over="ignore"):
        raw = np.ascontiguousarray(values, np.float32)
    if raw.ndim != 2 or not raw.shape[1]:
        raise InputError(
            f"The {what} array has the shape {raw.shape}. Give one row for each {what}, one column a dimension."
        )
    if bad := np.flatnonzero(~np.isfinite(raw).all(axis=1)).tolist():
        raise InputError(f"The vector of {what} row {bad[0]} is not finite (such rows: {len(bad)}). Embed it again.")
    norms, unit = np.empty(len(raw)), np.empty_like(raw)
    for first in range(0, len(raw), _BLOCK):
        rows = slice(first, first + _BLOCK)
        block = raw[rows].astype(np.float64)
        lengths = np.sqrt(np.vecdot(block, block))
        norms[rows] = np.where(lengths == 0, 1.0, lengths)
        unit[rows] = block / norms[rows, None]
    return _Vectors(raw, norms, unit)


@dataclass(frozen=True)
class _Search:
    queries: _Vectors
    items: _Vectors
    k: int
    own: bool

    def exact(self, asked: Rows, name: str) -> tuple[Rows, Similarity]:
        """Return the k nearest items of the queries in the rows `asked`."""
        import faiss

        index = faiss.IndexFlatIP(self.items.unit.shape[1])
        index.add(self.items.unit)
        wanted = min(len(self.items.unit), 2 * (self.k + self.own))
        return self._rank(asked, lambda rows: index.search(self.queries.unit[rows], wanted), name)

    def candidates(self, seed: int) -> tuple[Rows, float]:
        """Return (m, more than k) likely neighbours, -1 where there are fewer, and the recall of their best k on 1,000 queries.

        Lists are asked until the recall reaches the goal. A tie counts as found.
        """
        m, n = len(self.queries.unit), len(self.items.unit)
        # Not by the seed alone: the lists begin at the first rows that it draws, and these find their neighbours more easily.
        audited = np.sort(np.random.default_rng([seed, 1]).permutation(m)[:_AUDITED])
        _, truth = self.exact(audited, "true neighbours to measure the recall")
        with step("sorting the items into lists", n) as advance:
            built = lists.build(lists.integers(self.items.unit), seed)
            advance(n)
        queries = None if self.own else lists.integers(self.queries.unit)
        # Those that rounding to integers has put just behind the k-th are candidates too.
        wanted = min(n, self.k + self.k // 8 + 4)
        most = int(np.ceil(_SHARE_OF_LISTS * len(built.centroids)))
        with step("asking the lists", most, "lists") as advance:
            for found in lists.candidates(built, queries, wanted, most, advance=advance):
                _, similarity = self._best(audited, found[audited])
                recall = float(np.mean(similarity >= truth[:, -1:]))
                if recall >= _RECALL_GOAL:
                    break
        return found, recall

    def ranked(self, candidates: Rows) -> tuple[Rows, Similarity]:
        """Return the best k of the candidates of every query."""
        return self._rank(np.arange(len(candidates)), lambda rows: (None, candidates[rows]), "nearest neighbours")

    def _rank(self, asked: Rows, propose: Propose, name: str) -> tuple[Rows, Similarity]:
        rows = np.empty((len(asked), self.k), np.int64)
        similarity = np.empty((len(asked), self.k))
        with step(name, len(asked), "rows") as advance:
            for first in range(0, len(asked), _BLOCK):
                block = slice(first, first + _BLOCK)
                rough, candidates = propose(asked[block])
                rows[block], similarity[block] = self._best(asked[block], candidates)
                # Where the worst candidate is as near as the k-th neighbour, an item left out may be one; so too where the
                # index had fewer than k to propose. Such queries (many exact duplicates, mostly) look at every item.
                doubtful = np.isneginf(similarity[block][:, -1])
                if rough is not None and candidates.shape[1] < len(self.items.unit):
                    doubtful |= rough[:, -1] >= similarity[block][:, -1] - _SLACK
                for position in first + np.flatnonzero(doubtful):
                    everyone = self._all_near(asked[position])
                    rows[position], similarity[position] = self._best(asked[position, None], everyone[None])
                advance(len(asked[block]))
        return rows, similarity

    def _all_near(self, query: np.int64) -> Rows:
        """Return every item that is as near as the k-th, allowing for the rounding of float32."""
        rough = self.items.unit @ self.queries.unit[query]
        if self.own:
            rough[query] = -np.inf
        kth = np.partition(rough, -self.k)[-self.k]
        return np.flatnonzero(rough >= kth - 2 * _SLACK)

    def _best(self, asked: Rows, candidates: Rows) -> tuple[Rows, Similarity]:
        """Return the best k of each query's candidates, by (-similarity, row); a row of -1 is no candidate."""
        similarity = np.empty(candidates.shape)
        # Few enough at once that they stay in the processor's cache.
        width = max(1, (1 << 18) // (candidates.shape[1] * self.items.raw.shape[1]))
        for first in range(0, len(asked), width):
            near, own = candidates[first : first + width], asked[first : first + width, None]
            products = np.vecdot(self.queries.raw[own].astype(np.float64), self.items.raw[near].astype(np.float64))
            cosine = products / (self.queries.norms[own] * self.items.norms[near])
            # Adding 0 turns -0.0 into 0.0.
            similarity[first : first + width] = np.round(cosine, _DECIMALS) + 0.0
        similarity[(candidates < 0) | (self.own & (candidates == asked[:, None]))] = -np.inf
        order = np.lexsort((candidates, -similarity), axis=-1)[:, : self.k]
        return np.take_along_axis(candidates, order, -1), np.take_along_axis(similarity, order, -1)
