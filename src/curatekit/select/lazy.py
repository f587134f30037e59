"""Greedy choice where the worth of a row only falls as others are taken: most rows need not be looked at again."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats


class Taken(NamedTuple):
    item: int
    value: float


def lazy_greedy(values: Floats, value: Callable[[int], float]) -> Iterator[Taken]:
    """Yield all n items, each time the one of greatest value, ties to the lower, exactly as if all had been valued anew.

    values (n,) are those before anything is taken; value(i) is that of item i now, which must not be more than it was. The caller
    takes note of a yielded item before it asks for the next. An old value is a bound: an item whose bound is below another's value
    is not valued. Minoux (1978), "Accelerated greedy algorithms for maximizing submodular set functions".
    """
    heap = [(-bound, item) for item, bound in enumerate(np.asarray(values, np.float64).tolist())]
    heapq.heapify(heap)
    valued_at = [0] * len(heap)
    taken = 0
    while heap:
        bound, item = heap[0]
        if valued_at[item] == taken:
            heapq.heappop(heap)
            taken += 1
            yield Taken(item, -bound)
        else:
            valued_at[item] = taken
            heapq.heapreplace(heap, (-value(item), item))
