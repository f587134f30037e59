"""Probes of a model that answers: each tells a sound model from one with the fault that it is for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from curatekit import hf
from curatekit.hf_smoke import change_by_later_token, logits, overfitted, peak_memory
from tests.tiny_lm import counting_rows, tiny_lm


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with hf.quiet(), hf.seeded(0):
        yield


class _SeesAll(torch.nn.Module):
    """A language model whose answer sees itself, as a prefix model's does when the answer counts as prefix."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model, self.device = model, model.device

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        length = input_ids.shape[1]
        return self.model(input_ids=input_ids, attention_mask=torch.zeros(1, 1, length, length))


def test_a_model_that_looks_ahead_is_found() -> None:
    model, tokenizer = tiny_lm()
    (row,) = counting_rows(tokenizer, [3])
    assert change_by_later_token(model, row) == 0
    assert change_by_later_token(_SeesAll(model), row) > 1e-3


def test_one_batch_is_overfitted() -> None:
    model, tokenizer = tiny_lm()
    rows = counting_rows(tokenizer, [1, 2, 3])
    learnt = overfitted(model, rows, 1e-2)
    assert len(learnt.losses) == 11
    assert learnt.losses[-1] < 0.5 * learnt.losses[0]
    assert learnt.seconds > 0
    model, _ = tiny_lm()
    for weight in model.parameters():
        weight.requires_grad_(False)
    model.lm_head.weight.requires_grad_(True)
    still = overfitted(model, rows, 1e-12)
    assert still.losses[-1] == pytest.approx(still.losses[0]), "nothing is learnt at a rate of nothing"


def test_logits_of_one_row() -> None:
    model, tokenizer = tiny_lm()
    (row,) = counting_rows(tokenizer, [3])
    expected = model(torch.tensor([row["input_ids"]])).logits[0]
    assert torch.allclose(logits(model, row), expected.detach(), atol=1e-6)
    assert peak_memory()[0] > 10_000_000
