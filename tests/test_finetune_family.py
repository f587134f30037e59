"""The fine-tuned families: they learn, pairs and many classes too, and LoRA trains its adapters and the head alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from curatekit import hf
from curatekit.predict.crossfit import cross_fit, fit_eval
from curatekit.predict.family import Material, load_family
from curatekit.predict.finetune import finetune, lora
from curatekit.predict.null import null_prior
from curatekit.predict.tuning import Tuning
from curatekit.reporting import reporting
from tests.notes import Notes
from tests.tiny import FILLER, WORDS, easy_task, tiny_base

QUICK = Tuning(epochs=6, learning_rate=3e-3, batch_size=8, precision="float32")
NAMES = ("confidence", "variability", "correctness", "forgetting", "aum")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_base(tmp_path_factory.mktemp("tiny") / "base"))


def no_encoder(inputs: Any) -> Any:
    raise AssertionError("a fine-tuned family asks no encoder")


def material(*inputs: Any) -> Material:
    return Material(inputs, no_encoder)


def fitted(family: Any, x: Any, labels: Any, n_classes: int = 2, seed: int = 0) -> Any:
    return family.fit(x, labels, n_classes, seed=seed, units=np.arange(len(labels)))


def test_it_learns_and_says_so_of_rows_that_it_has_not_seen(base: str) -> None:
    (texts,), labels = easy_task(120)
    (others,), others_labels = easy_task(60, seed=1)
    family = finetune(base, QUICK)
    x, x_others = family.prepare(material(texts), material(others))
    model = fitted(family, x, labels)
    logits = model.logits(x_others)
    assert logits.shape == (60, 2)
    assert logits.dtype == np.float64
    assert (logits.argmax(axis=1) == others_labels).mean() > 0.95
    assert tuple(model.dynamics) == NAMES
    assert {values.shape for values in model.dynamics.values()} == {(120,)}
    # the first epoch was a guess and the last was not
    assert 0.5 < model.dynamics["correctness"].mean() < 1
    assert model.temperature is None


def test_lora_trains_adapters_and_the_head_alone(base: str) -> None:
    (texts,), labels = easy_task(200)
    family = lora(base, replace(QUICK, epochs=12))
    (x,) = family.prepare(material(texts))
    model = fitted(family, x, labels)
    assert (model.logits(x).argmax(axis=1) == labels).mean() > 0.95
    with hf.quiet(), hf.seeded(0):
        untrained, _ = hf.load_base(family.folder, ["0", "1"], 8)
    changed = {
        name
        for (name, before), (_, after) in zip(untrained.named_parameters(), model.model.named_parameters(), strict=True)
        if not torch.equal(before, after)
    }
    assert changed
    # the tiny base has no pooler, so that one is new and trained whole like the head
    assert all("lora_" in name or "classifier.modules_to_save" in name or "pooler" in name for name in changed)
    assert any("lora_B" in name for name in changed)
    assert any("classifier" in name for name in changed)


def test_the_same_seed_gives_the_same_logits_and_another_seed_others(base: str) -> None:
    (texts,), labels = easy_task(40)
    family = finetune(base, replace(QUICK, epochs=1))
    (x,) = family.prepare(material(texts))
    first, again, other = (fitted(family, x, labels, seed=seed).logits(x) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_pairs_are_read_with_both_sides(base: str) -> None:
    """The label says whether the two sides are of one kind: neither side tells it."""
    rng = np.random.default_rng(0)
    kinds = [rng.integers(0, 2, 240) for _ in range(2)]
    sides = tuple([[list(WORDS.values())[kind][0] for kind in column] for column in kinds])
    labels = (kinds[0] == kinds[1]).astype(np.int64)
    family = finetune(base, replace(QUICK, epochs=14))
    (x,) = family.prepare(material(*sides))
    assert set(x.lengths) == {5}  # with a separator between the sides
    assert (fitted(family, x, labels).logits(x).argmax(axis=1) == labels).mean() > 0.95
    swapped, alone = family.prepare(material(sides[1], sides[0]), material(sides[0]))
    assert swapped.items[0] != x.items[0] or sides[0][0] == sides[1][0]
    assert set(alone.lengths) == {3}


@pytest.mark.parametrize("columns", [1, 2])
def test_a_null_fitted_on_empty_inputs_comes_to_the_prior(base: str, columns: int) -> None:
    labels = np.array([0] * 90 + [1] * 30)
    inputs = tuple([[f"{FILLER[row % 11]} {FILLER[row % 7]} {FILLER[row % 3]}" for row in range(120)]] * columns)
    family = finetune(base, replace(QUICK, epochs=4))
    found = cross_fit(family, material(*inputs), labels, 2, n_folds=2, null="fit")
    for k in (0, 1):
        np.testing.assert_allclose(
            found.null_probs[found.folds == k], [null_prior(labels[found.folds != k], 2)] * 60, atol=0.1
        )


def test_cross_fitting_keeps_the_training_dynamics_and_calibrates(base: str) -> None:
    (texts,), labels = easy_task(120)
    found = cross_fit(finetune(base, replace(QUICK, epochs=10)), material(texts), labels, 2, n_folds=3)
    assert tuple(found.dynamics) == NAMES
    assert {values.shape for values in found.dynamics.values()} == {(120,)}
    assert (found.pred_probs.argmax(axis=1) == labels).mean() > 0.9
    assert len(found.details["temperature"]) == 3


def test_a_thousand_classes(base: str) -> None:
    rng = np.random.default_rng(0)
    labels = np.concatenate([np.arange(1000), rng.integers(0, 1000, 1000)])
    words = [word for pair in WORDS.values() for word in pair] + list(FILLER)
    texts = [" ".join(rng.choice(words, 4)) for _ in labels]
    family = finetune(base, Tuning(epochs=1, batch_size=64, precision="float32"))
    evaluated = material(["good film", "bad plot"])
    found = fit_eval(family, material(texts), labels, evaluated, np.array([3, 999]), 1000, in_sample=True)
    assert found.pred_probs.shape == (2, 1000)
    np.testing.assert_allclose(found.pred_probs.sum(axis=1), 1)


def test_texts_that_are_cut_are_counted(base: str) -> None:
    notes = Notes()
    with reporting(notes):
        (x,) = finetune(base, replace(QUICK, max_length=5)).prepare(material(["the film was very good", "good"]))
    assert x.lengths.tolist() == [5, 3]
    assert any("1 of 2 texts are longer than 5 tokens" in line for line in notes.lines)


def test_a_model_that_reads_nothing_of_an_empty_text_gets_one_token(tmp_path: Path) -> None:
    """Tokenizers of decoders add no token of their own; the null model reads empty texts."""
    import transformers

    base = tiny_base(tmp_path / "base")
    with hf.quiet(), hf.seeded(0):
        tokenizer = transformers.AutoTokenizer.from_pretrained(base)
        config = transformers.GPT2Config(vocab_size=len(tokenizer), n_positions=64, n_embd=32, n_layer=2, n_head=2)
        transformers.GPT2Model(config).save_pretrained(tmp_path / "decoder")
        tokenizer.backend_tokenizer.post_processor = None
        transformers.PreTrainedTokenizerFast(
            tokenizer_object=tokenizer.backend_tokenizer, unk_token="[UNK]", eos_token="[SEP]", model_max_length=64
        ).save_pretrained(tmp_path / "decoder")
    family = finetune(str(tmp_path / "decoder"), replace(QUICK, epochs=1))
    (x,) = family.prepare(material(["", "good film"]))
    assert x.lengths.tolist() == [1, 2]
    assert np.isfinite(fitted(family, x, np.array([0, 1])).logits(x)).all()


def test_the_key_tells_bases_and_recipes_apart(base: str, tmp_path: Path) -> None:
    other = str(tiny_base(tmp_path / "other", hidden=16))
    families = [
        finetune(base, QUICK),
        finetune(other, QUICK),
        finetune(base, replace(QUICK, epochs=2)),
        finetune(base, replace(QUICK, learning_rate=1e-3)),
        finetune(base, replace(QUICK, precision="bfloat16")),
        lora(base, QUICK),
    ]
    assert len({family.key for family in families}) == len(families)
    assert finetune(base, QUICK).key == families[0].key
    # the rate that a family takes by itself is the same recipe as that rate asked for
    assert finetune(base, Tuning()).key == finetune(base, Tuning(learning_rate=5e-5)).key


def test_families_are_found_by_name(base: str) -> None:
    for kind in ("finetune", "lora"):
        family = load_family(f"{kind}:{base}", QUICK)
        assert (family.name, family.slow, family.embeds) == (f"{kind}:{base}", True, False)
