"""Training dynamics by hand, and against loops that say the same slowly."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from curatekit.predict.dynamics import aum, confidence, correctness, forgetting, training_dynamics, variability

PROBS = np.array([[0.2, 0.4, 0.9], [0.5, 0.5, 0.5]])
RIGHT = np.array([[True, False, True], [False, True, True], [True, False, False], [False, False, False]])


def test_confidence_and_variability_by_hand() -> None:
    np.testing.assert_allclose(confidence(PROBS), [0.5, 0.5], rtol=0, atol=1e-12)
    # deviations −0.3, −0.1, 0.4: squares sum to 0.26
    np.testing.assert_allclose(variability(PROBS), [np.sqrt(0.26 / 3), 0.0], rtol=0, atol=1e-12)


def test_correctness_and_forgetting_by_hand() -> None:
    np.testing.assert_allclose(correctness(RIGHT), [2 / 3, 2 / 3, 1 / 3, 0], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(forgetting(RIGHT), [1, 0, 1, 0])


def test_aum_by_hand() -> None:
    np.testing.assert_allclose(aum(np.array([[1.0, 3.0], [-2.0, 1.0]])), [2.0, -0.5], rtol=0, atol=1e-12)


def test_one_epoch_has_no_variability_and_forgets_nothing() -> None:
    found = training_dynamics(np.array([[0.3]]), np.array([[True]]), np.array([[-1.0]]))
    assert {name: values.tolist() for name, values in found.items()} == {
        "confidence": [0.3],
        "variability": [0.0],
        "correctness": [1.0],
        "forgetting": [0.0],
        "aum": [-1.0],
    }


@given(npst.arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))))
def test_forgetting_is_what_the_loop_counts(right: np.ndarray) -> None:
    counted = [sum(row[t] and not row[t + 1] for t in range(len(row) - 1)) for row in right.tolist()]
    np.testing.assert_array_equal(forgetting(right), counted)
