"""A group of commands that is a command itself: `curate pvi DATA` beside `curate pvi compare A B`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

_OWN = "curatekit.own"


class CommandWithCommands(click.Group):
    """Runs `own` unless the first argument names one of `commands`."""

    def __init__(self, own: click.Command, commands: Sequence[click.Command]) -> None:
        super().__init__(own.name, {str(command.name): command for command in commands})
        self.own = own
        self.help, self.params = own.help, own.params

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = ctx.meta[_OWN] = not args or args[0] not in self.commands
        if not own:
            return super().parse_args(ctx, args)
        # a group lets everything behind its first argument to its commands
        ctx.allow_interspersed_args, ctx.allow_extra_args = True, False
        return click.Command.parse_args(self, ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return super().get_params(ctx) if ctx.meta.get(_OWN, True) else [self.get_help_option(ctx)]  # type: ignore[list-item]

    def invoke(self, ctx: click.Context) -> Any:
        return self.own.invoke(ctx) if ctx.meta[_OWN] else super().invoke(ctx)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return click.Command.collect_usage_pieces(self, ctx)
