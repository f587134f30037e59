"""Every quirk of transformers with models that answer in text: training on answers, evaluation by generating.

This module imports torch and transformers at its top: import it inside functions only. What it works around
(transformers 5.24), beside what `curatekit.hf` does:

* Trainer's metrics see the logits of a forward pass that read the answer: `GeneratingTrainer` generates, from `prompt_of` each
  evaluation row, and has the metrics before Trainer decides which checkpoint is the best.
* One collator serves training and evaluation there: `padded` pads on the right for the one, on the left for the other.
* A base's own generation settings (temperature, beams) fill what is left open: `settings` says them all.
* Among several processes the last rows are evaluated twice: answers are keyed by row, and one that is missing is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from accelerate.utils import broadcast_object_list, gather_object

from curatekit import hf
from curatekit.errors import CurateError
from curatekit.generation import Generation as Generation
from curatekit.reporting import step

NO_LABEL = -100  # a token that the loss leaves out
Row = Mapping[str, Any]
"""One row as the model reads it: a list has one number a token (`input_ids`, `labels`, …), a tensor is what belongs to its images."""

Score = Callable[[Sequence[str], int], Mapping[str, float]]
"""From the answers to all evaluation rows, in their order, and the step of training, to the metrics by name."""


def settings(generation: Generation, model: Any, tokenizer: Any) -> Any:
    """Return transformers' settings; only where an answer ends is left to the model's own."""
    forbidden = [
        ids
        for word in generation.forbidden
        for written in (word, f" {word}")  # a word has other tokens at the beginning than behind a space
        if (ids := tokenizer(written, add_special_tokens=False)["input_ids"])
    ]
    return transformers.GenerationConfig(
        max_new_tokens=generation.max_new_tokens,
        num_beams=generation.num_beams,
        do_sample=generation.temperature is not None,
        temperature=1.0 if generation.temperature is None else generation.temperature,
        top_p=generation.top_p,
        top_k=0 if generation.temperature is not None else 50,  # 50 is what transformers takes for no choice
        repetition_penalty=generation.repetition_penalty,
        no_repeat_ngram_size=0,
        length_penalty=1.0,
        bad_words_ids=forbidden or None,
        eos_token_id=sorted(ends(model, tokenizer)) or None,
        pad_token_id=tokenizer.pad_token_id,
        use_cache=True,  # Trainer switches it off for gradient checkpointing
    )


def ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end an answer: those of the model's generation settings, else the tokenizer's."""
    own = model.generation_config.eos_token_id
    found = own if isinstance(own, list) else [own]
    return frozenset(token for token in found if token is not None) or frozenset(
        token for token in [tokenizer.eos_token_id] if token is not None
    )


def prompt_of(row: Row) -> dict[str, Any]:
    """Return the row without its answer: all lists cut where the last run of labels begins, and no labels.

    A row that has no labels is a prompt.
    """
    if "labels" not in row:
        return dict(row)
    labels = row["labels"]
    start = len(labels)
    while start and labels[start - 1] == NO_LABEL:  # what comes after the answer is no prompt either
        start -= 1
    while start and labels[start - 1] != NO_LABEL:
        start -= 1
    return {
        name: value[:start] if isinstance(value, list) else value for name, value in row.items() if name != "labels"
    }


def padded(rows: Sequence[Row], pad_token: int, side: str) -> dict[str, Any]:
    """Return one batch: lists padded on `side` ("left", "right"), tensors one behind the other, padded by 0 to one size.

    An attention mask is made where there is none. Numbers become a vector.
    """
    length = max(len(row["input_ids"]) for row in rows)
    fill = {"input_ids": pad_token, "labels": NO_LABEL}
    batch: dict[str, Any] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row[name] for row in rows if name in row]
        if isinstance(values[0], list):
            batch[name] = torch.tensor([_filled(value, length, fill.get(name, 0), side) for value in values])
        elif isinstance(values[0], torch.Tensor):
            batch[name] = _stacked(values)
        else:
            batch[name] = torch.tensor(values)
    if "attention_mask" not in batch:
        batch["attention_mask"] = torch.tensor([_filled([1] * len(row["input_ids"]), length, 0, side) for row in rows])
    return batch


def _filled(values: list[int], length: int, fill: int, side: str) -> list[int]:
    padding = [fill] * (length - len(values))
    return padding + values if side == "left" else values + padding


def _stacked(tensors: Sequence[Any]) -> Any:
    """Return the tensors one behind the other along axis 0, each padded by zeros to the largest in the other axes."""
    sizes = [max(sizes) for sizes in zip(*(tensor.shape[1:] for tensor in tensors), strict=True)]
    if any(list(tensor.shape[1:]) != sizes for tensor in tensors):
        padding = [[(size - own, 0) for size, own in zip(sizes, t.shape[1:], strict=True)] for t in tensors]
        tensors = [
            torch.nn.functional.pad(tensor, [n for size, zero in reversed(one) for n in (zero, size)])
            for tensor, one in zip(tensors, padding, strict=True)
        ]
    return torch.cat(list(tensors))


def tokenizer_of(processor: Any) -> Any:
    """Return the tokenizer of a processor, or the tokenizer that it is."""
    return getattr(processor, "tokenizer", processor)


