"""What tokens are worth to the rows of a dataset: which rows, which tokens, by which models, kept where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.artifacts import Artifacts, Settings
from curatekit.dataset import Columns, Dataset
from curatekit.errors import InputError
from curatekit.information import leave_one_out, token_changes
from curatekit.information.token_changes import in_turn
from curatekit.predict.crossfit import Predictions
from curatekit.predict.models import Models
from curatekit.reporting import reporting
from curatekit.scores.pvi import pvi
from tests.letters import Centroids, sentences
from tests.notes import Notes


def artifacts(cache: Path, inputs: Any, labels: Any, **how: Any) -> Artifacts:
    n, n_classes = len(labels), int(labels.max()) + 1
    ids = np.array([f"r{i}" for i in range(n)], object)
    names = Columns(("text", "other")[: len(inputs)], "label", "id")
    dataset = Dataset(
        pl.DataFrame({"label": labels}), ids, inputs, labels, tuple(f"class {k}" for k in range(n_classes)), names
    )
    made = Artifacts(dataset, Settings(cache=cache, folds=2, **how))
    vars(made)["family"] = Centroids()
    return made


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(0, 3))
def test_the_labels_take_turns(given_labels: list[int], seed: int) -> None:
    labels = np.array(given_labels, int)
    order = in_turn(labels, seed)
    assert sorted(order.tolist()) == list(range(len(labels)))
    sizes = np.bincount(labels, minlength=5)
    for first in range(len(labels) + 1):
        taken = np.bincount(labels[order[:first]], minlength=5)
        waiting = taken[(taken < sizes)]
        assert len(waiting) == 0 or waiting.max() - waiting.min() <= 1
        assert (taken[taken == sizes] <= (waiting.min() + 1 if len(waiting) else len(labels))).all()
    np.testing.assert_array_equal(order, in_turn(labels, seed))


def test_within_a_label_each_row_is_as_likely_as_another() -> None:
    labels = np.array([0] * 4 + [1] * 2)
    first = np.bincount([in_turn(labels, seed)[0] for seed in range(400)], minlength=6)
    assert (first[:4] > 60).all()


@pytest.mark.parametrize("pairs", [False, True], ids=["single", "pairs"])
def test_all_rows_are_measured_where_that_is_cheap(tmp_path: Path, pairs: bool) -> None:
    inputs, labels = sentences(40, pairs=pairs)
    made = artifacts(tmp_path, inputs, labels)
    got = token_changes.token_changes(made)
    assert got.rows.tolist() == list(range(40))
    assert got.drawn.all()
    assert got.inputs == inputs
    assert got.unread == 0
    assert set(got.tokens.column.tolist()) == ({0, 1} if pairs else {0})
    np.testing.assert_allclose(got.changes.given, np.log2(made.pred_probs[np.arange(40), labels]), atol=1e-9)


def test_a_sample_and_the_doubtful_rows_beside_it(tmp_path: Path) -> None:
    inputs, labels = sentences(60, 3)
    made = artifacts(tmp_path, inputs, labels)
    notes = Notes()
    with reporting(notes):
        got = token_changes.token_changes(made, rows=9, doubtful=4)
    drawn = got.rows[got.drawn]
    assert np.bincount(labels[drawn]).tolist() == [3, 3, 3]
    lowest = np.argsort(made.call(pvi), kind="stable")[:4]
    assert set(lowest.tolist()) <= set(got.rows.tolist())
    assert set(got.rows[~got.drawn].tolist()) <= set(lowest.tolist())
    assert any("9 of 60 rows are measured" in line for line in notes.lines)
    other = token_changes.token_changes(artifacts(tmp_path, inputs, labels, seed=1), rows=9)
    assert other.rows.tolist() != drawn.tolist()


def test_what_is_spent_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, labels = sentences(60)
    made = artifacts(tmp_path, inputs, labels)
    monkeypatch.setattr(token_changes, "_BLOCK", 7)
    for budget in (1, 300, 1000, 10**6):
        monkeypatch.setattr(token_changes, "WORDS_READ", budget)
        got = token_changes.token_changes(made)
        lengths = np.bincount(got.tokens.row, minlength=len(got.rows))
        assert (lengths * (lengths + 1)).sum() <= budget or len(got.rows) == 1
        order = in_turn(labels, 0)
        assert set(got.rows.tolist()) == set(order[: len(got.rows)].tolist())
        if len(got.rows) < 60:  # one more would have been too much
            row = made.dataset.inputs[0][order[len(got.rows)]]
            more = len(row.replace(",", " ,").replace(".", " .").split())
            assert (lengths * (lengths + 1)).sum() + more * (more + 1) > budget
    assert len(got.rows) == 60


def test_tokens_that_are_not_read_are_left_out_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, labels = sentences(40)
    made = artifacts(tmp_path, inputs, labels)
    monkeypatch.setattr(
        Artifacts, "characters_read", lambda self, inputs: tuple(np.full(len(column), 10) for column in inputs)
    )
    notes = Notes()
    with reporting(notes):
        got = token_changes.token_changes(made)
    assert (got.tokens.start < 10).all()
    assert got.unread > 0
    assert any(line.startswith(f"{got.unread:,} of ") for line in notes.lines)


def test_of_an_endless_text_the_beginning_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, labels = sentences(40)
    inputs = ((inputs[0][0] + " alpha" * 5_000, *inputs[0][1:]),)
    monkeypatch.setattr(token_changes, "_LONGEST", 60)
    longest: list[int] = []
    asked = Models.log2_given
    monkeypatch.setattr(
        Models,
        "log2_given",
        lambda self, rows, inputs: longest.append(max(map(len, inputs[0]))) or asked(self, rows, inputs),
    )
    got = token_changes.token_changes(artifacts(tmp_path, inputs, labels))
    assert max(longest) <= 60
    assert (got.tokens.start < 60).all()
    assert got.inputs == inputs
    assert got.unread > 4_900


def test_a_second_run_asks_no_model_and_another_seed_or_row_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, labels = sentences(40)
    first = token_changes.token_changes(artifacts(tmp_path, inputs, labels), rows=20)
    monkeypatch.setattr(Models, "log2_given", lambda *_: pytest.fail("a model was asked"))
    again = token_changes.token_changes(artifacts(tmp_path, inputs, labels), rows=20)
    for got, expected in zip(again.changes, first.changes, strict=True):
        np.testing.assert_array_equal(got, expected)
    for other in ({"rows": 21}, {"rows": 20, "fold_case": False}):
        with pytest.raises(pytest.fail.Exception):
            token_changes.token_changes(
                artifacts(tmp_path, (tuple(f"The the {t}" for t in inputs[0]),), labels), **other
            )
    with pytest.raises(pytest.fail.Exception):
        token_changes.token_changes(artifacts(tmp_path, inputs, labels, seed=1), rows=20)


def test_an_interrupted_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, labels = sentences(40)
    monkeypatch.setattr(leave_one_out, "VARIANTS_AT_ONCE", 30)
    asked = Models.log2_given
    calls: list[int] = []

    def counted(self: Models, rows: Any, inputs: Any) -> Any:
        calls.append(len(rows))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return asked(self, rows, inputs)

    monkeypatch.setattr(Models, "log2_given", counted)
    with pytest.raises(KeyboardInterrupt):
        token_changes.token_changes(artifacts(tmp_path, inputs, labels))
    interrupted = len(calls)
    got = token_changes.token_changes(artifacts(tmp_path, inputs, labels))
    rest = len(calls) - interrupted
    whole = token_changes.token_changes(artifacts(tmp_path / "other", inputs, labels))
    np.testing.assert_array_equal(got.changes.token, whole.changes.token)
    assert rest == len(calls) - interrupted - rest - 3  # three parts were kept


def test_rows_of_an_evaluation_file_are_measured_by_the_model_of_the_training_file(tmp_path: Path) -> None:
    inputs, labels = sentences(90)
    training = artifacts(tmp_path, (inputs[0][:60],), labels[:60])
    evaluated = artifacts(tmp_path, (inputs[0][60:],), labels[60:])
    evaluated = evaluated.with_predictions(training.predict(evaluated))
    got = token_changes.token_changes(training, evaluated)
    assert got.inputs == (inputs[0][60:],)
    np.testing.assert_allclose(got.changes.given, np.log2(evaluated.pred_probs[np.arange(30), labels[60:]]), atol=1e-9)


def test_a_slow_model_of_a_training_file_is_not_fitted_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, labels = sentences(90)
    fits: list[int] = []
    fit = Centroids.fit
    monkeypatch.setattr(
        Centroids, "fit", lambda self, x, *rest, **how: fits.append(len(x)) or fit(self, x, *rest, **how)
    )

    def measured(cache: Path, slow: bool) -> Any:
        training = artifacts(cache, (inputs[0][:60],), labels[:60])
        vars(training)["family"] = Centroids(slow=slow)
        evaluated = artifacts(cache, (inputs[0][60:],), labels[60:])
        evaluated = evaluated.with_predictions(training.at_seed(0).predict(evaluated))
        return token_changes.token_changes(training, evaluated)

    quick = measured(tmp_path / "quick", False)
    assert fits == [60, 60]
    slow = measured(tmp_path / "slow", True)
    assert fits == [60, 60, 60]
    np.testing.assert_array_equal(slow.changes.token, quick.changes.token)


def test_rows_that_cannot_be_scored_are_left_out(tmp_path: Path) -> None:
    inputs, labels = sentences(40)
    labels[7] = 2
    got = token_changes.token_changes(artifacts(tmp_path, inputs, labels), doubtful=40)
    assert 7 not in got.rows.tolist()
    assert len(got.rows) == 39


def test_predictions_from_elsewhere_are_refused(tmp_path: Path) -> None:
    inputs, labels = sentences(40)
    made = artifacts(tmp_path, inputs, labels)
    given_probs = made.predictions
    foreign = Predictions(
        given_probs.pred_probs, given_probs.null_probs, given_probs.folds, given_probs.unscorable, "x"
    )
    with pytest.raises(InputError, match="without models"):
        other = made.with_predictions(foreign)
        vars(other)["family"] = Centroids()
        token_changes.token_changes(other)
