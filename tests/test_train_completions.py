"""Prompts and completions in tokens: the loss is on the completion alone, token by token, and as TRL would have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curatekit.errors import InputError
from curatekit.readers.conversations import Conversations, Example
from curatekit.reporting import reporting
from curatekit.train.completions import answer_end, encode_completions
from tests.notes import Notes
from tests.tiny_lm import word_tokenizer

CHATML = (
    "{% for message in messages %}<|im_start|> {{ message['role'] }} {{ message['content'] }} <|im_end|> {% endfor %}"
    "{% if add_generation_prompt %}<|im_start|> assistant {% endif %}"
)
WORDS = ["user", "assistant", "system", "add", "one", "two", "three", "and", "###", "Response:", "Instruction:"]


def conversations(*examples: Example, format: str = "messages") -> Conversations:
    return Conversations(format, examples, np.arange(1, len(examples) + 1), "line", "rows.jsonl")


def user(*contents: str) -> tuple[dict[str, str], ...]:
    return tuple(
        {"role": role, "content": text} for role, text in zip(("user", "assistant") * 3, contents, strict=False)
    )


def chat_tokenizer() -> Any:
    tokenizer = word_tokenizer(WORDS, ["<|im_start|>", "<|im_end|>"])
    tokenizer.chat_template = CHATML
    return tokenizer


def masked(tokenizer: Any, row: dict[str, Any]) -> str:
    """The row's words, those that are not learnt in brackets."""
    words = tokenizer.convert_ids_to_tokens(row["input_ids"])
    return " ".join(word if label != -100 else f"[{word}]" for word, label in zip(words, row["labels"], strict=True))


def test_a_chat_is_learnt_from_its_last_turn() -> None:
    tokenizer = chat_tokenizer()
    found = encode_completions(tokenizer, conversations(Example(user("add", "one", "add one"), None, "two three")), 64)
    assert masked(tokenizer, found.rows[0]) == (
        "[<|im_start|>] [user] [add] [<|im_end|>] [<|im_start|>] [assistant] [one] [<|im_end|>] [<|im_start|>] [user] [add] [one] [<|im_end|>] [<|im_start|>] [assistant] two three <|im_end|>"
    )
    assert all(label in (-100, token) for token, label in zip(*list(found.rows[0].values())[:2], strict=True))
    assert answer_end(tokenizer, found.rows) == tokenizer.convert_tokens_to_ids("<|im_end|>")


def test_plain_text_is_learnt_from_its_completion_and_its_end() -> None:
    tokenizer = word_tokenizer(WORDS)
    found = encode_completions(
        tokenizer, conversations(Example(None, "add one and", " two"), Example(None, "add", " one </s>"), format="prompt-completion"), 64
    )  # fmt: skip
    tokens = [masked(tokenizer, row) for row in found.rows]
    assert tokens == ["[add] [one] [and] two </s>", "[add] one </s>"]
    assert answer_end(tokenizer, found.rows) == tokenizer.eos_token_id


def test_a_template_that_ends_no_turn_has_the_end_put_behind_it() -> None:
    tokenizer = word_tokenizer(WORDS, ["<|im_start|>", "<|im_end|>"])
    tokenizer.chat_template = "{% for m in messages %}### {{ m['role'] }} {{ m['content'] }} {% endfor %}{% if add_generation_prompt %}### assistant {% endif %}"
    with reporting(notes := Notes()):
        found = encode_completions(tokenizer, conversations(Example(user("add"), None, "one")), 64)
    assert masked(tokenizer, found.rows[0]) == "[###] [user] [add] [###] [assistant] one </s>"
    assert answer_end(tokenizer, found.rows) == tokenizer.eos_token_id
    assert any(
        "writes no end behind 1 of 1 completions of rows.jsonl: </s> is put there" in line for line in notes.lines
    )


