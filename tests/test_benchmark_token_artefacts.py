"""The benchmark of token artefacts: what the published table is, and how agreement with it is counted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from benchmarks.token_artefacts import Task, agreement, cola, loop, means, overlap, rule, whitespace_tokens
from curatekit.information.leave_one_out import leave_one_out
from tests.letters import Centroids, models, sentences


def test_the_published_table_is_that_of_the_tokens_of_in_domain_dev(real_data: Path) -> None:
    task = cola(real_data)
    assert len(task.measured) == 527
    found = whitespace_tokens(task.measured.inputs[0])
    assert rule(task, found) == {
        "published_tokens": 1393,
        "other_tokens_than_ours": 0,
        "with_a_value": 22,
        "other_than_the_rule_says": 0,
    }
    assert not set(task.training.texts) & set(task.measured.texts)


def test_the_overlap_of_the_first_is_counted_against_chance() -> None:
    ours, theirs = np.array([5.0, 4, 3, 2, 1, 0]), np.array([5.0, 0, 4, 1, 2, 3])
    assert overlap(ours, theirs, 2) == {"k": 2, "both": 1, "chance": 0.67, "p": pytest.approx(1 - 6 / 15)}
    assert overlap(ours, theirs, 50) == {"k": 6, "both": 6, "chance": 6.0, "p": pytest.approx(1)}


def test_the_loop_is_the_same_one_token_at_a_time() -> None:
    inputs, labels = sentences(30)
    asked = models(Centroids(), inputs, labels, 2)
    rows = np.array([2, 9])
    some = (tuple(inputs[0][row] for row in rows),)
    found = whitespace_tokens(some[0])
    one_by_one = loop(asked, inputs[0], rows, found._replace(row=rows[found.row]))
    np.testing.assert_allclose(leave_one_out(asked, some, rows, found).token, one_by_one, atol=1e-9)


def test_means_are_by_occurrence_and_by_row_and_beside_the_published_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.token_artefacts.ENOUGH", 1)
    texts = ("a a b", "a b b", "b c")
    measured = SimpleNamespace(labels=np.array([0, 0, 1]), classes=("x", "y"))
    published = pl.DataFrame({"token": ["a", "b"], "x": [1.0, -1.0], "y": [None, 2.0]})
    found = whitespace_tokens(texts)
    changes = SimpleNamespace(token=np.array([1.0, 2, 5, 6, 3, 4, 7, 9]), kind=np.array([8.0, 8, 5, 4, 9, 9, 7, 9]))
    task = Task("tweets", measured, measured, published)  # type: ignore[arg-type]
    table = means(task, found, changes)  # type: ignore[arg-type]
    assert table.rows() == [
        ("x", "a", 3, 3.0, 6.0, 1.0),
        ("x", "b", 3, 4.0, 7.0, -1.0),
        ("y", "b", 1, 7.0, 7.0, 2.0),
        ("y", "c", 1, 9.0, 9.0, None),
    ]
    x = agreement(task, table.filter(pl.col("label") == "x"))[0]
    assert x["ours"]["spearman"] == pytest.approx(-1)
    assert x["tokens"] == x["published"] == 2
