"""curate find-errors"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit import registry
from curatekit_cli._audit import audit_lines, audit_payload, expected_reviews, needed_line
from curatekit_cli._label_kinds import KindOptions, find_other_errors, kind_options, opened
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
from curatekit_cli._print import following, result, shown, table
from curatekit_cli._session import read, session, settings

if TYPE_CHECKING:
    from curatekit.index import Neighbours
    from curatekit.label_errors import Summary
    from curatekit.run import Run
    from curatekit.specs import Specification

FIRST = 10
PAIRS = 5
SCREEN = 6
NEIGHBOURS, LEAST_ROWS_EACH = 50, 6
SCORES = "; ".join(f"{name}: {entry.summary}" for name, entry in registry.TABLES["scores"].items())


@click.command("find-errors")
@click.argument("data")
@data_options
@kind_options
@click.option(
    "--score", default="combined", show_default=True, metavar="NAME", help=f"Rank the rows by this score. {SCORES}."
)
@click.option(
    "--spec",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Hear these specifications: their examples join the training, and errors in whole slices show against them.",
)
@click.option(
    "--pred-probs",
    type=click.Path(path_type=Path),
    help="Take the probabilities from this file (of curate predict, or any with id, fold and a column for each label).",
)
@click.option(
    "--in-sample", is_flag=True, help="Accept probabilities without folds, though they hide what the model memorised."
)
@click.option(
    "--reviews",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Count and cut by the verdicts in this file, best drawn by curate audit-sample; more than once for several.",
)
@click.option(
    "--cut-precision",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="P",
    help="With --reviews, mark as issues as many rows as at least this share is wrong of [default: the largest F1].",
)
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Write only the N most doubtful rows.")
@click.option(
    "--neighbours",
    type=click.IntRange(min=1),
    show_default=f"{NEIGHBOURS}, or a sixth of the rows if that is less",
    metavar="N",
    help="Ask this many nearest neighbours.",
)
@predict_options
@encoder_options
@seed_option
@output_option("Write all rows here, the most doubtful first.")
@json_option
def command(
    data: str,
    data_options: DataOptions,
    kind_options: KindOptions,
    score: str,
    spec: Path | None,
    pred_probs: Path | None,
    in_sample: bool,
    reviews: tuple[Path, ...],
    cut_precision: float | None,
    top: int | None,
    neighbours: int | None,
    predict_options: PredictOptions,
    encoder_options: EncoderOptions,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Rank the rows of DATA by how doubtful their labels are, with a suggestion and the reasons.

    Labels are one class a row, several labels, numbers, or preferences between two texts: the values tell, or --label-kind.

    Example: curate find-errors reviews.csv --text review --label sentiment -o issues.csv
    """
    with session(output) as run:
        from inspect import signature

        from curatekit.artifacts import Artifacts
        from curatekit.errors import InputError
        from curatekit.health.duplicates import rows_in_conflict
        from curatekit.label_errors import find_label_errors
        from curatekit.writers import write_table

        if cut_precision is not None and not reviews:
            raise InputError(
                "--cut-precision needs --reviews FILE: it is known only after a review. See curate audit-sample."
            )
        method = registry.load("scores", score)
        labelled = opened(data, data_options, kind_options)
        if labelled.kind != "class" and (reviews or spec):
            option = "--reviews" if reviews else "--spec"
            raise InputError(f"{option} is for one class a row. Leave it out, or say --label-kind class.")
        if labelled.kind != "class":
            how = settings(encoder_options, predict_options, seed=seed)
            find_other_errors(run, data, labelled, data_options, kind_options, how, top, output, as_json)
            return
        dataset = read(run, data, data_options, opened=labelled.opened).require_classes()
        specifications = _specifications(run, spec)
        said = None
        if reviews:
            from curatekit.audit.reviews import read_reviews

            said = read_reviews(reviews, dataset)  # a fault in them is told before anything else is done
            for path in reviews:
                run.input(path)
        predictions = None
        if pred_probs is None:
            dataset.require_rows_per_class()  # a label that stands once can be predicted from no other row
        else:
            from curatekit.predict.external import read_predictions

            predictions = read_predictions(pred_probs, dataset, in_sample=in_sample)
            run.input(pred_probs)
        # without neighbours, probabilities of another program need no encoder
        asks = "neighbours" in signature(method).parameters
        if asks and neighbours is None:
            neighbours = _neighbours(len(dataset))
        how = settings(encoder_options, predict_options, seed=seed, neighbours=neighbours or NEIGHBOURS)
        artifacts = Artifacts(dataset, how, predictions, specifications)
        default_of_slow = score == "combined" and predictions is None and artifacts.family.slow
        watched = default_of_slow or "early" in signature(method).parameters
        if watched:
            # one model of all rows, stopped early, costs a fifth of five folds and finds more
            artifacts = artifacts.with_predictions(artifacts.early)
        scores = None if score == "combined" else artifacts.call(method)
        asked = artifacts.neighbours if asks else None
        found = artifacts.call(
            find_label_errors, scores=scores, score=score, family=artifacts.predictions.family, neighbours=asked,
            **({"null_probs": None} if watched else {}),  # in-sample bits are no information
        )  # fmt: skip
        counted, needed, audit = found.summary, expected_reviews(found.issues), None
        if said is not None:
            from curatekit.audit.audited import audited

            checked = audited(found, said, precision=cut_precision, seed=seed)
            found, audit = checked.found, checked.audit
            needed = audit.reviews_needed or needed
        issues = found.issues.head(top) if top is not None else found.issues
        if output is not None:
            write_table(issues, output)
            run.output(output)
        conflicting = rows_in_conflict(dataset.texts, dataset.labels)
        covered = None if artifacts.covered is None else float(artifacts.covered.mean())
        payload = {
            **_payload(found.summary, asked), "covered": covered, "conflicting_rows": conflicting, "reviews_needed": needed, "audit": audit_payload(audit),
        }  # fmt: skip
        run.metrics.update(payload)
        rows = list(issues.head(FIRST).select("id", "text", "given_label", "suggested_label", "p_wrong").iter_rows())
        then = (
            following("fix", output, *(("--data", data) if data == "-" else ()), "-o", "fixed.csv")
            if output is not None
            else "Next: the same with -o issues.csv"
        )
        lines = [
            *(audit_lines(audit, len(dataset)) if audit else []),
            *(_count_lines(counted) if audit is None or audit.count is None else []),
            needed_line(needed, output if top is None and audit is None else None),
            *_lines(found.summary),
            *_conflict_lines(conflicting, data),
            "",
            *table(["id", "text", "given", "suggested", "p(wrong)"], rows),
            "",
        ]
        result(as_json, {**payload, "output": output}, [*lines, then])


