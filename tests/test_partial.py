"""The family `partial`: cached states of the lower layers, and upper layers trained on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from curatekit import hf
from curatekit.errors import InputError
from curatekit.predict.crossfit import cross_fit
from curatekit.predict.family import Material, load_family
from curatekit.predict.layers import check_parts, lower_model, n_upper, upper_model
from curatekit.predict.partial import lower_states
from curatekit.predict.tuning import Tuning
from tests.tiny import easy_task, tiny_base

FLOAT32 = Tuning(precision="float32", batch_size=8, learning_rate=0.01, epochs=3)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"))


def never(inputs: object) -> None:
    raise AssertionError("no encoder is asked")


def material(inputs: tuple[tuple[str, ...], ...]) -> Material:
    return Material(inputs, never)


def test_states_through_the_upper_layers_are_those_of_the_whole_model(base: Path) -> None:
    """The slow twin: the whole model, one text at a time, without padding."""
    inputs, _ = easy_task(7)
    rows = lower_states(base, material(inputs), FLOAT32)
    with hf.quiet(), hf.seeded(0):
        upper = upper_model(base, 2).eval()
        whole = transformers.AutoModel.from_pretrained(base, dtype=torch.float32).eval()
        tokenizer = hf.load_tokenizer(base)
        torch.nn.init.normal_(upper.head.weight)
        with torch.inference_mode():
            found = upper(**rows.batch(np.arange(7), upper.device)).logits
            for row, text in enumerate(inputs[0]):
                states = whole(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
                # the states between are kept as float16
                torch.testing.assert_close(found[row], upper.head(states.mean(0)), atol=3e-3, rtol=3e-3)


def test_one_layer_in_three_is_trained_and_no_embedding(base: Path) -> None:
    assert [n_upper(n) for n in (1, 2, 6, 12, 24)] == [1, 1, 2, 4, 8]
    with hf.quiet(), hf.seeded(0):
        lower, upper = lower_model(base), upper_model(base, 3)
        whole = transformers.AutoModel.from_pretrained(base)
    assert len(lower.encoder.layer) + len(upper.base.encoder.layer) == len(whole.encoder.layer)
    assert not any(weight.requires_grad for weight in lower.parameters())
    assert not any("embeddings" in name for name, _ in upper.named_parameters())
    assert upper.head.weight.shape == (3, 32)
    assert not upper.head.weight.any()


def test_it_learns_follows_its_seed_and_leaves_the_callers_random_state(base: Path) -> None:
    inputs, labels = easy_task(240)
    family = load_family(f"partial:{base}", replace(FLOAT32, epochs=10))
    state = torch.random.get_rng_state()
    (x,) = family.prepare(material(inputs))
    train, test = np.arange(160), np.arange(160, 240)
    made, again, other = (
        family.fit(x[train], labels[train], 2, seed=seed, units=train).logits(x[test]) for seed in (0, 0, 1)
    )
    assert torch.equal(torch.random.get_rng_state(), state)
    np.testing.assert_array_equal(made, again)
    assert (made != other).any()
    assert (made.argmax(axis=1) == labels[test]).mean() > 0.8


def test_pairs_classes_and_dynamics_go_through_the_cross_fit(base: Path) -> None:
    (texts,), labels = easy_task(90)
    family = load_family(f"partial:{base}", FLOAT32)
    made = cross_fit(family, material((texts, texts[::-1])), labels, 2, n_folds=2)
    assert made.family == f"partial:{base}"
    assert made.dynamics["confidence"].shape == (90,)
    assert np.allclose(made.pred_probs.sum(axis=1), 1)


def test_its_key_follows_the_recipe(base: Path) -> None:
    keys = {
        load_family(f"{kind}:{base}", tuning).key for kind in ("partial", "finetune") for tuning in (FLOAT32, Tuning())
    }
    assert len(keys) == 4


def test_an_architecture_that_cannot_be_parted_is_refused(tmp_path: Path, base: Path) -> None:
    for file in base.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = (tmp_path / "config.json").read_text().replace('"model_type": "bert"', '"model_type": "gpt2"')
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(InputError, match="'gpt2' cannot be parted"):
        check_parts(tmp_path)
