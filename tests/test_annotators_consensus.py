"""Consensus: cleanlab's CROWDLAB and majority by value, Dawid and Skene's own example, and what is rare or empty."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest

from curatekit.annotators.consensus import majority, majority_labels
from curatekit.annotators.crowdlab import crowdlab
from curatekit.annotators.dawid_skene import dawid_skene
from curatekit.errors import InputError
from curatekit.votes import Votes, from_columns, from_counts

Case = tuple[Any, Any, Votes]

# Dawid and Skene (1979), table 1: 45 patients, five anaesthetists of whom the first saw each patient three times
PATIENTS = """
111 1 1 1 1;333 4 3 3 4;112 2 1 2 2;222 3 1 2 1;222 3 2 2 2;222 3 3 2 2;122 2 1 1 1;333 3 4 3 3;222 2 2 2 3;
232 2 2 2 3;444 4 4 4 4;222 3 3 4 3;111 1 1 1 1;222 3 2 1 2;121 1 1 1 1;111 2 1 1 1;111 1 1 1 1;111 1 1 1 1;
222 2 2 2 1;222 1 3 2 2;222 2 2 2 2;222 2 2 2 1;222 3 2 2 2;221 2 2 2 2;111 1 1 1 1;111 1 1 1 1;232 2 2 2 2;
111 1 1 1 1;111 1 1 1 1;112 1 1 2 1;111 1 1 1 1;333 3 2 3 3;111 1 1 1 1;222 2 2 2 2;222 3 2 3 2;433 4 3 4 3;
221 2 2 3 2;232 3 2 3 3;333 3 4 3 2;111 1 1 1 1;111 1 1 1 1;121 2 1 1 1;232 2 2 2 2;121 1 1 1 1;222 2 2 2 2
"""


def case(seed: int, *, noise: float = 0.4) -> Case:
    """A matrix as cleanlab takes it (NaN where there is no vote), probabilities, and the same votes."""
    rng = np.random.default_rng(seed)
    n, m, k = int(rng.integers(8, 60)), int(rng.integers(2, 8)), int(rng.integers(2, 5))
    true = rng.integers(0, k, n)
    matrix = np.where(rng.random((n, m)) > noise, true[:, None], rng.integers(0, k, (n, m))).astype(float)
    matrix[rng.random((n, m)) < 0.4] = np.nan
    matrix[np.isnan(matrix).all(axis=1), 0] = 0
    matrix[0], matrix[1] = 0, 1  # everyone votes, some agree
    matrix[2 : 2 + k, 0] = np.arange(k)
    probs = 0.5 * rng.dirichlet(np.ones(k), n) + 0.5 * np.eye(k)[true]
    columns = {str(j): [None if np.isnan(x) else str(int(x)) for x in matrix[:, j]] for j in range(m)}
    return matrix, probs, from_columns(columns, n)


@pytest.mark.parametrize("seed", range(25))
def test_crowdlab_is_cleanlabs(seed: int) -> None:
    multiannotator = pytest.importorskip("cleanlab.multiannotator")
    matrix, probs, votes = case(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of votes that agree nowhere
        theirs = multiannotator.get_label_quality_multiannotator(matrix, probs, verbose=False, return_weights=True)
    ours = crowdlab(votes, probs)
    quality = theirs["label_quality"]
    np.testing.assert_array_equal(ours.labels, quality["consensus_label"])
    chosen = ours.probs[np.arange(len(probs)), ours.labels]
    np.testing.assert_allclose(chosen, quality["consensus_quality_score"], rtol=1e-12)
    np.testing.assert_allclose(ours.quality, theirs["annotator_stats"].sort_index()["annotator_quality"], rtol=1e-12)
    assert ours.model_weight == pytest.approx(theirs["model_weight"])
    np.testing.assert_allclose(ours.probs.sum(axis=1), 1)


@pytest.mark.parametrize("seed", range(25))
def test_the_majority_is_cleanlabs_but_for_ties_drawn_at_random(seed: int) -> None:
    multiannotator = pytest.importorskip("cleanlab.multiannotator")
    matrix, probs, votes = case(seed, noise=0.8)
    np.testing.assert_array_equal(
        majority_labels(votes, probs), multiannotator.get_majority_vote_label(matrix, probs, verbose=False)
    )
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        theirs = multiannotator.get_majority_vote_label(matrix, verbose=False)
    drawn = {int(row) for warning in said for row in re.findall(r"\d+", str(warning.message))}
    assert set(np.flatnonzero(majority_labels(votes) != theirs).tolist()) <= drawn


def test_an_annotator_who_shares_no_row_has_no_quality() -> None:
    votes = from_columns({"a": ["x", "y", "x", None], "b": ["x", "y", "y", None], "alone": [None, None, None, "x"]}, 4)
    probs = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]])
    assert np.isnan(crowdlab(votes, probs).quality).tolist() == [False, False, True]
    assert np.isnan(majority(votes).quality).tolist() == [False, False, True]


def test_a_single_vote_and_the_model_meet_in_between() -> None:
    votes = from_columns({"a": ["x", "y", "x", "y", "y"], "b": ["x", "y", "x", "y", None]}, 5)
    probs = np.array([[0.9, 0.1], [0.1, 0.9], [0.9, 0.1], [0.1, 0.9], [0.6, 0.4]])
    found = crowdlab(votes, probs)
    # all agree: P = 1, each weight 1, the model's √(9/5); the last row is (√1.8 · 0.4 + 1 · 1) / (√1.8 + 1) for y
    weight = np.sqrt(9 / 5)
    assert found.probs[4, 1] == pytest.approx((weight * 0.4 + 1) / (weight + 1))
    assert found.labels.tolist() == [0, 1, 0, 1, 1]


def test_nameless_votes_weigh_as_those_of_one_average_annotator() -> None:
    counts = np.array([[3, 0], [0, 3], [2, 1], [3, 0], [1, 2], [0, 3]])
    probs = np.array([[0.9, 0.1], [0.2, 0.8], [0.45, 0.55], [0.8, 0.2], [0.4, 0.6], [0.1, 0.9]])
    found = crowdlab(from_counts(counts, ("x", "y")), probs)
    # by hand: of the ordered pairs of votes 6 agree in each unanimous row and 2 in each split one; half of the rows are x;
    # the model errs on the third row, whose consensus stays x
    pairs, baseline = 28 / 36, 0.5
    agree, model_error = (1 + 1 + 2 / 3 + 1 + 2 / 3 + 1) / 6, 1 / 6
    vote, model = 1 - (1 - pairs) / baseline, (1 - model_error / baseline) * np.sqrt(3)
    expected = (model * probs[2, 0] + vote * (2 * agree + (1 - agree))) / (model + 3 * vote)
    assert found.probs[2, 0] == pytest.approx(expected)


def test_the_model_must_fit_the_votes() -> None:
    votes = from_columns({"a": ["x", "y"], "b": ["x", "x"]}, 2)
    with pytest.raises(InputError, match="3 classes and the votes 2"):
        crowdlab(votes, np.full((2, 3), 1 / 3))
    with pytest.raises(InputError, match="row 1"):
        crowdlab(votes, np.array([[0.5, 0.5], [np.nan, 0.5]]))


def test_dawid_and_skenes_own_example() -> None:
    seen = [
        (patient, doctor, int(grade) - 1)
        for patient, line in enumerate(PATIENTS.replace("\n", "").split(";"))
        for doctor, grades in enumerate(line.split())
        for grade in grades
    ]
    rows, doctors, grades = (np.array(column) for column in zip(*seen, strict=True))
    votes = Votes(rows, doctors, grades, 45, tuple("12345"), tuple("1234"))
    found = dawid_skene(votes)
    np.testing.assert_allclose(found.probs.mean(axis=0), [0.40, 0.42, 0.11, 0.07], atol=0.005)  # their table 2
    np.testing.assert_allclose(found.probs.sum(axis=1), 1)
    assert np.bincount(found.labels).tolist() == [18, 19, 5, 3]


def test_dawid_and_skene_unmask_who_votes_at_random() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 2, 400)
    said = {name: np.where(rng.random(400) < 0.9, true, 1 - true) for name in ("a", "b")}
    said |= {name: rng.integers(0, 2, 400) for name in ("c", "d", "e")}
    votes = from_columns({name: ["xy"[label] for label in labels] for name, labels in said.items()}, 400)
    found = dawid_skene(votes)
    assert found.quality[:2].min() > 0.85
    assert found.quality[2:].max() < 0.6
    assert (found.labels == true).mean() > (majority(votes).labels == true).mean() + 0.05


def test_nothing_draws_from_the_callers_random_state() -> None:
    votes = from_columns({"a": ["x", "y"], "b": ["y", "x"]}, 2)
    before = np.random.get_state()[1].copy()  # type: ignore[union-attr]
    first = majority(votes)
    np.testing.assert_array_equal(before, np.random.get_state()[1])
    assert first.labels.tolist() == [0, 0]  # all is tied: the first class
