"""curate fix"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from curatekit_cli._label_kinds import options_again, read_as_found
from curatekit_cli._options import DataOptions, json_option, output_option
from curatekit_cli._print import following, result, shown
from curatekit_cli._session import session

if TYPE_CHECKING:
    from curatekit.audit.reviews import Reviews
    from curatekit.dataset import Dataset
    from curatekit.label_cells import Cells
    from curatekit.run import Run

FIRST = 10


@click.command("fix")
@click.argument("issues", type=click.Path(path_type=Path), required=False)
@click.option("--data", metavar="DATA", help="Fix this file [default: the one that the issues were found in].")
@click.option("--text", multiple=True, metavar="COLUMN", help="Read the text from this column [default: as in ISSUES].")
@click.option("--label", metavar="COLUMN", help="Correct the labels in this column [default: as in ISSUES].")
@click.option("--id", metavar="COLUMN", help="Find rows by this column [default: as in ISSUES].")
@click.option(
    "--policy",
    type=click.Choice(["relabel", "drop", "both", "reviewed"]),
    default="relabel",
    show_default=True,
    help="Give the rows their suggested label, or leave them out, or both: relabel those with --min-suggested-probability, "
    "leave the others out. With reviewed, change what --reviews decide and nothing else.",
)
@click.option(
    "--reviews",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Do with the rows in this file what their verdict says: the right label, keep, wrong, drop, unsure; more than once "
    "for several [default: those that ISSUES was audited by].",
)
@click.option(
    "--unnamed",
    type=click.Choice(["drop", "suggested", "leave"]),
    default="drop",
    show_default=True,
    help="What to do with a row reviewed as wrong whose right label nobody named: leave it out, give it the suggested label, "
    "or leave it as it is.",
)
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Change only the N most doubtful issues.")
@click.option(
    "--min-suggested-probability",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="P",
    help="Change only issues whose suggested label has at least this probability.",
)
@click.option(
    "--undo", type=click.Path(path_type=Path), metavar="PATCH", help="Undo the changes in this .patch.jsonl instead."
)
@output_option("Write the table here.", required=True)
@json_option
def command(
    issues: Path | None,
    data: str | None,
    text: tuple[str, ...],
    label: str | None,
    id: str | None,
    policy: str,
    reviews: tuple[Path, ...],
    unnamed: str,
    top: int | None,
    min_suggested_probability: float,
    undo: Path | None,
    output: Path,
    as_json: bool,
) -> None:
    """Correct the labels that ISSUES marks as wrong, and keep a patch that can undo it.

    The rows marked is_issue are changed: edit that column, or suggested_label, to decide for yourself. Reviewed rows
    follow their verdict, whatever the policy.

    Example: curate fix issues.csv -o fixed.csv --min-suggested-probability 0.8
    """
    with session(output) as run:
        from curatekit.errors import InputError
        from curatekit.files import sha256_file
        from curatekit.fix import Patch, changes, class_counts, fixed, patch_path, spellings, write_patch
        from curatekit.readers import read_frame
        from curatekit.reporting import note
        from curatekit.writers import write_table

        if (issues is None) == (undo is None):
            raise InputError("Give ISSUES to fix, or --undo PATCH, one of the two. See curate fix --help.")
        if undo is not None:
            _undo(run, undo, output, as_json)
            return
        assert issues is not None
        if policy == "both" and not min_suggested_probability:
            raise InputError(
                "--policy both needs --min-suggested-probability P: rows surer than that are relabelled, the others dropped."
            )
        if policy == "reviewed" and (top is not None or min_suggested_probability):
            raise InputError(
                "--top and --min-suggested-probability choose among rows that nobody reviewed, and --policy reviewed changes "
                "none of those. Leave one of the two out."
            )
        found = read_frame(issues)
        run.input(issues)
        dataset, cells, of_classes, again, reviewed_then = _dataset(run, issues, data, text, label, id)
        said = None
        reviews = reviews or reviewed_then
        if not reviews and policy == "reviewed":
            raise InputError("--policy reviewed needs --reviews FILE: it changes what people decided and nothing else.")
        if not reviews and unnamed != "drop":
            raise InputError(
                "--unnamed is for rows that --reviews FILE says are wrong. Give that file, or leave it out."
            )
        if reviews:
            if not of_classes:
                raise InputError("--reviews is for one class a row. Leave it out, and edit suggested_label in ISSUES.")
            from curatekit.audit.reviews import read_reviews

            said = read_reviews(reviews, dataset)
            for path in reviews:
                run.input(path)
        column = cells.columns[0] if len(cells.columns) == 1 else cells.columns
        made = changes(
            dataset, found, policy, top=top, min_suggested_probability=min_suggested_probability, cells=cells,  # type: ignore[arg-type]
            reviews=said, unnamed=unnamed,  # type: ignore[arg-type]
        )  # fmt: skip
        made = [*(spellings(dataset, made) if of_classes else []), *made]
        table = fixed(dataset.frame, column, made)
        write_table(table, output)
        patch = patch_path(output)
        write_patch(Patch(column, dataset.sha256, output.name, sha256_file(output), tuple(made)), patch)
        run.output(output)
        run.output(patch)
        classes = class_counts(dataset.frame, table, cells.columns[0]).rows(named=True) if of_classes else []
        dropped = sum(change.action == "drop" for change in made)
        counts = {"changed": len(made), "relabelled": len(made) - dropped, "dropped": dropped}
        of_reviews = (
            None if said is None else {"reviewed": len(said.verdicts), "right": said.n_right, "unnamed": said.n_unnamed}
        )
        payload = {"rows": len(dataset), **counts, "policy": policy, "reviews": of_reviews, "classes": classes}
        run.metrics.update(payload)
        what = {"relabel": "relabelled", "drop": "dropped"}.get(
            policy if said is None else "reviewed", f"changed ({len(made) - dropped:,} relabelled, {dropped:,} dropped)"
        )
        moved = [row for row in classes if row["before"] != row["after"]]
        for row in moved:
            if row["after"] < row["before"] / 2:
                note(
                    f"The class {row['label']!r} falls from {row['before']:,} rows to {row['after']:,}. Scores doubt rare "
                    "classes most: review its rows, or change fewer with --top or --min-suggested-probability."
                )
        result(
            as_json,
            {**payload, "output": output, "patch": patch},
            [
                f"{len(made):,} of {len(dataset):,} rows {what}: {output}",
                *([] if said is None else [_reviewed_line(said, unnamed)]),
                *(
                    f"  {shown(row['label'], 40)}: {row['before']:,} rows, now {row['after']:,}"
                    for row in moved[:FIRST]
                ),
                *([f"  and {len(moved) - FIRST} more classes, in the manifest"] if len(moved) > FIRST else []),
                f"To undo: curate fix --undo {patch} -o restored{output.suffix}",
                following(
                    "pvi",
                    output,
                    columns=_columns(dataset),
                    why="a rise in V is no evidence: a model chose these labels",
                )
                if of_classes
                else following("find-errors", output, *again, why="what is left"),
            ],
        )


def _reviewed_line(reviews: Reviews, unnamed: str) -> str:
    n, right, unknown = len(reviews.verdicts), reviews.n_right, reviews.n_unnamed
    done = {
        "drop": "left out",
        "suggested": "given the suggested label, or left out where there is no other",
        "leave": "left",
    }
    return f"{n:,} rows were reviewed: {right:,} are right and stay" + (
        f"; {unknown:,} are wrong, but no right label was named: {done[unnamed]}." if unknown else "."
    )


class _Found(NamedTuple):
    """The data that issues were found in, as it was read then."""

    dataset: Dataset
    cells: Cells
    of_classes: bool
    again: tuple[str, ...]  # the options by which find-errors reads it again
    reviews: tuple[Path, ...]  # by which it audited them


def _dataset(
    run: Run, issues: Path, data: str | None, text: tuple[str, ...], label: str | None, id: str | None
) -> _Found:
    """Return the data that the issues were found in, read as it was read then; its hash must be the same."""
    from curatekit.errors import InputError, VerificationFailed
    from curatekit.run import is_file, read_manifest

    manifest = read_manifest(issues)
    then: dict[str, Any] = manifest["parameters"] if manifest else {}
    source = manifest["inputs"][0] if manifest and manifest["inputs"] else None
    if data is None:
        if source is None:
            raise InputError(f"{issues} has no manifest that names its data. Name it: --data DATA --label COLUMN.")
        data = source["path"]
        if data == "-":
            raise InputError(f"The rows of {issues} came from standard input. Name a file that holds them with --data.")
        if is_file(data):
            data = os.path.normpath(issues.parent / data)
            if not os.path.exists(data):
                raise InputError(f"{data}, where the issues were found, is not there. Name its place with --data.")
    as_then = DataOptions(
        text or tuple(then.get("text") or ()),
        label or then.get("label"),
        id if id is not None else then.get("id"),
        then.get("on_bad_row", "fail"),
        bool(then.get("normalise_labels")),
        None,
    )
    kind = str(manifest["metrics"].get("label_kind", "class")) if manifest else "class"
    dataset, cells = read_as_found(run, data, as_then, kind, then)
    if source is not None and dataset.sha256 != source["sha256"]:
        raise VerificationFailed(
            f"{data} is not the file that the issues were found in (SHA-256 {dataset.sha256[:12]}, not "
            f"{source['sha256'][:12]}). Run curate find-errors on it again."
        )
    read_then = manifest["inputs"][1 : 1 + len(then.get("reviews") or ())] if manifest else []
    reviews = tuple(Path(os.path.normpath(issues.parent / entry["path"])) for entry in read_then)
    return _Found(dataset, cells, kind == "class", options_again(as_then, kind, then), reviews)


def _columns(dataset: Dataset) -> DataOptions:
    """Return the columns that the dataset was read by."""
    text, label, id = dataset.columns
    return DataOptions(text, label, id, "fail", False, None)


def _undo(run: Run, path: Path, output: Path, as_json: bool) -> None:
    from curatekit.errors import VerificationFailed
    from curatekit.files import sha256_file
    from curatekit.fix import read_patch, restored
    from curatekit.readers import read_frame
    from curatekit.writers import write_table

    patch = read_patch(path)
    changed = path.with_name(patch.fixed)
    if not changed.exists() or sha256_file(changed) != patch.fixed_sha256:
        raise VerificationFailed(
            f"{changed} is gone or was changed after the fix, so the patch does not fit it. Put it back beside the patch."
        )
    run.input(path)
    run.input(changed, patch.fixed_sha256)
    write_table(restored(read_frame(changed), patch.label, patch.changes), output)
    run.output(output)
    same = sha256_file(output) == patch.original
    run.metrics.update({"restored": len(patch.changes), "identical": same})
    result(
        as_json,
        {"restored": len(patch.changes), "identical": same, "output": output},
        [
            f"{len(patch.changes):,} changes undone: {output}",
            "It is the original file, byte for byte."
            if same
            else "Its rows are those that were fixed, as they were; the file's layout may differ, and rows that could not be "
            "used are not in it.",
        ],
    )
