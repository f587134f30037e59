"""Preferences: reversed pairs first, near ties apart, the words."""

from __future__ import annotations

import numpy as np
import pytest

from curatekit.errors import InputError
from curatekit.preferences import find_preference_errors, reversed_pairs, same_texts
from curatekit.scores.confident_learning import label_issues

COLUMNS = [
    "id", "chosen", "rejected", "given_label", "suggested_label", "score", "is_issue", "is_near_tie", "reasons", "similarity",
    "suggested_probability",
]  # fmt: skip


def planted(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    right = rng.beta(8, 2, n)
    wrong = rng.random(n) < 0.1
    return np.where(wrong, 1 - right, right), wrong


def test_reversed_pairs_stand_first_and_near_ties_are_no_issues() -> None:
    probs, wrong = planted()
    same = np.zeros(400, bool)
    same[np.flatnonzero(wrong)[0]] = True
    found = find_preference_errors(probs, same, np.full(400, 0.5), texts=(["a"] * 400, ["b"] * 400))
    issues = found.issues
    assert issues.columns == COLUMNS
    assert issues["id"].to_list() == [str(row) for row in np.argsort(probs, kind="stable")]
    near = issues.filter("is_near_tie")
    assert set(near["id"]) == {str(row) for row in np.flatnonzero((np.abs(probs - 0.5) < 0.1) | same)}
    assert not (issues["is_issue"] & issues["is_near_tie"]).any()
    assert set(near["suggested_label"]) == {"chosen"}
    flagged = issues.filter("is_issue")
    assert set(flagged["suggested_label"]) == {"rejected"}
    assert np.mean([wrong[int(id)] for id in flagged["id"]]) > 0.9
    assert abs(len(flagged) + found.summary.n_near_ties / 2 - wrong.sum()) < wrong.sum()
    assert found.summary.n_argmax == (probs < 0.5).sum()
    assert found.summary.agreement == (probs > 0.5).mean()


def test_a_pair_in_either_order_is_reversed_or_not() -> None:
    probs, _ = planted()
    both = np.stack([np.concatenate([1 - probs, probs]), np.concatenate([probs, 1 - probs])], axis=1)
    mask = label_issues(np.repeat([1, 0], 400), both)
    np.testing.assert_array_equal(mask[:400], mask[400:])
    np.testing.assert_array_equal(reversed_pairs(probs), mask[:400])
    assert mask[:400].sum() > 0
    assert (probs[reversed_pairs(probs)] < 0.5).all()
    order = np.random.default_rng(1).permutation(400)
    np.testing.assert_array_equal(reversed_pairs(probs[order]), reversed_pairs(probs)[order])


def test_reasons_say_which_of_the_two_it_is() -> None:
    found = find_preference_errors(
        np.array([0.05, 0.45, 0.9, 0.3]),
        np.array([False, False, False, True]),
        np.array([0.2, 0.9, 0.3, 1.0]),
        names=("good", "bad"),
    ).issues.sort("id")
    assert found["reasons"].to_list() == [
        "p(good is better) = 0.05; cosine of the two 0.20",
        "p(good is better) = 0.45; the model cannot tell; cosine of the two 0.90",
        "p(good is better) = 0.90; cosine of the two 0.30",
        "the two texts are the same",
    ]
    assert found["given_label"].to_list() == ["good"] * 4
    assert found["suggested_label"][0] == "bad"
    assert found["suggested_probability"].to_list() == [0.95, 0.45, 0.9, 0.3]


def test_texts_that_differ_by_case_space_and_punctuation_are_the_same() -> None:
    first, second = ["Yes.", "No", "Why not?", "1"], ["yes", "Yes", "why  not", "2"]
    assert same_texts(first, second).tolist() == [True, False, True, False]
    assert same_texts(["👍", "ﬁne ①", "!"], ["👎", "Fine 1.", "?"]).tolist() == [False, True, False], (
        "as everywhere else"
    )


def test_arrays_that_do_not_fit_are_refused() -> None:
    for arguments, says in [
        ((np.array([0.5, np.nan]),), "pair 1"),
        ((np.array([1.5]),), "pair 0"),
        ((np.array([]),), "no pairs"),
        ((np.array([0.5, 0.5]), np.zeros(1, bool)), "1 same"),
        ((np.array([0.5, 0.5]), None, np.zeros(3)), "3 similarities"),
    ]:
        with pytest.raises(InputError, match=says):
            find_preference_errors(*arguments)
