"""A group that is a command itself."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from curatekit_cli._group import CommandWithCommands


@click.command("measure")
@click.argument("data")
@click.option("--times", type=int, default=1)
def measure(data: str, times: int) -> None:
    """Measure DATA."""
    click.echo(f"{click.get_current_context().command_path}: {data} x {times}")


@click.command("compare")
@click.argument("files", nargs=-1)
@click.option("--times", type=int, default=1)
def compare(files: tuple[str, ...], times: int) -> None:
    """Compare FILES."""
    click.echo(f"{click.get_current_context().command_path}: {','.join(files)} x {times}")


@click.group
def root() -> None:
    pass


root.add_command(CommandWithCommands(measure, [compare]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("measure a.csv", "root measure: a.csv x 1"),
        ("measure a.csv --times 2", "root measure: a.csv x 2"),
        ("measure --times 2 a.csv", "root measure: a.csv x 2"),
        ("measure compare a b --times 3", "root measure compare: a,b x 3"),
        ("measure --times 2 compare", "root measure: compare x 2"),
    ],
)
def test_what_runs(arguments: str, said: str) -> None:
    ran = CliRunner().invoke(root, arguments.split())
    assert ran.exit_code == 0, ran.output
    assert ran.output.strip() == said


@pytest.mark.parametrize(
    "arguments", ["measure", "measure a.csv more", "measure a.csv --tmies 2", "measure compare --no"]
)
def test_wrong_usage_is_refused(arguments: str) -> None:
    ran = CliRunner().invoke(root, arguments.split())
    assert ran.exit_code == 2
    assert "Usage: root measure" in ran.output


def test_help_shows_the_options_and_the_commands() -> None:
    said = CliRunner().invoke(root, ["measure", "--help"]).output
    assert "Usage: root measure [OPTIONS] DATA" in said
    assert "--times" in said
    assert "compare" in said
    assert "Usage: root measure compare" in CliRunner().invoke(root, ["measure", "compare", "--help"]).output
