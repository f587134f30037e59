"""Language models that are taught: what they learn, what is kept of a run, and that it goes on where it was broken off."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import transformers

from curatekit import hf
from curatekit.errors import CurateError, InputError
from curatekit.generation import Generation
from curatekit.hf_sft import SftTrainer
from curatekit.readers.conversations import Conversations, Example
from curatekit.reporting import reporting
from curatekit.train.answering import AnswerTraining, arguments
from curatekit.train.completions import encode_completions
from curatekit.train.folder import MARK
from curatekit.train.lm import LanguageModel, fit_lm, load_lm
from curatekit.train.model import load_model
from tests.notes import Notes
from tests.tiny import tiny_base
from tests.tiny_lm import WORDS, tiny_lm, word_tokenizer

CHATML = (
    "{% for message in messages %}<|im_start|> {{ message['role'] }} {{ message['content'] }} <|im_end|> {% endfor %}"
    "{% if add_generation_prompt %}<|im_start|> assistant {% endif %}"
)
LEARN = AnswerTraining(
    max_steps=60, learning_rate=0.015, batch_size=4, eval_strategy="steps", eval_steps=30, save_steps=20, bf16=False
)
SHORT = Generation(max_new_tokens=6)


def counting(numbers: list[int], *, offset: int = 1, path: str = "rows.jsonl") -> Conversations:
    """What follows a number, as prompt and completion."""
    examples = [
        Example(None, f"what is {WORDS[number]} plus one ?", f" it is {WORDS[(number + offset) % 10]}")
        for number in numbers
    ]
    return Conversations("prompt-completion", tuple(examples), np.arange(1, len(numbers) + 1), "line", path, "ab")


TEN = counting(list(range(10)))


def table(file: Path) -> list[dict[str, Any]]:
    return pl.read_csv(file).to_dicts()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "base"
    with hf.quiet():
        hf.save(*tiny_lm(), folder)
    return folder


def fitted(base: Path, folder: Path | None = None, training: AnswerTraining = LEARN, **how: Any) -> LanguageModel:
    return fit_lm(TEN, base=base, training=training, generation=SHORT, evaluation=TEN, output_dir=folder, **how)


@pytest.fixture(scope="module")
def unbroken(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[LanguageModel, Path]:
    folder = tmp_path_factory.mktemp("models") / "model"
    return fitted(base, folder), folder


def test_it_learns_to_answer(unbroken: tuple[LanguageModel, Path]) -> None:
    model, _ = unbroken
    assert model.scores is not None
    assert model.scores.overall["exact_match"] == 1.0
    assert model.answers(counting([3, 9])) == ["it is four", "it is zero"]
    first, last = (line["eval_exact_match"] for line in model.history if "eval_exact_match" in line)
    assert first < last == 1.0
    assert "mean_token_accuracy" in next(line for line in model.history if "loss" in line), (
        "TRL's own metrics are logged"
    )


def test_each_evaluation_is_kept_as_a_table_with_what_the_model_was_given(unbroken: tuple[LanguageModel, Path]) -> None:
    folder = unbroken[1]
    tables = {file.name: table(file) for file in folder.glob("predictions-*.csv")}
    assert sorted(tables) == ["predictions-30.csv", "predictions-60.csv", "predictions-final.csv"]
    assert tables["predictions-final.csv"] == tables["predictions-60.csv"]
    row = tables["predictions-final.csv"][3]
    assert row == {
        "line": 4, "prompt": "what is three plus one ?", "truth": "it is four", "answer": "it is four",
        "exact_match": 1.0, "token_f1": 1.0,
    }  # fmt: skip
    assert not list(folder.glob("checkpoint-*"))
    assert json.loads((folder / "training.json").read_text())["kind"] == "language model"


def test_the_model_that_is_loaded_is_the_one_that_was_saved(unbroken: tuple[LanguageModel, Path]) -> None:
    model, folder = unbroken
    loaded = load_lm(folder)
    weights = loaded.model.state_dict()
    assert all(torch.equal(weight, weights[name]) for name, weight in model.model.state_dict().items())
    assert loaded.generation == SHORT
    assert loaded.answers(TEN) == model.answers(TEN)
    with reporting(notes := Notes()):
        again = fitted(Path(json.loads((folder / MARK).read_text())["base"]["name"]), folder)
    assert any("already holds this very model" in line for line in notes.lines)
    assert again.answers(TEN) == model.answers(TEN)
    assert model.scores is not None
    assert again.scores is not None
    assert (again.scores.n, again.scores.overall) == (10, model.scores.overall)
    assert again.scores.intervals == model.scores.intervals
    assert again.scores.per_row["token_f1"].tolist() == model.scores.per_row["token_f1"].tolist()


def test_what_was_left_out_is_told_of_a_finished_model_too(base: Path, tmp_path: Path) -> None:
    numbers = [*TEN.numbers.tolist(), 11]
    long = Example(None, "and " * 70, " it is one")
    rows = replace(TEN, examples=(*TEN.examples, long), numbers=np.array(numbers))
    told = []
    for _ in range(2):
        taught = fit_lm(
            rows, base=base, training=AnswerTraining(max_steps=1, bf16=False), output_dir=tmp_path / "model"
        )
        told.append((taught.left_out, taught.scores))
    assert told == [(1, None)] * 2


def test_it_answers_in_the_precision_it_was_taught_in_and_draws_nothing(
    unbroken: tuple[LanguageModel, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from curatekit import hf_generate

    asked: list[bool] = []
    answers = hf_generate.answers

    def told(*args: Any, bf16: bool = False, **more: Any) -> dict[int, str]:
        asked.append(bf16)
        return answers(*args, bf16=bf16, **more)

    monkeypatch.setattr(hf_generate, "answers", told)
    drawing = replace(unbroken[0], generation=Generation(max_new_tokens=6, temperature=1.0), precision="bfloat16")
    before = torch.get_rng_state()
    drawing.answers(TEN)
    unbroken[0].answers(TEN)
    load_lm(unbroken[1]).answers(TEN)
    assert asked == [True, False, False]
    assert torch.equal(torch.get_rng_state(), before)


class _BrokenOff(Exception):
    pass


@pytest.fixture
def broken_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Ends a training at a step as a kill would."""
    step = SftTrainer.training_step

    def at(number: int) -> None:
        def breaking(self: Any, *args: Any, **kwargs: Any) -> Any:
            if self.state.global_step == number:
                raise _BrokenOff
            return step(self, *args, **kwargs)

        monkeypatch.setattr(SftTrainer, "training_step", breaking)

    yield at
    monkeypatch.undo()


