"""A decoder that answers "what is n plus 1 ?", made in code: no download, a second to train."""

from __future__ import annotations

from typing import Any

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]


def word_tokenizer(words: list[str], special: list[str] | None = None) -> Any:
    """Return a tokenizer of whole words, with <pad>, <s>, </s>, <unk> and the `special` ones."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    names = [*_SPECIAL, *(special or []), *words]
    tokenizer = Tokenizer(models.WordLevel({name: code for code, name in enumerate(names)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        extra_special_tokens={name.strip("<|>"): name for name in special or []},
    )


def tiny_lm(seed: int = 0) -> tuple[Any, Any]:
    """Return (model, tokenizer): a Llama of 20,000 weights, too small to be of use and large enough to learn to count."""
    import torch
    import transformers

    tokenizer = word_tokenizer(["what", "is", "plus", "?", "and", "it", *WORDS])
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.08, pad_token_id=0, bos_token_id=1,
        eos_token_id=2,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.random.default_generator.manual_seed(seed)
        model = transformers.LlamaForCausalLM(config)
    return model, tokenizer


def counting_rows(tokenizer: Any, numbers: list[int], asides: int = 0) -> list[dict[str, Any]]:
    """Return one row a number: the question, longer by up to `asides` words, and the answer "it is n+1" with its labels."""
    rows = []
    for place, number in enumerate(numbers):
        aside = "and " * (place % (asides + 1))
        prompt = tokenizer(f"<s> {aside}what is {WORDS[number]} plus one ?", add_special_tokens=False)["input_ids"]
        answer = tokenizer(f"it is {WORDS[(number + 1) % 10]} </s>", add_special_tokens=False)["input_ids"]
        rows.append({"input_ids": prompt + answer, "labels": [-100] * len(prompt) + answer, "row": place})
    return rows
