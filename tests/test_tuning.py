"""The training loop: the same twice, alone with its random numbers, and what it records is what happened."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from curatekit import hf
from curatekit.errors import CurateError
from curatekit.predict.dynamics import training_dynamics
from curatekit.predict.family import Material
from curatekit.predict.finetune import token_rows
from curatekit.predict.tuning import Rows, Tuning, predict_logits, tune
from tests.tiny import easy_task, tiny_base

TUNING = Tuning(epochs=2, batch_size=8, precision="float32")
(X,), Y = easy_task(42)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture(scope="module")
def rows(base: Path) -> Rows:
    return token_rows(base, Material((X,), None), None)


def load(base: Path, *, dropout: float = 0.1, n_classes: int = 2) -> Any:
    with hf.quiet(), hf.seeded(0):
        model, _ = hf.load_base(base, [str(code) for code in range(n_classes)], None)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = dropout
    for layer in model.bert.encoder.layer:
        layer.attention.self.dropout.p = dropout
    return model


def tuned(model: Any, rows: Rows, labels: Any = Y, tuning: Tuning = TUNING, rate: float = 1e-3, seed: int = 0) -> Any:
    with hf.quiet(), hf.seeded(seed):
        return tune(model, rows, labels, tuning, learning_rate=rate, seed=seed)


def weights(model: Any) -> Any:
    return torch.cat([weight.detach().ravel() for weight in model.parameters()])


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(base: Path, rows: Rows) -> None:
    models = [load(base) for _ in range(3)]
    recorded = [tuned(model, rows, seed=seed) for model, seed in zip(models, (0, 0, 1), strict=True)]
    assert torch.equal(weights(models[0]), weights(models[1]))
    assert not torch.equal(weights(models[0]), weights(models[2]))
    np.testing.assert_array_equal(recorded[0]["confidence"], recorded[1]["confidence"])


def test_the_random_state_of_the_caller_is_as_it_was(base: Path, rows: Rows) -> None:
    def states() -> tuple[Any, ...]:
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()

    before = states()
    tuned(load(base), rows)
    assert states() == before


def test_it_is_adamw_with_a_linear_schedule_and_clipped_gradients(base: Path, rows: Rows) -> None:
    """The twin: a loop over the same batches with torch's plain AdamW and the learning rate written out."""
    model, twin = load(base), load(base)
    tuned(model, rows, tuning=replace(TUNING, warmup=3))
    batches = []
    order = hf.GroupedByLength(8, rows.lengths.tolist(), 0)
    for epoch in range(2):
        order.set_epoch(epoch)
        each = list(order)
        batches += [each[start : start + 8] for start in range(0, 42, 8)]
    assert len(batches) == 12
    decayed = [weight for weight in twin.parameters() if weight.ndim > 1]
    plain = [weight for weight in twin.parameters() if weight.ndim == 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}])
    twin.train()
    with hf.seeded(0):
        for done, batch in enumerate(batches):
            for group in optimizer.param_groups:
                group["lr"] = 1e-3 * (min(1, (done + 1) / 3) if done < 3 else (12 - done) / 9)
            loss = twin(**rows.batch(np.array(batch), "cpu"), labels=torch.tensor(Y[batch])).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(twin.parameters(), 1.0)
            optimizer.step()
    for (name, one), (_, other) in zip(model.named_parameters(), twin.named_parameters(), strict=True):
        if (
            "key.bias" not in name
        ):  # its gradient is rounding alone, since all keys move as one, and Adam makes steps of it
            assert torch.allclose(one, other, atol=1e-5), name
    assert not torch.allclose(weights(model), weights(load(base)), atol=1e-3)


def test_what_is_recorded_is_what_the_model_said_in_training(base: Path, rows: Rows) -> None:
    """One batch an epoch, without dropout: before the first step the model is the base, before the second, the base after one."""
    whole = replace(TUNING, batch_size=42, warmup=1)
    recorded = tuned(load(base, dropout=0.0), rows, tuning=whole)
    first = predict_logits(load(base), rows, "float32")
    once = load(base, dropout=0.0)
    # the rate of the first of two steps is the peak, as it is of one step alone
    tuned(once, rows, tuning=replace(whole, epochs=1))
    logits = np.stack([first, predict_logits(once, rows, "float32")], axis=1)  # (n, epochs, K)
    margins = np.where(Y == 1, 1, -1)[:, None] * (logits[:, :, 1] - logits[:, :, 0])
    expected = training_dynamics(1 / (1 + np.exp(-margins)), margins > 0, margins)
    for name, values in expected.items():
        np.testing.assert_allclose(recorded[name], values, atol=1e-5, err_msg=name)


def test_the_margin_is_against_the_best_other_class(base: Path, rows: Rows) -> None:
    labels = np.arange(42) % 5
    model = load(base, dropout=0.0, n_classes=5)
    logits = predict_logits(model, rows, "float32")
    recorded = tuned(model, rows, labels, replace(TUNING, epochs=1, batch_size=42))
    margins = [row[label] - np.delete(row, label).max() for row, label in zip(logits, labels, strict=True)]
    np.testing.assert_allclose(recorded["aum"], margins, atol=1e-5)
    np.testing.assert_array_equal(recorded["correctness"], logits.argmax(axis=1) == labels)


def test_prediction_in_batches_is_prediction_one_by_one(base: Path, rows: Rows) -> None:
    model = load(base)
    together = predict_logits(model, rows, "float32")
    alone = [predict_logits(model, rows[np.array([row])], "float32")[0] for row in range(len(rows))]
    assert together.dtype == np.float64
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_bfloat16_moves_the_logits_a_little(base: Path, rows: Rows) -> None:
    model = load(base)
    exact, rounded = (predict_logits(model, rows, precision) for precision in ("float32", "bfloat16"))
    assert 0 < np.abs(exact - rounded).max() < 0.1


def test_weights_that_are_frozen_stay(base: Path, rows: Rows) -> None:
    model = load(base)
    model.bert.requires_grad_(False)
    before = copy.deepcopy(model)
    tuned(model, rows)
    assert torch.equal(weights(model.bert), weights(before.bert))
    assert not torch.equal(weights(model.classifier), weights(before.classifier))


def test_a_rate_at_which_training_diverges_is_an_error(base: Path, rows: Rows) -> None:
    with pytest.raises(CurateError, match=r"loss became (nan|inf) in epoch \d at learning rate 1e\+30.*Lower"):
        tuned(load(base), rows, tuning=replace(TUNING, epochs=3), rate=1e30)


def test_rows_are_indexed_and_measured(rows: Rows) -> None:
    some = rows[np.array([3, 1])]
    assert len(some) == 2
    assert some.items[0] is rows.items[3]
    assert some.lengths.tolist() == [rows.lengths[3], rows.lengths[1]]
    assert rows.lengths.tolist() == [len(text.split()) + 2 for text in X]
