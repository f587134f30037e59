"""How many threads linear algebra takes: one for a small problem, one for each of several independent fits.

BLAS threads wait for each other after every product of matrices. On small matrices, or on a machine with other work, that is
many times slower than one thread: five folds of 2,400 rows took 6 s on one thread and 19 s on two, both cores busy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


SMALL = 10_000


def threads_for(rows: int) -> AbstractContextManager[object]:
    """Return a context in which linear algebra on `rows` rows keeps to one thread if they are fewer than SMALL."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1 if rows < SMALL else None, user_api="blas")
    return limits


def each_on_a_core(function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
    """Yield function(task) for each task, in their order; as many at once as NumPy's BLAS would take threads.

    The results are those of one core, to the last bit.
    """
    from threadpoolctl import threadpool_info, threadpool_limits

    cores = max((library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"), default=1)
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cores) as pool:
        futures = [pool.submit(function, task) for task in tasks]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()
