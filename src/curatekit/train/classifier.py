"""A transformer classifier for texts or pairs of texts, fine-tuned whole or by LoRA, through Trainer and peft."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.encoders import hardware
from curatekit.encoders.contents import weights_hash
from curatekit.encoders.places import find_base
from curatekit.errors import InputError
from curatekit.files import write_json
from curatekit.registry import DEFAULT_ENCODER
from curatekit.reporting import note, step
from curatekit.train.adapter import base_of_adapter
from curatekit.train.folder import MARK, array_hash, begin, content_hash, finished, remove_checkpoints
from curatekit.train.losses import loss_function
from curatekit.train.patch import check_distance
from curatekit.train.settings import TrainerSettings, check_settings, chosen_precision, trainer_arguments
from curatekit.train.trained_on import write_trained_on
from curatekit.train.weights import training_weights

_KIND = "classifier"
_TOKENS_PER_BATCH = 8192

Inputs = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Training(TrainerSettings):
    """How to train.

    learning_rate: None is 5e-5, with LoRA 5e-4. max_length: None is what the model takes, at most 256. metric_for_best_model: "loss",
    "accuracy", "macro_f1" or "mcc" keeps the best checkpoint by the evaluation rows; None keeps the last. lora_rank: None trains
    every weight. near: patch the base, a classifier of the same classes: its weights θ₀ may move by near · ‖θ₀‖ at the most (see
    train.patch); None: anywhere. loss: a name of the table of losses with its parameter, such as "gce:0.7" (see train.losses);
    evaluations report cross-entropy whatever it is. class_weights: "balanced" lets each class count alike.
    """

    learning_rate: float | None = None
    gradient_accumulation: int = 1
    lora_rank: int | None = None
    metric_for_best_model: str | None = None
    near: float | None = None
    loss: str = "cross-entropy"
    class_weights: str | None = None


@dataclass(frozen=True)
class Classifier:
    """A trained model: `model` and `tokenizer` of transformers, the names of its classes, and where it comes from."""

    model: Any
    tokenizer: Any
    classes: tuple[str, ...]
    max_length: int
    base: Mapping[str, str]  # name, sha256
    precision: str = "auto"  # "float32", "bfloat16", or the latter where the hardware has it
    text_columns: int | None = None  # 1, or 2 for pairs; None where the model came without our mark
    history: list[dict[str, Any]] = field(default_factory=list)  # Trainer's log

    def pred_probs(self, inputs: Inputs) -> Floats:
        """Return p(class | input), (n, K) float64, row i for input i; bfloat16 moves a probability by about 0.002 at most."""
        import torch

        from curatekit import hf

        check_columns(inputs, self.text_columns)
        rows = hf.encode(self.tokenizer, inputs, self.max_length)
        lengths = np.array([len(row["input_ids"]) for row in rows])
        order = np.argsort(-lengths, kind="stable")
        probs = np.zeros((len(rows), len(self.classes)))
        self.model.eval()
        device = self.model.device.type
        faster = hardware.precision(self.precision, device)[0] == "bfloat16"
        start = 0
        with (
            torch.inference_mode(),
            torch.autocast(device, torch.bfloat16, enabled=faster),
            step("predicting", len(rows), "rows") as advance,
        ):
            while start < len(order):
                batch = order[start : start + max(1, _TOKENS_PER_BATCH // int(lengths[order[start]]))]
                padded = self.tokenizer.pad([rows[row] for row in batch], return_tensors="pt").to(self.model.device)
                probs[batch] = self.model(**padded).logits.double().softmax(-1).cpu().numpy()
                start += len(batch)
                advance(len(batch))
        return probs

    def save(self, folder: Path | str) -> None:
        """Write the model to `folder`, which transformers can read too; the file that marks it finished comes last."""
        from curatekit import hf

        folder = Path(folder)
        folder.mkdir(exist_ok=True)
        (folder / MARK).unlink(missing_ok=True)
        with hf.quiet():
            hf.save(self.model, self.tokenizer, folder)
        about = {"kind": _KIND, "classes": self.classes, "max_length": self.max_length, "precision": self.precision}
        about |= {"text_columns": self.text_columns, "adapter": hf.is_adapted(self.model)}
        write_json(folder / MARK, {**about, "base": dict(self.base)})


def fit_classifier(
    inputs: Inputs,
    labels: Ints,
    classes: Sequence[str],
    *,
    base: str | Path = DEFAULT_ENCODER,
    training: Training | None = None,
    seed: int = 0,
    eval_inputs: Inputs | None = None,
    eval_labels: Ints | None = None,
    weights: Floats | None = None,
    output_dir: Path | str | None = None,
    overwrite: bool = False,
) -> Classifier:
    """Return a classifier fine-tuned on (inputs, labels); the same arguments give the same weights on one machine.

    inputs: one column of n texts, or two for pairs, as `Dataset.inputs`. labels: (n,) codes into `classes`.
    base: a model folder or name. weights: (n,) how much each row counts; only their ratios matter. With `output_dir` the model, its checkpoints and log.jsonl go there, and a run that was
    interrupted goes on from its newest complete checkpoint, to the weights it would have had; without, nothing is kept.
    Raises InputError when fewer than two classes have rows, or when `output_dir` holds another run (see `overwrite`).
    """
    training = training or Training()
    if training.near is None:
        check_rows(inputs, labels, classes)
    else:  # a patch may be about one label: the base knows the others
        _check(inputs, labels, classes, "training")
    if (eval_inputs is None) != (eval_labels is None):
        raise ValueError("eval_inputs and eval_labels go together")
    evaluation = None
    if eval_inputs is not None and eval_labels is not None:
        _check(eval_inputs, eval_labels, classes, "evaluation")
        check_columns(eval_inputs, len(inputs))
        evaluation = content_hash(eval_inputs, eval_labels)
    _check_training(training, evaluated=evaluation is not None)
    counts = training_weights(labels, len(classes), weights, training.class_weights)

    with TemporaryDirectory(prefix="curatekit-") as scratch:
        folder = Path(output_dir) if output_dir is not None else Path(scratch)
        base_folder = find_base(base)
        if training.near is not None:
            _check_patched(base_folder, classes)
        run = {
            "kind": _KIND,
            "base": {
                "name": str(base_folder if Path(base).is_dir() else base),
                "sha256": weights_hash(base_folder),
            },
            "rows": content_hash(inputs, labels),
            "classes": list(classes),
            "evaluation": evaluation,
            "seed": seed,
            **asdict(training),
        }
        if weights is not None:
            run["weights"] = array_hash(weights)
        if output_dir is not None and finished(folder, run, overwrite=overwrite):
            note(f"{folder} already holds this very model; it is not trained again.")
            return load_classifier(folder)
        classifier = _trained(base_folder, run, training, seed, inputs, labels, counts, tuple(classes), eval_inputs, eval_labels,
                              folder, keep=output_dir is not None, overwrite=overwrite)  # fmt: skip
        if output_dir is not None:
            classifier.save(folder)
            if training.save_total_limit is None:
                remove_checkpoints(folder)
    return classifier


def load_classifier(folder: Path | str) -> Classifier:
    """Return the classifier that `save` wrote to `folder`, or any sequence classifier of transformers with its class names.

    Raises InputError when the folder holds none, or when the base of a LoRA adapter has changed since.
    """
    from curatekit import hf

    folder = Path(folder)
    mark = folder / MARK
    saved = json.loads(mark.read_text(encoding="utf-8")) if mark.is_file() else {}
    if not saved and (folder / "adapter_config.json").is_file():
        raise InputError(
            f"{folder} holds an adapter without {MARK}, which names its base. Give the folder finetune wrote."
        )
    base = saved.get("base", {"name": str(folder), "sha256": weights_hash(folder)})
    base_folder = None
    if saved.get("adapter"):
        base_folder = base_of_adapter(folder, base)
    with hf.quiet(), hf.kept_random_state():
        model, tokenizer = hf.load_trained(folder, base_folder)
    if saved:
        classes, max_length = tuple(saved["classes"]), saved["max_length"]
    else:
        classes = tuple(model.config.id2label[code] for code in range(model.config.num_labels))
        max_length = hf.length_limit(tokenizer, model.config, None)
    precision, text_columns = saved.get("precision", "auto"), saved.get("text_columns")
    return Classifier(model, tokenizer, classes, max_length, base, precision, text_columns)


def check_rows(inputs: Inputs, labels: Ints, classes: Sequence[str]) -> None:
    """Raise InputError unless there are labelled training rows of two classes or more."""
    _check(inputs, labels, classes, "training")
    if len(np.unique(labels)) < 2:
        only = classes[int(labels[0])]
        raise InputError(
            f"All {len(labels)} training rows are labelled {only!r}. A classifier needs two classes or more."
        )


def check_columns(inputs: Inputs, expected: int | None) -> None:
    """Raise InputError unless `inputs` has as many columns as a model was trained on; None is not known."""
    if expected is not None and len(inputs) != expected:
        reads, name = ("one text a row", "one column") if expected == 1 else ("pairs of texts", "both columns")
        raise InputError(
            f"The model reads {reads} and was given {len(inputs)} column{'s' * (len(inputs) > 1)}. Name {name} with --text."
        )


def _trained(
    base_folder: Path,
    run: Mapping[str, Any],
    training: Training,
    seed: int,
    inputs: Inputs,
    labels: Ints,
    weights: Floats | None,
    classes: tuple[str, ...],
    eval_inputs: Inputs | None,
    eval_labels: Ints | None,
    folder: Path,
    *,
    keep: bool,
    overwrite: bool,
) -> Classifier:
    from curatekit import hf

    asked, bf16 = chosen_precision(training.bf16)
    with hf.quiet(), hf.seeded(seed):
        model, tokenizer = hf.load_base(base_folder, classes, training.lora_rank)
        max_length = hf.length_limit(tokenizer, model.config, training.max_length)
        rows = hf.encode(tokenizer, inputs, max_length, labels)
        if weights is not None:
            rows = [{**row, "weight": float(weight)} for row, weight in zip(rows, weights, strict=True)]
        eval_rows = None
        if eval_inputs is not None and training.eval_strategy != "no":
            eval_rows = hf.encode(tokenizer, eval_inputs, max_length, eval_labels)
        checkpoint = None
        if keep:  # only now, so that a base or a length that is refused leaves the folder as it was
            begin(folder, run, overwrite=overwrite)
            write_trained_on(folder, inputs, base_folder)
            checkpoint = hf.newest_checkpoint(folder)
        if checkpoint is not None:
            note(f"Going on from {checkpoint}.")
        history = hf.train(
            model,
            tokenizer,
            rows,
            eval_rows,
            _arguments(training, seed, bf16, folder, evaluated=eval_rows is not None, keep=keep),
            compute_metrics=_scores,
            early_stopping_patience=training.early_stopping_patience,
            keep_best=training.metric_for_best_model is not None,
            log=folder / "log.jsonl",
            resume_from=checkpoint,
            near=training.near,
            objective=loss_function(training.loss),
        )
    return Classifier(model.eval(), tokenizer, classes, max_length, run["base"], asked, len(inputs), history)


def _arguments(
    training: Training, seed: int, bf16: bool, folder: Path, *, evaluated: bool, keep: bool
) -> dict[str, Any]:
    """Return the settings in Trainer's names."""
    return trainer_arguments(
        training, seed, bf16, folder, best=training.metric_for_best_model, evaluated=evaluated, keep=keep,
        learning_rate=training.learning_rate or (5e-5 if training.lora_rank is None else 5e-4),
        per_device_eval_batch_size=4 * training.batch_size,
        gradient_accumulation_steps=training.gradient_accumulation,
    )  # fmt: skip