@pytest.mark.parametrize(("ends", "end"), [(True, "<|im_end|>"), (False, "</s>")])
def test_an_added_token_within_a_completion_does_not_end_it(ends: bool, end: str) -> None:
    """Neither </think>, as Qwen adds it, nor what is written behind the end."""
    tokenizer = bytes_tokenizer(template=LINES if ends else LINES.replace("<|im_end|>", ""))
    tokenizer.add_tokens(["</think>"])
    tokenizer.add_special_tokens({"extra_special_tokens": ["<|im_end|>"]})
    for answer in ("in the</think>city", "in the city</think>"):
        found = encode_completions(tokenizer, conversations(Example(user("the"), None, answer)), 64)
        assert answer_end(tokenizer, found.rows) == tokenizer.convert_tokens_to_ids(end)
        learnt = tokenizer.decode([token for token in found.rows[0]["labels"] if token != -100])
        assert learnt == (f"{answer}<|im_end|>\n" if ends else f"{answer}\n</s>")


def test_alpaca_by_the_template_or_as_stanford_writes_it() -> None:
    example = Example(user("add"), "### Instruction: add ### Response: ", "one")
    tokenizer = chat_tokenizer()
    with reporting(notes := Notes()):
        found = encode_completions(tokenizer, conversations(example, format="alpaca"), 64)
    assert masked(tokenizer, found.rows[0]) == (
        "[<|im_start|>] [user] [add] [<|im_end|>] [<|im_start|>] [assistant] one <|im_end|>"
    )
    assert notes.lines == ["Prompts are written by the tokenizer's chat template."]
    tokenizer = word_tokenizer(WORDS)
    found = encode_completions(tokenizer, conversations(example, format="alpaca"), 64)
    assert masked(tokenizer, found.rows[0]) == "[###] [Instruction:] [add] [###] [Response:] one </s>"


def bytes_tokenizer(*, template: str | None = None) -> Any:
    """A byte-level BPE with merges, so that tokens may cross the border between prompt and completion, and with a <s> in front."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())  # fmt: skip
    tokenizer.train_from_iterator(["the answer answers answering in the inner city of cities"] * 5, trainer)
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A $B", [("<s>", 1)])
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )
    fast.chat_template = template
    return fast


LINES = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def as_trl(tokenizer: Any, rows: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """What SFTTrainer makes of prompts and completions."""
    import transformers
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    settings = SFTConfig(
        str(folder), max_length=None, report_to="none", use_cpu=True, bf16=False, shuffle_dataset=False,
        gradient_checkpointing=False, dataset_num_proc=None,
    )  # fmt: skip
    trainer = SFTTrainer(
        transformers.LlamaForCausalLM(config),
        settings,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
    )
    return [{name: row[name] for name in ("input_ids", "labels")} for row in trainer.train_dataset]


@pytest.mark.parametrize("kind", ["chat", "text"])
def test_tokens_and_labels_are_those_of_trl(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from curatekit import hf

    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    tokenizer = bytes_tokenizer(template=LINES if kind == "chat" else None)
    texts = [("the city", " answers"), ("in\n", "the inner city"), ("of cities?", " é 猫")]
    if kind == "chat":
        ours = [Example(user("before", "said", prompt), None, answer) for prompt, answer in texts]
        theirs = [
            {
                "prompt": list(example.messages or ()),
                "completion": [{"role": "assistant", "content": example.completion}],
            }
            for example in ours
        ]
    else:
        ours = [Example(None, *pair) for pair in texts]
        theirs = [{"prompt": prompt, "completion": answer} for prompt, answer in texts]
    found = encode_completions(tokenizer, conversations(*ours), 256)
    with hf.quiet(), hf.seeded(0):
        expected = as_trl(tokenizer, theirs, tmp_path)
    assert [{name: row[name] for name in ("input_ids", "labels")} for row in found.rows] == expected


def test_a_border_within_a_token_is_kept_as_it_is_when_answering() -> None:
    tokenizer = bytes_tokenizer()
    prompt, completion = "the answ", "ering"
    assert len(tokenizer("the answering")["input_ids"]) < len(tokenizer(prompt)["input_ids"]) + 2, "they would merge"
    with reporting(notes := Notes()):
        found = encode_completions(tokenizer, conversations(Example(None, prompt, completion)), 64)
    (row,) = found.rows
    before = tokenizer(prompt)["input_ids"]
    assert row["input_ids"][: len(before)] == before, "what is learnt from is what is given when an answer is generated"
    assert row["labels"][: len(before)] == [-100] * len(before)
    assert tokenizer.decode(row["labels"][len(before) :]) == "ering</s>"
    assert "In 1 of 1 rows of rows.jsonl the prompt's last token would have merged" in notes.lines[0]


def test_a_tokenizer_that_ends_texts_by_itself_does_not_end_the_prompt() -> None:
    from tokenizers import processors

    tokenizer = bytes_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", "<s> $A </s> $B </s>", [("<s>", 1), ("</s>", 2)]
    )
    (row,) = encode_completions(tokenizer, conversations(Example(None, "the", " city")), 64).rows
    assert row["input_ids"].count(2) == 1
    assert row["input_ids"][-1] == 2


def test_a_tokenizer_that_begins_with_its_end_loses_no_token() -> None:
    """OPT's <s> is </s>."""
    from tokenizers import processors

    tokenizer = bytes_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing("</s> $A", "</s> $A $B", [("</s>", 2)])
    tokenizer.bos_token = "</s>"
    (row,) = encode_completions(tokenizer, conversations(Example(None, "the", " city")), 64).rows
    assert tokenizer.decode(row["input_ids"]) == "</s>the city</s>"
    assert tokenizer.decode([token for token in row["labels"] if token != -100]) == " city</s>"


