"""Evaluation by generating: rows a CPU second of our batches, left-padded and longest first, against a loop of single rows.

A LLaVA of a few million weights, taught a little so that its answers differ, answers the test questions of easy_vqa greedily; both ways
in one process on one thread, their answers compared.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from benchmarks.record import record
from curatekit.generation import Generation
from curatekit.readers.vlm_rows import VlmRows, read_vlm_rows

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "easy_vqa"
_SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<image>"]
_TURNS = (
    "{{ bos_token }} {% for message in messages %}{% if message['role'] == 'user' %}USER: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }} {% endif %}{% endfor %}{% else %}ASSISTANT: "
    "{{ message['content'][0]['text'] }}{% endif %}{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run vlm_generation", description=__doc__)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--steps", type=int, default=60, help="of training before")
    parser.add_argument("--batch-size", type=int, default=32)
    arguments = parser.parse_args(argv)
    with TemporaryDirectory() as folder:
        results = measured(Path(folder), arguments.rows, arguments.steps, arguments.batch_size)
    print(json.dumps(results))
    print(
        record("vlm_generation", argv, results, wanted="at least 4 times the rows a CPU second, at identical answers")
    )


def questions(split: str, n: int) -> pl.DataFrame:
    """Return the first n questions of a split of easy_vqa with their images: id, image, question, answer."""
    images = pl.read_parquet(DATA / "images.parquet").select(pl.col("id").alias("image_id"), "image")
    asked = pl.read_parquet(DATA / "questions.parquet").filter(pl.col("split") == split).head(n)
    joined = asked.join(images, on="image_id", how="left", maintain_order="left")
    return joined.select("id", "image", pl.col("text").alias("question"), pl.col("label").alias("answer"))


def small_llava(
    folder: Path, words: Sequence[str], *, width: int, layers: int, image_size: int = 64, patch_size: int = 16
) -> Path:
    """Write a LLaVA with random weights and a tokenizer of whole words to `folder`, with its processor."""
    import torch
    import transformers as t
    from tokenizers import Tokenizer, models, pre_tokenizers

    names = [*_SPECIAL, "USER:", "ASSISTANT:", *sorted(set(words))]
    tokens = Tokenizer(models.WordLevel({name: code for code, name in enumerate(names)}, unk_token="<unk>"))
    tokens.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = t.PreTrainedTokenizerFast(
        tokenizer_object=tokens, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip
    size: Any = {"height": image_size, "width": image_size}
    images = t.CLIPImageProcessorPil(size=size, crop_size=size, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    processor = t.LlavaProcessor(
        images, tokenizer, patch_size=patch_size, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=_TURNS,
    )  # fmt: skip
    block = {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_attention_heads": 4,
        "num_hidden_layers": layers,
    }
    config = t.LlavaConfig(
        vision_config=t.CLIPVisionConfig(**block, image_size=image_size, patch_size=patch_size, initializer_range=0.05),
        text_config=t.LlamaConfig(
            **block, vocab_size=len(tokenizer), num_key_value_heads=4, max_position_embeddings=256, initializer_range=0.05,
            pad_token_id=0, bos_token_id=1, eos_token_id=2,
        ),
        image_token_id=4, image_token_index=4,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = t.LlavaForConditionalGeneration(config)
    model.generation_config.update(eos_token_id=2, pad_token_id=0, bos_token_id=1)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def rows_of(frame: pl.DataFrame, file: Path) -> VlmRows:
    frame.write_parquet(file)
    return read_vlm_rows(file, "image", "question", "answer", "id")


def spaced(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the questions with a space before their marks, so that words are words."""
    return frame.with_columns(pl.col("question").str.replace_all(r"([?.,])", " $1"))


def measured(folder: Path, n_rows: int, steps: int, batch_size: int) -> dict[str, Any]:
    """Return the CPU seconds of both ways and whether they answer the same."""
    import torch

    from curatekit import hf, hf_generate, hf_vlm
    from curatekit.train.vlm import VlmTraining, fit_vlm
    from curatekit.train.vlm_rows import encoded

    torch.set_num_threads(1)
    train, test = spaced(questions("train", 1000)), spaced(questions("test", n_rows))
    words = [
        word
        for frame in (train, test)
        for column in ("question", "answer")
        for text in frame[column]
        for word in text.split()
    ]
    with hf.quiet():
        base = small_llava(folder / "base", words, width=256, layers=4)
    training = VlmTraining(
        max_steps=steps, learning_rate=1e-3, batch_size=16, bf16=False, tune_projector=True, tune_vision=True
    )
    vlm = fit_vlm(rows_of(train, folder / "train.parquet"), base=base, training=training)
    rows = rows_of(test, folder / "test.parquet")
    how = Generation(max_new_tokens=8)
    model, processor = vlm.model, vlm.processor
    encoder = hf_vlm.RowEncoder(processor, model)

    began = time.process_time()
    ours = list(vlm.answers(rows, generation=how, batch_size=batch_size))
    ours_s = time.process_time() - began

    began = time.process_time()
    naive = []
    with torch.inference_mode():
        for row in range(len(rows)):
            _, text = encoder._prompt(rows.prompts[row], 1)
            inputs = processor(text=[text], images=[rows.images(row)], return_tensors="pt", add_special_tokens=False)
            inputs = {name: value for name, value in inputs.items() if name in encoder.accepted}
            out = model.generate(**inputs, max_new_tokens=8, do_sample=False)
            naive.append(
                processor.tokenizer.decode(out[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).strip()
            )
    naive_s = time.process_time() - began

    made, _ = encoded(rows, encoder, None, "test")
    began = time.process_time()
    hf_generate.answers(model, processor, made, how, batch_size)
    again_s = time.process_time() - began
    return {
        "rows": n_rows,
        "weights": sum(weight.numel() for weight in model.parameters()),
        "batch_size": batch_size,
        "different_answers": len(set(ours)),
        "identical": ours == naive,
        "rows_per_cpu_s": {
            "one by one": round(n_rows / naive_s, 2),
            "ours": round(n_rows / ours_s, 2),
            "ours, images already read, as at each evaluation of a training": round(n_rows / again_s, 2),
        },
        "ratio": round(naive_s / ours_s, 2),
        "ratio_images_already_read": round(naive_s / again_s, 2),
    }
