"""Strata and allocation: sums, limits, Neyman's proportions, and that each row's chance is what it is said to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.audit.design import Design, allocation, draw, neyman_design
from curatekit.audit.expected import spread
from curatekit.scores.wrong_probs import wrong_probs

strata = st.lists(st.tuples(st.integers(1, 60), st.floats(0.001, 50)), min_size=1, max_size=12)


@given(strata, st.integers(1, 400))
def test_allocations_sum_to_the_reviews_and_stay_within_the_strata(of: list[tuple[int, float]], n: int) -> None:
    rows, weight = np.array([r for r, _ in of]), np.array([w for _, w in of])
    drawn = allocation(rows, weight, n)
    assert drawn.sum() == min(n, rows.sum())
    assert (drawn <= rows).all()
    assert (drawn >= np.minimum(rows, min(2, min(n, rows.sum()) // len(rows)))).all()


@given(st.sets(st.integers(1, 500), min_size=2, max_size=12), st.integers(1, 400))
def test_strata_of_one_size_are_drawn_from_in_the_order_of_their_weight(weights: set[int], n: int) -> None:
    weight = np.array(sorted(weights), dtype=float)
    assert (np.diff(allocation(np.full(len(weight), 50), weight, n)) >= 0).all()


def test_neymans_proportions_where_no_limit_binds() -> None:
    rows, weight = np.array([1000, 1000, 1000, 1000]), np.array([4.0, 3.0, 2.0, 1.0])
    assert allocation(rows, weight, 100).tolist() == [40, 30, 20, 10]
    assert allocation(rows, weight, 103).tolist() == [41, 31, 21, 10]


def test_what_a_small_stratum_cannot_give_comes_from_the_others() -> None:
    assert allocation(np.array([5, 100, 100]), np.array([10.0, 1.0, 1.0]), 45).tolist() == [5, 20, 20]
    assert allocation(np.array([50, 50]), np.array([1.0, 0.0]), 20).tolist() == [18, 2]


@given(st.integers(0, 10_000), st.integers(1, 300), st.integers(1, 2000))
def test_strata_cover_all_ranks_and_share_the_spread(seed: int, n: int, rows: int) -> None:
    doubt = np.sort(np.random.default_rng(seed).random(rows))[::-1]
    rates = wrong_probs(doubt, 0.1 * rows)
    design = neyman_design(rates, n)
    assert design.rows.sum() == rows
    assert (design.rows > 0).all()
    assert design.drawn.sum() == min(n, rows)
    assert ((design.drawn > 0) & (design.drawn <= design.rows)).all()
    assert len(design.rows) <= max(1, n // 8)
    weight = spread(rates)
    held = np.bincount(design.of_row, weight)
    assert np.abs(held - held.mean()).max() <= 2 * weight.max() + 1e-9 or len(held) < n // 8


def test_a_draw_takes_each_row_of_a_stratum_equally_often_and_none_twice() -> None:
    design = Design(np.array([3, 5, 2]), np.array([2, 1, 2]))
    times = np.zeros(10)
    for seed in range(3000):
        rank, stratum = draw(design, np.random.default_rng(seed))
        assert len(set(rank.tolist())) == 5
        assert (design.of_row[rank] == stratum).all()
        times[rank] += 1
    chance = (design.drawn / design.rows)[design.of_row]
    assert times / 3000 == pytest.approx(chance, abs=4 * np.sqrt(0.25 / 3000))
    assert (times[8:] == 3000).all()


def test_any_beginning_is_spread_over_the_strata() -> None:
    design = Design(np.array([100, 200, 400]), np.array([10, 20, 10]))
    _, stratum = draw(design, np.random.default_rng(0))
    assert set(stratum[:3].tolist()) == {0, 1, 2}
    for length in (8, 20, 33):
        counts = np.bincount(stratum[:length], minlength=3)
        assert counts == pytest.approx(length * np.array([0.25, 0.5, 0.25]), abs=2)


def test_a_draw_hangs_on_its_seed_alone() -> None:
    design = neyman_design(np.linspace(0.9, 0.01, 500), 60)
    first, again, other = (draw(design, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.rank.tolist() == again.rank.tolist() != other.rank.tolist()