def _scores(predictions: Any) -> dict[str, float]:
    """Return the metrics of one evaluation; rows come in any order, logits and labels together."""
    from curatekit.evaluate.classification import macro_f1, mcc

    labels, n_classes = predictions.label_ids, predictions.predictions.shape[1]
    predicted = predictions.predictions.argmax(1)
    return {
        "accuracy": float((predicted == labels).mean()),
        "macro_f1": macro_f1(labels, predicted, n_classes),
        "mcc": mcc(labels, predicted, n_classes),
    }


def _check(inputs: Inputs, labels: Ints, classes: Sequence[str], what: str) -> None:
    if len(inputs) not in (1, 2) or any(len(column) != len(labels) for column in inputs):
        raise ValueError(f"{what} inputs must be one or two columns of {len(labels)} texts")
    if not len(labels):
        raise InputError(f"There is no {what} row. Give a file with labelled rows.")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise InputError(f"A {what} row has no label of the {len(classes)} classes. Label it or leave it out.")


def _check_patched(base: Path, classes: Sequence[str]) -> None:
    """Raise InputError unless the folder holds a whole classifier of these classes, whose weights it makes sense to stay near to."""
    mark = base / MARK
    about = json.loads(mark.read_text(encoding="utf-8")) if mark.is_file() else {}
    if about.get("kind") != _KIND or about.get("adapter") or tuple(about.get("classes", ())) != tuple(classes):
        raise InputError(
            f"{base} holds no fully fine-tuned classifier of the classes {', '.join(classes)}, and only such a model can be patched. "
            "Make one with curate finetune, or leave --near out."
        )


def _check_training(training: Training, *, evaluated: bool) -> None:
    loss_function(training.loss)
    if training.near is not None:
        check_distance(training.near)
        if training.lora_rank is not None:
            raise InputError(
                "--near bounds the weights of the model itself, and LoRA leaves them as they are. Give one of the two."
            )
    check_settings(
        training, best=training.metric_for_best_model is not None, evaluated=evaluated,
        option="--metric-for-best-model: loss, accuracy, macro_f1 or mcc",
    )  # fmt: skip
