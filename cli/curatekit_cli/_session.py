"""What every command runs inside: progress and notes on stderr, one sentence for each foreseen fault, the manifest."""

from __future__ import annotations

import errno
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit.errors import CurateError, NoSpace
from curatekit.files import check_writable
from curatekit.reporting import reporting
from curatekit.run import Run, recorded
from curatekit_cli._options import DataOptions, EncoderOptions, PredictOptions
from curatekit_cli._print import shown

if TYPE_CHECKING:
    from curatekit.artifacts import Settings
    from curatekit.dataset import Dataset

INTERRUPTED = 130
ROWS_SET_ASIDE = 3


class Terminal:
    """A reporter that draws on stderr: a bar with rate and time left for steps over two seconds, notes as lines."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    @contextmanager
    def step(self, name: str, total: int, unit: str) -> Iterator[Callable[[int], object]]:
        from tqdm import tqdm

        # a log file gets a line every ten seconds instead of a bar that redraws itself
        interval = 0.2 if sys.stderr.isatty() else 10.0
        with tqdm(
            total=total, desc=name, unit=f" {unit}", delay=2, mininterval=interval, leave=False, dynamic_ncols=True
        ) as bar:
            yield bar.update

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            click.secho(f"note: {shown(text, 1000)}", err=True, dim=True)


@contextmanager
def session(*outputs: Path | None) -> Iterator[Run]:
    """Run a command's body: foreseen faults become one sentence and their exit code, others keep their traceback."""
    context = click.get_current_context()
    name = context.command.name or "curate"
    terminal = Terminal()
    try:
        for output in outputs:
            if output is not None:
                check_writable(output)
        with reporting(terminal), recorded(name, context.params) as run:
            run.notes = terminal.notes
            yield run
    except CurateError as error:
        click.echo(f"curate {name}: {shown(str(error), 2000)}", err=True)
        context.exit(error.exit_code)
    except KeyboardInterrupt:
        again = shlex.join(["curate", *sys.argv[1:]])
        click.echo(f"\ncurate {name}: interrupted; what was finished is kept. To go on: {again}", err=True)
        context.exit(INTERRUPTED)
    except MemoryError:
        click.echo(f"curate {name}: out of memory. Try --limit, or a machine with more.", err=True)
        context.exit(NoSpace.exit_code)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        click.echo(f"curate {name}: no space left on the disk. Free some and run the same command again.", err=True)
        context.exit(NoSpace.exit_code)
    if run.metrics.get("rows_set_aside"):
        context.exit(ROWS_SET_ASIDE)


def read(run: Run, source: str, options: DataOptions, output: Path | None = None, **how: Any) -> Dataset:
    """Return the dataset behind `source`, recorded as an input; rows set aside go to a file beside the output."""
    from curatekit.readers import read_dataset

    dataset = read_dataset(source, **{**options._asdict(), **how})
    run.input(source, dataset.sha256)
    if len(dataset.set_aside):
        from curatekit.reporting import note
        from curatekit.writers import write_table

        beside = output if output is not None else Path(Path(source).name)
        path = beside.with_name(f"{beside.name}.skipped.jsonl")
        write_table(dataset.set_aside, check_writable(path))
        run.output(path)
        run.metrics["rows_set_aside"] = run.metrics.get("rows_set_aside", 0) + len(dataset.set_aside)
        note(
            f"{len(dataset.set_aside)} of {len(dataset) + len(dataset.set_aside)} rows of {source} are set aside in {path}."
        )
    return dataset


def settings(encoder: EncoderOptions, predict: PredictOptions | None = None, **given: Any) -> Settings:
    """Return the library's settings from the shared options, and others by name."""
    from curatekit.artifacts import Settings

    return Settings(**encoder._asdict(), **(predict._asdict() if predict else {}), **given)
