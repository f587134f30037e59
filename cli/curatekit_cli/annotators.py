"""curate annotators"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit_cli._options import (
    DataOptions,
    EncoderOptions,
    PredictOptions,
    data_options,
    encoder_options,
    json_option,
    output_option,
    predict_options,
    seed_option,
)
from curatekit_cli._print import following, interval, result, shown, table
from curatekit_cli._session import session, settings, took

if TYPE_CHECKING:
    import polars as pl

    from curatekit.annotators.consensus import Consensus
    from curatekit.annotators.table import Summary
    from curatekit.arrays import Floats
    from curatekit.readers.votes import Voted
    from curatekit.run import Run

FIRST = 10
METHODS = ("crowdlab", "dawid-skene", "majority")


@click.command("annotators")
@click.argument("data")
@data_options
@click.option(
    "--label-columns",
    multiple=True,
    metavar="COLUMN",
    help="Take this column as one annotator's labels; once for each.",
)
@click.option(
    "--item", metavar="COLUMN", help="One vote a line: the row that is voted on, with --annotator and --label."
)
@click.option("--annotator", metavar="COLUMN", help="One vote a line: who gave it.")
@click.option(
    "--votes",
    multiple=True,
    metavar="COLUMN",
    help="Take this column as the number of votes for a class, once for each class; or one column of objects "
    '{"annotator": "label"}.',
)
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default=METHODS[0],
    show_default=True,
    help="crowdlab: votes, how good the annotators are, and a model; dawid-skene: without a model; majority: the most votes.",
)
@click.option(
    "--pred-probs", type=click.Path(path_type=Path), help="Take the model's probabilities from this file instead."
)
@click.option("--in-sample", is_flag=True, help="Accept probabilities without folds.")
@click.option(
    "--per-annotator", type=click.Path(path_type=Path), metavar="FILE", help="Write a table of the annotators here."
)
@predict_options
@encoder_options
@seed_option
@output_option("Write all rows here, those of the most doubtful label first.")
@json_option
def command(
    data: str,
    data_options: DataOptions,
    label_columns: tuple[str, ...],
    item: str | None,
    annotator: str | None,
    votes: tuple[str, ...],
    method: str,
    pred_probs: Path | None,
    in_sample: bool,
    per_annotator: Path | None,
    predict_options: PredictOptions,
    encoder_options: EncoderOptions,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Find what several annotators agree on, how good each of them is, and where they honestly differ.

    Doubt is of two kinds: is_issue marks a given label that is probably wrong, is_disputed a row on which people differ.
    The given label is that of --label, beside the votes, or else the majority's.

    Example: curate annotators votes.csv --label-columns anna --label-columns ben --label-columns caro -o consensus.csv
    """
    with session(output, tables=[per_annotator]) as run:
        from curatekit.annotators.patterns import annotator_table
        from curatekit.annotators.table import agreement_on_rows
        from curatekit.errors import InputError
        from curatekit.readers.votes import Columns, read_votes
        from curatekit.writers import write_table

        long = bool(item or annotator)
        if long and data_options.id:
            raise InputError("--item names the rows of one vote a line, so --id has nothing to name. Leave it out.")
        where = Columns(label_columns, item, annotator, data_options.label if long else None, votes)
        voted = read_votes(
            data, where, data_options.text, None if long else data_options.label, data_options.id,
            needs_text=method == METHODS[0], on_bad_row=data_options.on_bad_row, limit=data_options.limit,  # type: ignore[arg-type]
            normalise_labels=data_options.normalise_labels,
        )  # fmt: skip
        took(run, data, voted.dataset)
        voted.votes.require()
        model = None
        if method == METHODS[0]:
            model = _model(run, voted, pred_probs, in_sample, settings(encoder_options, predict_options, seed=seed))
        consensus = _consensus(voted, method, model)
        in_use = voted.dataset.labels if data_options.label and not long else None
        found = agreement_on_rows(
            voted.votes,
            consensus,
            in_use,
            pred_probs=model,
            ids=voted.dataset.ids,
            texts=voted.dataset.texts,
            seed=seed,
        )
        people = annotator_table(voted.votes, consensus) if voted.votes.named else None
        if output is not None:
            write_table(found.rows, output)
            run.output(output)
        if per_annotator is not None:
            if people is None:
                raise InputError("Votes that are only counted bear no names, so --per-annotator has nothing to write.")
            write_table(people, per_annotator)
            run.output(per_annotator)
        payload = {
            **vars(found.summary),
            "alpha": found.summary.alpha._asdict(),
            "annotators": people.to_dicts() if people is not None else None,
        }
        run.metrics.update(payload)
        then = "Next: the same with -o consensus.csv"
        if output is not None and in_use is not None:
            then = following("fix", output, *(("--data", data) if data == "-" else ()), "-o", "fixed.csv")
        elif output is not None and (not long or data_options.text or method == METHODS[0]):
            then = following("find-errors", output, "--label", "suggested_label", "-o", "issues.csv")
        elif output is not None:
            then = following("annotators", data, "--help", why="with --text, a model can weigh in: --method crowdlab")
        rows = found.rows.head(FIRST).select("id", "text", "given_label", "suggested_label", "score", "is_disputed")
        header = ["id", "text", "given", "consensus", "score", "disputed"]
        lines = [*_lines(found.summary, in_use is not None), *_people(people), "", *table(header, rows.iter_rows()), ""]
        result(as_json, {**payload, "output": output, "per_annotator": per_annotator}, [*lines, then])


