"""Every quirk of training sentence-transformers encoders, so that no other module has to know one.

This module imports torch, datasets and sentence-transformers at its top: import it inside functions only. What it works around
(sentence-transformers 6.2), beside what `curatekit.hf` does:

* The order of plain batches is drawn from a generator that does not know the epoch, so that a resumed run would see others; batches
  grouped by label leave out what a frequent label has more than the second: `Shuffled` and `StratifiedPairs` take their place.
* A checkpoint is reloaded by building a new model, which only warns of weights that are missing: `restore` is strict.
* Each checkpoint gets a model card that describes the training data, and a pickle of the settings: neither is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.base.sampler import DefaultBatchSampler

from curatekit import hf
from curatekit.arrays import Floats
from curatekit.encoders.forward import load_modules

Measure = Callable[[Callable[[Sequence[str]], Floats]], Mapping[str, float]]
"""From a function that embeds texts (n,) as unit rows (n, d), to the metrics of an evaluation by name."""


class Shuffled(DefaultBatchSampler):  # type: ignore[misc]
    """Batches of rows in an order that depends on (seed, epoch) alone."""

    def __init__(self, dataset: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(dataset, *args, **kwargs)
        self.rows = len(dataset)

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.rows).tolist()
        for start in range(0, self.rows, self.batch_size):
            yield order[start : start + self.batch_size]

    def __len__(self) -> int:
        return int(-(-self.rows // self.batch_size))


class StratifiedPairs(DefaultBatchSampler):  # type: ignore[misc]
    """Batches of pairs of rows with the same label, the labels dealt evenly over all batches: every row comes in every epoch.

    Where a label has an odd number of rows, one of them comes twice. The order depends on (seed, epoch) alone.
    """

    def __init__(self, dataset: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(dataset, *args, **kwargs)
        labels = np.asarray(dataset["label"])
        self.groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        pairs: list[list[int]] = []
        for group in rng.permutation(len(self.groups)).tolist():
            rows = rng.permutation(self.groups[group])
            rows = np.append(rows, rows[: len(rows) % 2])
            pairs += rows.reshape(-1, 2).tolist()
        batches: list[list[int]] = [[] for _ in range(len(self))]
        for number, pair in enumerate(pairs):
            batches[number % len(batches)] += pair
        for batch in rng.permutation(len(batches)).tolist():
            yield batches[batch]

    def __len__(self) -> int:
        pairs = sum(-(-len(group) // 2) for group in self.groups)
        return int(-(-pairs // max(1, self.batch_size // 2)))


class EncoderTrainer(hf.Exact, SentenceTransformerTrainer):  # type: ignore[misc]
    """SentenceTransformerTrainer that measures embeddings, reloads strictly and resumes exactly."""

    control: Any

    def __init__(self, *args: Any, measure: Measure | None, **kwargs: Any) -> None:
        super().__init__(*args, evaluator=None if measure is None else [measure], **kwargs)
        self.measure = measure

    def add_model_card_callback(self, default_args_dict: Any) -> None:
        """Write no model card."""

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        assert self.measure is not None  # Trainer evaluates where there is an evaluator
        with hf.kept_random_state():
            found = self.measure(embedding(self.model, self.args.per_device_eval_batch_size))
        metrics = {f"eval_{name}": value for name, value in found.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        save(self.model, Path(output_dir or self.args.output_dir))

    def _load_from_checkpoint(self, checkpoint_path: str, model: Any = None) -> None:
        restore(self.model, Path(checkpoint_path))


def load(folder: Path) -> Any:
    """Return the SentenceTransformer in `folder`, ready to be trained; a plain transformer gets mean pooling."""
    modules = load_modules(folder, "float32", "cpu")
    modules[0].config.output_hidden_states = False  # nobody needs all layers here
    return modules


def save(model: Any, folder: Path) -> None:
    """Write all modules of the model to `folder`, as sentence-transformers reads them."""
    model.save_pretrained(str(folder), create_model_card=False)
    mode = (folder / "config.json").stat().st_mode
    for weights in folder.rglob("*.safetensors"):
        weights.chmod(mode)  # safetensors lets nobody but the owner read them, whatever the umask says


def restore(model: Any, folder: Path) -> None:
    """Load the weights in `folder` into all modules of `model`; raises an error unless they are exactly those it has."""
    transformer, *others = list(model)
    hf.restore(transformer.model, folder)
    for number, module in enumerate(others, 1):
        if module.state_dict():
            saved = load_file(folder / f"{number}_{type(module).__name__}" / "model.safetensors")
            module.load_state_dict(saved, strict=True)


def embedding(model: Any, batch_size: int) -> Callable[[Sequence[str]], Floats]:
    """Return a function from n texts to their unit vectors (n, d) by the model as it is then."""

    def embed(texts: Sequence[str]) -> Floats:
        vectors: Floats = model.encode(
            list(texts), batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False
        ).astype(np.float64)
        return vectors

    return embed


def train(
    model: Any,
    columns: Mapping[str, Sequence[Any]],
    arguments: Mapping[str, Any],
    *,
    loss: Callable[[Any], Any],
    sampler: Any,
    measure: Measure | None,
    early_stopping_patience: int | None,
    keep_best: bool,
    log: Path,
    resume_from: Path | None,
) -> list[dict[str, Any]]:
    """Train `model` in place and return Trainer's log; the caller has entered `hf.quiet` and `hf.seeded`.

    columns: texts in the order that the loss takes them, and "label" or "score". sampler: a class here, or a name of
    sentence-transformers' BatchSamplers. measure: called at each evaluation; its metrics are in the log as eval_NAME.
    """
    cuda = torch.cuda.is_available()
    trainer = EncoderTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            **arguments,
            use_cpu=not cuda,
            disable_tqdm=True,
            dataloader_pin_memory=cuda,
            logging_nan_inf_filter=False,
            push_to_hub=False,
            batch_sampler=sampler,
        ),
        train_dataset=Dataset.from_dict({name: list(values) for name, values in columns.items()}),
        loss=loss(model),
        measure=measure,
    )
    history = hf.run(trainer, log, early_stopping_patience, resume_from)
    trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)  # its forward would stay in bfloat16
    if keep_best and trainer.state.best_global_step:
        restore(model, Path(trainer.args.output_dir) / f"checkpoint-{trainer.state.best_global_step}")
    return history
