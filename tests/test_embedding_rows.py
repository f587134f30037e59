"""Training the embedding rows that the data reads is training all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from curatekit import hf
from curatekit.predict.embedding_rows import rows_read
from curatekit.predict.family import Material
from curatekit.predict.finetune import token_rows
from curatekit.predict.tuning import Rows, Tuning, tune
from tests.tiny import easy_task, tiny_base

(X,), Y = easy_task(24)
READ = [text for text in X if "plot" not in text]
LABELS = np.array([label for text, label in zip(X, Y, strict=True) if "plot" not in text])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture(scope="module")
def rows(base: Path) -> Rows:
    return token_rows(base, Material((READ,), None), None)


def load(base: Path) -> Any:
    with hf.quiet(), hf.seeded(0):
        return hf.load_base(base, ["0", "1"], None)[0]


def ids(rows: Rows) -> Any:
    return np.unique(np.concatenate([row["input_ids"] for row in rows.items]))


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_the_weights_are_those_of_training_the_whole_matrix(base: Path, rows: Rows, decay: float) -> None:
    part, whole, untouched = load(base), load(base), load(base)
    tuning = Tuning(epochs=2, batch_size=4, weight_decay=decay, precision="float32")
    with hf.seeded(0), rows_read(part, ids(rows)):
        tune(part, rows, LABELS, tuning, learning_rate=1e-3, seed=0)
    with hf.seeded(0):
        tune(whole, rows, LABELS, tuning, learning_rate=1e-3, seed=0)
    table = part.get_input_embeddings().weight
    unread = np.setdiff1d(np.arange(len(table)), [*ids(rows), 0])
    assert len(unread) >= 3
    for (name, one), (_, other) in zip(part.named_parameters(), whole.named_parameters(), strict=True):
        if "word_embeddings" in name:
            read = np.setdiff1d(np.arange(len(table)), unread)
            assert torch.allclose(one[read], other[read], atol=1e-6)
            assert not torch.allclose(one[read], untouched.get_input_embeddings().weight[read], atol=1e-4)
        else:
            assert torch.allclose(one, other, atol=1e-6), name
    # decay alone would have shrunk what is never read
    assert torch.equal(table[unread], untouched.get_input_embeddings().weight[unread])


def test_inside_the_model_says_the_same_with_fewer_weights(base: Path, rows: Rows) -> None:
    model = load(base).eval()
    batch = rows.batch(np.arange(5), "cpu")
    with torch.inference_mode():
        before = model(**batch).logits
    whole = model.get_input_embeddings()
    with rows_read(model, ids(rows)):
        assert len(model.get_input_embeddings().weight) == len(ids(rows)) + 1  # and the padding
        with torch.inference_mode():
            assert torch.equal(model(**batch).logits, before)
    assert model.get_input_embeddings() is whole


def test_frozen_embeddings_are_left_alone(base: Path, rows: Rows) -> None:
    model = load(base)
    model.bert.embeddings.requires_grad_(False)
    whole = model.get_input_embeddings()
    with rows_read(model, ids(rows)):
        assert model.get_input_embeddings() is whole
