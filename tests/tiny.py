"""A tiny model and an easy task, built in code: seconds where the real ones take minutes."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

FILLER = ("the", "film", "was", "a", "very", "quite", "plot", "scene", "actor", "story", "end")
WORDS = {"neg": ("bad", "awful", "poor", "dreadful"), "pos": ("good", "great", "fine", "lovely")}
CLASSES = tuple(WORDS)


def tiny_base(folder: Path, *, hidden: int = 32) -> Path:
    """Write a BERT of two layers with random weights, without a pooler, and a tokenizer of whole words."""
    import tokenizers
    import torch
    import transformers

    from curatekit.hf import quiet, seeded

    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *FILLER,
        *(w for words in WORDS.values() for w in words),
    ]
    words = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({w: i for i, w in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * hidden,
        max_position_embeddings=64,
        initializer_range=0.1,
    )
    with quiet(), seeded(0), torch.no_grad():
        transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
        transformers.PreTrainedTokenizerFast(
            tokenizer_object=words,
            unk_token="[UNK]",
            pad_token="[PAD]",
            cls_token="[CLS]",
            sep_token="[SEP]",
            mask_token="[MASK]",
            model_max_length=64,
        ).save_pretrained(folder)
    return folder


def easy_task(n: int, seed: int = 0) -> tuple[tuple[tuple[str, ...]], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return n texts of 3 to 13 words, one of which decides the label."""
    rng = random.Random(seed)
    texts, labels = [], []
    for _ in range(n):
        label = rng.randrange(2)
        words = rng.choices(FILLER, k=rng.randint(2, 12))
        words.insert(rng.randrange(len(words)), rng.choice(WORDS[CLASSES[label]]))
        texts.append(" ".join(words))
        labels.append(label)
    return (tuple(texts),), np.array(labels)
