"""The docs run: README's examples are executed, and the command reference is current and complete."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from curatekit import registry
from curatekit_cli.main import main
from docs.make_reference import commands

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder with the sample in it, where a reader of README would stand."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "data").symlink_to(ROOT / "data")
    return folder


def test_the_commands_in_the_readme_run(folder: Path, encoder: object) -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert {shlex.split(line)[1] for line in commands} == set(main.commands), "README shows every command"
    curate = Path(sys.executable).parent / "curate"
    for line in commands:
        words, _, given = line.partition(" < ")
        answers = (folder / given).read_text(encoding="utf-8") if given else ""
        ran = subprocess.run(
            [curate, *shlex.split(words)[1:]], cwd=folder, input=answers, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{line}\n{ran.stdout}\n{ran.stderr}"
        assert ran.stdout, line


def test_the_python_in_the_readme_runs(folder: Path, encoder: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), {})


def test_the_specification_in_the_readme_is_one(tmp_path: Path) -> None:
    from curatekit.specs import read_specifications

    (block,) = blocks("yaml")
    (tmp_path / "specs.yaml").write_text(block, encoding="utf-8")
    (specification,) = read_specifications(tmp_path / "specs.yaml")
    assert specification.label == "negative"
    assert len(specification.examples) == 2


def test_the_results_are_those_of_the_newest_files() -> None:
    from benchmarks.tables import results, with_results

    assert with_results(README) == README, "run `python -m benchmarks.tables`"
    assert results() == (ROOT / "docs" / "results.md").read_text(encoding="utf-8"), "run `python -m benchmarks.tables`"


def test_the_reference_is_current() -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    code = "from docs.make_reference import reference; import sys; sys.stdout.write(reference())"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert made.stdout == (ROOT / "docs" / "reference.md").read_text(encoding="utf-8"), "run `make docs`"


def test_the_reference_has_every_command_option_and_method() -> None:
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    for name, command in commands().items():
        section = reference.split(f"## curate {name}\n")[1].split("\n## ")[0]
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert all(option in section for option in parameter.opts), (name, parameter.name)
    for table in registry.TABLES:
        assert all(f"| `{name}` |" in reference for name in registry.names(table))


def test_every_command_has_an_example_that_names_it() -> None:
    for name, command in commands().items():
        assert f"curate {name} " in (command.help or ""), f"the help of {name} shows no example"


def test_every_method_in_a_table_can_be_loaded() -> None:
    for table in registry.TABLES:
        for name in registry.names(table):
            assert callable(registry.load(table, name))
