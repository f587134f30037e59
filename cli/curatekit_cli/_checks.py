"""What `curate check` and `curate spec check` share: when two texts are nearly the same, when they fail, the first problems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from curatekit_cli._print import shown, table

if TYPE_CHECKING:
    import polars as pl

FAILED = 6
FIRST = 3


class Share(click.ParamType[float]):
    """A share from 0 to 1, written so or as a percentage."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            self.fail(f"{value!r} is no share. Give it such as 2% or 0.02.", param, ctx)
        return share


threshold_option: Callable[[Any], Any] = click.option(
    "--threshold",
    type=click.FloatRange(-1, 1),
    default=0.95,
    show_default=True,
    help="Two texts are nearly the same from this cosine of their embeddings on: an absolute number.",
)


def fail_over_option(things: str, example: str) -> Callable[[Any], Any]:
    """Return the option --fail-over, a share of `things`."""
    return click.option(
        "--fail-over",
        type=Share(),
        metavar="SHARE",
        help=f"Exit with {FAILED} where more than this share of the {things} has a problem, such as {example}.",
    )


def first_problems(problems: pl.DataFrame, check: str, columns: Sequence[str]) -> list[str]:
    """Return a table of the first problems of a check, with those of the columns that say something."""
    import polars as pl

    few = problems.filter(pl.col("check") == check).head(FIRST)
    wanted = [name for name in columns if few[name].null_count() < len(few)]
    cells = (
        [shown(cell, 40) if isinstance(cell, str) else cell for cell in row] for row in few.select(wanted).iter_rows()
    )
    return ["  " + line for line in table(wanted, cells)]
