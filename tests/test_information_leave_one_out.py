"""Leaving tokens out, many at once, against one row, one token and one prediction at a time."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from curatekit.information import leave_one_out as module
from curatekit.information.leave_one_out import leave_one_out
from curatekit.information.tokens import tokens
from curatekit.predict.family import Material, load_family
from curatekit.predict.finetune import finetune
from curatekit.predict.models import Models
from curatekit.predict.probe import softmax
from curatekit.predict.tuning import Tuning
from curatekit.reporting import reporting
from tests.letters import WORDS, Centroids, Letters, models, sentences
from tests.notes import Notes
from tests.tiny import easy_task, tiny_base


def taken(inputs: Any, rows: Any) -> Any:
    return tuple(tuple(column[row] for row in rows) for column in inputs)


def slow_twin(asked: Models, inputs: Any, rows: Any) -> tuple[list[float], list[float]]:
    """Return both changes of each token, in the order of the rows, their columns and words: one prediction at a time."""
    alone, all_of_it = [], []
    read = asked.family.reader(asked.material)
    x = read(asked.material)
    for row in rows:
        k = asked.predictions.folds[row]
        train = np.flatnonzero(asked.fold != k)
        classes = int(asked.labels.max()) + 1
        fitted = asked.family.fit(x[train], asked.labels[train], classes, seed=0, units=asked.units[train])
        temperature = asked.predictions.temperature[row]

        def bits(
            texts: list[list[str]], row: int = row, fitted: Any = fitted, temperature: float = temperature
        ) -> float:
            sides = tuple((" ".join(words).replace(" .", ".").replace(" ,", ","),) for words in texts)
            logits = fitted.logits(read(Material(sides, Letters())))[0]
            return float(np.log2(softmax(logits / temperature)[asked.given[row]]))

        sides = [column[row].replace(".", " .").replace(",", " ,").split() for column in inputs]
        whole = bits(sides)
        for column, words in enumerate(sides):
            for place, word in enumerate(words):
                without_it = [*sides[:column], words[:place] + words[place + 1 :], *sides[column + 1 :]]
                alone.append(whole - bits(without_it))
                others = [other for other in words if other.lower() != word.lower()]
                all_of_it.append(whole - bits([*sides[:column], others, *sides[column + 1 :]]))
    return alone, all_of_it


@pytest.mark.parametrize(
    ("name", "n_classes", "pairs"),
    [
        ("letters", 2, False),
        ("letters", 5, True),
        ("probe", 2, False),
        ("probe", 4, True),
        ("knn", 3, True),
        ("ensemble", 3, False),
    ],
)
def test_it_equals_its_slow_twin(name: str, n_classes: int, pairs: bool) -> None:
    inputs, labels = sentences(40, n_classes, pairs=pairs)
    inputs = (tuple(f"Beta beta {text}" for text in inputs[0]), *inputs[1:])  # a word that stands twice
    asked = models(Centroids() if name == "letters" else load_family(name), inputs, labels, n_classes)
    rows = np.array([3, np.flatnonzero(asked.predictions.folds != asked.predictions.folds[3])[-1]])
    some = taken(inputs, rows)
    got = leave_one_out(asked, some, rows, tokens(some))
    alone, all_of_it = slow_twin(asked, inputs, rows)
    np.testing.assert_allclose(got.token, alone, atol=2e-4)  # float32, in products of other sizes
    np.testing.assert_allclose(got.kind, all_of_it, atol=2e-4)
    assert np.ptp(got.token) > 0.01
    assert (got.kind != got.token).any()
    np.testing.assert_allclose(got.given, np.log2(asked.predictions.pred_probs[rows, labels[rows]]), atol=1e-4)


def test_a_fine_tuned_family_equals_its_slow_twin(tmp_path: Path) -> None:
    tuning = Tuning(epochs=3, learning_rate=3e-3, batch_size=8, precision="float32")
    inputs, labels = easy_task(40)
    asked = models(finetune(str(tiny_base(tmp_path / "base")), tuning), inputs, labels, 2)
    rows = np.array([5])
    some = taken(inputs, rows)
    got = leave_one_out(asked, some, rows, tokens(some))
    alone, all_of_it = slow_twin(asked, inputs, rows)
    np.testing.assert_allclose(got.token, alone, atol=1e-5)
    np.testing.assert_allclose(got.kind, all_of_it, atol=1e-5)
    assert np.ptp(got.token) > 0.005


def test_the_hand_computed_case() -> None:
    """p(y | x) = 2^−(the letters of x): each token costs its letters, and all of its kind theirs."""
    asked = SimpleNamespace(
        predictions=SimpleNamespace(folds=np.zeros(2, int)),
        fit=lambda rows: None,
        log2_given=lambda rows, inputs: np.array([-sum(len(side.replace(" ", "")) for side in texts) for texts in zip(*inputs, strict=True)], float),
    )  # fmt: skip
    inputs = (("ab c ab", "d"), ("ef", "g h"))
    got = leave_one_out(asked, inputs, np.array([0, 1]), tokens(inputs))  # type: ignore[arg-type]
    assert got.given.tolist() == [-7, -3]
    assert got.token.tolist() == [-2, -1, -2, -2, -1, -1, -1]
    assert got.kind.tolist() == [-4, -1, -4, -2, -1, -1, -1]


def test_parts_are_of_one_fold_and_bounded_and_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, labels = sentences(60)
    asked = models(Centroids(), inputs, labels, 2)
    rows = np.arange(0, 60, 2)
    some = taken(inputs, rows)
    found = tokens(some)
    whole = leave_one_out(asked, some, rows, found)
    calls: list[Any] = []
    counted = replace(asked)
    object.__setattr__(
        counted, "log2_given", lambda rows, inputs: calls.append((rows, inputs)) or asked.log2_given(rows, inputs)
    )
    monkeypatch.setattr(module, "VARIANTS_AT_ONCE", 25)
    parts = leave_one_out(counted, some, rows, found)
    for got, expected in zip(parts, whole, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-9)
    assert len(calls) > 5
    assert max(len(rows) for rows, _ in calls) <= 25 + 8
    assert all(len(set(asked.predictions.folds[rows])) == 1 for rows, _ in calls)
    folds = [int(asked.predictions.folds[rows[0]]) for rows, _ in calls]
    assert folds == sorted(folds)  # so that each model is fitted once


def test_equal_variants_are_read_once_and_a_part_is_read_together() -> None:
    inputs = (("alpha alpha x1", "alpha x1 beta", "beta x1 alpha", "delta x2 beta") * 5,)
    labels = np.array([0, 1, 0, 1] * 5)
    encoder = Letters()
    asked = models(load_family("knn"), inputs, labels, 2, encode=encoder)
    rows = np.arange(20)
    leave_one_out(asked, inputs, rows, tokens(inputs))
    assert len(encoder.read) <= 2 * len(set(encoder.read))  # once for each of the two models
    assert ("alpha x1",) in encoder.read


def test_figures_that_are_kept_are_not_computed_again() -> None:
    inputs, labels = sentences(30)
    asked = models(Centroids(), inputs, labels, 2)
    rows, found = np.arange(30), tokens(inputs)
    kept: dict[int, Any] = {}
    first = leave_one_out(asked, inputs, rows, found, keep=lambda k, one: kept.setdefault(k, one()))
    assert sorted(kept) == [0, 1]
    again = leave_one_out(
        SimpleNamespace(predictions=asked.predictions), inputs, rows, found, keep=lambda k, one: kept[k]  # type: ignore[arg-type]
    )  # fmt: skip
    for got, expected in zip(again, first, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_rows_without_tokens_lose_nothing_and_parts_are_not_reported_one_by_one() -> None:
    inputs, labels = sentences(30)
    inputs = ((" ", *inputs[0][1:]),)
    asked = models(Centroids(), inputs, labels, 2)

    def noted(inputs: Any) -> Any:
        from curatekit.reporting import note

        note("1 of 7 texts is long.")
        return Letters()(inputs)

    knn = replace(asked, family=load_family("knn"), encode=noted)
    rows = np.arange(2)
    some = taken(inputs, rows)
    notes = Notes()
    with reporting(notes):
        got = leave_one_out(knn, some, rows, tokens(some))
    assert np.isfinite(got.given).all()
    assert len(got.token) == len(tokens(some).row) > 0
    assert notes.lines == []


def test_a_thousand_classes_are_survived() -> None:
    n, n_classes = 2000, 1000
    labels = np.arange(n) % n_classes
    words = [f"{WORDS[k % 10]} {WORDS[k // 10 % 10]} {WORDS[k // 100]}" for k in labels.tolist()]
    inputs = (tuple(f"{text} {i}" for i, text in enumerate(words)), tuple(f"other {i % 3}" for i in range(n)))
    asked = models(load_family("knn"), inputs, labels, n_classes)
    rows = np.arange(0, n, 5)
    some = taken(inputs, rows)
    found = tokens(some)
    tracemalloc.start()
    try:
        got = leave_one_out(asked, some, rows, found)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.isfinite(got.token).all()
    assert got.token.max() > 1
    # all probabilities of all variants would be 8 bytes each
    assert peak < 8 * n_classes * len(found.row) * 4
    assert peak < 8 * n_classes * module.VARIANTS_AT_ONCE * 8
