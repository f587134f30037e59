"""The histogram by class."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.errors import InputError
from curatekit.plot import histogram
from curatekit.plot.histogram import CLASSES, bin_counts, bin_edges
from tests.svg import each, number, starts, texts, titles

VALUES = np.array([-2.5, -2.4, -0.5, 0.0, 0.1, 0.5, 0.6, 0.6, 0.7, 0.9] * 3)
LABELS = ["a"] * 20 + ["b"] * 10


def bars(figure, css: str = "") -> list[tuple[int, float, float]]:
    """Count, as told to the pointer, height and foot of each bar."""
    found = []
    for group in each(figure, "g"):
        told = re.search(r": ([\d,]+) rows?$", group[0].text or "")
        if told and len(group) == 3:
            rect = group[2]
            if css in rect.get("class", "").split() or not css:
                height = number(rect, "height")
                found.append((int(told[1].replace(",", "")), height, number(rect, "y") + height))
    return found


@settings(deadline=None)
@given(st.lists(st.floats(-40, 5, allow_subnormal=False), min_size=1, max_size=200))
def test_counts_equal_their_slow_twin(values: list[float]) -> None:
    bits = np.array(values)
    edges = bin_edges(bits)
    assert 1 <= len(edges) - 1 <= 62
    slow = [0] * (len(edges) - 1)
    for value in values:
        place = sum(edge <= value for edge in edges) - 1
        slow[min(max(place, 0), len(slow) - 1)] += 1
    assert bin_counts(bits, edges).tolist() == slow
    assert sum(slow) == len(values)
    if edges[0] < 0 < edges[-1]:
        assert 0.0 in edges.tolist(), "no bar holds values of both signs"


def test_bars_are_as_high_as_their_counts() -> None:
    rng = np.random.default_rng(1)
    figure = histogram(1.5 - rng.exponential(size=900), ["x"] * 600 + ["y"] * 300)
    found = bars(figure)
    assert sum(count for count, _, _ in found) == 900
    for foot in {foot for _, _, foot in found}:  # the panels, each with its own scale
        panel = [(count, height) for count, height, at in found if at == foot]
        count, height = np.array(panel).T
        # coordinates are rounded to a tenth of a pixel
        assert np.allclose(height, count * height.max() / count.max(), atol=0.11)
    feet = sorted({round(foot) for _, _, foot in found})
    assert len(feet) == 2
    assert sum(count for count, _, at in found if round(at) == feet[0]) == 600, "the largest class comes first"


def test_the_sign_has_its_colour() -> None:
    figure = histogram(VALUES, LABELS)
    assert sum(count for count, _, _ in bars(figure, "f1")) == (VALUES < 0).sum() == 9
    assert sum(count for count, _, _ in bars(figure, "f0")) == (VALUES >= 0).sum()


def test_what_stands_beside() -> None:
    ids = [f"row-{i}" for i in range(30)]
    figure = histogram(VALUES, LABELS, names=ids, texts=[f"text {i}" for i in range(30)], most=4)
    told = [title for title in titles(figure) if re.match(r"\d+\. row", title)]
    # each once in the list and once as a caret under its panel
    assert sorted(told) == sorted([f"{i}. {name}: −2.{d}\n[{c}] text {name[4:]}" for i, name, d, c in [
        (1, "row-0", "50", "a"), (2, "row-10", "50", "a"), (3, "row-20", "50", "b"), (4, "row-1", "40", "a")]] * 2)  # fmt: skip
    assert "The 4 lowest rows" in texts(figure, "strong")
    assert "row-0 at −2.50" in figure.alt
    assert "30 rows, mean −0.20, 30.0% below 0." in figure.alt
    assert "a: 20 rows" in figure.alt
    assert not [title for title in titles(histogram(VALUES, LABELS)) if "row-" in title]


def test_zero_and_the_thresholds_stand_where_the_ticks_say() -> None:
    figure = histogram(VALUES, LABELS, thresholds={"a": -1.0, "c": 3.0})
    ticks = {float(text.replace("−", "-")): number(at, "x") for at, text in zip(each(figure, "text", "middle"), texts(figure, "middle"), strict=True) if re.fullmatch(r"−?[\d.]+", text)}  # fmt: skip
    zeros = [starts(line)[0][0] for line in each(figure, "path", "mark") if "dashed" not in line.get("class", "")]
    assert zeros == [pytest.approx(ticks[0.0], abs=0.11)] * 2
    (dashed,) = each(figure, "path", "mark dashed")
    assert starts(dashed)[0][0] == pytest.approx(ticks[-1.0], abs=0.11)
    assert "mostly wrong below −1.00" in texts(figure)
    left, right = ticks[-2.0], ticks[-1.0]
    assert right - left == pytest.approx(ticks[0.0] - right, abs=0.11)


def test_many_classes_share_the_last_panel_and_it_is_said() -> None:
    labels = [f"class {i:02d}" for i in range(30) for _ in range(31 - i)]
    figure = histogram(np.linspace(-1, 1, len(labels)), labels)
    names = texts(figure, "strong")
    assert names == [f"class {i:02d}" for i in range(CLASSES - 1)] + ["the other 19 classes together"]
    assert sum(count for count, _, _ in bars(figure)) == len(labels)
    twelve = histogram(np.linspace(-1, 1, 24), [f"class {i:02d}" for i in range(12)] * 2)
    assert texts(twelve, "strong") == [f"class {i:02d}" for i in range(12)]


def test_lone_values_far_out_stand_in_the_outermost_bar_and_it_is_said() -> None:
    values = np.concatenate([np.linspace(-1, 1, 2_000), [-40.0, -39.0]])
    figure = histogram(values, ["a"] * len(values), names=[str(i) for i in range(len(values))])
    assert re.search(r"The first bar holds 2 below −\d\.\d\d too\.", figure.alt)
    assert sum(count for count, _, _ in bars(figure)) == len(values)
    assert "2000 at −40.00; 2001 at −39.00" in figure.alt


def test_rows_without_a_value_are_left_out_and_it_is_said() -> None:
    values = np.array([0.5, np.nan, np.inf, -0.5])
    figure = histogram(values, ["a", "a", "b", "b"], names=["r", "s", "t", "u"])
    assert "2 rows without a value left out." in figure.alt
    assert sum(count for count, _, _ in bars(figure)) == 2
    assert not [title for title in titles(figure) if re.search(r"\. [st]:", title)]


@pytest.mark.parametrize("value", [0.0, -1.25, 3e6])
def test_constant_data_are_one_bar(value: float) -> None:
    figure = histogram(np.full(7, value), ["a"] * 7)
    assert [count for count, _, _ in bars(figure)] == [7]


def test_nothing_to_draw_is_refused() -> None:
    for values, labels in (([], []), ([np.nan], ["a"])):
        with pytest.raises(InputError, match=r"no PVI \(bits\) to draw"):
            histogram(values, labels)
    with pytest.raises(InputError, match="labels has 1 values for 2 rows"):
        histogram([1, 2], ["a"])
    with pytest.raises(InputError, match=r"values has the shape \(1, 2\)"):
        histogram([[1, 2]], ["a"])


def test_a_hundred_thousand_rows_are_a_small_picture() -> None:
    rng = np.random.default_rng(0)
    values = 1 - rng.exponential(size=100_000)
    labels = [f"class {i}" for i in range(20)] * 5_000
    ids = [f"id-{i}" for i in range(100_000)]
    assert len(histogram(values, labels, names=ids, texts=["text " * 50] * 100_000).svg) < 150_000


def test_published_pvi_of_cola(real_data: Path) -> None:
    import polars as pl

    rows = pl.read_parquet(real_data / "pvi_reference" / "cola.parquet").filter(
        (pl.col("model") == "bert-base-cased") & (pl.col("setting") == "cola_id_dev_std")
    )
    figure = histogram(rows["PVI"].to_numpy(), rows["label"].cast(pl.String).to_list(), names=rows["text_id"].to_list())
    below = bars(figure, "f1")
    assert sum(count for count, _, _ in below) == (rows["PVI"] < 0).sum() == 82
    assert f"{rows.sort('PVI')['text_id'][0]} at −4.63" in figure.alt
