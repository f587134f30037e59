"""curate review"""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from curatekit_cli._options import json_option
from curatekit_cli._print import following, result
from curatekit_cli._session import session

if TYPE_CHECKING:
    from curatekit.review.decisions import Decisions
    from curatekit.review.desk import Desk
    from curatekit.review.queue import Queue
    from curatekit.run import Run

DRAWN = 200


@click.command("review")
@click.argument("issues", type=click.Path(path_type=Path))
@click.option("--data", metavar="DATA", help="Show neighbours from this file [default: where ISSUES were found].")
@click.option(
    "--reviewer", metavar="NAME", help="Decide under this name; several people may decide [default: your login name]."
)
@click.option(
    "--order",
    type=click.Choice(["suspicion", "audit"]),
    help="Show the most doubtful rows first, or such as tell how many labels are wrong: those that audit-sample drew, or -n "
    "drawn now [default: audit for a sample, else suspicion].",
)
@click.option(
    "-n", "draw", type=click.IntRange(min=1), default=DRAWN, show_default=True, metavar="N",
    help="With --order audit, draw N rows.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="With --order audit, draw by this seed.")
@click.option(
    "--store",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep the decisions in this file [default: ISSUES with .decisions.sqlite behind].",
)
@click.option("--terminal", is_flag=True, help="Review here in the terminal, not in a browser.")
@click.option(
    "--export",
    "exported",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write what is decided, as fix and find-errors read it with --reviews, and end. With --reviewer, of this one alone.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default="any free one", help="Serve here.")
@click.option("--no-open", is_flag=True, help="Print the page's address, and open no browser.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="CURATE_CACHE",
    show_envvar=True,
    help="Take neighbours and probabilities from this folder [default: the one that ISSUES were found with].",
)
@json_option
def command(
    issues: Path,
    data: str | None,
    reviewer: str | None,
    order: str | None,
    draw: int,
    seed: int,
    store: Path | None,
    terminal: bool,
    exported: Path | None,
    port: int,
    no_open: bool,
    cache: Path | None,
    as_json: bool,
) -> None:
    """Look at the rows of ISSUES one after the other and decide, by keyboard, on a page of this machine alone.

    ISSUES is what curate find-errors or curate audit-sample wrote. Every decision is kept the moment that it is made, by the
    row's content: it outlives a crash, and a new run of find-errors. The data is only read.

    Example: curate review issues.csv
    """
    with session(exported) as run:
        from functools import partial

        from curatekit.review.beginning import beginning
        from curatekit.review.decisions import Decisions, name_of
        from curatekit.review.desk import Desk
        from curatekit.review.queue import read_queue

        on_page = not terminal and exported is None
        if on_page:
            from curatekit.review.app import check_installed

            check_installed()
        read = partial(read_queue, issues, order, draw=draw, seed=seed)  # type: ignore[arg-type]
        first = beginning(issues, order) if on_page else None  # type: ignore[arg-type]
        queue = first or read()
        kept = Decisions(store or issues.with_name(issues.name + ".decisions.sqlite"))
        try:
            if exported is not None:
                _export(run, issues, exported, queue, kept, name_of(reviewer) if reviewer else None, as_json)
                return
            name = name_of(reviewer or getpass.getuser())
            if first and (held := len(kept.of(name))):
                # so many more that one is left to decide
                queue = first = beginning(issues, order, len(first) + held) or first  # type: ignore[arg-type]
            desk = Desk(queue, kept, name)
            if terminal:
                from curatekit_cli._review_terminal import review_here

                review_here(desk)
            else:
                _serve(desk, read if first else None, issues, data, cache, port, no_open, as_json)
            progress = desk.progress()
            result(
                as_json,
                {**progress._asdict(), "reviewer": desk.reviewer, "store": kept.path},
                [
                    f"{progress.decided:,} of {progress.rows:,} rows are decided, kept in {kept.path}",
                    following("review", issues, *_again(order, draw, seed, store), "--export", "reviews.csv"),
                ],
            )
        finally:
            kept.close()


def _again(order: str | None, draw: int, seed: int, store: Path | None) -> list[object]:
    """Return the options by which the same rows and decisions are found again."""
    given = {"--order": order, "-n": draw if order == "audit" else None, "--seed": seed or None, "--store": store}
    return [word for option, value in given.items() if value is not None for word in (option, value)]


def _serve(
    desk: Desk,
    rest: Callable[[], Queue] | None,
    issues: Path,
    data: str | None,
    cache: Path | None,
    port: int,
    no_open: bool,
    as_json: bool,
) -> None:
    from curatekit.review.app import Review
    from curatekit.review.evidence import read_evidence
    from curatekit.review.serve import serve

    review = Review(desk)

    def ready(address: str) -> None:
        result(as_json, {"address": address}, [f"Reviewing {issues} as {desk.reviewer}: {address}", "To end: Ctrl-C"])
        if not no_open:
            _open(address)
        review.read_behind(rest, lambda queue: read_evidence(issues, queue, data, cache))

    try:
        serve(review, port, ready)
    except KeyboardInterrupt:  # the way to end it
        click.echo()


def _open(address: str) -> None:
    """Open the page where there is a screen; a browser of the terminal would take it over."""
    import os
    import sys
    import webbrowser

    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)


def _export(
    run: Run, issues: Path, path: Path, queue: Queue, kept: Decisions, reviewer: str | None, as_json: bool
) -> None:
    from curatekit.errors import InputError
    from curatekit.review.export import export
    from curatekit.writers import write_table

    names = kept.reviewers() if reviewer is None else (reviewer,)
    found = export(queue, {name: kept.of(name) for name in names})
    counts = {"decided": found.decided, "unsure": found.unsure, "disputed": found.disputed}
    if not any(counts.values()):
        raise InputError(
            f"{kept.path} holds no decision{f' of {reviewer}' if reviewer else ''} on these rows. Review first: curate review {issues}"
        )
    run.input(issues)
    write_table(found.table, path)
    run.output(path)
    payload = {**counts, "reviewers": list(names)}
    run.metrics.update(payload)
    disputed = f"; on {found.disputed:,} the reviewers differ, and these are left open" if found.disputed else ""
    text = [f"{found.decided:,} rows decided by {', '.join(names)}, {found.unsure:,} unsure{disputed}: {path}"]
    if found.decided:
        text.append(following("fix", issues, "--reviews", path, "--policy", "reviewed", "-o", "fixed.csv"))
    else:
        text.append("No verdict stands, so there is nothing yet that curate fix could do.")
    result(as_json, {**payload, "output": path}, text)
