"""Files of prompts and completions: which format they are in, what is read of them, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curatekit.errors import InputError
from curatekit.readers.conversations import read_conversations
from curatekit.reporting import reporting
from tests.notes import Notes


def written(folder: Path, *rows: Any, name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def chat(*contents: str, system: str | None = None) -> list[dict[str, str]]:
    roles = ("user", "assistant") * len(contents)
    first = [] if system is None else [{"role": "system", "content": system}]
    return first + [{"role": role, "content": content} for role, content in zip(roles, contents, strict=False)]


def test_alpaca_with_and_without_input(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"instruction": "Add.", "input": "1 and 2", "output": "3", "source": "x"},
        {"instruction": "Greet.", "input": "", "output": "Hello"},
    )
    with reporting(notes := Notes()):
        found = read_conversations(path)
    assert found.format == "alpaca"
    assert found.examples[0].messages == ({"role": "user", "content": "Add.\n\n1 and 2"},)
    assert str(found.examples[0].text).endswith("### Instruction:\nAdd.\n\n### Input:\n1 and 2\n\n### Response:\n")
    assert "### Input" not in str(found.examples[1].text)
    assert [example.completion for example in found.examples] == ["3", "Hello"]
    assert found.numbers.tolist() == [1, 2]
    assert notes.lines == [
        f"{path} is read as alpaca: instruction and input are the prompt, output is the completion; 2 completions in 2 rows. "
        "Not read: source."
    ]


def test_chats_end_with_the_completion(tmp_path: Path) -> None:
    path = written(tmp_path, {"messages": chat("hi", "hello", "how?", "well", system="Be brief.")})
    found = read_conversations(path)
    assert found.format == "messages"
    (example,) = found.examples
    assert example.messages == tuple(chat("hi", "hello", "how?", system="Be brief."))
    assert (example.text, example.completion) == (None, "well")
    turns = read_conversations(path, every_turn=True)
    assert [example.completion for example in turns.examples] == ["hello", "well"]
    assert turns.numbers.tolist() == [1, 1]
    assert turns.examples[0].messages == tuple(chat("hi", system="Be brief."))


def test_sharegpt_is_the_same_chat(tmp_path: Path) -> None:
    talk = [{"from": "system", "value": "s"}, {"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]
    found = read_conversations(written(tmp_path, {"conversations": talk}))
    assert found.examples[0].messages == tuple(chat("hi", system="s"))
    assert found.examples[0].completion == "hello"


def test_prompt_and_completion_as_text_and_as_chats(tmp_path: Path) -> None:
    found = read_conversations(written(tmp_path, {"prompt": "2 + 2 =", "completion": " 4"}))
    assert found.examples == ((None, "2 + 2 =", " 4"),)
    path = written(tmp_path, {"prompt": chat("hi"), "completion": [{"role": "assistant", "content": "hello"}]})
    assert read_conversations(path).examples[0].messages == tuple(chat("hi"))
    pl.DataFrame({"prompt": ["1"], "completion": [2]}).write_csv(tmp_path / "rows.csv")
    assert read_conversations(tmp_path / "rows.csv").examples == ((None, "1", "2"),)


def test_messages_in_a_csv_are_json(tmp_path: Path) -> None:
    pl.DataFrame({"messages": [json.dumps(chat("hi", "hello"))]}).write_csv(tmp_path / "rows.csv")
    assert read_conversations(tmp_path / "rows.csv").examples[0].completion == "hello"


def test_prompt_and_completion_in_a_csv_are_json_too(tmp_path: Path) -> None:
    answer = json.dumps([{"role": "assistant", "content": "hello"}])
    pl.DataFrame(
        {"prompt": [json.dumps(chat("hi", system="s")), "[1, 2]", "[{}]"], "completion": [answer, "[3]", "x"]}
    ).write_csv(tmp_path / "rows.csv")
    found = read_conversations(tmp_path / "rows.csv").examples
    assert found[0] == (tuple(chat("hi", system="s")), None, "hello")
    assert found[1:] == ((None, "[1, 2]", "[3]"), (None, "[{}]", "x")), "a list that is no chat is text"


@pytest.mark.parametrize(
    ("prompt", "completion", "reason"),
    [
        (chat("hi"), chat("and?", "hello"), "column 'completion' holds messages of user, assistant, and a completion is one of the assistant"),
        (chat("hi"), chat("hello"), "column 'completion' holds messages of user, and a completion is one of the assistant"),
        (chat("hi"), "hello", "column 'completion' is no list of messages"),
        ("hi", chat("hi", "hello")[1:], "column 'prompt' is no list of messages"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_completion_is_one_turn_of_the_assistant(
    tmp_path: Path, prompt: Any, completion: Any, reason: str, kind: str
) -> None:
    row = {"prompt": prompt, "completion": completion}
    path = written(tmp_path, row)
    if kind == "csv":
        path = tmp_path / "rows.csv"
        text = {name: [cell if isinstance(cell, str) else json.dumps(cell)] for name, cell in row.items()}
        pl.DataFrame(text).write_csv(path)
    with pytest.raises(InputError) as caught:
        read_conversations(path)
    assert f"{path}: 1 of 1 rows cannot be used: line {1 if kind == 'jsonl' else 2}: {reason}" in str(caught.value)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"instruction": "Add.", "output": " "}, "column 'output' is empty"),
        ({"instruction": None, "output": "3"}, "column 'instruction' is empty"),
        ({"prompt": "", "completion": "x"}, "column 'prompt' is empty"),
        ({"prompt": "x", "completion": "\n"}, "column 'completion' is empty"),
        ({"messages": chat("hi")}, "no message has the role 'assistant', so there is nothing to learn"),
        (
            {"messages": chat("hi", "hello", "and?")},
            "the last message has the role 'user', and no assistant answers it",
        ),
        ({"messages": chat("hi", " ")}, "message 2, of the assistant, is empty"),
        ({"messages": chat("hi", "hello")[1:]}, "the assistant speaks first"),
        ({"messages": []}, "column 'messages' is empty"),
        ({"messages": "hello"}, "column 'messages' is no list of messages"),
        ({"messages": [{"role": "user"}]}, "message 1 has no 'role' and 'content' that are text"),
        (
            {"messages": [*chat("hi"), {"role": "assistant", "content": "a", "tool_calls": ["f"]}]},
            "message 2 has 'tool_calls' beside 'role' and 'content', which would be lost",
        ),
        ({"conversations": [{"from": "bot", "value": "x"}]}, "message 1 is from 'bot', which is none of system, human"),
    ],
)
def test_a_row_that_teaches_nothing_is_named(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    good = {
        "output": {"instruction": "Greet.", "output": "Hello"},
        "completion": {"prompt": "a", "completion": "b"},
        "messages": {"messages": chat("hi", "hello")},
        "conversations": {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
    }[list(row)[-1]]
    path = written(tmp_path, good, row, good)
    with pytest.raises(InputError) as caught:
        read_conversations(path)
    assert f"{path}: 1 of 3 rows cannot be used: line 2: {reason}" in str(caught.value)
    assert "--on-bad-row skip" in str(caught.value)
    with reporting(notes := Notes()):
        found = read_conversations(path, on_bad_row="skip")
    assert found.numbers.tolist() == [1, 3]
    assert found.set_aside.rows()[0][0] == 2
    assert any("1 of 3 rows are set aside" in line for line in notes.lines)
    assert len(read_conversations(path, limit=1)) == 1, "what comes after the limit is not read"


def test_columns_of_no_format_and_of_two(tmp_path: Path) -> None:
    path = written(tmp_path, {"prompt": "a", "completon": "b"})
    with pytest.raises(
        InputError, match=r"has the columns prompt, completon, and no format.*Did you mean 'completion'"
    ):
        read_conversations(path)
    path = written(tmp_path, {"prompt": "a", "completion": "b", "messages": chat("x", "y")})
    with pytest.raises(InputError, match=r"columns of messages and of prompt-completion. Choose with --format"):
        read_conversations(path)
    assert read_conversations(path, "messages").examples[0].completion == "y"
    with pytest.raises(InputError, match="no column 'instruction', which the format alpaca needs"):
        read_conversations(path, "alpaca")
    path.write_text("not json\n")
    with pytest.raises(InputError):
        read_conversations(path)