def _model(run: Run, voted: Voted, pred_probs: Path | None, in_sample: bool, how: Any) -> Floats:
    """Return the out-of-sample probabilities (n, K) of a model of the majority's labels, or those of a file."""
    from dataclasses import replace

    from curatekit.annotators.consensus import majority_labels
    from curatekit.artifacts import Artifacts
    from curatekit.predict.external import read_predictions

    labels = majority_labels(voted.votes)
    dataset = replace(voted.dataset, labels=labels, classes=voted.votes.classes)
    if pred_probs is None:
        return Artifacts(dataset, how).pred_probs
    run.input(pred_probs)
    return read_predictions(pred_probs, dataset, in_sample=in_sample).pred_probs


def _consensus(voted: Voted, method: str, model: Floats | None) -> Consensus:
    from curatekit.annotators.consensus import majority
    from curatekit.annotators.crowdlab import crowdlab
    from curatekit.annotators.dawid_skene import dawid_skene

    if model is not None:
        return crowdlab(voted.votes, model)
    return majority(voted.votes) if method == "majority" else dawid_skene(voted.votes)


def _lines(summary: Summary, in_use: bool) -> list[str]:
    from curatekit.annotators.agreement import reading

    who = f" of {summary.n_annotators:,} annotators" if summary.n_annotators is not None else ", by nobody knows whom"
    kappa = f"; Fleiss' kappa {summary.fleiss_kappa:.3f}" if summary.fleiss_kappa == summary.fleiss_kappa else ""
    given = "labels in use" if in_use else "majority labels"
    return [
        f"{summary.n:,} rows, {summary.n_votes:,} votes{who}; consensus by {summary.method}.",
        f"Agreement beyond chance: Krippendorff's alpha {interval(summary.alpha)}, {reading(summary.alpha.value)}{kappa}.",
        f"{summary.n_unanimous:,} rows are unanimous, {summary.n_disputed:,} disputed. {summary.n_issues:,} {given} are probably "
        f"wrong, {summary.n_disputed_issues:,} of them on disputed rows.",
        summary.reading,
    ]


def _people(people: pl.DataFrame | None) -> list[str]:
    """The annotators, worst first: those with a pattern always, of the others the first."""
    if people is None:
        return []
    import polars as pl

    worst = people.sort(pl.col("pattern").is_null(), maintain_order=True).head(FIRST)
    rows = worst.select(
        "annotator", "n_votes", "quality", "agreement_with_others", "kappa", "most_confused", "pattern"
    ).iter_rows()
    header = ["annotator", "votes", "quality", "agrees with others", "kappa", "most confused", "pattern"]
    more = len(people) - len(worst)
    title = "Annotators, those with a pattern first, then the worst" if more else "Annotators"
    return [
        "",
        f"{title}:",
        *table(header, ([shown(str(c), 40) if isinstance(c, str) else c for c in row] for row in rows)),
    ]
