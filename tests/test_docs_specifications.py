"""Every specification file on the page docs/specifications.md is read, and does what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from curatekit import registry
from curatekit.specs import Specification, read_specifications

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "specifications.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
CASES = """text,label,kind,language,role
It was not good at all.,complaint,negated praise,en,test
This was not helpful either.,complaint,negated praise,en,example
Wie schade.,complaint,negated praise,de,test
Not bad at all!,praise,denied fault,en,example
There was no fault in it.,praise,denied fault,en,test
"""


@pytest.fixture
def read(tmp_path: Path) -> dict[str, Specification]:
    """The specifications of all blocks by their ids."""
    (tmp_path / "cases.csv").write_text(CASES, encoding="utf-8")
    found: dict[str, Specification] = {}
    for number, block in enumerate(BLOCKS):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block, encoding="utf-8")
        weak = "sarcasm" in block
        found |= {one.id: one for one in read_specifications(path, tests=not weak)}
    return found


def test_the_files_on_the_page_are_read(read: dict[str, Specification]) -> None:
    assert list(read) == ["negated-praise", "love", "not-love", "denied fault", "negated praise", "sarcasm"]
    assert read["negated-praise"].tests == ("It was not good at all.", "Wie schade.")
    assert len(read["love"].examples) + len(read["love"].tests or ()) == 2 * 2 * 6
    assert len(read["not-love"].examples) + len(read["not-love"].tests or ()) == 3 * 6
    assert read["denied fault"].examples == ("Not bad at all!",)
    assert [id for id, one in read.items() if one.weak] == ["sarcasm"]


def test_a_word_of_a_shared_list_is_on_one_side(read: dict[str, Specification]) -> None:
    for group in ("nurses", "pilots", "bakers", "teachers", "farmers", "monks"):
        sides = {
            side
            for id in ("love", "not-love")
            for side in ("examples", "tests")
            for text in getattr(read[id], side)
            if group in text
        }
        assert len(sides) == 1, group


def test_the_methods_that_leave_a_statement_out_are_those_that_ask_for_examples() -> None:
    from inspect import signature

    ask = {
        name
        for name in registry.names("select")
        if {"example_features", "example_texts"} & set(signature(registry.load("select", name)).parameters)
    }
    page = PAGE.replace("\n", " ")
    for words, inside in ((r"that retrieve \((.*?)\)", False), (r"learn from examples \((.*?)\)", True)):
        named = re.search(words, page)
        assert named is not None
        methods = set(re.findall(r"`([\w-]+)`", named[1]))
        assert methods
        assert all((name in ask) == inside for name in methods)


def test_the_commands_on_the_page_are_there() -> None:
    from curatekit_cli.main import main

    spec = main.commands["spec"]
    for name in re.findall(r"`curate spec (\w+)", PAGE):
        assert name in spec.commands  # type: ignore[attr-defined]
