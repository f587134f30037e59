"""Models that answer: what a batch holds, what is generated, and what a run that was broken off goes on with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from curatekit import hf
from curatekit.errors import CurateError
from curatekit.hf_generate import GeneratingTrainer, Generation, answers, lengths_of, padded, prompt_of, train
from tests.tiny_lm import WORDS, counting_rows, tiny_lm

NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with hf.quiet(), hf.seeded(0):
        yield


def test_the_prompt_of_a_row_ends_where_its_last_answer_begins() -> None:
    row = {"input_ids": [5, 6, 7, 8, 9], "labels": [-100, -100, 7, 8, 9], "token_type_ids": [0, 0, 1, 1, 1], "row": 3}
    assert prompt_of(row) == {"input_ids": [5, 6], "token_type_ids": [0, 0], "row": 3}
    talk = {"input_ids": [1, 2, 3, 4, 5, 6], "labels": [-100, 2, -100, -100, 5, -100]}
    assert prompt_of(talk) == {"input_ids": [1, 2, 3, 4]}, "an earlier answer of a talk belongs to the prompt"


def test_padding_by_hand() -> None:
    rows = [{"input_ids": [4, 5, 6], "labels": [-100, 5, 6], "row": 0}, {"input_ids": [7], "labels": [7], "row": 9}]
    right, left = padded(rows, 1, "right"), padded(rows, 1, "left")
    assert right["input_ids"].tolist() == [[4, 5, 6], [7, 1, 1]]
    assert right["labels"].tolist() == [[-100, 5, 6], [7, -100, -100]]
    assert right["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert left["input_ids"].tolist() == [[4, 5, 6], [1, 1, 7]]
    assert left["attention_mask"].tolist() == [[1, 1, 1], [0, 0, 1]]
    assert left["row"].tolist() == [0, 9]


def test_tensors_of_unlike_size_are_padded_by_zeros_behind() -> None:
    one, two = torch.arange(1.0, 7).reshape(1, 2, 3), torch.arange(1.0, 9).reshape(2, 4, 1)
    both = padded([{"input_ids": [1], "pixels": one}, {"input_ids": [1], "pixels": two}], 0, "left")["pixels"]
    assert both.shape == (3, 4, 3)
    assert torch.equal(both[:1, :2], one)
    assert torch.equal(both[1:, :, :1], two)
    assert both.sum() == one.sum() + two.sum()


def test_answers_in_batches_are_those_one_by_one() -> None:
    model, tokenizer = tiny_lm()
    rows = counting_rows(tokenizer, NUMBERS, asides=4)
    together = answers(model, tokenizer, rows, Generation(max_new_tokens=6), 4)
    alone = {}
    for number, row in enumerate(rows):
        prompt = torch.tensor([prompt_of(row)["input_ids"]])
        out = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=6, do_sample=False)
        alone[number] = tokenizer.decode(out[0, prompt.shape[1] :], skip_special_tokens=True).strip()
    assert together == alone
    assert len(set(together.values())) > 1


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_every_part_answers_as_many_batches_and_all_parts_every_row(
    parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = tiny_lm()
    rows = counting_rows(tokenizer, NUMBERS, asides=2)
    calls: list[int] = []
    generate = model.generate
    monkeypatch.setattr(
        model, "generate", lambda **given: (calls.append(len(given["input_ids"])), generate(**given))[1]
    )
    found: dict[int, str] = {}
    n_calls = []
    for part in range(parts):
        calls.clear()
        own = answers(model, tokenizer, rows, Generation(max_new_tokens=2), 3, part=(part, parts))
        n_calls.append(len(calls))
        found |= own
    assert sorted(found) == list(range(len(rows)))
    assert len(set(n_calls)) == 1


def test_a_base_that_samples_is_still_asked_for_its_likeliest_answer() -> None:
    model, tokenizer = tiny_lm()
    rows = counting_rows(tokenizer, NUMBERS)
    greedy = answers(model, tokenizer, rows, Generation(max_new_tokens=4), 10)
    model.generation_config.update(do_sample=True, temperature=30.0, top_p=0.9, num_beams=3, repetition_penalty=2.0)
    assert answers(model, tokenizer, rows, Generation(max_new_tokens=4), 10) == greedy
    drawn = answers(model, tokenizer, rows, Generation(max_new_tokens=4, temperature=30.0), 10)
    assert drawn != greedy


def test_a_forbidden_word_does_not_occur() -> None:
    model, tokenizer = tiny_lm()
    rows = counting_rows(tokenizer, NUMBERS)
    said = " ".join(answers(model, tokenizer, rows, Generation(max_new_tokens=4), 10).values()).split()
    word = max(said, key=said.count)
    without = answers(model, tokenizer, rows, Generation(max_new_tokens=4, forbidden=(word,)), 10)
    assert word not in " ".join(without.values()).split()


class _Stop(transformers.TrainerCallback):  # type: ignore[misc]
    def __init__(self, at: int) -> None:
        self.at = at

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.at:
            raise KeyboardInterrupt


def _run(
    folder: Path, *, steps: int, every: int = 8, stop: int | None = None, best: str | None = None
) -> tuple[Any, list[Any], list[Any]]:
    model, tokenizer = tiny_lm()
    rows = counting_rows(tokenizer, NUMBERS, asides=2)
    seen: list[tuple[int, tuple[str, ...]]] = []

    def score(found: Sequence[str], at: int) -> Mapping[str, float]:
        seen.append((at, tuple(found)))
        truths = [f"it is {WORDS[(number + 1) % 10]}" for number in NUMBERS]
        return {"right": sum(a == b for a, b in zip(found, truths, strict=True)) / 10, "early": -float(at)}

    folder.mkdir(exist_ok=True)
    history = train(
        model, tokenizer, rows, rows,
        {
            "output_dir": str(folder), "max_steps": steps, "learning_rate": 0.01, "per_device_train_batch_size": 5,
            "per_device_eval_batch_size": 4, "eval_strategy": "steps", "eval_steps": every, "save_strategy": "steps",
            "save_steps": every, "logging_steps": 4, "metric_for_best_model": best, "report_to": "none", "seed": 0,
            "greater_is_better": None if best is None else True,
        },
        generation=Generation(max_new_tokens=5), score=score, early_stopping_patience=None, keep_best=best is not None,
        log=folder / "log.jsonl", resume_from=hf.newest_checkpoint(folder),
        callbacks=[] if stop is None else [_Stop(stop)],
    )  # fmt: skip
    return model, history, seen


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[Any], list[Any]]:
    with hf.quiet(), hf.seeded(0):
        return _run(tmp_path_factory.mktemp("unbroken") / "model", steps=80)


def test_it_learns_and_the_log_holds_what_was_generated(unbroken: tuple[Any, list[Any], list[Any]]) -> None:
    model, history, seen = unbroken
    assert [at for at, _ in seen] == list(range(8, 81, 8))
    logged = [line["eval_right"] for line in history if "eval_right" in line]
    assert logged[-1] == 1.0
    assert logged[0] < 0.5
    assert "eval_loss" in next(line for line in history if "eval_right" in line)
    tokenizer = tiny_lm()[1]
    again = answers(model, tokenizer, counting_rows(tokenizer, NUMBERS, asides=2), Generation(max_new_tokens=5), 3)
    assert tuple(again[row] for row in range(10)) == seen[-1][1]


def test_a_run_that_was_broken_off_ends_in_the_same_weights(
    unbroken: tuple[Any, list[Any], list[Any]], tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path / "model", steps=80, stop=37)
    model, history, seen = _run(tmp_path / "model", steps=80)
    assert seen[0][0] == 40, "it went on from the checkpoint of step 32"
    for name, weight in unbroken[0].state_dict().items():
        assert torch.equal(weight, model.state_dict()[name]), name
    assert [line for line in history if "eval_right" in line][-1]["eval_loss"] == unbroken[1][-2]["eval_loss"]


def test_the_best_checkpoint_is_that_of_what_was_generated(tmp_path: Path) -> None:
    model, _, seen = _run(tmp_path / "model", steps=8, every=4, best="early")
    first, _, _ = _run(tmp_path / "first", steps=8, every=4)
    saved, loading = type(model).from_pretrained(tmp_path / "model" / "checkpoint-4", output_loading_info=True)
    assert not loading["missing_keys"]
    assert all(torch.equal(saved.state_dict()[name], weight) for name, weight in model.state_dict().items())
    assert not all(torch.equal(first.state_dict()[name], weight) for name, weight in model.state_dict().items())
    assert len(seen) == 2


def test_a_loss_that_is_no_number_names_the_rows_of_its_batch(tmp_path: Path) -> None:
    model, tokenizer = tiny_lm()

    class Rows(list[Any]):
        def told(self, rows: Sequence[int]) -> str:
            return f"In the batch: {sorted(rows)}."

    rows = Rows(counting_rows(tokenizer, [1, 2]))
    with torch.no_grad():
        model.lm_head.weight[0, 0] = float("nan")
    arguments = {"output_dir": str(tmp_path), "max_steps": 1, "per_device_train_batch_size": 2, "report_to": "none"}
    with pytest.raises(CurateError, match=r"became nan after step 0.*In the batch: \[0, 1\]"):
        train(
            model, tokenizer, rows, None, arguments, generation=Generation(), score=lambda found, at: {},
            early_stopping_patience=None, keep_best=False, log=tmp_path / "log.jsonl", resume_from=None,
        )  # fmt: skip


def test_rows_that_know_their_lengths_are_not_made_to_be_measured() -> None:
    class Lazy:
        lengths = (3, 1)

        def __len__(self) -> int:
            return 2

        def __getitem__(self, row: int) -> Any:
            raise AssertionError("made")

    assert lengths_of(Lazy()) == [3, 1]  # type: ignore[arg-type]
    assert issubclass(GeneratingTrainer, hf.Trainer)
