"""The rows after the votes: doubt about a label and disagreement are two things."""

from __future__ import annotations

import json

import numpy as np
import pytest

from curatekit.annotators.consensus import majority
from curatekit.annotators.crowdlab import crowdlab
from curatekit.annotators.table import agreement_on_rows
from curatekit.errors import InputError
from curatekit.votes import Votes, from_columns

COLUMNS = [
    "id", "text", "given_label", "suggested_label", "score", "is_issue", "is_disputed", "reasons", "n_votes", "agreement",
    "vote_entropy", "soft_label", "suggested_probability",
]  # fmt: skip
PROBS = np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [0.5, 0.5], [0.9, 0.1], [0.1, 0.9]])


@pytest.fixture
def votes() -> Votes:
    return from_columns(
        {"a": ["x", "y", "x", "x", "x", "y"], "b": ["x", "y", "x", "y", "x", "y"], "c": ["x", "y", "y", "y", "x", "y"]},
        6,
    )


def test_each_row_has_its_doubt_and_its_disagreement(votes: Votes) -> None:
    in_use = np.array([0, 0, 0, 1, 0, 1])  # the second is wrong, by all votes and the model
    found = agreement_on_rows(
        votes, crowdlab(votes, PROBS), in_use, pred_probs=PROBS, ids=list("abcdef"), texts=["t"] * 6
    )
    rows = found.rows
    assert rows.columns == COLUMNS
    assert rows["id"][0] == "b"
    assert rows["score"].is_sorted()
    second = rows.row(0, named=True)
    assert (second["given_label"], second["suggested_label"]) == ("x", "y")
    assert second["is_issue"]
    assert not second["is_disputed"]
    assert second["vote_entropy"] == 0
    disputed = rows.filter("is_disputed")
    assert sorted(disputed["id"]) == ["c", "d"]
    split = disputed.filter(disputed["id"] == "d").row(0, named=True)
    assert not split["is_issue"]
    assert split["vote_entropy"] == pytest.approx(0.918296, abs=1e-6)  # H(1/3)
    assert json.loads(split["soft_label"]) == {"x": 0.333333, "y": 0.666667}
    assert split["reasons"].startswith("votes: y 2, x 1; model: p(y) = 0.50; together: p(y) = ")
    assert split["reasons"].endswith("people differ here")
    assert found.summary.n_issues == rows["is_issue"].sum()
    assert found.summary.n_unanimous == 4
    assert found.summary.n_disputed == 2


def test_the_given_label_is_the_majoritys_where_none_is_in_use(votes: Votes) -> None:
    found = agreement_on_rows(votes, majority(votes))
    assert not found.rows["is_issue"].any()
    assert found.rows["given_label"].to_list() == found.rows["suggested_label"].to_list()
    assert found.rows["id"].to_list()[:2] == ["2", "3"]  # the split rows, by row
    assert "model" not in found.rows["reasons"][0]


def test_arrays_that_do_not_fit_are_refused(votes: Votes) -> None:
    for wrong, says in [
        ({"given": np.zeros(2, int)}, "2 given labels"),
        ({"ids": ["a"]}, "1 ids"),
        ({"texts": ["a"]}, "1 texts"),
    ]:
        with pytest.raises(InputError, match=says):
            agreement_on_rows(votes, majority(votes), **wrong)  # type: ignore[arg-type]
