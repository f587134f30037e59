"""Specifications checked against themselves, training data and a pool, with vectors whose cosines are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from curatekit.specify.check import Rows, check
from curatekit.specify.coverage import coverage
from curatekit.specs import Specification


def at(*degrees: float) -> Any:
    """Unit vectors at these angles in a plane: the cosine of two is that of the difference."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def rows(texts: list[str], labels: list[str], *degrees: float) -> Rows:
    ids = np.array([f"r{n}" for n in range(len(texts))], object)
    return Rows(ids, texts, np.array(labels, object), at(*degrees))


A = Specification("a", "s", "x", ("one", "two"), ("three",))
B = Specification("b", "s", "y", ("four", "Five."), ("six",))


def found(*specifications: Specification, examples: Any, tests: Any, **given: Any) -> list[tuple[Any, ...]]:
    result = check(specifications, examples, tests, **given)
    columns = ("check", "specification", "text", "with_specification", "with_id", "with_text")
    return [tuple(row[name] for name in columns) for row in result.problems.iter_rows(named=True)]


def test_nothing_is_wrong_where_nothing_is_near() -> None:
    assert found(A, B, examples=at(0, 20, 90, 110), tests=at(45, 135)) == []


def test_a_test_beside_an_example_is_a_leak_and_from_the_threshold_on() -> None:
    # cos 18° = 0.951, cos 19° = 0.946
    near = found(A, B, examples=at(0, 40, 90, 150), tests=at(18, 200))
    assert near == [("leaks", "a", "three", "a", None, "one")]
    assert found(A, B, examples=at(0, 40, 90, 150), tests=at(-19, 200)) == []
    assert found(A, B, examples=at(0, 40, 90, 150), tests=at(-19, 200), threshold=0.94) != []


def test_a_copy_but_for_case_is_one_wherever_it_lies() -> None:
    copied = Specification("a", "s", "x", ("one", "f i v e"), ("FOUR!",))
    assert found(copied, B, examples=at(0, 40, 90, 150), tests=at(60, 200)) == [
        ("leaks", "a", "FOUR!", "b", None, "four"),
        ("contradictions", "a", "f i v e", "b", None, "Five."),
    ]


def test_near_examples_of_one_label_are_no_contradiction() -> None:
    same = Specification("b", "s", "x", B.examples, B.tests)
    assert found(A, same, examples=at(0, 40, 1, 150), tests=at(70, 200)) == []
    assert found(A, B, examples=at(0, 40, 1, 150), tests=at(70, 200)) == [
        ("contradictions", "a", "one", "b", None, "four")
    ]


def test_training_rows_that_contradict_an_example_are_all_listed() -> None:
    train = rows(["t0", "t1", "t2", "t3"], ["y", "x", "y", "y"], 1, 2, 3, 70)
    assert found(A, B, examples=at(0, 40, 90, 150), tests=at(60, 200), train=train) == [
        ("conflicts", "a", "one", None, "r0", "t0"),
        ("conflicts", "a", "one", None, "r2", "t2"),
    ]


def test_a_label_that_the_data_lacks_is_told_once_for_each_file() -> None:
    train = rows(["t0", "t1"], ["x", "z"], 220, 260)
    lacking = found(A, B, examples=at(0, 40, 90, 150), tests=at(60, 200), train=train)
    assert [row[:2] for row in lacking] == [("labels", "b")]


def test_what_the_pool_lacks_is_named_with_its_nearest_rows() -> None:
    many = Specification("many", "s", "x", tuple(f"e{n}" for n in range(8)), ())
    far = Specification("far", "s", "x", tuple(f"f{n}" for n in range(8)), ())
    pool = rows([f"p{n}" for n in range(40)], ["x"] * 20 + ["y"] * 20, *range(20), *range(80, 100))
    result = check([many, far], at(*range(8), *range(80, 88)), np.zeros((0, 2)), pool=pool)
    assert result.affected == ("far",)
    assert [one.served.value for one in result.coverage] == [1.0, 0.0]
    evidence = result.problems.filter(result.problems["check"] == "coverage")
    # rows of the other label lie on its very examples; of its own label the nearest are those at 19, 18 and 17 degrees
    assert evidence["with_id"].to_list() == ["r19", "r18", "r17"]
    assert evidence["similarity"].to_list() == pytest.approx(np.cos(np.radians([61, 62, 63])), abs=1e-6)
    assert "0% of its examples are served" in evidence["detail"][0]


def test_coverage_is_that_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    pool, examples = rng.normal(size=(60, 5)), rng.normal(size=(12, 5))
    labels = np.array(["x", "y"] * 30, object)
    which = np.repeat([0, 1, 2], 4)
    got = coverage(examples, which, np.array(["x", "y", "x"], object), pool, labels)
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (pool, examples)]
    for s, label in enumerate("xyx"):
        own = unit[0][labels == label]
        to_own = own @ own.T
        np.fill_diagonal(to_own, -2)
        asked = unit[1][which == s]
        to_asked = asked @ asked.T
        np.fill_diagonal(to_asked, -2)
        by_chance = np.quantile((own @ own.T)[np.triu_indices(len(own), 1)], 0.95)
        bar = min(np.quantile(to_own.max(axis=1), 0.25), np.quantile(to_asked.max(axis=1), 0.25))
        bar = max(bar, by_chance)
        to_examples = asked @ own.T
        assert got[s].bar == pytest.approx(bar, abs=1e-6)
        assert got[s].served.value == (to_examples.max(axis=1) >= bar).mean()
        best = np.argsort(-to_examples.max(axis=0))[:3]
        assert got[s].rows.tolist() == np.flatnonzero(labels == label)[best].tolist()


def test_a_pool_without_the_label_serves_nothing() -> None:
    result = check([A, B], at(0, 40, 90, 150), at(60, 200), pool=rows(["p", "q"], ["x", "x"], 0, 40))
    assert set(result.problems["check"]) == {"labels", "coverage"}
    assert result.problems["detail"].to_list()[-1] == "the pool has no row of its label"


def test_a_statement_alone_is_asked_for_its_coverage_and_nothing_else() -> None:
    weak = Specification("b", "four", "y", ("four",), (), weak=True)
    pool = rows(["p", "q", "r"], ["y", "y", "y"], 180, 182, 184)
    result = check([A, weak], at(0, 40, 0), at(60), train=rows(["four"], ["x"], 0), pool=pool)
    assert set(result.problems.filter(result.problems["specification"] == "b")["check"]) == {"labels"}
    assert len(result.coverage[1].rows) == 3
