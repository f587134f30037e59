"""Small models of images and text with their real processors, made in code, and the digits that they learn to read."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.tiny_lm import WORDS, word_tokenizer

QUESTION = "which digit is it ?"
_TALK = ["which", "digit", "is", "it", "?", "the", "USER:", "ASSISTANT:", "that", "or", *WORDS]
_TURNS = (
    "{{ bos_token }} {% for message in messages %}{% if message['role'] == 'user' %}USER: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE {% else %}{{ part['text'] }} {% endif %}{% endfor %}{% else %}ASSISTANT: "
    "{{ message['content'][0]['text'] }}{% endif %}{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)  # it ends an answer by no token, as LLaVA-1.5's
_TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
         "max_position_embeddings": 256, "initializer_range": 0.08, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
_VISION = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 16,
           "patch_size": 4, "initializer_range": 0.08}  # fmt: skip
_NORMAL = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def llava(folder: Path, next: bool = False) -> Path:
    import transformers as t

    tokenizer = word_tokenizer(_TALK, ["<image>"])
    size: Any = {"size": {"height": 16, "width": 16}, "crop_size": {"height": 16, "width": 16}}
    image_id = tokenizer.convert_tokens_to_ids("<image>")
    parts = {
        "vision_config": t.CLIPVisionConfig(**_VISION, projection_dim=32),
        "text_config": t.LlamaConfig(vocab_size=len(tokenizer), **_TEXT),
        "image_token_id": image_id,
        "image_token_index": image_id,
    }
    how = {
        "tokenizer": tokenizer,
        "patch_size": 4,
        "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1,
        "chat_template": _TURNS.replace("IMAGE", "<image>"),
    }
    if next:
        grid = [[16, 32], [32, 16]]
        images: Any = t.LlavaNextImageProcessorPil(
            size={"shortest_edge": 16}, crop_size=size["crop_size"], image_grid_pinpoints=grid, **_NORMAL
        )
        processor = t.LlavaNextProcessor(image_processor=images, **how)
        config: Any = t.LlavaNextConfig(**parts, image_grid_pinpoints=grid)
        return _saved(folder, t.LlavaNextForConditionalGeneration, config, processor)
    processor = t.LlavaProcessor(image_processor=t.CLIPImageProcessorPil(**size, **_NORMAL), **how)
    return _saved(folder, t.LlavaForConditionalGeneration, t.LlavaConfig(**parts), processor)


def paligemma(folder: Path) -> Path:
    import transformers as t

    tokenizer = word_tokenizer(_TALK, ["<image>"])
    images = t.SiglipImageProcessorPil(size={"height": 16, "width": 16}, **_NORMAL)
    images.image_seq_length = 16
    processor = t.PaliGemmaProcessor(image_processor=images, tokenizer=tokenizer)
    config = t.PaliGemmaConfig(
        vision_config={**_VISION, "model_type": "siglip_vision_model", "projection_dim": 32, "vision_use_head": False},
        text_config=t.GemmaConfig(vocab_size=len(tokenizer), head_dim=8, **_TEXT).to_dict(),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        projection_dim=32,
    )
    return _saved(folder, t.PaliGemmaForConditionalGeneration, config, processor)


def idefics3(folder: Path) -> Path:
    import transformers as t

    special = ["<image>", "<fake_token_around_image>", "<end_of_utterance>", "<global-img>"]
    tokenizer = word_tokenizer([*_TALK], special)
    images = t.Idefics3ImageProcessorPil(
        size={"longest_edge": 16}, max_image_size={"longest_edge": 16}, do_image_splitting=False, **_NORMAL
    )
    processor = t.Idefics3Processor(
        images, tokenizer, image_seq_len=4, chat_template=_TURNS.replace("IMAGE", "<image>").replace(
            "['text'] }}{% endif", "['text'] }} <end_of_utterance> {% endif", 1
        ),
    )  # fmt: skip
    config = t.Idefics3Config(
        vision_config={**_VISION, "model_type": "idefics3_vision"},
        text_config=t.LlamaConfig(vocab_size=len(tokenizer), **_TEXT).to_dict(),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=0,
    )
    end = tokenizer.convert_tokens_to_ids("<end_of_utterance>")
    return _saved(folder, t.Idefics3ForConditionalGeneration, config, processor, end)


def qwen(folder: Path) -> Path:
    import transformers as t

    from curatekit.hf_vlm import _without_videos

    special = ["<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>", "<|im_end|>"]
    tokenizer = word_tokenizer(_TALK, special)
    code = tokenizer.convert_tokens_to_ids
    images = t.Qwen2VLImageProcessorPil(
        size={"shortest_edge": 256, "longest_edge": 512}, patch_size=4, merge_size=2, temporal_patch_size=1, **_NORMAL
    )
    turns = _TURNS.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>").replace(
        "['text'] }}{% endif", "['text'] }} <|im_end|>{% endif", 1
    )
    processor = _without_videos(t.Qwen2_5_VLProcessor)(images, tokenizer, chat_template=turns)
    config = t.Qwen2_5_VLConfig(
        text_config={
            **_TEXT, "vocab_size": len(tokenizer), "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
        },
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "out_hidden_size": 32, "patch_size": 4,
            "spatial_merge_size": 2, "temporal_patch_size": 1, "window_size": 16, "fullatt_block_indexes": [1],
            "initializer_range": 0.08,
        },
        image_token_id=code("<|image_pad|>"), video_token_id=code("<|video_pad|>"),
        vision_start_token_id=code("<|vision_start|>"), vision_end_token_id=code("<|vision_end|>"),
    )  # fmt: skip
    return _saved(folder, t.Qwen2_5_VLForConditionalGeneration, config, processor, code("<|im_end|>"))


KINDS: dict[str, Callable[[Path], Path]] = {
    "llava": llava,
    "llava_next": partial(llava, next=True),
    "paligemma": paligemma,
    "idefics3": idefics3,
    "qwen2_5_vl": qwen,
}


def _saved(folder: Path, kind: Any, config: Any, processor: Any, end: int = 2) -> Path:
    import torch

    from curatekit import hf

    with hf.quiet(), torch.random.fork_rng():
        torch.random.default_generator.manual_seed(0)
        model = kind(config)
        model.generation_config.update(eos_token_id=end, pad_token_id=0, bos_token_id=1)
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
    return folder


def digit(number: int, place: int = 0, size: tuple[int, int] = (16, 16)) -> bytes:
    """Return the PNG of scikit-learn's `place`-th picture of a digit."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = digits.images[np.flatnonzero(digits.target == number)[place]]
    stream = io.BytesIO()
    Image.fromarray((pixels * 15).astype(np.uint8)).resize(size, Image.Resampling.BILINEAR).convert("RGB").save(
        stream, "PNG"
    )
    return stream.getvalue()
