"""Every quirk of transformers and peft with models of images and text: loading, what is trained, and a row as the model reads it.

This module imports torch and transformers at its top: import it inside functions only. What it works around
(transformers 5.24, peft 0.21):

* A processor that reads videos too needs torchvision, also where there are only images: `load_processor` leaves its videos out.
* A processor puts bos, line breaks and image tokens where it likes: the prompt is what it makes of the question alone, and the
  answer's tokens are put behind, so that training and evaluation read the same prompt.
* Templates end an answer by different tokens, some by none: an answer always ends with one that ends the generation.
* PaliGemma reads its prompt both ways: `token_type_ids` are 1 on the answer, or it would see itself.
"""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES, processor_class_from_name
from transformers.processing_utils import ProcessorMixin
from transformers.utils import is_torchvision_available

from curatekit import hf
from curatekit.errors import InputError
from curatekit.hf_generate import NO_LABEL, ends, tokenizer_of
from curatekit.reporting import note

IMAGE = "<image>"  # where an image stands in a prompt, whatever token the model has for it
_PROJECTORS = ("multi_modal_projector", "connector", "merger", "aligner", "embed_vision")
_ANSWER_FILL = {"attention_mask": 1, "token_type_ids": 1}  # of whatever else has one number a token: 0


class _NoVideos(ProcessorMixin):  # type: ignore[misc]
    """Stands behind a processor class that hands its video processor on: there is none."""

    def __init__(self, *parts: Any, **how: Any) -> None:
        super().__init__(*(part for part in parts if part is not None), **how)


def load_processor(folder: Path) -> Any:
    """Return the processor of the model in `folder`, whose tokenizer can pad; it reads images, no videos without torchvision.

    Raises InputError when the model has no processor of images and text, or what it needs is not installed.
    """
    hf.refuse_foreign_code(folder)
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    name = PROCESSOR_MAPPING_NAMES.get(kind)
    name = name[0] if isinstance(name, list | tuple) else name
    found = processor_class_from_name(name) if name else None
    if found is None or "image_processor" not in found.get_attributes():
        raise InputError(
            f"The model in {folder} is of the type {kind!r}, which does not read images and text. Choose another base."
        )
    if "video_processor" in found.get_attributes() and not is_torchvision_available():
        found = _without_videos(found)
    try:
        processor = found.from_pretrained(folder, local_files_only=True)
    except ImportError as error:
        raise InputError(f"The processor of {folder} cannot be loaded: {str(error).strip().splitlines()[0]}") from error
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} holds no whole processor ({str(error).strip().splitlines()[0]}). Copy the base again, with all its files."
        ) from error
    if processor.tokenizer.pad_token is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    return processor


def _without_videos(kind: Any) -> Any:
    def __init__(
        self: Any, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None, **how: Any
    ) -> None:
        kind.__init__(self, image_processor, tokenizer, None, chat_template=chat_template, **how)

    # it keeps its name, under which it is saved
    return type(kind.__name__, (kind, _NoVideos), {"__init__": __init__, "__module__": kind.__module__})


def load_model(folder: Path, dtype: Any = torch.float32) -> Any:
    """Return the model of images and text in `folder`. Raises InputError when it is none, CurateError when weights are missing."""
    hf.refuse_foreign_code(folder)
    try:
        model, loading = transformers.AutoModelForImageTextToText.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=dtype, output_loading_info=True
        )
    except ValueError as error:
        raise InputError(f"{folder} holds no model of images and text ({str(error).splitlines()[0][:200]}).") from error
    if missing := [*loading["missing_keys"], *(key for key, *_ in loading["mismatched_keys"])]:
        raise hf._incomplete(folder, missing)
    return model


def trainable(model: Any, lora_rank: int | None, *, projector: bool, vision: bool) -> Any:
    """Return the model with what is to be trained marked so: its language model, by LoRA of that rank or (None) whole.

    projector: the layers between the vision tower and the language model are trained too, whole; vision: the tower too, as the
    language model is. Raises InputError when these are asked for and not known.
    """
    tower, between = _tower(model), _projectors(model)
    if projector and not between:
        raise InputError(
            f"{type(model).__name__} has no layers between image and language that we know. Leave out --tune-projector."
        )
    if lora_rank is None:
        for name, weight in model.named_parameters():
            inside = _within(name, between) or name.endswith("image_newline")
            weight.requires_grad_(projector if inside else vision or not _within(name, [tower]))
        return model

    import peft

    decoder = _name_of(model, model.get_decoder())
    adapted = [decoder, *([tower] if vision else [])]
    linear = (torch.nn.Linear, transformers.pytorch_utils.Conv1D)
    targets = [
        name
        for name, module in model.named_modules()
        if isinstance(module, linear) and _within(name, adapted) and not _within(name, between)
    ]
    lora = peft.LoraConfig(
        r=lora_rank,
        lora_alpha=2 * lora_rank,
        lora_dropout=0.0,
        target_modules=targets,
        modules_to_save=between if projector else None,
    )
    return peft.get_peft_model(model, lora)


