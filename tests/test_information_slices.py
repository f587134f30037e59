"""V-usable information by slice, and how columns are cut into slices."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.errors import InputError
from curatekit.information.means import mean_interval
from curatekit.information.slices import Slicing, slicing, v_by_slice
from curatekit.intervals import wilson
from curatekit.reporting import reporting
from curatekit.scores.pvi import pvi
from tests.notes import Notes


def cut(values, name: str = "stars") -> list[tuple[str, int]]:
    """The names of the slices of a column and their numbers of rows."""
    made = slicing(name, pl.DataFrame({name: values}), (["text"] * len(values),))
    rows = np.bincount(made.codes, minlength=len(made.names))
    return [(name, count) for name, count in zip(made.names, rows.tolist(), strict=True) if count]


def test_each_slice_is_what_its_rows_are_alone() -> None:
    rng = np.random.default_rng(0)
    pred = rng.dirichlet([1, 1, 1], 300)
    labels = rng.integers(3, size=300)
    null = np.full((300, 3), 1 / 3)
    where = Slicing("source", rng.integers(4, size=300), ("a", "b", "empty", "c", "d"))
    where.codes[where.codes >= 2] += 1
    units = np.arange(300) // 2
    found = v_by_slice(labels, pred, null, where, units)
    assert [each.name for each in found] == ["a", "b", "c", "d"]
    bits, right = pvi(labels, pred, null), pred.argmax(axis=1) == labels
    for each in found:
        own = where.codes == where.names.index(each.name)
        assert each.rows == own.sum()
        assert each.v_information == pytest.approx(mean_interval(bits[own], units[own]), abs=1e-12)
        assert each.accuracy == right[own].mean()
        assert each.negative_share == wilson(int((bits[own] < 0).sum()), int(own.sum()))
    assert sum(each.rows * each.v_information.value for each in found) == pytest.approx(bits.sum())


def test_names_are_slices_the_largest_first_and_the_missing_last() -> None:
    assert cut(["web", None, "app", "web", "", "web", "app", "tv"]) == [
        ("stars web", 3), ("stars app", 2), ("stars tv", 1), ("stars missing", 2),
    ]  # fmt: skip
    assert cut([True, False, True]) == [("stars true", 2), ("stars false", 1)]


def test_few_numbers_are_slices_and_text_of_numbers_is_numbers() -> None:
    assert cut([3, 1, 1, None, 2]) == [("stars 1", 2), ("stars 2", 1), ("stars 3", 1), ("stars missing", 1)]
    assert cut(["10", "9", "9", "", "10.5"]) == [
        ("stars 9", 2),
        ("stars 10", 1),
        ("stars 10.5", 1),
        ("stars missing", 1),
    ]
    assert cut([0.5, float("nan"), 0.5]) == [("stars 0.5", 2), ("stars missing", 1)]
    assert cut([None, None]) == [("stars missing", 2)]


def test_many_numbers_are_five_bins_with_their_ends_in_the_name() -> None:
    assert cut(np.arange(100)) == [(f"stars {20 * k} to {20 * k + 19}", 20) for k in range(5)]
    assert cut(np.arange(100) / 8 + 1e6)[0] == ("stars 1000000 to 1000002.4", 20)
    days = [date(2020, 1, 1) + timedelta(days) for days in range(50)]
    assert cut(days)[1] == ("stars 2020-01-11 to 2020-01-20", 10)
    assert cut(pl.Series(days).cast(pl.Datetime))[0][0].startswith("stars 2020-01-01 00:00")


@given(st.lists(st.integers(-30, 30) | st.none(), min_size=1, max_size=200))
def test_bins_are_in_order_and_never_part_equal_numbers(values: list[int | None]) -> None:
    made = slicing("n", pl.DataFrame({"n": pl.Series(values, dtype=pl.Int64)}), ((),))
    known = np.array([value is not None for value in values])
    assert set(made.codes[~known].tolist()) <= {len(made.names) - 1}
    codes, numbers = made.codes[known], np.array([value for value in values if value is not None])
    assert (np.diff(codes[np.argsort(numbers)]) >= 0).all()
    assert all(len(set(codes[numbers == number])) == 1 for number in numbers)
    for k in set(codes.tolist()):
        name = made.names[k].removeprefix("n ")
        low, high = numbers[codes == k].min(), numbers[codes == k].max()
        assert name == (f"{low}" if low == high else f"{low} to {high}")
    if len(set(numbers.tolist())) == len(numbers) > 50:
        assert np.ptp(np.bincount(codes)) <= 1


def test_more_than_fifty_names_put_the_rarest_together_and_say_so() -> None:
    values = [f"v{k}" for k in range(60) for _ in range(60 - k)]
    with reporting(notes := Notes()):
        found = cut(values)
    assert len(found) == 50
    assert found[0] == ("stars v0", 60)
    assert found[-1] == ("stars: 11 other values", sum(range(1, 12)))
    assert notes.lines == ["'stars' has 60 different values; the 11 rarest are one slice."]


def test_lengths_are_words_of_both_sides() -> None:
    texts = ["one two", "one, two — three!", "", "one"]
    made = slicing("length", pl.DataFrame({"text": texts}), (texts,))
    assert [made.names[code] for code in made.codes] == ["length 2 words", "length 3 words", "length 0 words", "length 1 words"]  # fmt: skip
    pairs = slicing("length", pl.DataFrame({"text": texts}), (texts, ["x y z"] * 4))
    assert [pairs.names[code] for code in pairs.codes][:2] == ["length 5 words", "length 6 words"]
    column = slicing("length", pl.DataFrame({"length": [7, 7, 7, 8]}), (texts,))
    assert column.names[0] == "length 7"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([f"text {k}" for k in range(30)], "All values of the column 'stars' are different"),
        ([[1], [2, 3]], "holds List"),
        ([b"a", b"b"], "holds Binary"),
    ],
)
def test_what_cannot_be_cut_is_refused(values, said: str) -> None:
    with pytest.raises(InputError, match=said):
        cut(values)


def test_a_column_that_is_not_there_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="Did you mean 'stars'"):
        slicing("star", pl.DataFrame({"stars": [1]}), (["a"],))