@pytest.mark.parametrize("rank", [None, 4])
def test_a_run_that_was_broken_off_ends_in_the_same_weights(
    rank: int | None,
    unbroken: tuple[LanguageModel, Path],
    base: Path,
    tmp_path: Path,
    broken_at: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training = LEARN if rank is None else replace(LEARN, lora_rank=rank, max_steps=24, eval_steps=24, save_steps=8)
    whole = unbroken[0] if rank is None else fitted(base, tmp_path / "whole", training)
    broken_at(47 if rank is None else 19)
    with pytest.raises(_BrokenOff):
        fitted(base, tmp_path / "model", training)
    assert not (tmp_path / "model" / MARK).exists()
    monkeypatch.undo()
    with reporting(notes := Notes()):
        model = fitted(base, tmp_path / "model", training)
    assert any("Going on from" in line and line.endswith(("checkpoint-40.", "checkpoint-16.")) for line in notes.lines)
    weights = model.model.state_dict()
    assert all(torch.equal(weight, weights[name]) for name, weight in whole.model.state_dict().items())
    if rank is not None:
        loaded = load_lm(tmp_path / "model")
        assert loaded.answers(TEN) == model.answers(TEN)
        assert "lora" in " ".join(weights), "the adapter is there"
        assert not any("lora" in name for name in weights if "lm_head" in name)


def test_the_best_checkpoint_is_that_of_what_was_generated(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated: list[int] = []

    def falling(answers: list[str], truths: list[str]) -> list[float]:
        evaluated.append(len(answers))
        return [-float(len(evaluated))] * len(answers)

    module = types.ModuleType("falling_for_a_test")
    module.falling = falling  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    settings = {"max_steps": 8, "eval_steps": 4, "save_steps": None, "metrics": (f"python:{module.__name__}:falling",)}
    model = fitted(base, tmp_path / "model", replace(LEARN, **settings, metric_for_best_model="falling"))
    tables = {
        at: [row["answer"] for row in table(tmp_path / "model" / f"predictions-{at}.csv")] for at in ("final", "4", "8")
    }
    assert tables["4"] != tables["8"]
    assert tables["final"] == tables["4"] == model.answers(TEN)


def test_a_chat_model_learns_to_end_its_turn(tmp_path: Path) -> None:
    tokenizer = word_tokenizer(["what", "is", "plus", "?", "user", "assistant", *WORDS], ["<|im_start|>", "<|im_end|>"])
    config = tiny_lm()[0].config
    config.vocab_size = len(tokenizer)
    with hf.quiet(), hf.seeded(0):
        hf.save(transformers.LlamaForCausalLM(config), tokenizer, tmp_path / "base")
    (tmp_path / "chat.jinja").write_text(CHATML)
    asked = [({"role": "user", "content": f"what is {word} plus one ?"},) for word in WORDS]
    examples = tuple(Example(messages, None, WORDS[(n + 1) % 10]) for n, messages in enumerate(asked))
    chats = Conversations("messages", examples, np.arange(1, 11), "line", "chats.jsonl", "cd")
    with pytest.raises(InputError, match="no chat template"):
        fit_lm(chats, base=tmp_path / "base", training=LEARN, output_dir=tmp_path / "model")
    assert not (tmp_path / "model").exists(), "what is refused leaves no folder"
    taught = fit_lm(
        chats, base=tmp_path / "base", training=LEARN, generation=SHORT, chat_template=tmp_path / "chat.jinja",
        evaluation=chats, output_dir=tmp_path / "model",
    )  # fmt: skip
    assert taught.scores is not None
    assert taught.scores.overall["exact_match"] == 1.0
    assert {len(answer.split()) for answer in taught.answers(chats)} == {1}, "every answer ends after its word"
    loaded = load_lm(tmp_path / "model")
    assert loaded.answers(chats) == taught.answers(chats), "the template is saved with the tokenizer"
    assert tokenizer.convert_tokens_to_ids("<|im_end|>") in loaded.model.generation_config.eos_token_id


def test_evaluating_reads_prompts_alone(base: Path) -> None:
    """Answers do not depend on the truths."""
    wrong = counting(list(range(10)), offset=5)
    right = fitted(base, None, AnswerTraining(max_steps=2, bf16=False))
    other = fit_lm(TEN, base=base, training=AnswerTraining(max_steps=2, bf16=False), generation=SHORT, evaluation=wrong)
    assert other.answers(wrong) == right.answers(TEN)


def test_a_loss_that_is_no_number_names_the_lines(base: Path, tmp_path: Path) -> None:
    model, tokenizer = tiny_lm()
    with torch.no_grad():
        model.lm_head.weight[0, 0] = float("nan")
    with hf.quiet():
        hf.save(model, tokenizer, tmp_path / "base")
    with pytest.raises(CurateError, match=r"became nan after step 0.*Its batch held the lines 1, 2 of rows.jsonl"):
        fit_lm(counting([1, 2]), base=tmp_path / "base", training=AnswerTraining(batch_size=2, max_steps=1, bf16=False))


def test_what_is_seen_in_training_is_told(base: Path) -> None:
    with reporting(notes := Notes()):
        fit_lm(counting([1, 2]), base=base, training=AnswerTraining(max_steps=1, bf16=False), generation=SHORT,
               evaluation=counting([2, 3]))  # fmt: skip
    assert any("1 of 2 evaluation prompts are also trained on" in line for line in notes.lines)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metric_for_best_model": "blue"}, "--metric-for-best-model blue is not measured"),
        ({"metrics": ("rouge",)}, "no 'rouge' in the table 'generation_metrics'"),
        ({"early_stopping_patience": 1}, "--early-stopping-patience needs --metric-for-best-model"),
        ({"eval_strategy": "steps", "eval_steps": None}, "--eval-strategy steps needs --eval-steps"),
        ({"max_length": 65}, "--max-length 65 is more than the 64 tokens"),
        ({"max_length": 5}, "All 10 completions of rows.jsonl are longer than 5 tokens"),
    ],
)
def test_settings_that_will_not_do(base: Path, tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fitted(base, tmp_path / "model", AnswerTraining(**settings))
    assert not (tmp_path / "model").exists()


def test_folders_that_hold_something_else(base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no language model of ours"):
        load_lm(base)
    training = AnswerTraining(max_steps=1, bf16=False)
    fit_lm(TEN, base=base, training=training, output_dir=tmp_path / "model")
    with pytest.raises(InputError, match="holds another run, with other rows"):
        fit_lm(counting([1]), base=base, training=training, output_dir=tmp_path / "model")
    with pytest.raises(InputError, match="holds a model of the kind 'language model', which tells no classes"):
        load_model(tmp_path / "model")
    with hf.quiet():
        hf.save(tiny_lm()[0], word_tokenizer([*WORDS, *(f"w{n}" for n in range(90))]), tmp_path / "mixed")
    with pytest.raises(InputError, match=r"tokenizer has 104 tokens and its model \d+: they are not of one another"):
        fit_lm(TEN, base=tmp_path / "mixed", training=training)
    with pytest.raises((InputError, CurateError), match="language model"):
        fit_lm(TEN, base=tiny_base(tmp_path / "bert"), training=training)


def test_the_loss_of_trl_is_that_of_the_model(base: Path, tmp_path: Path) -> None:
    from curatekit import hf_generate, hf_sft

    weights = []
    for how in ({}, {"trainer_of": SftTrainer, "settings_of": hf_sft.sft_settings}):
        with hf.quiet(), hf.seeded(0):
            model, tokenizer = hf_sft.load_causal(base, None)
            rows = encode_completions(tokenizer, TEN, 64).rows
            hf_generate.train(
                model, tokenizer, rows, None,
                arguments(replace(LEARN, max_steps=4, gradient_accumulation=2), 0, False, tmp_path, evaluated=False, keep=False),
                generation=SHORT, score=lambda found, at: {}, early_stopping_patience=None, keep_best=False,
                log=tmp_path / "log.jsonl", resume_from=None, **how,
            )  # fmt: skip
        weights.append(model.state_dict())
    for name, weight in weights[0].items():
        torch.testing.assert_close(weight, weights[1][name], rtol=0, atol=1e-5)
