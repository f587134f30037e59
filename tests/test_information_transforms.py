"""What the transforms leave of rows, by hand, and how they are found and checked."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from curatekit import registry
from curatekit.dataset import Dataset, from_lists
from curatekit.errors import InputError
from curatekit.information.transforms import LeftOf, left_of
from curatekit.information.transforms.tokens import tokens
from curatekit.reporting import reporting
from tests.notes import Notes

SINGLE = from_lists(["The cat sat, then it left.", "No!", "", "你好 friend"], ["a", "b", "a", "b"])
PAIRS = from_lists([("A dog runs", "a DOG sleeps here"), ("Nothing", "Don't know, no"), ("", "")], ["x", "y", "x"])


def with_columns(**columns: object) -> Dataset:
    n = len(next(iter(columns.values())))  # type: ignore[call-overload]
    dataset = from_lists([f"text {k}" for k in range(n)])
    return Dataset(
        dataset.frame.with_columns(**{name: pl.Series(values, strict=False) for name, values in columns.items()}),
        dataset.ids, dataset.inputs, dataset.labels, dataset.classes, dataset.columns,
    )  # fmt: skip


def test_tokens_keep_their_punctuation_and_han_characters_stand_alone() -> None:
    assert tokens("  It's fine,  (really) 你好x ") == ["It's", "fine,", "(really)", "你", "好", "x"]


def test_the_ends_of_a_text() -> None:
    assert left_of(SINGLE, "first:2").texts == (["The cat", "No!", "", "你 好"],)
    assert left_of(SINGLE, "last:2").texts == (["it left.", "No!", "", "好 friend"],)
    assert left_of(SINGLE, "first").texts == left_of(SINGLE, "first:5").texts
    assert left_of(PAIRS, "last:1").texts == (["runs", "Nothing", ""], ["here", "no", ""])


def test_shuffled_texts_have_the_same_tokens_and_depend_on_text_and_seed_alone() -> None:
    long = [f"one two three four five six seven eight nine {k}" for k in range(6)]
    (once,) = left_of(from_lists(long), "shuffled", seed=3).texts or ()
    assert [sorted(text.split()) for text in once] == [sorted(text.split()) for text in long]
    assert list(once) != long
    (again,) = left_of(from_lists(long[::-1]), "shuffled", seed=3).texts or ()
    assert again[::-1] == once
    assert left_of(from_lists(long), "shuffled", seed=4).texts != (once,)


def test_the_sides_of_pairs() -> None:
    assert left_of(PAIRS, "left").texts == (PAIRS.inputs[0],)
    assert left_of(PAIRS, "right").texts == (PAIRS.inputs[1],)


def test_lengths_are_words_and_characters_of_each_text() -> None:
    assert left_of(SINGLE, "length").columns.tolist() == [[6, 26], [1, 3], [0, 0], [3, 9]]  # type: ignore[union-attr]
    assert left_of(PAIRS, "length").columns.tolist() == [[3, 10, 4, 17], [1, 7, 3, 14], [0, 0, 0, 0]]  # type: ignore[union-attr]


def test_overlap_is_of_different_words_whatever_their_case() -> None:
    found = left_of(PAIRS, "overlap").columns
    assert found is not None
    assert found[0] == pytest.approx([2, 2 / 5, 2 / 3, 2 / 4])
    assert (found[1:] == 0).all()


def test_negations_are_counted_on_each_side() -> None:
    assert left_of(SINGLE, "negation").columns.tolist() == [[0], [1], [0], [0]]  # type: ignore[union-attr]
    assert left_of(PAIRS, "negation").columns.tolist() == [[0, 0], [1, 2], [0, 0]]  # type: ignore[union-attr]


def test_a_bag_of_words_is_counts() -> None:
    words = left_of(SINGLE, "bag-of-words").words
    assert words.shape == (4, 10)
    assert words.sum(axis=1).tolist() == [6, 1, 0, 3]


def test_a_pattern_counts_its_matches_in_linear_time() -> None:
    assert left_of(SINGLE, r"regex:(?i)\bt").columns.tolist() == [[2], [0], [0], [0]]  # type: ignore[union-attr]
    assert left_of(PAIRS, "regex:n").columns.tolist() == [[1, 0], [1, 3], [0, 0]]  # type: ignore[union-attr]
    assert left_of(SINGLE, "regex:a:b").columns.tolist() == [[0]] * 4  # type: ignore[union-attr]
    hostile = from_lists(["a" * 50_000 + "b", "c"])
    assert left_of(hostile, "regex:(a+)+$").columns.tolist() == [[0], [0]]  # type: ignore[union-attr]


@pytest.mark.parametrize(("pattern", "said"), [("(", "unclosed group"), ("(?=a)b", "look-around"), (r"(a)\1", "backreferences"), ("a{999999}", "size limit")])  # fmt: skip
def test_a_pattern_that_cannot_be_used_is_one_sentence(pattern: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        left_of(SINGLE, f"regex:{pattern}")
    assert "\n" not in str(caught.value)


def test_a_pattern_that_tells_no_row_from_another_is_said() -> None:
    with reporting(notes := Notes()):
        left_of(SINGLE, "regex:zebra")
        left_of(SINGLE, "regex:.*")
    assert [line.split("matches in ")[1] for line in notes.lines] == ["no row.", "every row."]


def test_a_column_of_numbers_is_its_numbers() -> None:
    numbers = left_of(with_columns(stars=["3", "", "4.5"]), "column:stars").columns
    assert numbers is not None
    assert numbers[:, 0] == pytest.approx([3, np.nan, 4.5], nan_ok=True)


def test_a_column_of_names_is_one_of_each_name_and_their_ranks() -> None:
    found = left_of(with_columns(source=["web", "app", None, "web"]), "column:source").columns
    nan = np.nan
    assert found == pytest.approx(np.array([[1, 0, 0], [0, 1, 1], [nan, nan, nan], [1, 0, 0]]), nan_ok=True)
    many = left_of(with_columns(source=[f"s{k % 60}" for k in range(600)]), "column:source").columns
    assert many is not None
    assert many.shape == (600, 33)
    assert set(many[:, -1]) == set(range(60))
    assert left_of(with_columns(flag=[True, False]), "column:flag").columns is not None


def test_a_column_of_texts_is_texts() -> None:
    texts = [f"a text of its own, {k}" for k in range(40)]
    assert left_of(with_columns(other=[*texts[:39], None]), "column:other").texts == ([*texts[:39], ""],)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lenght", "Did you mean 'length'"),
        ("length:3", "takes nothing behind a colon"),
        ("regex", "needs to be told what: write regex:"),
        ("regex:", "has no pattern"),
        ("column:", "has no name"),
        ("column:sources", "no column 'sources'"),
        ("first:none", "'none' is no number of tokens"),
        ("first:0", "'0' is no number of tokens"),
        ("left", "Give --text twice"),
        ("overlap", "Give --text twice"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        left_of(SINGLE, name)


def test_every_transform_of_the_table_can_be_loaded() -> None:
    assert all(callable(registry.load("transforms", name)) for name in registry.names("transforms"))


def install(monkeypatch: pytest.MonkeyPatch, transform: object) -> None:
    monkeypatch.setattr(EntryPoint, "load", lambda point: transform)
    point = EntryPoint("theirs", "package:transform", "curatekit.transforms")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group, name: [point] if name == "theirs" else [])


def test_a_transform_of_another_package_is_given_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = SimpleNamespace()

    def theirs(inputs, frame, seed, argument="none", factor=2.0):
        vars(asked).update(inputs=inputs, frame=frame, seed=seed, argument=argument)
        return factor * np.arange(len(frame))

    install(monkeypatch, theirs)
    found = left_of(SINGLE, "theirs:x", seed=7)
    assert found.columns.tolist() == [[0], [2], [4], [6]]  # type: ignore[union-attr]
    assert (asked.inputs, asked.seed, asked.argument) == (SINGLE.inputs, 7, "x")
    assert asked.frame.equals(SINGLE.frame)
    left_of(SINGLE, "theirs")
    assert asked.argument == "none"


@pytest.mark.parametrize(
    "returned",
    [np.arange(3), (["a"] * 3,), (["a", "b", "c", 4],), "abcd", None, np.array(["a"] * 4), csr_array((3, 2)), ()],
    ids=str,
)
def test_a_transform_that_returns_something_else_is_refused(monkeypatch: pytest.MonkeyPatch, returned) -> None:
    install(monkeypatch, lambda inputs: returned)
    with pytest.raises(InputError, match="not 4 rows"):
        left_of(SINGLE, "theirs")


def test_a_transform_that_asks_for_what_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, lambda labels: labels)
    with pytest.raises(InputError, match="asks for 'labels', but there are inputs, frame"):
        left_of(SINGLE, "theirs")


def test_the_key_tells_apart_what_is_left() -> None:
    ones = csr_array(np.eye(2))
    left = [
        LeftOf("", texts=(["a", "b"],)), LeftOf("", texts=(["ab", ""],)), LeftOf("", texts=(["a"], ["b"])),
        LeftOf("", columns=np.zeros((2, 1))), LeftOf("", columns=np.zeros((1, 2))), LeftOf("", words=ones), LeftOf("", words=2 * ones),
    ]  # fmt: skip
    assert len({one.key for one in left}) == len(left)
    assert LeftOf("other", texts=(["a", "b"],)).key == left[0].key
