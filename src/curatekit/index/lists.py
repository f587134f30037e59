"""Candidates for the nearest neighbours from inverted lists, the same to the bit on every machine.

Vectors are rounded to integers of a norm under 2^12. Every sum of their products is then an integer under 2^24 (Cauchy-Schwarz),
which float32 holds exactly: a matrix product has the same bits in whatever order the processor adds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curatekit.reporting import Advance

_NORM = (1 << 12) - 1
_BITS = 24  # of a product
_LARGEST = (1 << _BITS) - 1
_ROUNDS = 3
_SAMPLED_A_LIST = 48
# The products of a block, and the candidates that wait to be thinned: 16 and 128 MB.
_PRODUCTS = 1 << 22
_WAITING = 1 << 24

Rows = NDArray[np.int64]
Integers = NDArray[np.float32]
"""Integers, held as float32; the norm of a row is at most 4095."""


def integers(unit: NDArray[np.float32]) -> Integers:
    """Return unit vectors (n, d) times about 4095, rounded: the cosine of two is their product over 4095^2, to about 1e-4."""
    longest = _NORM - np.sqrt(unit.shape[1]) / 2  # rounding adds at most half a unit in each dimension
    rounded: Integers = np.rint(unit * np.float32(longest))
    return rounded


class Lists(NamedTuple):
    """Items, each in the list of the centroid that is nearest to it."""

    centroids: Integers
    """(l, d)."""
    items: Integers
    """(n, d), list by list."""
    rows: Rows
    """(n,) which rows they are."""
    starts: Rows
    """(l + 1,): list i holds the items from starts[i] to starts[i + 1]."""


def build(items: Integers, seed: int) -> Lists:
    """Return about 2 sqrt(n) lists, by spherical k-means on 48 items a list, whose first centroids are drawn by `seed`."""
    n = len(items)
    count = max(1, min(int(2 * np.sqrt(n)), n // 39))
    drawn = np.random.default_rng(seed).permutation(n)[: _SAMPLED_A_LIST * count]
    centroids, sample = items[drawn[:count]], items[np.sort(drawn)]
    for _ in range(_ROUNDS):
        nearest = _nearest_list(sample, centroids)
        order = np.argsort(nearest, kind="stable")
        filled, starts = np.unique(nearest[order], return_index=True)
        sums = np.add.reduceat(sample[order], starts, axis=0, dtype=np.float64)
        norms = np.sqrt(np.vecdot(sums, sums))[:, None]
        centroids[filled] = integers((sums / np.where(norms == 0, 1, norms)).astype(np.float32))
    nearest = _nearest_list(items, centroids)
    rows = np.argsort(nearest, kind="stable")
    return Lists(centroids, items[rows], rows, np.r_[0, np.bincount(nearest, minlength=count).cumsum()])


def candidates(lists: Lists, queries: Integers | None, wanted: int, most: int, *, advance: Advance) -> Iterator[Rows]:
    """Yield for each query (m, wanted) rows that are likely its nearest, -1 where there are fewer, ever better ones.

    Each time more lists have been asked, up to the `most` nearest. Without `queries` the items are the queries, in the order
    of their rows: none is its own candidate, and each product serves both of its rows.
    """
    own = queries is None
    # Those who ask the same lists lie together in memory.
    asking, names = (lists.items, lists.rows) if queries is None else (queries, np.arange(len(queries)))
    found = _Found(len(asking), len(lists.rows), wanted, own)
    near = _nearest_lists(asking, lists.centroids, most)
    done, more = 0, 1
    while done < most:
        asked = near[:, done : done + more]
        order = np.argsort(asked, axis=None, kind="stable")
        edges = np.searchsorted(asked.ravel()[order], np.arange(len(lists.starts)))
        for number, (start, end) in enumerate(zip(lists.starts[:-1], lists.starts[1:], strict=True)):
            rows = order[edges[number] : edges[number + 1]] // asked.shape[1]
            height = max(1, _PRODUCTS // max(1, end - start))
            for first in range(0, len(rows), height):
                some = rows[first : first + height]
                products = asking[some] @ lists.items[start:end].T
                # First of all a row asks its own list, of which all rows do the same.
                found.add(names[some], lists.rows[start:end], products, both=own and done > 0)
        found.thin()
        advance(asked.shape[1])
        yield found.rows()
        done += asked.shape[1]
        more = done if done < 16 else done // 4


@dataclass
class _Found:
    """The best candidates so far as sorted integers, whose bits are: the query, how far the product is from the largest, the item."""

    m: int
    n: int
    wanted: int
    own: bool
    best: Rows = field(default_factory=lambda: np.zeros(0, np.int64))
    waiting: list[Rows] = field(default_factory=list)
    n_waiting: int = 0

    def __post_init__(self) -> None:
        self.least = np.full(self.m, -np.inf, np.float32)  # (m,) the product that a candidate must reach
        self.item_bits = max(1, (self.n - 1).bit_length())
        # Above about 700,000 rows among themselves, the last bits of the products give way.
        self.bits = min(_BITS, 63 - self.item_bits - max(1, (self.m - 1).bit_length()))

    def add(self, queries: Rows, items: Rows, products: NDArray[np.float32], both: bool) -> None:
        """Take in products (queries, items): those that may be among the best of the query and, with `both`, of the item."""
        kept = self.wanted + self.own
        least = self.least[queries]
        if len(items) >= kept and np.isneginf(least).any():
            least = np.maximum(least, np.partition(products, -kept, axis=1)[:, -kept])
            self.least[queries] = least
        row, column = np.divmod(np.flatnonzero(products >= least[:, None]), len(items))
        self._wait(queries[row], items[column], products[row, column])
        if both:
            row, column = np.divmod(np.flatnonzero(products >= self.least[items]), len(items))
            self._wait(items[column], queries[row], products[row, column])

    def _wait(self, queries: Rows, items: Rows, products: NDArray[np.float32]) -> None:
        away = (_LARGEST - np.maximum(products, 0).astype(np.int64)) >> (_BITS - self.bits)
        packed = ((queries << self.bits) | away) << self.item_bits | items
        self.waiting.append(packed[queries != items] if self.own else packed)
        self.n_waiting += len(packed)
        if self.n_waiting > _WAITING:
            self.thin()

    def thin(self) -> None:
        """Keep the `wanted` best of each query, ties to the lower row, and raise what a candidate must reach."""
        packed = np.sort(np.concatenate([self.best, *self.waiting]))
        self.waiting, self.n_waiting = [], 0
        packed = packed[np.flatnonzero(np.diff(packed, prepend=-1))]  # both rows of a pair may have asked for it
        query = packed >> (self.bits + self.item_bits)
        starts = np.searchsorted(query, np.arange(self.m + 1))
        self.best = packed[np.arange(len(packed)) - starts[query] < self.wanted]
        full = np.flatnonzero(np.diff(starts) >= self.wanted)
        away = (packed[starts[full] + self.wanted - 1] >> self.item_bits) & ((1 << self.bits) - 1)
        lost = _BITS - self.bits
        self.least[full] = np.maximum(self.least[full], _LARGEST - (((away + 1) << lost) - 1))

    def rows(self) -> Rows:
        """Return (m, wanted) the candidates of each query, best first, -1 where there are fewer."""
        query = self.best >> (self.bits + self.item_bits)
        rows = np.full((self.m, self.wanted), -1)
        rows[query, np.arange(len(query)) - np.searchsorted(query, query)] = self.best & ((1 << self.item_bits) - 1)
        return rows


def _nearest_list(vectors: Integers, centroids: Integers) -> Rows:
    """Return (n,) the number of the centroid nearest to each vector, ties to the lower."""
    height = max(1, _PRODUCTS // len(centroids))
    blocks = (vectors[first : first + height] @ centroids.T for first in range(0, len(vectors), height))
    return np.concatenate([block.argmax(axis=1) for block in blocks])


def _nearest_lists(vectors: Integers, centroids: Integers, most: int) -> NDArray[np.int32]:
    """Return (n, most) the numbers of the centroids nearest to each vector, nearest first, ties to the lower."""
    bits = max(1, (len(centroids) - 1).bit_length())
    numbers, cut = np.arange(len(centroids), dtype=np.uint32), max(0, _BITS + bits - 32)
    near = np.empty((len(vectors), most), np.int32)
    height = max(1, _PRODUCTS // len(centroids))
    for first in range(0, len(vectors), height):
        products = np.maximum(vectors[first : first + height] @ centroids.T, 0).astype(np.uint32)
        packed = (np.uint32(_LARGEST) - products) >> np.uint32(cut) << np.uint32(bits) | numbers
        nearest = np.sort(np.partition(packed, most - 1, axis=1)[:, :most], axis=1)
        near[first : first + height] = nearest & np.uint32((1 << bits) - 1)
    return near
