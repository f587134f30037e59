"""Pinned bias by its definition, from data and from a model, and word lists that cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.errors import InputError
from curatekit.information.pinned_bias import pinned_bias, positive_probs, positive_share, read_word_list
from curatekit.information.words import rows_with


def test_by_hand() -> None:
    found = pinned_bias(np.array([0.9, 0.5, 0.2, 0.7]))
    np.testing.assert_allclose(found.deviations, [0.4, 0, 0, 0.2], atol=1e-15)
    assert found.bias == pytest.approx(0.15, abs=1e-15)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_it_is_the_pull_above_one_half(probabilities: list[float]) -> None:
    found = pinned_bias(np.array(probabilities))
    assert found.bias == pytest.approx(np.mean([max(p - 0.5, 0) for p in probabilities]), abs=1e-12)
    assert 0 <= found.bias <= 0.5


@pytest.mark.parametrize(
    ("given_", "said"), [([], "Give at least one"), ([1.2], "between 0 and 1"), ([np.nan], "between")]
)
def test_what_is_no_probability_is_refused(given_: list[float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        pinned_bias(np.array(given_))


def test_the_share_in_the_data_is_counted_by_rows_and_smoothed() -> None:
    texts = ["bad bad dog", "bad cat", "Bad day", "good cat", "good"]
    labels = np.array([1, 1, 0, 0, 0])
    found = positive_share(rows_with(["bad", "cat", "bad dog", "unseen"], (texts,)), labels, 1)
    assert found.rows.tolist() == [3, 2, 1, 0]
    assert found.positive_rows.tolist() == [2, 1, 1, 0]
    np.testing.assert_allclose(found.positive, [3 / 5, 2 / 4, 2 / 3, 1 / 2])


def test_a_model_is_given_each_word_alone() -> None:
    asked: list[str] = []

    def model(texts):
        asked.extend(texts)
        return np.array([[0.3, 0.7], [0.9, 0.1]])

    np.testing.assert_allclose(positive_probs(["a", "b c"], model, 1), [0.7, 0.1])
    assert asked == ["a", "b c"]


def test_a_word_list_is_read_once_a_word(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("\ufeffWomen\n\n  white  lie \nwomen\nwhite lie\nnaïve\n", encoding="utf-8")
    assert read_word_list(path) == ("Women", "white  lie", "naïve")
    assert read_word_list(path, fold_case=False) == ("Women", "white  lie", "women", "naïve")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"a\n***\n", "line 2: '\\*\\*\\*'"),
        (b"caf\xe9", "not UTF-8 \\(byte 4\\)"),
    ],
)
def test_a_word_list_that_will_not_do_is_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_word_list(path)


def test_a_word_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_word_list(tmp_path / "none.txt")
