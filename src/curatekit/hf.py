"""Every quirk of transformers and peft, so that no other module has to know one.

This module imports torch and transformers at its top: import it inside functions only. What it works around
(transformers 5.23, peft 0.21):

* Trainer reseeds the global random state, and draws the order of a length-grouped epoch from it, so that a run resumed
  inside an epoch would see other batches: `seeded` gives the state back, `GroupedByLength` depends on (seed, epoch) alone.
* Trainer reloads weights with strict=False and only warns: `restore` raises on any key that is missing or left over.
* Checkpoints are not atomic and the highest number wins: `newest_checkpoint` takes the newest that is complete.
* Progress and logs go to stdout, training_args.bin is a pickle, warnings come by the dozen: all silenced or replaced.
"""

from __future__ import annotations

import json
import logging
import random
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from safetensors.torch import load_file
from transformers.trainer_pt_utils import LengthGroupedSampler

from curatekit.arrays import Ints
from curatekit.encoders import forward
from curatekit.encoders.forward import quiet_transformers
from curatekit.errors import CurateError, InputError
from curatekit.reporting import note, step

_CHARS_PER_TOKEN = 64  # a text is cut at this many characters for each token that the model takes, before tokenising
_STATE = "trainer_state.json"  # Trainer writes it last
_WITH_STATE = ("optimizer.pt", "scheduler.pt", "rng_state.pth")
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "adapter_model.safetensors")


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the logs, progress bars and deprecations of transformers and peft within; then all is as it was."""
    accelerate = logging.getLogger("accelerate")
    level = accelerate.level
    accelerate.setLevel(logging.ERROR)
    try:
        with quiet_transformers(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 asks transformers by names that go in v6
            yield
    finally:
        accelerate.setLevel(level)


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Give the caller the global random states of Python, NumPy and torch back as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    with torch.random.fork_rng(devices):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global random states within; afterwards they are as they were."""
    with kept_random_state():
        transformers.set_seed(seed)
        yield


def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of the base in `folder`, which can pad."""
    refuse_foreign_code(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if tokenizer.pad_token is None:  # decoders have none, and classify by the last token that is no padding
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_base(folder: Path, classes: Sequence[str], lora_rank: int | None) -> tuple[Any, Any]:
    """Return (model, tokenizer): the base in `folder` with a new head for `classes`, wrapped by LoRA when a rank is given.

    LoRA adapts every linear layer of the base; what the base had no weights for (the head, a pooler) is trained whole.
    """
    tokenizer = load_tokenizer(folder)
    config = transformers.AutoConfig.from_pretrained(
        folder,
        local_files_only=True,
        num_labels=len(classes),
        id2label=dict(enumerate(classes)),
        label2id={name: code for code, name in enumerate(classes)},
        problem_type="single_label_classification",
    )
    if config.pad_token_id is None:
        config.pad_token_id = tokenizer.pad_token_id
    model, loading = _from_pretrained(folder, config, ignore_mismatched_sizes=True)
    if lora_rank is None:
        return model, tokenizer

    import peft

    new = set(loading["missing_keys"]) | {key for key, *_ in loading["mismatched_keys"]}
    prefix = f"{model.base_model_prefix}."
    whole = sorted({key.rpartition(".")[0] if key.startswith(prefix) else key.partition(".")[0] for key in new})
    linear = (torch.nn.Linear, transformers.pytorch_utils.Conv1D)
    targets = [
        name
        for name, module in model.named_modules()
        if isinstance(module, linear) and not any(name == top or name.startswith(f"{top}.") for top in whole)
    ]
    lora = peft.LoraConfig(
        r=lora_rank, lora_alpha=2 * lora_rank, lora_dropout=0.0, target_modules=targets, modules_to_save=whole
    )
    return peft.get_peft_model(model, lora), tokenizer


def load_trained(folder: Path, base: Path | None) -> tuple[Any, Any]:
    """Return (model, tokenizer) as `save` wrote them to `folder`; `base` is the folder of a LoRA adapter's base."""
    refuse_foreign_code(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    model, loading = _from_pretrained(base or folder, config, ignore_mismatched_sizes=base is not None)
    if base is not None:
        import peft

        model = peft.get_peft_model(model, peft.LoraConfig.from_pretrained(str(folder)))
        restore(model, folder)
    elif loading["missing_keys"]:
        raise _incomplete(folder, loading["missing_keys"])
    return model.eval(), tokenizer


def _from_pretrained(folder: Path, config: Any, **how: Any) -> tuple[Any, Mapping[str, Any]]:
    model, loading = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder,
        config=config,
        local_files_only=True,
        use_safetensors=True,
        dtype=torch.float32,
        output_loading_info=True,
        **how,
    )
    return model, loading


