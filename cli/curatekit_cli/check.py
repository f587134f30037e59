"""curate check"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit_cli._checks import fail_over_option, first_problems, threshold_option
from curatekit_cli._options import EncoderOptions, encoder_options, json_option, output_option, seed_option
from curatekit_cli._print import result
from curatekit_cli._session import fails, session, settings

if TYPE_CHECKING:
    from curatekit.artifacts import Artifacts
    from curatekit.dataset import Dataset
    from curatekit.health.checks import Checked
    from curatekit.run import Run


@click.command("check")
@click.argument("data")
@click.option("--text", multiple=True, metavar="COLUMN", help="Read the text from this column; twice for pairs.")
@click.option("--label", metavar="COLUMN", help="Read the label from this column.")
@click.option("--id", metavar="COLUMN", help="Read the row's id from this column; '' makes ids from the content.")
@click.option("--normalise-labels", is_flag=True, help="Merge labels that differ only by case or spaces around them.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Use only the first N rows of each file.")
@click.option("--split", metavar="COLUMN", help="Tell rows that stand in two splits, which this column names.")
@click.option("--against", metavar="FILE", help="Tell rows that stand in this file too, such as the test set.")
@threshold_option
@click.option(
    "--outliers-below",
    type=click.FloatRange(-1, 1),
    default=0.25,
    show_default=True,
    help="A text is an outlier where its mean cosine with its ten nearest is under this.",
)
@click.option("--ignore-case", is_flag=True, help="Texts are the same but for case, spaces and punctuation.")
@click.option("--only", multiple=True, metavar="CHECK", help="Do this check alone; several times for several.")
@fail_over_option("rows", "2%")
@encoder_options
@seed_option
@output_option("Write one line for each problem here.")
@json_option
def command(
    data: str,
    text: tuple[str, ...],
    label: str | None,
    id: str | None,
    normalise_labels: bool,
    limit: int | None,
    split: str | None,
    against: str | None,
    threshold: float,
    outliers_below: float,
    ignore_case: bool,
    only: tuple[str, ...],
    fail_over: float | None,
    encoder_options: EncoderOptions,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Look for everything that is wrong with DATA other than single labels.

    Checks: conflicting-labels, exact-duplicates, near-duplicates, leakage (with --split or --against), outliers, imbalance, broken.
    Labels are not needed: without any, the checks that ask them are left out.

    Example: curate check reviews.csv --text review --label sentiment -o problems.csv
    """
    failed = False
    with session(output) as run:
        from curatekit.errors import InputError
        from curatekit.health.checks import NEEDS_EMBEDDINGS, Other, check, known_checks
        from curatekit.reporting import note
        from curatekit.writers import write_table

        asked = known_checks(only)
        if "leakage" in only and split is None and against is None:
            raise InputError(
                "Leakage is between two splits or files. Name a column with --split, or a file with --against."
            )
        how = {"text": text, "id": id, "limit": limit, "normalise_labels": normalise_labels}
        dataset = _read(run, data, label, how)
        if not dataset.columns.label:
            if only and {"conflicting-labels", "imbalance"} & set(only):
                raise InputError(f"{dataset.name} has no labels that could be checked. Name their column with --label.")
            asked = tuple(name for name in asked if name not in ("conflicting-labels", "imbalance"))
            note(
                "No labels are read, so that conflicting labels and imbalance are not looked for. Name them with --label."
            )
        if split is None and against is None:
            asked = tuple(name for name in asked if name != "leakage")
        splits = _splits(dataset, split) if split is not None else None
        artifacts = other = None
        if NEEDS_EMBEDDINGS & set(asked):
            artifacts = _artifacts(dataset, encoder_options, seed)
        if against is not None and "leakage" in asked:
            beside = _read(run, against, None, {**how, "id": None, "text": dataset.columns.text}, labels=False)
            other = Other(beside, _artifacts(beside, encoder_options, seed).embeddings)
        found = check(
            dataset,
            asked,
            artifacts.embeddings if artifacts else None,
            artifacts.features.truncated if artifacts else None,
            threshold=threshold,
            outliers_below=outliers_below,
            fold=ignore_case,
            splits=splits,
            other=other,
            seed=seed,
        )
        if output is not None:
            write_table(found.problems, output)
            run.output(output)
        share = found.n_rows_affected / found.n
        failed = fail_over is not None and share > fail_over
        payload = {
            "n": found.n, "problems": found.counts, "n_rows_affected": found.n_rows_affected, "share_affected": share,
            "class_shares": found.class_shares, "threshold": threshold, "failed": failed,
        }  # fmt: skip
        run.metrics.update(payload)
        lines = [*_lines(found), *([] if output is not None else ["", "Next: the same with -o problems.csv"])]
        if fail_over is not None:
            lines.append(f"{share:.2%} of the rows have a problem, {'over' if failed else 'not over'} {fail_over:.2%}.")
        result(as_json, {**payload, "output": output}, lines)
        if failed:
            fails()


def _read(run: Run, source: str, label: str | None, how: dict[str, Any], labels: bool = True) -> Dataset:
    """Return the dataset; unusable rows are not refused here, but told as problems."""
    from curatekit.errors import InputError
    from curatekit.readers import read_dataset
    from curatekit.readers.tables import read_source

    opened = read_source(source)
    if label is None and labels:
        try:
            dataset = read_dataset(opened, label=None, on_bad_row="skip", **how)
        except InputError:
            # No column is surely the label; a fault of another kind is met again.
            dataset = read_dataset(opened, labels="none", on_bad_row="skip", **how)
    elif labels:
        dataset = read_dataset(opened, label=label, on_bad_row="skip", **how)
    else:
        dataset = read_dataset(opened, labels="none", on_bad_row="skip", **how)
    run.input(source, dataset.sha256)
    return dataset


def _splits(dataset: Dataset, column: str) -> list[str]:
    from curatekit.errors import InputError, nearest_name

    columns = dataset.frame.columns
    if column not in columns:
        raise InputError(
            f"{dataset.name} has no column {column!r}.{nearest_name(column, columns)} Columns: {', '.join(columns)}."
        )
    splits = dataset.frame[column].cast(str).fill_null("").to_list()
    if len(set(splits)) < 2:
        raise InputError(
            f"The column {column!r} of {dataset.name} names one split only. Use --against FILE for two files."
        )
    return splits


def _artifacts(dataset: Dataset, encoder_options: EncoderOptions, seed: int) -> Artifacts:
    from curatekit.artifacts import Artifacts

    return Artifacts(dataset, settings(encoder_options, seed=seed))


def _lines(found: Checked) -> list[str]:
    from curatekit.health.checks import CHECKS

    lines = [f"{found.n:,} rows; {found.n_rows_affected:,} have a problem ({found.n_rows_affected / found.n:.1%})."]
    for name, count in found.counts.items():
        lines += ["", f"{name}: {count:,} ({CHECKS[name]})"]
        if count:
            columns = ("id", "with_id", "similarity", "label", "with_label", "detail")
            lines += first_problems(found.problems, name, columns)
    return lines
