"""Statements alone: looked for by methods that retrieve, left out by those that learn from examples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from curatekit import registry
from curatekit.errors import InputError
from curatekit.reporting import reporting
from curatekit.select import choose
from curatekit.select.expected import expected_failures
from curatekit.select.prepare import NOTHING, feedback, say_badly_served
from tests.notes import Notes
from tests.select_material import material

LEARN = ("influence", "specification-probe", "dsir")
RETRIEVE = ("nearest", "quota", "mmr")


def with_statement(number: int) -> object:
    """The material, of whose specifications one has its first example as its statement and no other."""
    full = material()
    kept = np.flatnonzero((full.example_specifications != number) | (np.arange(9) % 3 == 0))
    texts = tuple(full.example_texts[row] for row in kept)
    arrays = {
        name: getattr(full, name)[kept]
        for name in ("example_features", "example_embeddings", "example_labels", "example_specifications")
    }
    return replace(full, weak=(number,), example_texts=texts, **arrays)


@pytest.mark.parametrize("method", LEARN)
@pytest.mark.parametrize("number", [0, 1])
def test_a_method_that_learns_chooses_as_if_the_statement_were_not_there(method: str, number: int) -> None:
    full = material()
    strong = [s for s in range(3) if s != number]
    kept = np.isin(full.example_specifications, strong)
    without = replace(
        full,
        example_texts=tuple(text for text, keep in zip(full.example_texts, kept, strict=True) if keep),
        example_features=full.example_features[kept],
        example_embeddings=full.example_embeddings[kept],
        example_labels=full.example_labels[kept],
        example_specifications=np.repeat([0, 1], 3),
        specifications=tuple(full.specifications[s] for s in strong),
    )
    notes = Notes()
    with reporting(notes):
        found = choose(method, with_statement(number), 10, seed=3)
    expected = choose(method, without, 10, seed=3)
    assert found.rows.tolist() == expected.rows.tolist()
    assert found.specification.tolist() == expected.specification.tolist()
    assert any("1 specifications of a statement alone (weak: true) are not heard" in line for line in notes.lines)


@pytest.mark.parametrize("method", RETRIEVE)
def test_a_method_that_retrieves_looks_for_the_statement(method: str) -> None:
    stated = with_statement(1)
    found = choose(method, stated, 12)
    own = found.rows[found.specification == "b"]
    statement = stated.example_embeddings[stated.example_specifications == 1][0]
    of_label = np.flatnonzero(stated.pool_labels == 1)
    nearest = of_label[(stated.pool_embeddings[of_label] @ statement).argmax()]
    assert nearest in own


@pytest.mark.parametrize("method", LEARN)
def test_statements_alone_are_refused_by_what_learns_from_examples(method: str) -> None:
    with pytest.raises(
        InputError, match=r"specifications are statements alone. Give them examples, or choose by --method nearest"
    ):
        choose(method, replace(material(), weak=(0, 1, 2)), 5)


@pytest.mark.parametrize(("method", "expected"), [("random-matched", [4, 8, 0]), ("balanced", [6, 6, 0])])
def test_baselines_count_the_labels_that_learning_methods_hear(method: str, expected: list[int]) -> None:
    """Two specifications of 3 and 6 examples, and a statement of a third label, which influence does not hear."""
    full = material(spec_labels=(0, 1, 1, 2))
    kept = np.arange(10)
    stated = replace(
        full, weak=(3,), example_texts=full.example_texts[:10], example_features=full.example_features[kept],
        example_embeddings=full.example_embeddings[kept], example_labels=full.example_labels[kept],
        example_specifications=full.example_specifications[kept],
    )  # fmt: skip
    notes = Notes()
    with reporting(notes):
        found = choose(method, stated, 12)
    assert np.bincount(stated.pool_labels[found.rows], minlength=3).tolist() == expected
    assert notes.lines == []
    alone = replace(full, weak=(0, 1, 2, 3))
    assert len(choose(method, alone, 12).rows) == 12  # what there is: the statements' labels


def test_every_method_runs_with_a_statement() -> None:
    for method in registry.names("select"):
        assert len(set(choose(method, with_statement(2), 9).rows.tolist())) == 9, method


def test_the_signal_is_that_of_the_examples_alone() -> None:
    full, stated = material(), with_statement(1)
    strong = np.flatnonzero(full.example_specifications != 1)
    assert feedback(stated, [NOTHING]) == feedback(full.with_examples(strong), [NOTHING])
    nothing = feedback(replace(full, weak=(0, 1, 2)), [NOTHING, np.arange(3)])
    assert np.isnan([nothing.failure_rate, nothing.failure_rate_by_label]).all()
    assert (nothing.accuracy, nothing.macro_f1) == (None, None)
    notes = Notes()
    with reporting(notes):
        say_badly_served(stated.specifications, np.array([0.1, np.nan, 0.1]), np.array([0.2, np.nan, 0.1]))
    assert notes.lines == []


def test_what_is_expected_is_of_the_examples_and_the_statement_guides_in_both_halves() -> None:
    stated = with_statement(1)
    (one,) = expected_failures(stated, "nearest", [6])
    assert np.isnan([interval.value for interval in one.per_specification]).tolist() == [False, True, False]
    for rows in ([0, 3], [1, 2, 3], [3]):
        part = stated.with_examples(np.array(rows))
        (number,) = part.weak
        assert part.specifications[number] == "b"
    (nothing,) = expected_failures(replace(material(), weak=(0, 1, 2)), "nearest", [6])
    assert np.isnan(nothing.failure_rate.value)
