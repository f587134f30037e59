"""How many characters of a text the models read, by encoders and by fine-tuned families."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curatekit.artifacts import Artifacts, Settings
from curatekit.dataset import Columns, Dataset
from curatekit.encoders.forward import characters_read
from curatekit.predict.family import Material
from curatekit.predict.finetune import finetune
from curatekit.predict.tuning import Tuning
from tests.tiny import tiny_base


def artifacts(*columns: tuple[str, ...]) -> Artifacts:
    import polars as pl

    n = len(columns[0])
    names = tuple(f"text_{k}" for k in range(len(columns)))
    ids = np.array([str(i) for i in range(n)], object)
    return Artifacts(
        Dataset(pl.DataFrame(), ids, columns, np.arange(n) % 2, ("a", "b"), Columns(names, None, None)), Settings()
    )


def test_what_an_encoder_does_not_read_changes_nothing(encoder: Any) -> None:
    long = "naïve café, " * 200
    texts = ("short", "", long, "x" * 40_000)
    (read,) = artifacts(texts).characters_read((texts,))
    assert read[:2].tolist() == [5, 0]
    assert 0 < read[2] < len(long)
    (whole,), (kept,) = (encoder.open().tokenize([text]).ids for text in (long, long[: read[2]]))
    assert kept == whole
    (fewer,) = encoder.open().tokenize([long[: read[2] - 1]]).ids
    assert fewer != whole
    assert 0 < read[3] <= encoder.max_characters


def test_short_texts_are_known_to_be_read_without_the_encoder(encoder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(encoder), "open", lambda self: pytest.fail("the encoder was loaded"))
    texts = ("a" * 200, "é" * 100, "")
    assert artifacts(texts).characters_read((texts,))[0].tolist() == [200, 100, 0]


def test_a_pair_is_cut_as_the_tokenizer_cuts_it(tmp_path: Path) -> None:
    """Six tokens, three of them special: of the longer text more is cut, until both are of a length."""
    family = finetune(str(tiny_base(tmp_path / "base")), Tuning(max_length=6))
    first, second = ("good film", "good plot was the end", "the end"), ("bad", "bad story", "")
    read = family.characters_read((first, second))
    assert [text[:n] for text, n in zip(first, read[0], strict=True)] == ["good film", "good plot", "the end"]
    assert [text[:n] for text, n in zip(second, read[1], strict=True)] == ["bad", "bad", ""]

    def ids(*inputs: Any) -> list[list[int]]:
        (x,) = family.prepare(Material(inputs, lambda inputs: pytest.fail("no encoder is asked")))
        return [row["input_ids"] for row in x.items]

    cut = [tuple(t[:n] for t, n in zip(c, r, strict=True)) for c, r in zip((first, second), read, strict=True)]
    assert ids(*cut) == ids(first, second)


def test_a_tokenizer_that_does_not_tell_counts_as_reading_all() -> None:
    class Encoded(dict[str, Any]):
        encodings = None

    read = characters_read(lambda *columns, **how: Encoded(input_ids=[[1, 2]]), [["a long text"]], 2)
    assert [column.tolist() for column in read] == [[11]]
    assert [column.tolist() for column in characters_read(None, [[]], 2)] == [[]]
