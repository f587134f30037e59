"""The dataset: a frozen value whose rows stay together."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.dataset import SET_ASIDE, Columns, Dataset, content_ids, encode, from_lists
from curatekit.errors import InputError, NoSpace


@pytest.fixture
def dataset() -> Dataset:
    return from_lists(["a", "b", "c", "d"], ["y", "x", None, "y"], ["1", "2", "3", "4"])


def test_from_lists(dataset: Dataset) -> None:
    assert len(dataset) == 4
    assert dataset.texts == ("a", "b", "c", "d")
    assert dataset.classes == ("x", "y")
    assert dataset.labels.dtype == np.int64
    assert list(dataset.labels) == [1, 0, -1, 1]
    assert dataset.label_names == ("y", "x", None, "y")
    assert dataset.columns == Columns(("text",), "label", "id")
    assert dataset.frame.columns == ["text", "label", "id"]
    assert dataset.set_aside.schema == SET_ASIDE
    assert dataset.ids.dtype == object
    assert dataset.sha256 != from_lists(["a", "b", "c", "d"], ["y", "x", None, "x"], ["1", "2", "3", "4"]).sha256


def test_from_lists_of_pairs_without_labels() -> None:
    dataset = from_lists([("a", "b"), ("c", "d")])
    assert dataset.inputs == (("a", "c"), ("b", "d"))
    assert dataset.texts == ("a\nb", "c\nd")
    assert dataset.columns == Columns(("text_1", "text_2"), None, None)
    assert list(dataset.labels) == [-1, -1]
    assert len(from_lists([])) == 0


def test_from_lists_refuses_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="2 texts, 1 labels and 2 ids"):
        from_lists(["a", "b"], ["x"])
    with pytest.raises(InputError, match="ids must be unique"):
        from_lists(["a", "b"], ids=["1", "1"])


def test_nothing_of_it_can_be_set(dataset: Dataset) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.path = "elsewhere"  # type: ignore[misc]


def test_take_moves_whole_rows(dataset: Dataset) -> None:
    taken = dataset.take(np.array([3, 0]))
    assert taken.texts == ("d", "a")
    assert list(taken.ids) == ["4", "1"]
    assert taken.frame["text"].to_list() == ["d", "a"]
    assert taken.label_names == ("y", "y")
    assert taken.classes == ("x", "y")
    assert len(dataset.take([])) == 0
    assert dataset.texts == ("a", "b", "c", "d")


def test_take_refuses_rows_that_are_not_there_or_twice(dataset: Dataset) -> None:
    with pytest.raises(IndexError):
        dataset.take([-1])  # the missing neighbour of FAISS, which numpy would read as the last row
    with pytest.raises(IndexError):
        dataset.take([4])
    with pytest.raises(ValueError, match="given twice"):
        dataset.take([1, 1])


def test_with_classes_codes_by_name(dataset: Dataset) -> None:
    other = dataset.with_classes(("y", "z", "x"))
    assert other.classes == ("y", "z", "x")
    assert list(other.labels) == [0, 2, -1, 0]
    assert other.label_names == dataset.label_names
    with pytest.raises(InputError, match=r"not among the classes: 'x'\. The classes are 'y', 'z'"):
        dataset.with_classes(("y", "z"))
    # A class that no row has is no obstacle.
    assert dataset.take([0, 3]).with_classes(("y",)).label_names == ("y", "y")


def test_require_classes(dataset: Dataset) -> None:
    assert dataset.require_classes() is dataset
    with pytest.raises(InputError, match="too few classes: 'y' in column 'label', and 2 or more are needed"):
        dataset.take([0, 3]).require_classes()
    with pytest.raises(InputError, match="no label at all"):
        from_lists(["a"]).require_classes()


def test_more_classes_than_memory_holds_are_refused_with_what_they_would_take(monkeypatch: pytest.MonkeyPatch) -> None:
    many = from_lists([f"text {i}" for i in range(200)], [f"c{i // 2}" for i in range(200)])
    needed = 200 * 100 * 8 * 4
    monkeypatch.setattr("curatekit.dataset._memory", lambda: needed)
    assert many.require_classes() is many
    monkeypatch.setattr("curatekit.dataset._memory", lambda: needed - 1)
    with pytest.raises(NoSpace, match=r"100 classes on 200 rows .*--limit"):
        many.require_classes()


def test_require_rows_per_class(dataset: Dataset) -> None:
    with pytest.raises(InputError, match=r"fewer than 2 different texts in column 'label': 'x' \(1\)"):
        dataset.require_rows_per_class()
    one_class = dataset.take([0, 2, 3])
    assert one_class.require_rows_per_class(2) is one_class


def test_a_text_that_repeats_is_one_text_of_its_class() -> None:
    """Equal texts share a fold, so no model that predicts them has seen their class."""
    with pytest.raises(InputError, match=r"'y' \(1\)"):
        from_lists(["a", "b", "same", "same"], ["x", "x", "y", "y"]).require_rows_per_class()


def test_messages_list_ten_names_at_most() -> None:
    dataset = from_lists([str(i) for i in range(15)], [f"class {i:02}" for i in range(15)])
    with pytest.raises(InputError, match="'class 09' and 5 more"):
        dataset.with_classes(())


def test_a_column_of_texts_given_as_label_is_doubted_in_short_words() -> None:
    tweets = [f"tweet {i} " + "x" * 200 for i in range(20)]
    dataset = from_lists(tweets, tweets)
    for check in (dataset.require_rows_per_class, lambda: dataset.with_classes(("a", "b"))):
        with pytest.raises(InputError, match="20 different values in 20 rows: is 'label' the label column") as caught:
            check()
        assert len(str(caught.value)) < 800
    assert not dataset.take(range(19)).doubt()
    assert not from_lists(tweets, [str(i // 2) for i in range(20)]).doubt()


@given(st.lists(st.none() | st.text(max_size=3)))
def test_encode_and_decode(labels: list[str | None]) -> None:
    coded = encode(labels)
    assert list(coded.classes) == sorted({label for label in labels if label is not None})
    assert [coded.classes[code] if code >= 0 else None for code in coded.labels] == labels


@given(st.lists(st.tuples(st.sampled_from(["", "a", "b", "ab"]), st.sampled_from(["", "a", "b", "ab"])), min_size=1))
def test_content_ids(rows: list[tuple[str, str]]) -> None:
    ids = content_ids(tuple(zip(*rows, strict=True)))
    assert len(set(ids)) == len(rows)
    stems = [identifier.split("-")[0] for identifier in ids]
    for first, first_row in zip(stems, rows, strict=True):
        for second, second_row in zip(stems, rows, strict=True):
            assert (first == second) == (first_row == second_row)
    # Rows that are appended change no id.
    assert list(content_ids(tuple(zip(*rows, ("new", "new"), strict=True)))[:-1]) == list(ids)


def test_the_frame_is_every_column(dataset: Dataset) -> None:
    assert isinstance(dataset.frame, pl.DataFrame)
    assert dataset.frame.height == len(dataset)
