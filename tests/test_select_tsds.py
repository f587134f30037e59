"""The transport plan against a linear programme, the density against its definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from curatekit.select import choose
from curatekit.select.tsds import Reach, densities, spread_over
from tests.select_material import material, unit


@pytest.mark.parametrize("price", [0.01, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_plan_is_the_optimum_of_the_linear_programme(seed: int, price: float) -> None:
    """Minimise Σ γ_ij d_ij + price · u under Σ_j γ_ij = 1/M and γ_ij ≤ u / (M ρ_j), where u is 1/s."""
    rng = np.random.default_rng(seed)
    m, n = 3, 30
    distance, density = np.sort(rng.random((m, n)), axis=1), 1 + 2 * rng.random((m, n))
    plan = np.array(spread_over([Reach(np.arange(n), of) for of in distance], list(density), price))
    np.testing.assert_allclose(plan.sum(axis=1), 1 / m)
    each = np.kron(np.eye(m), np.ones(n))
    caps = np.hstack([np.eye(m * n), -1 / (m * density.reshape(-1, 1))])
    best = linprog(
        [*distance.ravel(), price], A_ub=caps, b_ub=np.zeros(m * n), A_eq=np.hstack([each, np.zeros((m, 1))]),
        b_eq=np.full(m, 1 / m),
    )  # fmt: skip
    spread = (plan * density * m).max()
    assert (plan * distance).sum() + price * spread == pytest.approx(best.fun, rel=1e-6)


def test_near_duplicates_share_one_place() -> None:
    rng = np.random.default_rng(0)
    rows = unit(rng, 12)
    rows[4:9] = rows[3]  # six copies
    density = densities(rows, np.arange(12))
    for i in range(12):
        squared = ((rows - rows[i]) ** 2).sum(axis=1)
        assert density[i] == pytest.approx(np.maximum(0, 1 - squared / 0.75**2).sum(), abs=1e-5)
    assert density[3] >= 6 - 1e-5


def test_copies_of_a_row_get_together_what_one_row_gets() -> None:
    rows = unit(np.random.default_rng(1), 40)
    rows[:5] = rows[0]  # five copies
    distance = np.linalg.norm(rows - rows[0] - 0.1 * rows[5], axis=1)
    order = np.argsort(distance, kind="stable")
    density = densities(rows, np.arange(40))
    mass = np.zeros(40)
    mass[order] = spread_over([Reach(order, distance[order])], [density[order]], 2.0)[0]
    full = mass * density  # every row takes as much, near-duplicates together, but for the last
    np.testing.assert_allclose(full[order][:8], full[order[0]])
    assert mass[:5].sum() == pytest.approx(full[order[0]] * 5 / density[0])


def test_mass_goes_to_rows_of_the_examples_label_and_the_plan_spreads_until_it_reaches_k_rows() -> None:
    one = material(2)
    found = choose("tsds", one, 40)  # all rows of the two labels
    assert sorted(found.rows) == np.flatnonzero(one.pool_labels < 2).tolist()
    assert found.value.sum() == pytest.approx(1)
    of_first = found.value[one.pool_labels[found.rows] == 0].sum()
    assert of_first == pytest.approx(1 / 3)  # three of nine examples


def test_at_a_price_above_all_distances_the_mass_is_even_and_the_farthest_row_has_its_share() -> None:
    distance, density = np.array([0.1, 0.4, 0.9]), np.array([1.0, 2.0, 1.0])
    (sent,) = spread_over([Reach(np.arange(3), distance)], [density], 1e6)
    np.testing.assert_allclose(sent, np.array([1, 1 / 2, 1]) / 2.5)
    (alone,) = spread_over([Reach(np.arange(1), np.array([0.3]))], [np.array([1.0])], 1e6)
    assert alone.tolist() == [1.0]


@pytest.mark.parametrize(("seed", "size"), [(0, 30), (1, 30), (1, 60), (2, 20)])
def test_all_rows_of_the_pool_can_be_chosen(seed: int, size: int) -> None:
    one = material(seed, pool=size, spec_labels=(0,), each=1)
    found = choose("tsds", replace(one, pool_labels=np.zeros(size, np.int64)), size)
    assert sorted(found.rows) == list(range(size))
    assert found.value.min() > 1e-3