def load_adapted(folder: Path, base: Path, dtype: Any = torch.float32) -> Any:
    """Return the base with the adapter that `hf.save` wrote to `folder`; raises CurateError unless it fits in every key."""
    import peft

    model = peft.get_peft_model(load_model(base, dtype), peft.LoraConfig.from_pretrained(str(folder)))
    hf.restore(model, folder)
    return model


def _name_of(model: Any, wanted: Any) -> str:
    return str(next(name for name, module in model.named_modules() if module is wanted))


def _tower(model: Any) -> str:
    tower = model.get_encoder(modality="image")
    if tower is model or tower is model.base_model:
        raise InputError(f"{type(model).__name__} has no vision tower that we know. Choose another base.")
    return _name_of(model, tower)


def _projectors(model: Any) -> list[str]:
    return [name for name, _ in model.named_modules() if name.rpartition(".")[2] in _PROJECTORS]


def _within(name: str, modules: Sequence[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


class RowEncoder:
    """Turns (images, prompt, answer) into what the model reads."""

    def __init__(self, processor: Any, model: Any) -> None:
        self.processor, self.tokenizer = processor, tokenizer_of(processor)
        plain = model if not hf.is_adapted(model) else model.get_base_model()
        self.ends = ends(plain, self.tokenizer)
        self.accepted = frozenset(inspect.signature(type(plain).forward).parameters)
        self.image_token = str(processor.image_token)
        self.pali = type(processor).__name__.startswith("PaliGemma")
        if processor.chat_template is None and not self.pali:
            note(
                "The base has no chat template: a prompt is its images, the question and a line break, and the answer follows."
            )

    def check_prompt(self, prompt: str, n_images: int) -> None:
        """Raise InputError unless the prompt says where each of its images stands, or says nothing of images."""
        placed = len(self._parts(prompt)) - 1
        if placed not in (0, n_images):
            raise InputError(
                f"the prompt has {placed} image tokens and the row {n_images} image{'s' * (n_images != 1)}: "
                "leave the tokens out, or give one for each"
            )

    def row(self, images: Sequence[Any], prompt: str, answer: str | None) -> dict[str, Any]:
        """Return the lists of tokens, with labels on the answer alone, and the tensors of the images; None is a prompt alone."""
        messages, text = self._prompt(prompt, len(images))
        # a template writes bos itself
        special = not (self.tokenizer.bos_token and text.startswith(self.tokenizer.bos_token))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # PaliGemma's makes a NumPy array of a tensor
            made = self.processor(text=[text], images=[list(images)], return_tensors="pt", add_special_tokens=special)
        length = made["input_ids"].shape[1]
        row: dict[str, Any] = {}
        for name, value in made.items():
            if name not in self.accepted or name == "labels":
                continue
            by_token = value.shape[:2] == (1, length) and value.ndim == 2 and not value.is_floating_point()
            row[name] = value[0].tolist() if by_token else value
        if answer is None:
            return row
        end = self._answer(messages, text, answer)
        for name, value in row.items():
            if isinstance(value, list):
                value += end if name == "input_ids" else [_ANSWER_FILL.get(name, 0)] * len(end)
        row["labels"] = [NO_LABEL] * length + end
        return row

    def _parts(self, prompt: str) -> list[str]:
        return prompt.replace(self.image_token, IMAGE).split(IMAGE)

    def _prompt(self, prompt: str, n_images: int) -> tuple[list[dict[str, Any]], str]:
        """Return the conversation so far, and as the text that the processor takes."""
        parts = self._parts(prompt)
        if len(parts) == 1:
            parts = [""] * n_images + parts
        if self.processor.chat_template is None:
            if self.pali:  # its processor adds bos and the line break
                return [], self.image_token * n_images + "".join(parts)
            return [], f"{self.image_token}\n".join(parts) + "\n"
        content: list[dict[str, str]] = []
        for number, part in enumerate(parts):
            content += [{"type": "image"}] if number else []
            content += [{"type": "text", "text": part}] if part else []
        messages = [{"role": "user", "content": content}]
        return messages, self.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    def _answer(self, messages: list[dict[str, Any]], text: str, answer: str) -> list[int]:
        """Return the tokens of the answer, the last of which ends the generation."""
        said = answer
        if messages:
            turn = {"role": "assistant", "content": [{"type": "text", "text": answer}]}
            full = self.processor.apply_chat_template([*messages, turn], tokenize=False)
            if full.startswith(text) and answer.strip() in full[len(text) :]:
                said = full[len(text) :].rstrip()
        before, whole = (self.tokenizer(one, add_special_tokens=False)["input_ids"] for one in (text, text + said))
        joined = bool(messages) and whole[: len(before)] == before
        tokens = whole[len(before) :] if joined else self.tokenizer(said, add_special_tokens=False)["input_ids"]
        if self.ends and (not tokens or tokens[-1] not in self.ends):
            own = self.tokenizer.eos_token_id
            tokens = [*tokens, own if own in self.ends else min(self.ends)]
        return list(tokens)


def longest(model: Any) -> int | None:
    """Return how many tokens the model takes, None where it does not say."""
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return int(limit) if limit else None


def pixels_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tensors of a row, which belong to its images."""
    return {name: value for name, value in row.items() if isinstance(value, torch.Tensor)}