def answers(
    model: Any,
    processor: Any,
    rows: Sequence[Row],
    generation: Generation,
    batch_size: int,
    *,
    bf16: bool = False,
    part: tuple[int, int] = (0, 1),
) -> dict[int, str]:
    """Return by row the answer that `model` generates to `prompt_of` it, without special tokens and spaces around.

    Rows of like length share a batch, the longest come first. part: (i, n) does every n-th batch from the i-th on, and as many as
    any other part, since processes that share a model must call it equally often.
    """
    tokenizer = tokenizer_of(processor)
    how = settings(generation, model, tokenizer)
    lengths = lengths_of(rows)
    order = sorted(range(len(rows)), key=lambda row: (-lengths[row], row))
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    which, parts = part
    mine = batches[which::parts] + batches[:1] * (which >= len(batches) % parts > 0)
    answered: dict[int, str] = {}
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode(), step("answering", len(rows), "rows") as advance:
            for numbers in mine:
                prompts = [prompt_of(rows[number]) for number in numbers]
                batch = padded(prompts, tokenizer.pad_token_id, "left")
                batch.pop("row", None)
                batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
                with torch.autocast(model.device.type, torch.bfloat16, enabled=bf16):
                    generated = model.generate(**batch, generation_config=how)
                new = generated[:, batch["input_ids"].shape[1] :]
                texts = tokenizer.batch_decode(new, skip_special_tokens=True)
                answered |= {number: text.strip() for number, text in zip(numbers, texts, strict=True)}
                advance(len(numbers) * parts)
    finally:
        model.train(was_training)
    return answered


def lengths_of(rows: Sequence[Row]) -> list[int]:
    """Return the tokens of each row; rows that are made when they are asked for know their `lengths`."""
    known = getattr(rows, "lengths", None)
    return list(known) if known is not None else [len(row["input_ids"]) for row in rows]


class GeneratingTrainer(hf.Trainer):
    """Trainer that evaluates by generating, and whose metrics of what was generated choose the best checkpoint."""

    def __init__(self, *args: Any, generation: Generation, score: Score, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.generation, self.score = generation, score

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        rows = self.train_dataset if train_dataset is None else train_dataset
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return hf.GroupedByLength(batch, lengths_of(rows), self.args.seed)

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        inputs.pop("row", None)
        return super().compute_loss(model, inputs, *args, **kwargs)

    def training_step(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        rows = inputs.get("row")
        try:
            return super().training_step(model, inputs, *args, **kwargs)
        except CurateError as error:
            if rows is None:
                raise
            raise CurateError(f"{error} {self.train_dataset.told(rows.tolist())}") from error

    def evaluation_loop(self, dataloader: Any, description: str, *args: Any, **kwargs: Any) -> Any:
        kwargs["prediction_loss_only"] = True
        output = super().evaluation_loop(dataloader, description, *args, **kwargs)
        prefix = kwargs.get("metric_key_prefix", "eval")
        output.metrics.update(
            {f"{prefix}_{name}": value for name, value in self._generated(dataloader.dataset).items()}
        )
        return output

    def _generated(self, rows: Sequence[Row]) -> Mapping[str, float]:
        args = self.args
        model = self.accelerator.unwrap_model(self.model)
        part = (args.process_index, args.world_size)
        own = answers(
            model, self.processing_class, rows, self.generation, args.eval_batch_size, bf16=args.bf16, part=part
        )
        answered = dict(gather_object(list(own.items())))
        if len(answered) != len(rows):
            raise CurateError(
                f"{len(rows) - len(answered)} of {len(rows)} evaluation rows got no answer. This is a fault of curatekit."
            )
        ordered = [answered[row] for row in range(len(rows))]
        # the first process scores and writes, the others are told
        told = [dict(self.score(ordered, self.state.global_step))] if args.process_index == 0 else [{}]
        if args.world_size > 1:
            broadcast_object_list(told)
        return told[0]


def train(
    model: Any,
    processor: Any,
    rows: Sequence[Row],
    eval_rows: Sequence[Row] | None,
    arguments: Mapping[str, Any],
    *,
    generation: Generation,
    score: Score,
    early_stopping_patience: int | None,
    keep_best: bool,
    log: Path,
    resume_from: Path | None,
    callbacks: Sequence[Any] = (),
    trainer_of: type[GeneratingTrainer] | None = None,
    settings_of: Callable[..., Any] = transformers.TrainingArguments,
) -> list[dict[str, Any]]:
    """Train `model` in place on the answers of `rows` and return Trainer's log; the caller has entered `quiet` and `seeded`.

    arguments: Trainer's. At each evaluation the answers to `eval_rows` are generated and given to `score`; its metrics are in the
    log as eval_NAME, and metric_for_best_model may be one of them. processor: saved beside the weights; it or its `tokenizer` pads.
    `rows` may have `told(rows)`, a sentence that names rows for the message of a loss that is no number.
    trainer_of, settings_of: another trainer and what makes its settings, such as TRL's (see `curatekit.hf_sft`).
    """
    tokenizer = tokenizer_of(processor)
    cuda = torch.cuda.is_available()
    trainer = (trainer_of or GeneratingTrainer)(
        model=model,
        args=settings_of(
            **arguments,
            use_cpu=not cuda,
            disable_tqdm=True,
            dataloader_pin_memory=cuda,
            label_names=["labels"],
            remove_unused_columns=False,
            logging_nan_inf_filter=False,
            push_to_hub=False,
        ),
        train_dataset=rows,
        eval_dataset=eval_rows,
        data_collator=lambda batch: padded(batch, tokenizer.pad_token_id, "right"),
        processing_class=processor,
        generation=generation,
        score=score,
    )
    for callback in callbacks:
        trainer.add_callback(callback)
    history = hf.run(trainer, log, early_stopping_patience, resume_from)
    trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)  # its forward would stay in bfloat16
    if keep_best and trainer.state.best_global_step:
        hf.restore(model, Path(trainer.args.output_dir) / f"checkpoint-{trainer.state.best_global_step}")
    return history
