"""Failure rates against hand-computed values and a loop over cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.errors import InputError
from curatekit.evaluate.failure_rate import Failures, failure_rate
from curatekit.intervals import wilson


def test_by_hand() -> None:
    # negation: 1 of 3 fails; slur: 2 of 2. hate: 2 of 4; fine: 1 of 1
    rates = failure_rate(
        predicted=["hate", "fine", "hate", "fine", "hate"],
        expected=["hate", "hate", "hate", "hate", "fine"],
        specification=["negation", "slur", "negation", "negation", "slur"],
    )
    assert rates.overall == wilson(3, 5)
    assert rates.per_specification == (
        Failures("negation", 3, 1, wilson(1, 3)),
        Failures("slur", 2, 2, wilson(2, 2)),
    )
    assert rates.per_label == (Failures("fine", 1, 1, wilson(1, 1)), Failures("hate", 4, 2, wilson(2, 4)))
    assert rates.by_label_mean.value == pytest.approx((1 + 0.5) / 2)


def test_a_model_that_always_says_one_label_gains_nothing_by_label() -> None:
    expected = np.array([1] * 69 + [0] * 31)
    rates = failure_rate(np.ones(100, int), expected, np.repeat("s", 100))
    assert rates.overall.value == 0.31
    assert rates.by_label_mean.value == 0.5


CASES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.sampled_from("abc")), min_size=1, max_size=60)


@given(CASES, st.randoms(use_true_random=False))
def test_it_equals_a_loop_and_ignores_the_order(cases: list[tuple[int, int, str]], rng: object) -> None:
    rates = failure_rate(*zip(*cases, strict=True))
    assert rates.overall.value == sum(p != e for p, e, _ in cases) / len(cases)
    for row in rates.per_specification:
        own = [p != e for p, e, s in cases if s == row.name]
        assert (row.n, row.failures) == (len(own), sum(own))
    assert sum(row.n for row in rates.per_specification) == sum(row.n for row in rates.per_label) == len(cases)
    by_label = [np.mean([p != e for p, e, _ in cases if e == label]) for label in sorted({e for _, e, _ in cases})]
    assert rates.by_label_mean.value == pytest.approx(np.mean(by_label))
    assert rates.by_label_mean.low <= rates.by_label_mean.value <= rates.by_label_mean.high
    shuffled = list(cases)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert failure_rate(*zip(*shuffled, strict=True)) == rates


def test_no_case_and_unequal_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="no test case"):
        failure_rate([], [], [])
    with pytest.raises(ValueError, match="shapes differ"):
        failure_rate([1], [1, 2], ["a", "b"])
