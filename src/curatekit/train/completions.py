"""Prompts and completions as the tokens that a language model learns from: the loss is on the completion alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from curatekit.arrays import Ints
from curatekit.errors import InputError
from curatekit.readers.conversations import Conversations, Example
from curatekit.reporting import note

_IGNORED = -100  # what torch's cross-entropy leaves out


class Completions(NamedTuple):
    """n completions in tokens, of those that fit.

    rows      n of {"input_ids", "labels", "row"}: labels are the ids of the completion and of its end, -100 on the prompt; row counts
              from 0
    kept      (n,) which example each row is
    too_long  the examples that are longer than the model may read, which are left out whole
    """

    rows: list[dict[str, Any]]
    kept: Ints
    too_long: Ints


def encode_completions(
    tokenizer: Any, conversations: Conversations, max_length: int, *, answer_room: int = 0, positions: int | None = None
) -> Completions:
    """Return the completions as tokens; those longer than `max_length` are counted aloud and left out, never cut.

    A chat is written by the tokenizer's chat template; plain text, and a turn that the template does not end, are followed by the
    end-of-sequence token. Prompt and completion
    are tokenised together, as `SFTTrainer` does, except where their border would lie within a token: there each is tokenised by
    itself, as the prompt will be when an answer is generated. answer_room: tokens that a generated answer may take, which together
    with the prompt must fit into the model's `positions`. Raises InputError for a chat without a template, a template that writes
    the prompt otherwise when an answer follows, a tokenizer without an end, and when no completion is short enough.
    """
    written = _written(tokenizer, conversations)
    prompts = [prompt for prompt, _ in written]
    apart = _is_chat(tokenizer, conversations.examples[0])
    prompt_ids = _tokens(tokenizer, prompts, special=not apart)
    whole_ids = _tokens(tokenizer, [prompt + answer for prompt, answer in written], special=not apart)
    rows: list[dict[str, Any]] = []
    kept: list[int] = []
    too_long: list[int] = []
    split = 0
    for number, ((_, answer), before, whole) in enumerate(zip(written, prompt_ids, whole_ids, strict=True)):
        if whole[: len(before)] != before:
            split += 1
            whole = before + _tokens(tokenizer, [answer], special=False)[0]
        if len(whole) > max_length or (positions is not None and len(before) + answer_room > positions):
            too_long.append(number)
            continue
        labels = [_IGNORED] * len(before) + whole[len(before) :]
        rows.append({"input_ids": whole, "labels": labels, "row": len(rows)})
        kept.append(number)
    _say(conversations, max_length, too_long, split)
    return Completions(rows, np.array(kept, np.int64), np.array(too_long, np.int64))


def answer_end(tokenizer: Any, rows: Sequence[dict[str, Any]]) -> int:
    """Return the token that ends the completions: the last of the first row that is no white space, else the end of sequence.

    A chat template ends a turn by a token of its own, such as <|im_end|>, which a base need not know as an end; line breaks may follow.
    """
    ends = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    learnt = [token for token in rows[0]["labels"] if token != _IGNORED and tokenizer.decode([token]).strip()]
    return int(learnt[-1] if learnt and learnt[-1] in ends else tokenizer.eos_token_id)


def use_chat_template(tokenizer: Any, file: Path) -> None:
    """Give the tokenizer the chat template in a file, Jinja as transformers reads it."""
    try:
        tokenizer.chat_template = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The chat template {file} cannot be read: {error}. Give a file of Jinja.") from error


def _is_chat(tokenizer: Any, example: Example) -> bool:
    """Return whether the chat template writes this example; all of a file are alike."""
    return example.messages is not None and (bool(tokenizer.chat_template) or example.text is None)


def _written(tokenizer: Any, conversations: Conversations) -> list[tuple[str, str]]:
    """Return (what the model is given, what it shall answer, its end included) as text."""
    if not tokenizer.eos_token:
        raise InputError(
            "The base's tokenizer has no end-of-sequence token, so it cannot learn to stop. Choose another base."
        )
    if _is_chat(tokenizer, conversations.examples[0]):
        if not tokenizer.chat_template:
            raise InputError(
                f"{conversations.path} holds chats, and the base's tokenizer has no chat template. Give one with "
                "--chat-template FILE, choose a base that has one, or give columns prompt and completion."
            )
        note("Prompts are written by the tokenizer's chat template.")
        written = [_by_template(tokenizer, conversations, number) for number in range(len(conversations))]
        return _ended(tokenizer, conversations, written)
    if conversations.format == "alpaca":
        note("The base has no chat template: prompts are written as Stanford Alpaca writes them.")
    end = tokenizer.eos_token
    return [
        (str(example.text), example.completion if example.completion.endswith(end) else example.completion + end)
        for example in conversations.examples
    ]


def _by_template(tokenizer: Any, conversations: Conversations, number: int) -> tuple[str, str]:
    from jinja2 import TemplateError

    example = conversations.examples[number]
    before = [dict(message) for message in example.messages or ()]
    where = f"{conversations.path}, {conversations.unit} {conversations.numbers[number]}"
    try:
        prompt = tokenizer.apply_chat_template(before, tokenize=False, add_generation_prompt=True)
        answer = {"role": "assistant", "content": example.completion}
        whole = tokenizer.apply_chat_template([*before, answer], tokenize=False)
    except TemplateError as error:
        raise InputError(f"{where}: the chat template refuses these messages: {error}. Correct them.") from error
    if not whole.startswith(prompt):
        raise InputError(
            f"{where}: the chat template writes the prompt otherwise when the answer follows, so the model would learn from another "
            "prompt than it is given. Give a template that does not with --chat-template FILE."
        )
    return prompt, whole[len(prompt) :]


def _ended(tokenizer: Any, conversations: Conversations, written: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the texts with the end of sequence behind each completion that the template does not end, which is told.

    The end is a special token, or another added one that is not the completion's own, as </think> might be.
    """
    added = tokenizer.added_tokens_decoder.values()  # all_special_tokens forgets some once they are saved
    special = {*tokenizer.all_special_tokens, *(token.content for token in added if token.special)}
    other = {token.content for token in added} - special
    ended, n = [], 0
    for example, (prompt, answer) in zip(conversations.examples, written, strict=True):
        last, own = answer.rstrip(), example.completion.rstrip()
        closed = last.endswith(tuple(special)) or any(last.endswith(end) and not own.endswith(end) for end in other)
        n += not closed
        ended.append((prompt, answer if closed else answer + tokenizer.eos_token))
    if n:
        note(
            f"The chat template writes no end behind {n} of {len(written)} completions of {conversations.path}: {tokenizer.eos_token} is "
            "put there, so that the model learns to stop."
        )
    return ended


