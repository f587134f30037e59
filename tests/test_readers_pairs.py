"""Preferred and other texts: strings, chats, prompts, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curatekit.errors import InputError
from curatekit.readers.pairs import read_pairs
from curatekit.readers.tables import read_source


def written(folder: Path, data: dict[str, Any]) -> Any:
    path = folder / "pairs.parquet"
    pl.DataFrame(data).write_parquet(path)
    return read_source(path)


def said(*contents: str) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in zip("uaua", contents, strict=False)]


def test_strings_with_and_without_prompt(tmp_path: Path) -> None:
    opened = written(tmp_path, {"chosen": ["a", "b"], "rejected": ["c", "d"], "question": ["p", "q"], "n": [1, 2]})
    assert read_pairs(opened).inputs == (("a", "b"), ("c", "d"))
    assert read_pairs(opened, prompt="question").inputs == (("a", "b"), ("c", "d"), ("p", "q"))
    assert read_pairs(opened, "rejected", "chosen").inputs[0] == ("c", "d")
    opened = written(tmp_path, {"chosen": ["a"], "rejected": ["c"], "prompt": ["p"]})
    assert len(read_pairs(opened).inputs) == 3


def test_chats_are_taken_apart_where_they_part(tmp_path: Path) -> None:
    data = {
        "chosen": [said("hello", "hi"), said("how?", "so", "and then?", "thus"), said("same", "same")],
        "rejected": [said("hello", "go away"), said("how?", "so", "and then?", "no"), said("same", "same")],
    }
    dataset = read_pairs(written(tmp_path, data))
    assert dataset.inputs == (
        ("hi", "thus", "same"),
        ("go away", "no", "same"),
        ("hello", "how?\nso\nand then?", "same"),
    )
    assert dataset.frame.columns == ["chosen", "rejected"]
    assert dataset.frame["chosen"].to_list() == data["chosen"]


def test_what_is_refused(tmp_path: Path) -> None:
    opened = written(tmp_path, {"chosen": ["a"], "rejected": [""], "numbers": [[1]], "more": [[2]]})
    for arguments, says in [
        (("chosen", "other"), "no column 'other' .--rejected."),
        (("chosen", "chosen"), "the same column"),
        (("chosen", "rejected"), "'rejected' is empty"),
        (("chosen", "numbers"), "not text"),
        (("numbers", "more"), "no list of messages"),
    ]:
        with pytest.raises(InputError, match=says):
            read_pairs(opened, *arguments)
    assert len(read_pairs(written(tmp_path, {"chosen": ["a", "b"], "rejected": ["", "c"]}), on_bad_row="skip")) == 1
