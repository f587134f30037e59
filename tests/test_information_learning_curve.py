"""Learning curves: limits, the verdict on the plateau, and where the curve tends, on curves that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.errors import InputError
from curatekit.information.learning_curve import CANNOT_TELL, NOT_REACHED, REACHED, learning_curve
from curatekit.information.means import mean_interval

SIZES = 50 * 2 ** np.arange(6)


def power(limit: float, last_gain: float, exponent: float = 0.5) -> np.ndarray:
    """V at SIZES on a curve whose last doubling brings `last_gain`."""
    return limit - last_gain / (2**exponent - 1) * (SIZES / SIZES[-1]) ** -exponent


def drawn(
    rng: np.random.Generator,
    v: np.ndarray,
    n: int,
    runs: int = 1,
    models: int = 5,
    training: float = 0.0,
    rest: float = 0.3,
) -> tuple[np.ndarray, np.ndarray]:
    """PVI (runs, J, n) of rows with a long tail that is common to all sizes, and of models that differ.

    `rest` is the deviation of what is of one row and one size; `training` is the standard deviation of a model's V at the largest size; it grows by √2 with each halving, and is
    correlated from one size to the next as nested training rows are.
    """
    rows = 1 - rng.exponential(size=n)
    of = np.stack([rng.permutation(np.arange(n) % models) for _ in range(runs)])
    pvi = np.empty((runs, len(v), n))
    for run in range(runs):
        drift = rng.normal(size=models)
        for j in reversed(range(len(v))):
            drift = 0.5 * drift + 0.75**0.5 * rng.normal(size=models)
            luck = training * 2 ** ((len(v) - 1 - j) / 2) * drift
            pvi[run, j] = v[j] + rows + luck[of[run]] + rest * rng.normal(size=n)
    return pvi, of


def test_by_hand() -> None:
    """Three sizes, four rows, one model: V 0, 0.5, 0.75; the gains are those of the rows."""
    pvi = np.array([[[0.0, 0, 0, 0], [1, 0, 1, 0], [1, 0, 1, 1]]])
    found = learning_curve(pvi, [10, 20, 40], np.zeros((1, 4), int), 1.0)
    assert [v.value for v in found.v] == [0, 0.5, 0.75]
    assert [gain.value for gain in found.gains] == [0.5, 0.25]
    assert found.gains[1] == mean_interval(np.array([0.0, 0, 0, 1]))
    assert found.least_gain == 0.01
    assert found.plateau == CANNOT_TELL
    assert (found.training_sd == 0).all()
    assert found.fit.at([10, 20, 40])[0] == pytest.approx([0, 0.5, 0.75], abs=1e-5)  # 1 − 10 / n
    assert found.limit.value == pytest.approx(1.0, abs=1e-4)
    assert found.next_gain.value == pytest.approx(0.125, abs=1e-4)


@pytest.mark.parametrize(
    ("last_gain", "v", "expected"),
    [
        (0.05, 0.5, NOT_REACHED),
        (0.001, 0.5, REACHED),
        (0.01, 0.5, CANNOT_TELL),
        (0.01, 0.02, NOT_REACHED),
        (0.0, 0.0, CANNOT_TELL),
    ],
)
def test_the_verdict_is_about_the_last_doubling(last_gain: float, v: float, expected: str) -> None:
    """Of one bit: 0.01 counts, or a tenth of V where that is less; without any V there is no plateau to be on."""
    curve = power(0, last_gain)
    pvi, models = drawn(np.random.default_rng(0), curve - curve[-1] + v, 100_000)
    found = learning_curve(pvi, SIZES, models, 1.0, n_draws=10)
    assert found.least_gain == pytest.approx(min(0.01, 0.1 * found.v[-1].value) if found.v[-1].value > 0 else 0)
    assert found.plateau == expected


@pytest.mark.parametrize(("runs", "models", "training"), [(1, 5, 0.0), (1, 5, 0.02), (3, 5, 0.01), (5, 1, 0.01)])
def test_wrong_verdicts_are_rare_however_near_the_bound(runs: int, models: int, training: float) -> None:
    """The last doubling brings exactly what counts: either verdict is wrong, in at most 2.5 of 100 draws (± 1.1)."""
    rng = np.random.default_rng(1)
    verdicts, covered, near = [], [], []
    for _ in range(200):
        pvi, of = drawn(rng, power(0.6, 0.01), 1000, runs, models, training)
        found = learning_curve(pvi, SIZES, of, 1.0, n_draws=2)
        verdicts.append(found.plateau)
        covered.append(
            [gain.low <= true <= gain.high for gain, true in zip(found.gains, np.diff(power(0.6, 0.01)), strict=True)]
        )
        near.append(found.v[-1].low <= power(0.6, 0.01)[-1] <= found.v[-1].high)
    assert verdicts.count(REACHED) / 200 <= 0.06
    assert verdicts.count(NOT_REACHED) / 200 <= 0.06
    assert (np.mean(covered, axis=0) >= 0.89).all()
    assert np.mean(covered) >= 0.92
    assert np.mean(near) >= 0.92


def test_clear_cases_are_told() -> None:
    rng = np.random.default_rng(2)
    for last_gain, expected in ((0.0, REACHED), (0.03, NOT_REACHED)):
        verdicts = []
        for _ in range(40):
            pvi, of = drawn(rng, power(0.6, last_gain), 4000, 1, 5, 0.001, rest=0.1)
            verdicts.append(learning_curve(pvi, SIZES, of, 1.0, n_draws=2).plateau)
        assert verdicts.count(expected) >= 36


def test_rows_alone_would_be_too_sure_where_models_differ() -> None:
    rng = np.random.default_rng(3)
    told = blind = 0
    for _ in range(200):
        pvi, of = drawn(rng, power(0.6, 0.01), 2000, 1, 5, 0.05)
        found = learning_curve(pvi, SIZES, of, 1.0, n_draws=2).gains[-1]
        rows = mean_interval(pvi[0, -1] - pvi[0, -2])
        told += found.low <= 0.01 <= found.high
        blind += rows.low <= 0.01 <= rows.high
    assert told / 200 > 0.9
    assert blind / 200 < 0.6


def test_the_limit_and_the_next_gain_are_covered() -> None:
    rng = np.random.default_rng(4)
    truth = power(0.6, 0.03)
    ahead = 0.03 / (2**0.5 - 1) * (1 - 2**-0.5)
    limit, gain = [], []
    for _ in range(100):
        pvi, of = drawn(rng, truth, 2000, 1, 5, 0.005)
        found = learning_curve(pvi, SIZES, of, 1.0, n_draws=100)
        if found.holds:
            limit.append(found.limit.low <= 0.6 <= found.limit.high)
            gain.append(found.next_gain.low <= ahead <= found.next_gain.high)
    assert len(limit) >= 85
    assert np.mean(limit) >= 0.88
    assert np.mean(gain) >= 0.88


def test_a_curve_that_bends_upward_has_no_limit_told() -> None:
    pvi, of = drawn(np.random.default_rng(5), 0.02 * (SIZES / 1600) ** 0.9, 20_000)
    found = learning_curve(pvi, SIZES, of, 1.0, n_draws=10)
    assert not found.holds
    assert np.isnan(found.limit).all()
    assert np.isnan(found.next_gain).all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_the_order_of_the_rows_is_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pvi, of = drawn(rng, power(0.6, 0.03), 60, 2, 3, 0.01)
    units, order = np.arange(60) // 2, rng.permutation(60)
    one = learning_curve(pvi, SIZES, of, 1.0, units, n_draws=2)
    other = learning_curve(pvi[:, :, order], SIZES, of[:, order], 1.0, units[order], n_draws=2)
    assert np.allclose(one.v, other.v, atol=1e-9)
    assert np.allclose(one.gains, other.gains, atol=1e-9)
    assert one.plateau == other.plateau


def test_copies_of_rows_add_nothing() -> None:
    pvi, of = drawn(np.random.default_rng(6), power(0.6, 0.03), 60)
    one = learning_curve(pvi, SIZES, of, 1.0, n_draws=2)
    copied = learning_curve(
        np.repeat(pvi, 3, axis=2), SIZES, np.repeat(of, 3, axis=1), 1.0, np.repeat(np.arange(60), 3), n_draws=2
    )
    assert np.allclose(one.gains, copied.gains)


def test_too_few_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="three ascending sizes"):
        learning_curve(np.zeros((1, 2, 5)), [10, 20], np.zeros((1, 5), int), 1.0)
    with pytest.raises(InputError, match="three ascending sizes"):
        learning_curve(np.zeros((1, 3, 5)), [10, 20, 20], np.zeros((1, 5), int), 1.0)