def _tokens(tokenizer: Any, texts: list[str], *, special: bool) -> list[list[int]]:
    """Return the ids of each text; `special` lets the tokenizer put its own before it, such as <s>, never behind it."""
    found: list[list[int]] = tokenizer(texts, add_special_tokens=special)["input_ids"]
    # of a text, since of none the end could be the one that some tokenizers begin with
    bare, given = (tokenizer("a", add_special_tokens=own)["input_ids"] for own in (False, True))
    if special and given[-len(bare) - 1 :] == [*bare, tokenizer.eos_token_id]:
        found = [ids[:-1] for ids in found]  # the text has its end where it shall have one
    return found


def _say(conversations: Conversations, max_length: int, too_long: Sequence[int], split: int) -> None:
    n, path = len(conversations), conversations.path
    if len(too_long) == n:
        raise InputError(
            f"All {n} completions of {path} are longer than {max_length} tokens. Raise --max-length, or shorten them."
        )
    if too_long:
        at = f"{conversations.unit} {conversations.numbers[too_long[0]]}"
        note(
            f"{len(too_long)} of {n} completions of {path} are left out, the first of {at}: with their prompts they are longer than "
            f"{max_length} tokens, and nothing is cut."
        )
    if split:
        note(
            f"In {split} of {n} rows of {path} the prompt's last token would have merged with the completion's first; they are "
            "tokenised apart, as they will be when answers are generated."
        )
