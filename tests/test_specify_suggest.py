"""Slices of errors: planted ones come first, chance makes none, and drafts are specifications once they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.errors import InputError
from curatekit.information.words import count_words
from curatekit.intervals import wilson
from curatekit.specify.drafts import HEAD, drafts
from curatekit.specify.error_slices import clusters, error_slices
from curatekit.specify.words import telling_words
from curatekit.specs import read_specifications
from curatekit.specs.drafts import Draft, drafts_as_yaml

CENTRES = np.eye(8)


def blobs(sizes: list[int], seed: int = 0) -> tuple[Any, Any]:
    """Rows around orthogonal centres (cosine about 0.9 within, 0 between), and the centre of each."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(len(sizes)), sizes)
    rows = CENTRES[of] + 0.11 * rng.normal(size=(len(of), 8))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), of


def test_the_slice_that_is_always_wrong_is_first_and_counted_on_other_rows() -> None:
    embeddings, of = blobs([100, 100, 100, 60])
    rng = np.random.default_rng(1)
    labels = of % 2
    wrong = rng.random(360) < np.array([0.05, 0.3, 0.05, 1.0])[of]
    counting = rng.random(360) < 0.5
    found = error_slices(embeddings, labels, np.where(wrong, 1 - labels, labels), counting)
    first = found[0]
    assert first.label == 1
    assert set(of[first.rows].tolist()) == {3}
    counted = first.rows[counting[first.rows]]
    assert first.counted == len(counted)
    assert first.rate == wilson(len(counted), len(counted))
    assert first.excess == pytest.approx(len(first.rows) * (first.rate.low - wrong[counting].mean()))
    assert all(one.excess > 0 for one in found)
    assert [one.excess for one in found] == sorted((one.excess for one in found), reverse=True)


def test_errors_that_are_everywhere_alike_suggest_nothing_surely() -> None:
    """Over 40 draws of errors at random, a slice at 95 % limits is found by chance in few."""
    embeddings, of = blobs([80, 80, 80, 80])
    labels = of % 2
    told = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        wrong, counting = rng.random(320) < 0.2, rng.random(320) < 0.5
        told += len(error_slices(embeddings, labels, np.where(wrong, 1 - labels, labels), counting))
    assert told <= 10  # four slices a draw, each surely above with 2.5 % at the most: 4 expected


def test_no_errors_no_slices() -> None:
    embeddings, of = blobs([20, 20])
    assert error_slices(embeddings, of, of, np.arange(40) % 2 == 0) == ()


def test_clusters_are_cut_where_the_mean_cosine_falls_below_the_threshold() -> None:
    degrees = np.radians([0, 10, 20, 90, 100, 110])
    rows = np.stack([np.cos(degrees), np.sin(degrees)], axis=1)
    between = np.mean(np.cos(np.subtract.outer(degrees[:3], degrees[3:])))
    assert [sorted(one.tolist()) for one in clusters(rows, between + 0.01, 2)] in (
        [[0, 1, 2], [3, 4, 5]],
        [[3, 4, 5], [0, 1, 2]],
    )
    assert [len(one) for one in clusters(rows, between - 0.01, 2)] == [6]
    assert clusters(rows, between + 0.01, 4) == []


def test_a_slice_is_named_by_the_words_that_stand_in_it_and_not_elsewhere() -> None:
    texts = [f"the parcel is late again {n}" for n in range(20)] + [f"the soup is fine again {n}" for n in range(40)]
    counted = count_words((texts,))
    words = telling_words(counted, np.arange(60) < 20, 5, q_value=0.05)
    assert set(words) == {"parcel", "late"}
    assert telling_words(counted, np.ones(60, bool), 5, q_value=0.05) == ()


def test_drafts_are_refused_until_they_are_read_and_then_are_specifications(tmp_path: Path) -> None:
    embeddings, of = blobs([40, 40])
    texts = [f"{['fine soup', 'late parcel'][k]} number {n}" for n, k in enumerate(of)]
    labels, counting = of, np.arange(80) % 2 == 0
    slices = error_slices(embeddings, labels, np.zeros(80, np.int64), counting)
    found = drafts(slices, texts, ("good", "bad"), counting)
    path = tmp_path / "drafts.yaml"
    path.write_text(drafts_as_yaml([one.draft for one in found], HEAD), encoding="utf-8")
    with pytest.raises(InputError, match="is a draft that nobody has read"):
        read_specifications(path)
    lines = path.read_text(encoding="utf-8").replace('- "draft": "true"\n  "id":', '- "id":')
    path.write_text(lines, encoding="utf-8")
    (one,) = read_specifications(path, tests=True)
    assert one.id.startswith("1-")
    assert {"late", "parcel"} <= set(found[0].words)
    assert one.label == "bad"
    assert all(text.startswith("late parcel") for text in (*one.examples, *(one.tests or ())))
    assert 18 <= len(one.examples) <= 20
    assert {texts.index(text) % 2 for text in one.examples} == {1}
    assert {texts.index(text) % 2 for text in one.tests or ()} == {0}


@settings(max_examples=50)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip), min_size=1, unique=True
    )
)
def test_any_text_comes_back_from_the_draft(texts: list[str]) -> None:
    import yaml

    written = drafts_as_yaml([Draft("1", "s", "x", tuple(texts))], HEAD)
    read = yaml.load(written, yaml.BaseLoader)  # noqa: S506
    assert read["specifications"][0]["examples"] == texts
