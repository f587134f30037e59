"""Write docs/reference.md: the help of every command, as click prints it, and the tables of methods."""

from __future__ import annotations

from pathlib import Path

import click

from curatekit import registry
from curatekit_cli.main import main

REFERENCE = Path(__file__).parent / "reference.md"


def reference() -> str:
    """Return the text of the reference."""
    parts = [
        "# Command reference\n\nMade by `make docs` from the commands themselves; a test checks that it is current.\n"
    ]
    for name, command in commands().items():
        parts += [f"\n## curate {name}\n", "\n```text\n", _help(command, name), "\n```\n"]
    parts.append("\n# Tables of methods\n")
    for table, entries in registry.TABLES.items():
        parts.append(f"\n## {table}\n\n| name | what it is |\n|---|---|\n")
        parts += [f"| `{name}` | {entry.summary} |\n" for name, entry in entries.items()]
    return "".join(parts)


def commands() -> dict[str, click.Command]:
    """Return every command by its name, those of groups too: "pvi", "pvi compare"."""
    found: dict[str, click.Command] = {}
    for name in sorted(main.commands):
        command = main.commands[name]
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": command.commands[inner] for inner in sorted(command.commands)}
    return found


def _help(command: click.Command, name: str) -> str:
    context = click.Context(command, info_name=f"curate {name}", terminal_width=110, max_content_width=110)
    return command.get_help(context)


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