def refuse_foreign_code(folder: Path) -> None:
    """Raise InputError for a model that would run code of its own, or whose weights are pickles."""
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(f"{folder} holds no model: it has no config.json. Give a model folder or a model's name.")
    if "auto_map" in json.loads(path.read_text(encoding="utf-8")):
        raise InputError(
            f"The model in {folder} brings its own code (auto_map), which is not run. Choose another base."
        )
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            f"The model in {folder} has no safetensors weights. Convert it first; pickled weights are not read."
        )


def encode(
    tokenizer: Any, inputs: Sequence[Sequence[str]], max_length: int, labels: Ints | None = None
) -> list[dict[str, Any]]:
    """Return one dictionary of token ids (and the label) for each row; rows cut at `max_length` are counted aloud."""
    if not len(inputs[0]):
        return []
    cut = [[text[: max_length * _CHARS_PER_TOKEN] for text in column] for column in inputs]
    encoded = tokenizer(*cut, truncation=True, max_length=max_length)
    if encoded.encodings is None:  # a tokenizer in Python, which does not tell
        n_cut = sum(len(ids) >= max_length for ids in encoded["input_ids"])
    else:
        n_cut = sum(bool(encoding.overflowing) for encoding in encoded.encodings)
    if n_cut:
        note(
            f"{n_cut} of {len(cut[0])} texts are longer than {max_length} tokens; the model sees their beginning only."
        )
    rows = [{name: values[row] for name, values in encoded.items()} for row in range(len(cut[0]))]
    for row in rows:
        if not row["input_ids"]:  # an empty text, and a tokenizer that adds nothing to it
            row.update({name: [1 if name == "attention_mask" else 0] for name in row})
            row["input_ids"] = [tokenizer.eos_token_id or 0]
    if labels is not None:
        for row, label in zip(rows, labels, strict=True):
            row["labels"] = int(label)
    return rows


def characters_read(tokenizer: Any, inputs: Sequence[Sequence[str]], max_length: int) -> tuple[Ints, ...]:
    """Return how many characters of each text `encode` keeps, (n,) for each column."""
    return forward.characters_read(
        tokenizer, [[text[: max_length * _CHARS_PER_TOKEN] for text in column] for column in inputs], max_length
    )


def length_limit(tokenizer: Any, config: Any, asked: int | None) -> int:
    """Return the tokens that are read of a row: what was asked for, else what the model takes, at most 256."""
    limits = [
        tokenizer.model_max_length,
        getattr(config, "max_position_embeddings", None) or tokenizer.model_max_length,
    ]
    limit = int(min(limits))
    if asked is not None and asked > limit:
        raise InputError(f"--max-length {asked} is more than the {limit} tokens that the model takes.")
    return asked or min(limit, 256)