def _specifications(run: Run, spec: Path | None) -> tuple[Specification, ...]:
    """Return the specifications in a file, its files recorded as inputs."""
    if spec is None:
        return ()
    from curatekit.errors import InputError
    from curatekit.reporting import note
    from curatekit.specs import read_specifications, specification_files

    found = read_specifications(spec)
    for path in specification_files(spec):
        run.input(path)
    if all(specification.weak for specification in found):
        raise InputError(
            f"The specifications in {spec} are statements alone, and labels are judged by examples. Give them some."
        )
    if any(specification.weak for specification in found):
        note("Labels are judged by examples: specifications of a statement alone (weak: true) are not heard.")
    return found


def _neighbours(rows: int) -> int:
    """Return how many neighbours to ask by default: on few rows, 50 would be everyone, and no neighbours."""
    from curatekit.reporting import note

    k = max(1, min(NEIGHBOURS, rows // LEAST_ROWS_EACH))
    if k < NEIGHBOURS:
        note(f"{k} neighbours are asked, not {NEIGHBOURS}: there are {rows} rows.")
    return k


def _payload(summary: Summary, asked: Neighbours | None) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **asdict(summary),
        "confusions": [pair._asdict() for pair in summary.confusions],
        "neighbours": {"k": asked.rows.shape[1], "method": asked.method, "recall": asked.recall} if asked else None,
    }


def _count_lines(summary: Summary) -> list[str]:
    rule = "by the specifications and all labels" if summary.guided else "by confident learning"
    return [
        f"{summary.n_issues:,} of {summary.n:,} labels ({summary.issue_share:.1%}) are probably wrong, {rule}"
        f" (score: {summary.score}; family: {summary.family}).",
        f"Other counts: {summary.n_argmax:,} rows where another label is more probable; {summary.n_cleanlab:,} by cleanlab's"
        " rule on the family's probabilities alone.",
        summary.caution,
    ]


def _conflict_lines(rows: int, data: str) -> list[str]:
    if not rows:
        return []
    return [
        f"{rows:,} rows stand elsewhere with another label, in the very same words: {following('check', data).removeprefix('Next: ')}"
    ]


def _lines(summary: Summary) -> list[str]:
    pairs = [
        f"  {pair.n:,} labelled {shown(pair.given_label, 40)} look like {shown(pair.suggested_label, 40)} "
        f"({pair.share_of_given:.1%} of that label)"
        for pair in summary.confusions[:PAIRS]
    ]
    return [*(["Most frequent:", *pairs] if pairs else []), *_joint(summary)]


def _joint(summary: Summary) -> list[str]:
    """The confident joint, given labels down and what they look like across, where it fits on a screen."""
    if len(summary.classes) > SCREEN:
        return [
            f"The confident joint and the noise matrix of {len(summary.classes)} classes are in the manifest and in --json."
        ]
    rows = [[name, *counts] for name, counts in zip(summary.classes, summary.confident_joint, strict=True)]
    by = (
        "an estimate by the specifications" if summary.guided else "an estimate by cleanlab's rule (not the list above)"
    )
    title = f"{'Joint' if summary.guided else 'Confident joint'} of all rows, {by}: given label down, real label across"
    return ["", title, *table(["given \\ real", *(shown(name, 20) for name in summary.classes)], rows)]
