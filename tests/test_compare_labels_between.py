"""Two sets together: a planted disagreement comes first, in the pairs and in the words."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from curatekit.compare_labels.between import compare_sets, compared_labels
from curatekit.dataset import Dataset, from_lists
from curatekit.errors import InputError
from curatekit.reporting import reporting
from tests.notes import Notes

WORDS = ["river", "stone", "lamp", "garden", "paper", "winter", "silver", "door"]
GOOD, BAD = ["kind", "bright"], ["cruel", "gloomy"]


def drawn(
    n: int, seed: int, *, turned: str = "", classes: tuple[str, ...] = ("bad", "good")
) -> tuple[Dataset, np.ndarray]:
    """Texts of five words, one of which tells the label; rows that hold `turned` bear the other one. And embeddings."""
    rng = np.random.default_rng(seed)
    texts, labels, vectors = [], [], []
    vocabulary = [*WORDS, *GOOD, *BAD]
    places = np.random.default_rng(99).normal(size=(len(vocabulary), 16))
    for row in range(n):
        code = row % 2
        words = [*rng.choice(WORDS, 4, replace=False), rng.choice([BAD, GOOD][code])]
        if turned and turned in words:
            code = 1 - code
        texts.append(" ".join(words) + f" {seed}x{row}")  # no two alike
        labels.append(classes[code])
        vectors.append(sum(places[vocabulary.index(word)] for word in words))
    return from_lists(texts, labels), np.array(vectors, np.float32)


def compared(second: tuple[Dataset, np.ndarray], **how: object):
    first = drawn(400, 0)
    (found,) = compare_sets({"a": first[0], "b": second[0]}, {"a": first[1], "b": second[1]}, **how)  # type: ignore[arg-type]
    return found


def test_the_word_that_turns_the_label_is_first() -> None:
    found = compared(drawn(300, 1, turned="cruel"))
    top = found.words.row(0, named=True)
    assert (top["words"], top["label"]) == ("cruel", "bad") or (top["words"], top["label"]) == ("cruel", "good")
    assert abs(top["difference"]) > 0.9
    assert top["q_value"] < 1e-6
    assert top["near_differing"] == top["near_pairs"] > 0
    # what is said of the word is true of the rows
    a, b = drawn(400, 0)[0], drawn(300, 1, turned="cruel")[0]
    for side, dataset in (("first", a), ("second", b)):
        labels = [label for text, label in zip(dataset.texts, dataset.label_names, strict=True) if "cruel" in text]
        assert top[f"{side}_rows"] == len(labels)
        assert top[f"{side}_label_rows"] == labels.count(top["label"])


def test_the_first_pairs_are_of_turned_rows() -> None:
    found = compared(drawn(300, 1, turned="cruel"))
    near = found.pairs.filter(pl.col("similarity") >= 0.95)
    assert len(near) > 10
    assert near["second_text"].str.contains("cruel").mean() > 0.9
    assert found.near.differing / found.near.pairs > 0.1
    assert found.excess.value.low > 0


def test_one_criterion_gives_nothing() -> None:
    found = compared(drawn(300, 1))
    assert found.words["q_value"].min() > 0.05
    assert found.near.differing == 0
    assert found.excess.value.low <= 0 <= found.excess.value.high


def test_a_rule_of_two_words_is_found_before_its_words() -> None:
    dataset, vectors = drawn(800, 1)
    labels = [
        "bad" if "river" in text and "kind" in text else label
        for text, label in zip(dataset.texts, dataset.label_names, strict=True)
    ]
    first, first_vectors = drawn(800, 0)
    (found,) = compare_sets(
        {"a": first, "b": from_lists(dataset.texts, labels)}, {"a": first_vectors, "b": vectors}, min_rows=20
    )
    assert set(found.words["words"][0].split(" + ")) == {"river", "kind"}
    assert found.tested[1] > found.tested[0] == 12
    # no rule is listed that says no more than one of its words
    told = [rule for rule in found.words["words"] if "+" in rule]
    assert len(told) < found.tested[1] / 4


def test_same_words_come_first_whatever_the_embedding() -> None:
    first = from_lists(["Stay away!", "other thing", "third one"], ["x", "y", "x"])
    second = from_lists(["stay AWAY", "something", "else"], ["y", "y", "x"])
    vectors = np.eye(3, dtype=np.float32)
    (found,) = compare_sets({"a": first, "b": second}, {"a": vectors, "b": vectors[[1, 2, 0]]}, min_rows=1)
    top = found.pairs.row(0, named=True)
    assert (top["first_text"], top["second_text"], top["same_words"], top["similarity"]) == (
        "Stay away!", "stay AWAY", True, 0.0,
    )  # fmt: skip
    assert found.pairs["similarity"].to_list()[1:] == [1.0] * (len(found.pairs) - 1)


def test_three_sets_make_three_comparisons_with_one_table_shape() -> None:
    made = {name: drawn(60, seed) for seed, name in enumerate("abc")}
    found = compare_sets({n: d for n, (d, _) in made.items()}, {n: v for n, (_, v) in made.items()})
    assert [(one.first, one.second) for one in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert len(pl.concat(one.words for one in found)) == sum(len(one.words) for one in found)


def test_too_few_rows_leave_the_words_out_with_a_note() -> None:
    notes = Notes()
    with reporting(notes):
        found = compared(drawn(20, 1), min_rows=500)
    assert found.tested == (0, 0)
    assert not len(found.words)
    assert "Lower --min-rows" in notes.lines[-1]


def test_pairs_and_single_texts_are_not_compared() -> None:
    pairs = from_lists([("a", "b"), ("c", "d")], ["x", "y"])
    single = from_lists(["a", "b"], ["x", "y"])
    vectors = np.eye(2, dtype=np.float32)
    with pytest.raises(InputError, match="b has 1"):
        compare_sets({"a": pairs, "b": single}, {"a": vectors, "b": vectors})


def test_words_of_a_pair_bear_their_column() -> None:
    texts = [("yes sir", "no sir"), ("no sir", "yes sir")] * 5
    pairs = [from_lists(texts, labels) for labels in (["x", "y"] * 5, ["y", "x"] * 5)]
    vectors = np.tile(np.eye(2, dtype=np.float32), (5, 1))
    (found,) = compare_sets(dict(zip("ab", pairs, strict=True)), {"a": vectors, "b": vectors})
    assert {"text_1:yes", "text_2:yes", "text_1:no", "text_2:no"} <= set(found.words["words"])


def test_of_two_labels_the_rarer_is_looked_at_and_of_several_those_of_both_sets() -> None:
    assert compared_labels(np.array([0, 1, 1]), np.array([0, 1, 1, 1]), 2).tolist() == [0]
    assert compared_labels(np.array([0, 0, 1]), np.array([0, 1, 0]), 3).tolist() == [1]
    assert compared_labels(np.array([0, 1, 2]), np.array([0, 1, 1]), 4).tolist() == [0, 1]
    assert compared_labels(np.array([0, 0]), np.array([0, 1]), 2).tolist() == []
