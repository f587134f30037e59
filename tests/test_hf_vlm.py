"""Models of images and text, one tiny one of each kind with its real processor: what a row holds and what survives a reload."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

pytest.importorskip("PIL")

from curatekit import hf, hf_vlm
from curatekit.errors import InputError
from curatekit.hf_generate import Generation, answers, padded, prompt_of
from curatekit.images import decoded
from tests.tiny_lm import WORDS, tiny_lm
from tests.tiny_vlms import KINDS, QUESTION, digit

SIZES = [(16, 16), (16, 32), (16, 16), (20, 20)]
DIGITS = [0, 7, 3, 4]


class Made(NamedTuple):
    kind: str
    folder: Path
    model: Any
    processor: Any
    encoder: hf_vlm.RowEncoder
    rows: list[dict[str, Any]]


@pytest.fixture(scope="module", params=list(KINDS))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = KINDS[request.param](tmp_path_factory.mktemp("base") / request.param)
    with hf.quiet():
        processor, model = hf_vlm.load_processor(folder), hf_vlm.load_model(folder).eval()
        encoder = hf_vlm.RowEncoder(processor, model)
        rows = [
            encoder.row(
                [decoded(digit(number, size=size)).image],
                QUESTION + " or that" * (number % 3),
                f"the digit is {WORDS[number]}",
            )
            for number, size in zip(DIGITS, SIZES, strict=True)
        ]
    return Made(request.param, folder, model, processor, encoder, rows)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with hf.quiet(), hf.seeded(0), torch.no_grad():
        yield


def test_a_projector_that_is_not_known_is_not_left_out_silently(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hf_vlm, "_PROJECTORS", ("bridge",))
    with pytest.raises(InputError, match="no layers between image and language that we know"):
        hf_vlm.trainable(hf_vlm.load_model(made.folder), None, projector=True, vision=False)


def test_the_loss_is_on_the_answer_alone_token_by_token(made: Made) -> None:
    tokenizer = made.processor.tokenizer
    end = {"idefics3": "<end_of_utterance>", "qwen2_5_vl": "<|im_end|>"}.get(made.kind, "</s>")
    for row, number in zip(made.rows, DIGITS, strict=True):
        answer = tokenizer.convert_tokens_to_ids(["the", "digit", "is", WORDS[number], end])
        assert row["labels"] == [-100] * (len(row["labels"]) - 5) + answer
        assert row["input_ids"][-5:] == answer
        assert tokenizer.convert_tokens_to_ids(WORDS[number]) not in prompt_of(row)["input_ids"]
        lists = {name: len(value) for name, value in row.items() if isinstance(value, list)}
        assert set(lists.values()) == {len(row["labels"])}, lists
    # the model's own loss is the mean over just these tokens
    row = made.rows[0]
    out = made.model(**padded([row], 0, "right"))
    said = out.logits[0, -6:-1].log_softmax(-1)
    by_hand = -said[torch.arange(5), torch.tensor(row["labels"][-5:])].mean()
    assert float(out.loss) == pytest.approx(float(by_hand), rel=1e-5)


def test_training_and_evaluation_read_the_same_prompt(made: Made) -> None:
    for row, number, size in zip(made.rows, DIGITS, SIZES, strict=True):
        alone = made.encoder.row([decoded(digit(number, size=size)).image], QUESTION + " or that" * (number % 3), None)
        prompt = prompt_of(row)
        assert alone.keys() == prompt.keys()
        for name, value in alone.items():
            assert torch.equal(value, prompt[name]) if isinstance(value, torch.Tensor) else value == prompt[name], name


def test_no_token_of_an_answer_sees_a_later_one(made: Made) -> None:
    row = made.rows[1]
    batch = padded([row], 0, "right")
    changed = {name: value.clone() for name, value in batch.items()}
    changed["input_ids"][0, -2] = made.processor.tokenizer.convert_tokens_to_ids("one")
    before, after = made.model(**batch).logits[0], made.model(**changed).logits[0]
    assert torch.equal(before[:-2], after[:-2])
    assert not torch.equal(before[-2:], after[-2:])


def test_a_padded_batch_says_what_its_rows_say(made: Made) -> None:
    together = made.model(**padded(made.rows, 0, "right")).logits
    for place, row in enumerate(made.rows):
        alone = made.model(**padded([row], 0, "right")).logits[0]
        assert torch.allclose(together[place, : len(alone)], alone, atol=1e-4)


def test_answers_of_a_batch_are_those_one_by_one(made: Made) -> None:
    how = Generation(max_new_tokens=5)
    together = answers(made.model, made.processor, made.rows, how, 4)
    assert together == {
        place: answers(made.model, made.processor, [row], how, 1)[0] for place, row in enumerate(made.rows)
    }


@pytest.mark.parametrize(("rank", "projector", "vision"), [(None, False, True), (4, True, False)])
def test_what_is_trained_and_that_it_is_saved_and_loaded(
    made: Made, rank: int | None, projector: bool, vision: bool, tmp_path: Path
) -> None:
    model = hf_vlm.trainable(hf_vlm.load_model(made.folder), rank, projector=projector, vision=vision).eval()
    trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
    between = [name for name in trained if any(part in name for part in hf_vlm._PROJECTORS)]
    tower = [
        name
        for name in trained
        if any(p in name for p in ("vision_tower", "visual", "vision_model")) and name not in between
    ]
    assert trained
    assert bool(between) == projector
    assert bool(tower) == vision
    assert any("language_model" in name or "text_model" in name for name in trained)
    if rank is not None:
        assert all("lora_" in name for name in trained if name not in between)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name in trained:
                weight.add_(torch.randn_like(weight) * 0.1)
    hf.save(model, made.processor, tmp_path / "saved")
    again = (
        hf_vlm.load_model(tmp_path / "saved") if rank is None else hf_vlm.load_adapted(tmp_path / "saved", made.folder)
    )
    batch = padded(made.rows, 0, "right")
    before = model(**batch).logits
    assert torch.equal(before, again.eval()(**batch).logits)
    assert not torch.equal(before, made.model(**batch).logits)
    assert type(hf_vlm.load_processor(tmp_path / "saved")).__name__ == type(made.processor).__name__
    # and strictly into a model that has other weights
    other = hf_vlm.trainable(hf_vlm.load_model(made.folder), rank, projector=projector, vision=vision).eval()
    hf.restore(other, tmp_path / "saved")
    assert torch.equal(before, other(**batch).logits)


def test_images_where_the_prompt_says_and_how_many(made: Made) -> None:
    image = decoded(digit(1)).image
    two = made.encoder.row([image, image], "<image> or <image> ?", "one")
    one = made.encoder.row([image], "<image> or ?", "one")
    n_image = [row["input_ids"].count(made.processor.image_token_id) for row in (two, one)]
    assert n_image[0] == 2 * n_image[1] > 0
    assert made.encoder.row([image], "which ?", "one")["input_ids"].count(made.processor.image_token_id) == n_image[1]
    for prompt in ("<image> or <image> ?", f"{made.processor.image_token} or {made.processor.image_token} ?"):
        made.encoder.check_prompt(prompt, 2)
        with pytest.raises(InputError, match="2 image tokens and the row 1 image: "):
            made.encoder.check_prompt(prompt, 1)
    made.encoder.check_prompt("which ?", 3)


def test_a_model_that_reads_no_images_is_refused(tmp_path: Path) -> None:
    model, tokenizer = tiny_lm()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="'llama', which does not read images and text"):
        hf_vlm.load_processor(tmp_path)
    with pytest.raises(InputError, match="holds no model of images and text"):
        hf_vlm.load_model(tmp_path)


def test_a_base_without_its_processor_is_refused(made: Made, tmp_path: Path) -> None:
    made.model.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="holds no whole processor"):
        hf_vlm.load_processor(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "evil.py"}}))
    with pytest.raises(InputError, match="its own code"):
        hf_vlm.load_processor(tmp_path)