def test_what_is_too_long_is_left_out_whole_and_counted() -> None:
    tokenizer = word_tokenizer(WORDS)
    examples = [Example(None, "add " * n, "one") for n in (1, 5, 2, 9)]
    with reporting(notes := Notes()):
        found = encode_completions(tokenizer, conversations(*examples), 7)
    assert [len(row["input_ids"]) for row in found.rows] == [3, 7, 4]
    assert (found.kept.tolist(), found.too_long.tolist()) == ([0, 1, 2], [3])
    assert [row["row"] for row in found.rows] == [0, 1, 2]
    assert "1 of 4 completions of rows.jsonl are left out, the first of line 4" in notes.lines[0]
    assert "longer than 7 tokens, and nothing is cut" in notes.lines[0]
    roomy = encode_completions(tokenizer, conversations(*examples), 20, answer_room=6, positions=8)
    assert roomy.kept.tolist() == [0, 2], "an answer of six tokens must fit behind the prompt"
    with pytest.raises(InputError, match=r"All 4 completions of rows\.jsonl are longer than 2 tokens"):
        encode_completions(tokenizer, conversations(*examples), 2)


def test_chats_need_a_template_that_writes_the_prompt_alike() -> None:
    chat = conversations(Example(user("add"), None, "one"))
    with pytest.raises(InputError, match=r"rows.jsonl holds chats.*no chat template.*--chat-template FILE"):
        encode_completions(word_tokenizer(WORDS), chat, 64)
    tokenizer = chat_tokenizer()
    tokenizer.chat_template = "{{ messages | length }} " + CHATML
    with pytest.raises(InputError, match=r"rows.jsonl, line 1: the chat template writes the prompt otherwise"):
        encode_completions(tokenizer, chat, 64)
    tokenizer.chat_template = "{{ raise_exception('roles must alternate') }}"
    with pytest.raises(InputError, match=r"line 1: the chat template refuses these messages: roles must alternate"):
        encode_completions(tokenizer, chat, 64)
    tokenizer = word_tokenizer(WORDS)
    tokenizer.eos_token = None
    with pytest.raises(InputError, match="no end-of-sequence token"):
        encode_completions(tokenizer, conversations(Example(None, "add", "one")), 64)