def is_adapted(model: Any) -> bool:
    """Return whether the model is a base wrapped by an adapter."""
    return not isinstance(model, transformers.PreTrainedModel)


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write weights (safetensors), config and tokenizer to `folder`."""
    if is_adapted(model):
        # "auto" would ask the hub whether the vocabulary has grown
        model.save_pretrained(folder, save_embedding_layers=False)
        model.config.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)  # peft's empty model card
    else:
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    mode = (folder / "config.json").stat().st_mode
    for weights in folder.glob("*.safetensors"):
        weights.chmod(mode)  # safetensors lets nobody but the owner read them, whatever the umask says


def restore(model: Any, folder: Path) -> None:
    """Load the weights in `folder` into `model`; raises CurateError unless they are exactly the weights it has."""
    if not is_adapted(model):
        saved, loading = type(model).from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=model.dtype, output_loading_info=True
        )
        if loading["missing_keys"] or loading["mismatched_keys"]:
            raise _incomplete(folder, [*loading["missing_keys"], *(key for key, *_ in loading["mismatched_keys"])])
        model.load_state_dict(saved.state_dict(), strict=True)
        return

    import peft

    adapter = load_file(folder / "adapter_model.safetensors")
    expected = peft.get_peft_model_state_dict(model, save_embedding_layers=False)
    if adapter.keys() != expected.keys():
        raise _incomplete(folder, adapter.keys() ^ expected.keys())
    peft.set_peft_model_state_dict(model, adapter)


def _incomplete(folder: Path, keys: Iterable[str]) -> CurateError:
    keys = sorted(keys)
    return CurateError(
        f"The weights in {folder} are not those of this model: {len(keys)} differ, the first is {keys[0]}. "
        "Remove that folder and run the same command again."
    )


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the complete checkpoint with the most steps: Trainer's state, written last, parses and the rest is there."""

    def steps(checkpoint: Path) -> int:
        name = re.fullmatch(r"checkpoint-(\d+)", checkpoint.name)
        if name is None or not all((checkpoint / file).is_file() for file in (_STATE, *_WITH_STATE)):
            return -1
        try:
            state = json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
        except ValueError:
            return -1
        weights = any((checkpoint / file).is_file() for file in _WEIGHTS)
        return int(name[1]) if weights and state.get("global_step") == int(name[1]) else -1

    complete = {steps(checkpoint): checkpoint for checkpoint in folder.glob("checkpoint-*")}
    complete.pop(-1, None)
    return complete[max(complete)] if complete else None


class GroupedByLength(LengthGroupedSampler):  # type: ignore[misc]
    """Batches of rows of like length, in an order that depends on (seed, epoch) and nothing else."""

    def __init__(self, batch_size: int, lengths: list[int], seed: int) -> None:
        super().__init__(batch_size, lengths=lengths, generator=torch.Generator())
        self.seed = seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        self.generator.manual_seed(self.seed * 1_000_003 + epoch)


class Exact:
    """What makes one of Trainer's kinds stop at a loss that is no number, and resume as if it had never been interrupted."""

    state: Any

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        loss = super().training_step(*args, **kwargs)  # type: ignore[misc]
        if not torch.isfinite(loss):
            raise CurateError(
                f"The training loss became {float(loss)} after step {self.state.global_step}. The last checkpoint is kept; "
                "try a lower learning rate, or float32 instead of bfloat16."
            )
        return loss

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        # a data loader draws from the global random state, so that evaluating would change the training after it
        with kept_random_state():
            return super().evaluate(*args, **kwargs)  # type: ignore[misc]


class Trainer(Exact, transformers.Trainer):  # type: ignore[misc]
    """Trainer whose checkpoints are strictly reloaded and whose batches survive a resume.

    objective: gives from logits and labels the loss of each row of a batch, whose mean (times the rows' `weight`) is trained on;
    None leaves the loss to the model. Evaluations have the model's own loss.
    """

    def __init__(self, *args: Any, objective: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.objective = objective
        if objective is not None:  # or the rows of accumulated batches would not be counted
            self.model_accepts_loss_kwargs = True

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if "weight" not in self._signature_columns:  # what the model does not take is not collated
            self._signature_columns.append("weight")

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        if self.objective is None or not model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        # BERT and others take the mean of each accumulated batch without knowing of the others: as many times too large a step
        labels, weight = inputs.pop("labels"), inputs.pop("weight", None)
        outputs = model(**inputs)
        losses = self.objective(outputs.logits.float(), labels)
        total = (losses if weight is None else losses * weight.to(losses.dtype)).sum()
        rows = len(losses) if num_items_in_batch is None else num_items_in_batch / labels[0].numel()
        loss = total / rows * self.accelerator.num_processes  # the gradients of the processes are averaged
        return (loss, outputs) if return_outputs else loss

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        rows = self.train_dataset if train_dataset is None else train_dataset
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return GroupedByLength(batch, [len(row["input_ids"]) for row in rows], self.args.seed)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        save(self.model, self.processing_class, Path(output_dir or self.args.output_dir))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        restore(self.model, Path(resume_from_checkpoint))


class _Progress(transformers.TrainerCallback):  # type: ignore[misc]
    """Trainer's steps as steps of the reporter."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # only what is left to do: steps taken before a resume would make the rate look better than it is
        self.advance = self.stack.enter_context(step("fine-tuning", state.max_steps - state.global_step, "steps"))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.advance(1)


class _Log(transformers.TrainerCallback):  # type: ignore[misc]
    """Trainer's log as JSON lines; a resumed run writes the lines up to its checkpoint again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.path.write_text("".join(json.dumps(line) + "\n" for line in state.log_history), encoding="utf-8")

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(state.log_history[-1]) + "\n")


