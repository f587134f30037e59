"""Each annotator: numbers by hand, and the patterns of those who do not read."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import cohen_kappa_score

from curatekit.annotators.consensus import majority
from curatekit.annotators.patterns import annotator_table, confusions
from curatekit.votes import from_columns, from_counts


def test_two_annotators_by_hand() -> None:
    votes = from_columns({"a": ["x", "x", "y", "y"], "b": ["x", "y", "y", "y"], "c": ["x", "y", "y", None]}, 4)
    table = annotator_table(votes, majority(votes))
    a = table.row(by_predicate=pl.col("annotator") == "a", named=True)
    assert a["n_votes"] == 4
    assert a["agreement_with_consensus"] == 0.75
    assert a["quality"] == 0.75
    # pairs: row 1 2 of 2, row 2 0 of 2, row 3 2 of 2, row 4 1 of 1
    assert a["agreement_with_others"] == pytest.approx(5 / 7, abs=1e-6)
    # means over rows: agreement (1 + 0 + 1 + 1) / 4; a says x in half of them, the others in a quarter
    assert a["kappa"] == pytest.approx((0.75 - 0.5) / 0.5, abs=1e-6)
    assert a["most_confused"] == "x for y: 1"
    assert table["annotator"][0] == "a"
    assert table.filter(table["annotator"] == "b")["most_confused"].item() is None
    np.testing.assert_array_equal(confusions(votes, majority(votes).labels)[0], [[1, 0], [1, 2]])


def test_kappa_of_two_who_label_all_is_cohens() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 3, 200)
    second = np.where(rng.random(200) < 0.6, first, rng.integers(0, 3, 200))
    votes = from_columns({"a": [str(k) for k in first], "b": [str(k) for k in second]}, 200)
    table = annotator_table(votes, majority(votes))
    np.testing.assert_allclose(table["kappa"], cohen_kappa_score(first, second), atol=1e-6)
    assert (table["kappa_low"] < table["kappa"]).all()


def test_patterns_of_those_who_do_not_read() -> None:
    rng = np.random.default_rng(1)
    n = 120
    true = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    good = {name: np.where(rng.random(n) < 0.9, true, rng.integers(0, 3, n)) for name in ("anna", "ben", "caro")}
    bad = {"always": np.zeros(n, int), "chance": rng.permutation(true), "swaps": np.array([1, 0, 2])[true]}
    seldom = {"seldom": np.zeros(n, int)}
    columns = {
        name: ["xyz"[k] if name != "seldom" or row < 15 else None for row, k in enumerate(labels)]
        for name, labels in (good | bad | seldom).items()
    }
    votes = from_columns(columns, n)
    table = annotator_table(votes, majority(votes))
    found = dict(table.select("annotator", "pattern").iter_rows())
    assert found == {
        "anna": None, "ben": None, "caro": None, "always": "always x", "chance": "at chance", "swaps": "below chance", "seldom": None,
    }  # fmt: skip
    assert set(table["annotator"][:3]) <= {"always", "chance", "swaps", "seldom"}


def test_nobody_is_accused_where_all_say_the_same_or_nobody_else_votes() -> None:
    votes = from_columns({"a": ["x"] * 50 + ["y"], "b": ["x"] * 50 + ["y"], "c": [None] * 50 + ["x"]}, 51)
    table = annotator_table(votes, majority(votes))
    assert table["pattern"].to_list() == [None, None, None]
    alone = from_columns({"a": ["x", "y", None], "b": ["x", "x", None], "c": [None, None, "y"]}, 3)
    last = annotator_table(alone, majority(alone)).row(-1, named=True)
    assert (last["annotator"], last["quality"], last["kappa"], last["pattern"]) == ("c", None, None, None)


def test_nameless_votes_have_no_pattern() -> None:
    votes = from_counts(np.array([[2, 1], [3, 0], [1, 2]] * 20), ("x", "y"))
    assert annotator_table(votes, majority(votes))["pattern"].to_list() == [None]
