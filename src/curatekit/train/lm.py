"""A language model taught completions, whole or by LoRA, through TRL's SFTTrainer, and evaluated by what it generates."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from curatekit.arrays import Floats
from curatekit.encoders import hardware
from curatekit.encoders.contents import weights_hash
from curatekit.encoders.places import find_base
from curatekit.errors import InputError
from curatekit.evaluate.generation import GenerationScores
from curatekit.evaluate.generation.figures import require
from curatekit.files import write_json
from curatekit.generation import Generation
from curatekit.intervals import Interval
from curatekit.readers.conversations import Conversations
from curatekit.reporting import note
from curatekit.run import plain
from curatekit.train.adapter import base_of_adapter
from curatekit.train.answering import AnswerTraining, Evaluations, arguments, check_training
from curatekit.train.completions import Completions, answer_end, encode_completions, use_chat_template
from curatekit.train.folder import MARK, begin, content_hash, finished, remove_checkpoints
from curatekit.train.settings import chosen_precision
from curatekit.train.trained_on import text_hashes, write_trained_on

KIND = "language model"


@dataclass(frozen=True)
class LanguageModel:
    """A taught model: `model` and `tokenizer` of transformers, how it answers, and where it comes from."""

    model: Any
    tokenizer: Any
    max_length: int
    generation: Generation
    base: Mapping[str, str]  # name, sha256
    history: list[dict[str, Any]] = field(default_factory=list)  # Trainer's log
    scores: GenerationScores | None = None  # of the evaluation rows, by this very model
    left_out: int = 0  # completions that were too long to train on
    precision: str = "auto"  # what it answers in: float32, bfloat16, or as the hardware has it

    def answers(self, conversations: Conversations, batch_size: int = 16) -> list[str]:
        """Return the answer that is generated to each prompt, n strings; raises InputError when one is too long."""
        encoded = self.encode(conversations)
        if len(encoded.too_long):
            raise InputError(
                f"{len(encoded.too_long)} prompts of {conversations.path} leave the model no room to answer. Shorten them."
            )
        return self.answer(encoded, batch_size)

    def encode(self, conversations: Conversations) -> Completions:
        """Return the completions as this model reads them."""
        from curatekit import hf_sft

        positions = hf_sft.positions(self.tokenizer, self.model.config)
        room = self.generation.max_new_tokens
        return encode_completions(self.tokenizer, conversations, self.max_length, answer_room=room, positions=positions)

    def answer(self, encoded: Completions, batch_size: int = 16) -> list[str]:
        """Return the answers to the prompts of `encoded`, n strings."""
        from curatekit import hf, hf_generate

        bf16 = hardware.precision(self.precision, self.model.device.type)[0] == "bfloat16"
        with hf.quiet(), hf.kept_random_state():
            found = hf_generate.answers(
                self.model, self.tokenizer, encoded.rows, self.generation, batch_size, bf16=bf16
            )
        return [found[row] for row in range(len(encoded.rows))]

    def save(self, folder: Path | str) -> None:
        """Write the model to `folder`, which transformers can read too; the file that marks it finished comes last."""
        from curatekit import hf, hf_sft

        folder = Path(folder)
        folder.mkdir(exist_ok=True)
        (folder / MARK).unlink(missing_ok=True)
        with hf.quiet():
            hf_sft.save_taught(self.model, self.tokenizer, folder)
        about = {"kind": KIND, "max_length": self.max_length, "adapter": hf.is_adapted(self.model)}
        about |= {"precision": self.precision, "generation": asdict(self.generation), "base": dict(self.base)}
        write_json(folder / MARK, plain({**about, "left_out": self.left_out, "scores": self.scores}))


def fit_lm(
    train: Conversations,
    *,
    base: str | Path,
    training: AnswerTraining | None = None,
    generation: Generation | None = None,
    chat_template: Path | None = None,
    evaluation: Conversations | None = None,
    seed: int = 0,
    output_dir: Path | str | None = None,
    overwrite: bool = False,
) -> LanguageModel:
    """Return a language model taught the completions of `train`; the same arguments give the same weights on one machine.

    base: a model folder or name. evaluation: rows that are answered at each evaluation; only their prompts are given to the model.
    With `output_dir` the model, its checkpoints, log.jsonl and a table of every evaluation go there, and a run that was interrupted
    goes on from its newest complete checkpoint, to the weights it would have had. Raises InputError for rows, settings or a base that
    will not do, and when `output_dir` holds another run (see `overwrite`).
    """
    require("trl")
    training, generation = training or AnswerTraining(), generation or Generation()
    check_training(training, evaluated=evaluation is not None)
    _tell_seen(train, evaluation)
    with TemporaryDirectory(prefix="curatekit-") as scratch:
        folder = Path(output_dir) if output_dir is not None else Path(scratch)
        base_folder = find_base(base)
        run = {
            "kind": KIND,
            "base": {"name": str(base_folder if Path(base).is_dir() else base), "sha256": weights_hash(base_folder)},
            "rows": _hash(train),
            "evaluation": None if evaluation is None else _hash(evaluation),
            "chat_template": None if chat_template is None else hashlib.sha256(chat_template.read_bytes()).hexdigest(),
            "generation": json.loads(json.dumps(asdict(generation))),
            "seed": seed,
            **json.loads(json.dumps(asdict(training))),
        }
        if output_dir is not None and finished(folder, run, overwrite=overwrite):
            note(f"{folder} already holds this very model; it is not trained again.")
            return load_lm(folder)
        taught = _taught(
            base_folder, run, training, generation, chat_template, seed, train, evaluation, folder,
            keep=output_dir is not None, overwrite=overwrite,
        )  # fmt: skip
        if output_dir is not None:
            taught.save(folder)
            if training.save_total_limit is None:
                remove_checkpoints(folder)
    return taught


def load_lm(folder: Path | str) -> LanguageModel:
    """Return the language model that `save` wrote to `folder`; raises InputError when it holds none, or its base has changed."""
    from curatekit import hf, hf_sft

    folder = Path(folder)
    mark = folder / MARK
    saved = json.loads(mark.read_text(encoding="utf-8")) if mark.is_file() else {}
    if saved.get("kind") != KIND:
        raise InputError(
            f"{folder} holds no language model of ours. Make one with: curate finetune lm TRAIN -o {folder}"
        )
    base, base_folder = saved["base"], None
    if saved["adapter"]:
        base_folder = base_of_adapter(folder, base)
    with hf.quiet(), hf.kept_random_state():
        model, tokenizer = hf_sft.load_taught(folder, base_folder)
    how = {**saved["generation"], "forbidden": tuple(saved["generation"]["forbidden"])}
    return LanguageModel(
        model, tokenizer, saved["max_length"], Generation(**how), base,
        scores=_scores(saved["scores"]), left_out=saved["left_out"], precision=saved["precision"],
    )  # fmt: skip


def _scores(saved: Mapping[str, Any] | None) -> GenerationScores | None:
    """Return the scores as `save` wrote them."""
    if saved is None:
        return None
    per_row: dict[str, Floats] = {name: np.array(values, np.float64) for name, values in saved["per_row"].items()}
    intervals = {name: Interval(**one) for name, one in saved["intervals"].items()}
    return GenerationScores(saved["n"], per_row, saved["overall"], intervals)


def _taught(
    base_folder: Path,
    run: Mapping[str, Any],
    training: AnswerTraining,
    generation: Generation,
    chat_template: Path | None,
    seed: int,
    train: Conversations,
    evaluation: Conversations | None,
    folder: Path,
    *,
    keep: bool,
    overwrite: bool,
) -> LanguageModel:
    from curatekit import hf, hf_generate, hf_sft

    asked, bf16 = chosen_precision(training.bf16)
    with hf.quiet(), hf.seeded(seed):
        model, tokenizer = hf_sft.load_causal(base_folder, training.lora_rank)
        if chat_template is not None:
            use_chat_template(tokenizer, chat_template)
        positions = hf_sft.positions(tokenizer, model.config)
        if training.max_length is not None and training.max_length > positions:
            raise InputError(
                f"--max-length {training.max_length} is more than the {positions} tokens that the model takes."
            )
        max_length = training.max_length or positions
        rows = encode_completions(tokenizer, train, max_length)
        hf_sft.check_vocabulary(model, tokenizer)
        eval_rows = evaluations = None
        if evaluation is not None:
            room = generation.max_new_tokens
            eval_rows = encode_completions(tokenizer, evaluation, max_length, answer_room=room, positions=positions)
            evaluations = _evaluations(tokenizer, evaluation, eval_rows, training, folder if keep else None)
        hf_sft.end_answers_at(model, answer_end(tokenizer, rows.rows))
        checkpoint = None
        if keep:  # only now, so that a base or a length that is refused leaves the folder as it was
            begin(folder, run, overwrite=overwrite)
            write_trained_on(folder, _columns(train), base_folder)
            checkpoint = hf.newest_checkpoint(folder)
        if checkpoint is not None:
            note(f"Going on from {checkpoint}.")
        watched = eval_rows is not None and training.eval_strategy != "no"
        history = hf_generate.train(
            model,
            tokenizer,
            Told(rows.rows, train, rows),
            eval_rows.rows if eval_rows is not None and watched else None,
            arguments(training, seed, bf16, folder, evaluated=watched, keep=keep),
            generation=generation,
            score=evaluations or (lambda answers, step: {}),
            early_stopping_patience=training.early_stopping_patience,
            keep_best=training.metric_for_best_model is not None,
            log=folder / "log.jsonl",
            resume_from=checkpoint,
            trainer_of=hf_sft.SftTrainer,
            settings_of=hf_sft.sft_settings,
        )
        taught = LanguageModel(
            model.eval(), tokenizer, max_length, generation, run["base"], history, left_out=len(rows.too_long), precision=asked,
        )  # fmt: skip
        if eval_rows is None or evaluations is None:
            return taught
        if training.metric_for_best_model is None and evaluations.last and evaluations.last[0] == _steps(history):
            answers = evaluations.last[1]
        else:  # of this very model nothing was asked yet, or it is that of an earlier step
            answers = taught.answer(eval_rows, 2 * training.batch_size)
        return replace(taught, scores=evaluations.scored(answers))


class Told(list[dict[str, Any]]):
    """Rows that know where in the file they stand, for the message of a loss that is no number."""

    def __init__(self, rows: Sequence[dict[str, Any]], conversations: Conversations, encoded: Completions) -> None:
        super().__init__(rows)
        self.numbers, self.of = conversations.numbers[encoded.kept], conversations

    def told(self, rows: Sequence[int]) -> str:
        """Return a sentence that names the rows."""
        numbers = ", ".join(str(self.numbers[row]) for row in sorted(rows))
        return f"Its batch held the {self.of.unit}s {numbers} of {self.of.path}."


def _evaluations(
    tokenizer: Any, evaluation: Conversations, encoded: Completions, training: AnswerTraining, folder: Path | None
) -> Evaluations:
    from curatekit.hf_generate import prompt_of

    truths = [evaluation.examples[number].completion.strip() for number in encoded.kept]
    # the prompt as the model is given it, its special tokens included
    prompts = [tokenizer.decode(prompt_of(row)["input_ids"]) for row in encoded.rows]
    columns: dict[str, Sequence[Any]] = {evaluation.unit: evaluation.numbers[encoded.kept].tolist(), "prompt": prompts}
    return Evaluations(columns, truths, training.metrics, folder)


def _shown(messages: Sequence[Mapping[str, str]] | None, text: str | None) -> str:
    return (
        text
        if text is not None
        else "\n".join(f"{message['role']}: {message['content']}" for message in messages or ())
    )


def _columns(conversations: Conversations) -> tuple[tuple[str, ...], ...]:
    """Return prompts and completions as two columns of n texts."""
    examples = conversations.examples
    return (
        tuple(_shown(example.messages, example.text) for example in examples),
        tuple(example.completion for example in examples),
    )


def _hash(conversations: Conversations) -> str:
    return content_hash(_columns(conversations), np.zeros(0, np.int64))


def _tell_seen(train: Conversations, evaluation: Conversations | None) -> None:
    if evaluation is None:
        return
    trained = set(text_hashes(_columns(train)[:1]))
    seen = sum(text in trained for text in text_hashes(_columns(evaluation)[:1]))
    if seen:
        note(
            f"{seen} of {len(evaluation)} evaluation prompts are also trained on: their figures are not out of sample."
        )


def _steps(history: Sequence[Mapping[str, Any]]) -> int:
    return max((int(line["step"]) for line in history if "step" in line), default=0)
