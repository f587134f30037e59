"""Fits side by side give what a loop gives, in order, and leave the threads as they were."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from curatekit.predict.parallel import SMALL, each_on_a_core, threads_for


def blas_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


@pytest.mark.parametrize("cores", [1, 2])
def test_it_is_a_loop(cores: int) -> None:
    matrices = [np.random.default_rng(seed).normal(size=(200, 200)) for seed in range(5)]
    with threadpool_limits(cores, user_api="blas"):
        before = blas_threads()
        found = list(each_on_a_core(lambda matrix: matrix @ matrix.T, matrices))
        assert blas_threads() == before
    with threadpool_limits(1, user_api="blas"):
        for product, matrix in zip(found, matrices, strict=True):
            np.testing.assert_array_equal(product, matrix @ matrix.T)


def test_a_fault_comes_through_and_stops_what_has_not_begun() -> None:
    begun: list[int] = []

    def fit(k: int) -> int:
        begun.append(k)
        if k == 1:
            raise ZeroDivisionError
        if k > 1:
            threading.Event().wait(0.1)  # long enough for the fault to come through first
        return k

    with threadpool_limits(1, user_api="blas"):
        results = each_on_a_core(fit, range(50))
        assert next(results) == 0
        with pytest.raises(ZeroDivisionError):
            next(results)
    assert len(begun) < 50


def test_a_small_problem_keeps_to_one_thread() -> None:
    with threadpool_limits(2, user_api="blas"):
        with threads_for(SMALL - 1):
            assert set(blas_threads()) == {1}
        with threads_for(SMALL):
            assert set(blas_threads()) == {2}
        assert set(blas_threads()) == {2}
