"""PVI over several seeds."""

from __future__ import annotations

import numpy as np
import pytest

from curatekit.errors import InputError
from curatekit.information.seeds import over_seeds


def test_by_hand() -> None:
    found = over_seeds(np.array([[1.0, -1.0, 0.5], [3.0, 1.0, 0.5]]))
    assert found.pvi_mean.tolist() == [2.0, 0.0, 0.5]
    assert found.pvi_sd == pytest.approx([np.sqrt(2), np.sqrt(2), 0.0])
    assert found.v_information == pytest.approx((1 / 6, 1.5))
    assert found.v_mean == pytest.approx(5 / 6)
    assert found.v_sd == pytest.approx((1.5 - 1 / 6) / np.sqrt(2))
    assert found.sign_changes == pytest.approx(1 / 3)
    assert found.pearson == pytest.approx(np.corrcoef([1.0, -1.0, 0.5], [3.0, 1.0, 0.5])[0, 1])


def test_pearson_is_the_mean_of_all_pairs() -> None:
    runs = np.random.default_rng(0).normal(size=(4, 30))
    pairs = [np.corrcoef(runs[i], runs[j])[0, 1] for i in range(4) for j in range(i)]
    assert over_seeds(runs).pearson == pytest.approx(np.mean(pairs))


def test_one_run_has_no_spread() -> None:
    with pytest.raises(InputError, match="two runs or more"):
        over_seeds(np.zeros((1, 5)))


def test_constant_runs_have_no_correlation() -> None:
    assert np.isnan(over_seeds(np.zeros((2, 5))).pearson)
