"""Votes: from columns, lines and counts, and the three ways in which they say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from curatekit.errors import InputError
from curatekit.votes import Votes, from_columns, from_counts, from_triples


def test_columns_lines_and_counts_of_the_same_votes_agree() -> None:
    wide = from_columns({"anna": ["x", "y", None], "ben": ["x", "x", "z"]}, 3)
    long = from_triples(np.array([2, 0, 1, 1, 0]), ["ben", "anna", "ben", "anna", "ben"], ["z", "x", "x", "y", "x"], 3)
    counted = from_counts(np.array([[0, 2, 0], [0, 1, 1], [1, 0, 0]]), ("z", "x", "y"))
    for votes in (wide, long, counted):
        assert votes.classes == ("x", "y", "z")
        np.testing.assert_array_equal(votes.counts, [[2, 0, 0], [1, 1, 0], [0, 0, 1]])
        np.testing.assert_array_equal(votes.per_row, [2, 2, 1])
        np.testing.assert_allclose(votes.shares, [[1, 0, 0], [0.5, 0.5, 0], [0, 0, 1]])
        assert len(votes) == 5
    for name in ("rows", "annotators", "labels"):
        np.testing.assert_array_equal(getattr(wide, name), getattr(long, name))
    assert wide.names == long.names == ("anna", "ben")
    assert not counted.named


def test_a_repeated_vote_counts_once_and_two_labels_contradict() -> None:
    assert len(from_triples(np.array([0, 0, 0]), ["a", "a", "b"], ["x", "x", "y"], 1)) == 2
    with pytest.raises(InputError, match="'a' gave one item two labels, 'x' and 'y' "):
        from_triples(np.array([0, 0]), ["a", "a"], ["x", "y"], 1)


def test_more_classes_move_the_labels() -> None:
    votes = from_columns({"a": ["x", "z"], "b": ["x", "x"]}, 2).with_classes(("w", "x", "y", "z"))
    np.testing.assert_array_equal(votes.counts, [[0, 2, 0, 0], [0, 1, 0, 1]])


@pytest.mark.parametrize(
    ("votes", "says"),
    [
        (from_columns({"a": ["x", "y"]}, 2), "one annotator, 'a'.*curate find-errors"),
        (from_columns({"a": ["x", None], "b": [None, "y"]}, 2), "2 rows has one vote"),
        (from_columns({"a": ["x", "x"], "b": ["x", "x"]}, 2), "for the label 'x'"),
        (from_counts(np.array([[1, 0], [0, 1]]), ("x", "y")), "has one vote"),
    ],
)
def test_votes_that_say_nothing_are_refused(votes: Votes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        votes.require()
