"""The checks of the data against brute force, hand-made cases and cleanlab."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.dataset import from_lists
from curatekit.errors import InputError
from curatekit.health.broken import faults, unusual_lengths
from curatekit.health.checks import CHECKS, check, known_checks
from curatekit.health.duplicates import clusters, in_conflict, near_pairs, rows_in_conflict, text_groups
from curatekit.health.imbalance import class_shares, rare
from curatekit.health.leakage import across_splits, leaks
from curatekit.health.outliers import typicality
from curatekit.index import nearest


@settings(max_examples=40, deadline=None)
@given(data=st.data(), threshold=st.sampled_from([-0.5, 0.5, 0.9, 1.0]))
def test_near_pairs_and_their_clusters_are_those_of_brute_force(data: st.DataObject, threshold: float) -> None:
    row = st.lists(st.integers(-2, 2), min_size=2, max_size=2)
    x = np.array(data.draw(st.lists(row, min_size=1, max_size=40)), np.float32)
    n = len(x)
    norms = np.linalg.norm(x.astype(np.float64), axis=1)
    cosine = np.round(x.astype(np.float64) @ x.T / np.outer(*[np.where(norms == 0, 1, norms)] * 2), 9)
    alike = np.triu(cosine >= threshold, 1)
    pairs = near_pairs(x, nearest(x, 3), threshold)
    assert set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == set(
        zip(*(side.tolist() for side in np.nonzero(alike)), strict=True)
    )
    assert (np.diff(pairs.similarity) <= 0).all()
    reach = alike | alike.T | np.eye(n, dtype=bool)
    for _ in range(n.bit_length()):
        reach = (reach.astype(int) @ reach.astype(int)) > 0
    np.testing.assert_array_equal(clusters(n, pairs), reach.argmax(axis=1))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-1, 2)), max_size=20))
def test_conflicts_are_those_of_brute_force(rows: list[tuple[str, int]]) -> None:
    texts, labels = [text for text, _ in rows], np.array([label for _, label in rows], np.int64)
    expected = [label >= 0 and any(text == other and 0 <= its != label for other, its in rows) for text, label in rows]
    assert in_conflict(text_groups(texts), labels).tolist() == expected
    assert rows_in_conflict(texts, labels) == sum(expected)


def test_texts_are_the_same_to_the_letter_or_folded() -> None:
    texts = ["Fine.", "fine", "Fine.", "?!", "..."]
    assert text_groups(texts).tolist() == [0, 1, 0, 3, 4]
    assert text_groups(texts, fold=True).tolist() == [0, 0, 0, 3, 4]


def test_leaks_are_exact_before_they_are_near() -> None:
    x = np.array([[1, 0], [0, 1], [1, 0.1], [1, 1]], np.float32)
    others = np.array([[1, 0], [-1, 1]], np.float32)
    found = leaks(["a", "B", "c", "d"], ["b", "z"], x, others, 0.99, fold=True)
    assert found.rows.tolist() == [0, 1, 2]
    assert found.others.tolist() == [0, 0, 0]
    assert found.same_text.tolist() == [False, True, False]
    assert found.similarity[1] == 1
    assert leaks(["B"], ["b"], x[1:2], others[:1], 0.99).rows.tolist() == []


def test_leaks_across_splits_are_told_in_the_smaller_one() -> None:
    texts = ["a", "b", "c", "a", "d", "b", "a"]
    splits = ["train", "train", "train", "test", "test", "dev", "train"]
    found = across_splits(texts, splits, np.eye(7, dtype=np.float32), 0.9)
    assert sorted(zip(found.rows.tolist(), found.others.tolist(), strict=True)) == [(3, 0), (5, 1)]
    assert len(across_splits(texts, ["one"] * 7, np.eye(7, dtype=np.float32), 0.9).rows) == 0


def test_outliers_are_ranked_as_cleanlab_ranks_them() -> None:
    cleanlab = pytest.importorskip("cleanlab.outlier")
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(5, 8))[rng.integers(0, 5, 300)] + 0.4 * rng.normal(size=(300, 8))).astype(np.float32)
    theirs = cleanlab.OutOfDistribution({"k": 10}).fit_score(features=x, verbose=False)
    ours = typicality(nearest(x, 10))
    assert np.corrcoef(theirs.argsort().argsort(), ours.argsort().argsort())[0, 1] > 0.999


def test_rare_classes_are_those_of_cleanlab() -> None:
    labels = np.repeat([0, 1, 2], [500, 480, 20])
    shares = class_shares(np.append(labels, -1), 3)
    assert shares.tolist() == [0.5, 0.48, 0.02]
    assert rare(shares).tolist() == [False, False, True]
    assert not rare(class_shares(np.repeat([0, 1, 2], [450, 450, 100]), 3)).any()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" \t", ["empty"]),
        ("12:30 !!", ["no letters"]),
        ("caf\ufffd", ["replacement characters (U+FFFD)"]),
        ("café".encode().decode("latin-1"), ["wrongly decoded characters"]),
        ("it’s".encode().decode("cp1252"), ["wrongly decoded characters"]),
        ("RT &#128514; a &amp; b", ["HTML entities"]),
        ("one<br />two", ["HTML tags"]),
        ("a\x00b", ["control or invisible characters"]),
        (" a ", ["spaces around it"]),
        ("Ça va, Ângela? 5 < 6 & <3", []),
        ("日本語\nはい", []),
        ("a line\r\nand\ta tab", []),
    ],
)
def test_what_is_wrong_with_a_text(text: str, said: list[str]) -> None:
    assert faults(text) == said


def test_lengths_are_unusual_against_the_rest() -> None:
    texts = ["word " * n for n in range(10, 30)]
    assert unusual_lengths(texts) == [None] * 20
    assert unusual_lengths([*texts, "word " * 4000, "a"])[20:] == [
        "20,000 characters, where the median is 97",
        "1 character, where the median is 97",
    ]


def example() -> Any:
    texts = ["one text", "one text", "two texts", "third", "THIRD", "far away", "one text"]
    return from_lists(texts, ["a", "b", "a", "b", "b", "a", "a"], [f"r{i}" for i in range(7)])


def test_every_problem_is_a_line() -> None:
    x = np.array([[1, 0], [1, 0], [1, 0.01], [0, 1], [0, 1], [-1, -1], [1, 0]], np.float32)
    found = check(example(), tuple(CHECKS), x, np.array([0, 0, 0, 1, 0, 0, 0], bool), splits=["x"] * 5 + ["y"] * 2)
    lines = [(row["check"], row["id"], row["with_id"]) for row in found.problems.iter_rows(named=True)]
    assert lines[:5] == [
        ("conflicting-labels", "r0", "r1"),
        ("conflicting-labels", "r1", "r0"),
        ("conflicting-labels", "r6", "r1"),
        ("exact-duplicates", "r1", "r0"),
        ("exact-duplicates", "r6", "r0"),
    ]
    assert lines[5:7] == [("near-duplicates", "r4", "r3"), ("near-duplicates", "r2", "r0")]
    assert found.problems["detail"][5] == "alike as far as the encoder reads; the texts differ"
    assert found.problems["detail"][6] == "nearly the same text"
    assert ("leakage", "r6", "r0") in lines
    assert ("outliers", "r5", None) in lines
    assert found.counts["near-duplicates"] == 2
    assert found.n_rows_affected == len({row for _, row, _ in lines})
    folded = check(example(), ("exact-duplicates",), fold=True)
    assert folded.problems["id"].to_list() == ["r1", "r4", "r6"]


def test_an_unknown_check_is_refused() -> None:
    assert known_checks(()) == tuple(CHECKS)
    with pytest.raises(InputError, match="Did you mean 'outliers'"):
        known_checks(["outlier"])
