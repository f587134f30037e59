"""What every command runs inside: progress and notes on stderr, one sentence for each foreseen fault, the manifest."""

from __future__ import annotations

import errno
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from curatekit.errors import CurateError, InputError, NoSpace
from curatekit.files import check_writable
from curatekit.reporting import reporting
from curatekit.run import Run, recorded
from curatekit_cli._checks import FAILED
from curatekit_cli._options import DataOptions, EncoderOptions, PredictOptions
from curatekit_cli._print import shown

if TYPE_CHECKING:
    import polars as pl

    from curatekit.artifacts import Settings
    from curatekit.dataset import Dataset

INTERRUPTED = 130
ROWS_SET_ASIDE = 3
PICTURES = (".svg", ".html")
_SET_ASIDE = "curatekit.set_aside"
_FAILED = "curatekit.failed"


class RowsOfAFile(Protocol):
    """What every reader returns."""

    @property
    def sha256(self) -> str: ...

    @property
    def set_aside(self) -> pl.DataFrame: ...

    def __len__(self) -> int: ...


Read = TypeVar("Read", bound=RowsOfAFile)


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
def session(
    output: Path | None = None,
    *,
    also: Sequence[str] = (),
    folder: bool = False,
    tables: Sequence[Path | None] = (),
    plot: Path | None = None,
    keeps: bool = True,
) -> Iterator[Run]:
    """Run a command's body: foreseen faults become one sentence and their exit code, others keep their traceback.

    output: what it is going to write, checked before any work: a table, a file with a suffix in `also`, or a folder.
    tables, plot: further tables, and a picture (.svg or .html), None where not asked for. keeps: False where nothing is to be written.
    """
    context = click.get_current_context()
    # below the root: "pvi compare" for a command of a group
    name = context.command_path.removeprefix(context.find_root().command_path).strip() or str(context.command.name)
    terminal = Terminal()
    try:
        if output is not None:
            _check_output(output, also, folder)
        for table in tables:
            if table is not None:
                _check_output(table, (), False)
        if plot is not None:
            _check_picture(plot)
        planned = [path for path in (output, *tables, plot) if path is not None]
        _check_different(planned)
        with reporting(terminal), recorded(name, context.params, planned) as run:
            run.notes = terminal.notes
            context.meta[_SET_ASIDE] = []
            yield run
            aside = _write_set_aside(run, context.meta[_SET_ASIDE], output, keeps)
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
    if context.meta.get(_FAILED):
        context.exit(FAILED)
    if aside:
        context.exit(ROWS_SET_ASIDE)


def fails() -> None:
    """Let the command end with FAILED, also where rows are set aside: what it tried does not hold."""
    click.get_current_context().meta[_FAILED] = True


def _check_output(output: Path, also: Sequence[str], folder: bool) -> None:
    if folder:
        check_writable(output.resolve().parent / "file")
        return
    check_writable(output)
    if output.suffix not in also:
        from curatekit.writers import check_format

        check_format(output)


def _check_picture(path: Path) -> None:
    check_writable(path)
    if path.suffix.lower() not in PICTURES:
        raise InputError(f"{path}: a picture is {' or '.join(PICTURES)}, told by the suffix. Name it such as plot.html")


def _check_different(planned: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for path in planned:
        if path.resolve() in seen:
            raise InputError(f"{path} is named for two outputs. Give each a file of its own.")
        seen.add(path.resolve())


def read(run: Run, source: str, options: DataOptions, **how: Any) -> Dataset:
    """Return the dataset behind `source`, recorded as an input; rows set aside are written when the command ends.

    opened: what `read_source` made of it, where that was done before.
    """
    from curatekit.readers import read_dataset

    return took(run, source, read_dataset(how.pop("opened", source), **{**options._asdict(), **how}))


def took(run: Run, source: str, dataset: Read) -> Read:
    """Return what was read from `source`, a dataset or anything like one, recorded as `read` does."""
    run.input(source, dataset.sha256)
    if len(dataset.set_aside):
        click.get_current_context().meta[_SET_ASIDE].append((source, dataset))
    return dataset


def _write_set_aside(run: Run, found: list[tuple[str, RowsOfAFile]], output: Path | None, keeps: bool) -> int:
    """Write the rows that could not be used, of all sources, into one file beside the output; return how many."""
    if not found:
        return 0
    import polars as pl

    from curatekit.reporting import note
    from curatekit.writers import write_table

    if not keeps:
        for source, dataset in found:
            note(f"{_share(dataset)} rows of {source} are set aside, and written nowhere.")
        return sum(len(dataset.set_aside) for _, dataset in found)
    beside = output.resolve() if output is not None else Path(Path(found[0][0]).name)
    path = check_writable(beside.with_name(f"{beside.name}.skipped.jsonl"))
    if output is not None:
        path = output.parent / path.name
    rows = pl.concat([dataset.set_aside.select(pl.lit(source).alias("source"), pl.all()) for source, dataset in found])
    write_table(rows, path)
    run.output(path)
    run.metrics["rows_set_aside"] = len(rows)
    for source, dataset in found:
        note(f"{_share(dataset)} rows of {source} are set aside in {path}.")
    return len(rows)


def _share(dataset: RowsOfAFile) -> str:
    aside = len(dataset.set_aside)
    return f"{aside} of {len(dataset) + aside}"


def settings(encoder: EncoderOptions, predict: PredictOptions | None = None, **given: Any) -> Settings:
    """Return the library's settings from the shared options, and others by name."""
    from curatekit.artifacts import Settings

    return Settings(**encoder._asdict(), **(predict.settings() if predict else {}), **given)
