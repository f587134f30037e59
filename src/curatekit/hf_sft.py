"""Every quirk of TRL: language models that are taught completions by `SFTTrainer` and evaluated by generating.

This module imports torch, transformers and TRL at its top: import it inside functions only. `SFTTrainer` gives the loss in chunks
(the logits of a whole batch are never held), token accuracy and entropy in the log. What it works around (TRL 1.16):

* It tokenises by itself, cuts what exceeds `max_length` and shuffles: it is given tokens, and all three are switched off.
* It only evaluates by teacher forcing, resumes without a strict reload, and calls home: `GeneratingTrainer` stands before it in the
  order of methods, and what it says to the hub is said to nobody.
* It wants a `datasets.Dataset`: it is shown the first row as one, and has the rows themselves after that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from curatekit import hf
from curatekit.errors import CurateError, InputError
from curatekit.hf_generate import GeneratingTrainer, Row


class SftTrainer(GeneratingTrainer, SFTTrainer):  # type: ignore[misc]
    """TRL's loss and log, in the loop of `GeneratingTrainer`."""

    def __init__(
        self, *args: Any, train_dataset: Sequence[Row], eval_dataset: Sequence[Row] | None, **kwargs: Any
    ) -> None:
        first = [Dataset.from_list([dict(rows[0])]) if rows else None for rows in (train_dataset, eval_dataset)]
        super().__init__(*args, train_dataset=first[0], eval_dataset=first[1], **kwargs)
        self.train_dataset, self.eval_dataset = train_dataset, eval_dataset

    def _send_telemetry(self) -> None:
        """Say nothing to the hub."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Leave out the card, which would ask git and the hub."""


def sft_settings(**arguments: Any) -> SFTConfig:
    """Return Trainer's arguments as TRL's, which prepares nothing: rows come as tokens, with their labels."""
    return SFTConfig(
        **{"gradient_checkpointing": False, "bf16": False, **arguments},
        max_length=None,
        shuffle_dataset=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )


def load_causal(folder: Path, lora_rank: int | None, dtype: Any = torch.float32) -> tuple[Any, Any]:
    """Return (model, tokenizer): the language model in `folder`, its linear layers wrapped by LoRA when a rank is given."""
    hf.refuse_foreign_code(folder)
    tokenizer = hf.load_tokenizer(folder)
    model = _causal(folder, dtype)
    if lora_rank is None:
        return model, tokenizer
    # all linear layers but the output's, whose weights the chunked loss reads directly
    lora = peft.LoraConfig(
        task_type="CAUSAL_LM", r=lora_rank, lora_alpha=2 * lora_rank, lora_dropout=0.0, target_modules="all-linear"
    )
    return peft.get_peft_model(model, lora), tokenizer


def load_taught(folder: Path, base: Path | None) -> tuple[Any, Any]:
    """Return (model, tokenizer) as `hf.save` wrote them to `folder`, strictly; `base` is the folder of an adapter's base."""
    hf.refuse_foreign_code(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = _causal(base or folder)
    if base is not None:
        model = peft.get_peft_model(model, peft.LoraConfig.from_pretrained(str(folder)))
        hf.restore(model, folder)
        # where an answer ends was saved beside the adapter, not in its base
        model.generation_config = transformers.GenerationConfig.from_pretrained(folder, local_files_only=True)
    return model.eval(), tokenizer


def _causal(folder: Path, dtype: Any = torch.float32) -> Any:
    try:
        model, loading = transformers.AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=dtype, output_loading_info=True
        )
    except ValueError as error:
        raise InputError(f"{folder} holds no language model that transformers knows: {str(error)[:200]}") from error
    if loading["missing_keys"]:
        raise CurateError(
            f"The weights in {folder} lack {len(loading['missing_keys'])} of this language model's, the first is "
            f"{sorted(loading['missing_keys'])[0]}. Give a base that was trained to continue texts."
        )
    return model


def save_taught(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write weights, config and tokenizer to `folder`, and where an answer ends, which an adapter would not say."""
    hf.save(model, tokenizer, folder)
    model.generation_config.save_pretrained(folder)


def end_answers_at(model: Any, token: int) -> None:
    """Let an answer end at `token` too, besides where the base ends one; it is saved with the model."""
    own = model.generation_config.eos_token_id
    known = own if isinstance(own, list) else [own]
    model.generation_config.eos_token_id = sorted({token, *(one for one in known if one is not None)})


def check_vocabulary(model: Any, tokenizer: Any) -> None:
    """Raise InputError when the tokenizer has tokens that the model has no embedding of, as one that came from another model."""
    known, tokens = model.get_input_embeddings().num_embeddings, len(tokenizer)
    if tokens > known:
        raise InputError(
            f"The base's tokenizer has {tokens} tokens and its model {known}: they are not of one another. Choose another base."
        )


def positions(tokenizer: Any, config: Any) -> int:
    """Return the tokens that a model takes, prompt and answer together."""
    limits = [tokenizer.model_max_length, getattr(config.get_text_config(), "max_position_embeddings", None)]
    return int(min(limit for limit in limits if limit))