class _Near(transformers.TrainerCallback):  # type: ignore[misc]
    """Puts the weights back onto the ball ‖θ − θ₀‖ ≤ distance · ‖θ₀‖ around those the model has now, after each step."""

    def __init__(self, model: Any, distance: float) -> None:
        self.weights = [weight for weight in model.parameters() if weight.requires_grad]
        self.before = [weight.detach().clone() for weight in self.weights]
        self.bound = distance * _norm(self.before)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        with torch.no_grad():
            away = _norm([weight - was for weight, was in zip(self.weights, self.before, strict=True)])
            if away > self.bound:
                for weight, was in zip(self.weights, self.before, strict=True):
                    weight.copy_(was + (weight - was) * (self.bound / away))


def _norm(weights: Sequence[Any]) -> float:
    """Return the Euclidean norm of all numbers in the tensors."""
    return float(torch.stack([weight.double().square().sum() for weight in weights]).sum().sqrt())


def train(
    model: Any,
    tokenizer: Any,
    rows: Sequence[Mapping[str, Any]],
    eval_rows: Sequence[Mapping[str, Any]] | None,
    arguments: Mapping[str, Any],
    *,
    compute_metrics: Any,
    early_stopping_patience: int | None,
    keep_best: bool,
    log: Path,
    resume_from: Path | None,
    near: float | None = None,
    objective: Any = None,
) -> list[dict[str, Any]]:
    """Train `model` in place through Trainer and return its log; the caller has entered `quiet` and `seeded`.

    objective: see Trainer.
    near: how far, as a share of their norm, the weights may go from where they are now; None lets them go anywhere.
    """
    cuda = torch.cuda.is_available()
    trainer = Trainer(
        model=model,
        args=transformers.TrainingArguments(
            **arguments,
            use_cpu=not cuda,
            disable_tqdm=True,
            dataloader_pin_memory=cuda,
            label_names=["labels"],
            train_sampling_strategy="group_by_length",
            logging_nan_inf_filter=False,
            push_to_hub=False,
        ),
        train_dataset=rows,
        eval_dataset=eval_rows,
        data_collator=transformers.DataCollatorWithPadding(tokenizer),
        processing_class=tokenizer,
        compute_metrics=compute_metrics,
        objective=objective,
    )
    if near is not None:  # θ₀ is read before a checkpoint is: the bound is on the way from the base
        trainer.add_callback(_Near(model, near))
    history = run(trainer, log, early_stopping_patience, resume_from)
    trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)  # its forward would stay in bfloat16
    if keep_best and trainer.state.best_global_step:
        restore(model, Path(trainer.args.output_dir) / f"checkpoint-{trainer.state.best_global_step}")
    return history


def run(trainer: Any, log: Path, early_stopping_patience: int | None, resume_from: Path | None) -> list[dict[str, Any]]:
    """Let one of Trainer's kinds train, from a checkpoint if there is one, and return its log; it goes to `log` as it comes."""
    trainer.remove_callback(transformers.PrinterCallback)  # prints every log line on stdout
    with ExitStack() as stack:
        trainer.add_callback(_Progress(stack))
        trainer.add_callback(_Log(log))
        if early_stopping_patience is not None:
            trainer.add_callback(transformers.EarlyStoppingCallback(early_stopping_patience))
        trainer.train(resume_from_checkpoint=str(resume_from) if resume_from else None)
    return list(trainer.state.log_history)
