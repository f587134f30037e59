"""find-errors for other labels than one class a row: several labels, numbers, preferences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from curatekit_cli._options import Command, DataOptions, _bundle
from curatekit_cli._print import following, result, shown, table
from curatekit_cli._session import read, took

if TYPE_CHECKING:
    import polars as pl

    from curatekit.artifacts import Artifacts, Settings
    from curatekit.dataset import Dataset
    from curatekit.label_cells import Cells
    from curatekit.readers.tables import Source
    from curatekit.run import Run

KINDS = ("class", "multi", "number", "preference")
FIRST = 10
ONLY_CLASSES = ("score", "pred_probs", "in_sample", "neighbours", "null")


class KindOptions(NamedTuple):
    label_kind: str
    label_separator: str | None
    chosen: str | None
    rejected: str | None
    prompt: str | None


def kind_options(command: Command) -> Command:
    """Add --label-kind, --label-separator, --chosen, --rejected and --prompt, handed over as `kind_options`."""
    options = [
        click.option("--label-kind", type=click.Choice(["auto", *KINDS]), default="auto", show_default=True,
                     help="Take the labels as one class a row, several labels, a number, or which of two texts was preferred."),
        click.option("--label-separator", metavar="TEXT", help="Take several labels apart at this, such as '|'."),
        click.option("--chosen", metavar="COLUMN", help="The text that was preferred to that of --rejected."),
        click.option("--rejected", metavar="COLUMN", help="The other text."),
        click.option("--prompt", metavar="COLUMN", help="What the two texts answer; pairs of one prompt share a fold."),
    ]  # fmt: skip
    return _bundle("kind_options", KindOptions, options)(command)


class Labelled(NamedTuple):
    """The table of a file, and the kind of its labels."""

    kind: str
    opened: Source


def opened(source: str, data: DataOptions, kinds: KindOptions) -> Labelled:
    """Return the table behind `source` and the kind of its labels, as told or as the values tell."""
    from curatekit.errors import InputError
    from curatekit.readers.label_kinds import label_kind
    from curatekit.readers.tables import read_source

    kind = kinds.label_kind
    if kinds.chosen or kinds.rejected or kinds.prompt:
        if not (kinds.chosen and kinds.rejected) and not kind == "preference":
            raise InputError("A preference needs both texts. Name them with --chosen and --rejected.")
        kind = _agreed(kind, "preference", "--chosen and --rejected")
    if kinds.label_separator is not None:
        if not kinds.label_separator:
            raise InputError("--label-separator is empty. Give what stands between two labels, such as '|'.")
        kind = _agreed(kind, "multi", "--label-separator")
    table = read_source(source)
    return Labelled(label_kind(table, data.text, data.label, data.id) if kind == "auto" else kind, table)


def _agreed(kind: str, implied: str, by: str) -> str:
    from curatekit.errors import InputError

    if kind not in ("auto", implied):
        raise InputError(f"{by} is for --label-kind {implied}, not {kind}. Leave one of the two out.")
    return implied


def find_other_errors(
    run: Run,
    source: str,
    labelled: Labelled,
    data: DataOptions,
    kinds: KindOptions,
    how: Settings,
    top: int | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Do what find-errors does for one class a row, for labels of another kind."""
    from curatekit.errors import InputError
    from curatekit.writers import write_table

    given = [name for name in ONLY_CLASSES if _was_given(name)]
    if given:
        option = "--" + given[0].replace("_", "-")
        raise InputError(
            f"{option} is for labels of one class a row, not for --label-kind {labelled.kind}. Leave it out."
        )
    found = _FINDERS[labelled.kind](run, source, labelled.opened, data, kinds, how)
    issues = found.issues.head(top) if top is not None else found.issues
    if output is not None:
        write_table(issues, output)
        run.output(output)
    payload = {"label_kind": labelled.kind, **found.payload}
    run.metrics.update(payload)
    then = "Next: the same with -o issues.csv"
    if output is not None:
        then = following("fix", output, *(("--data", source) if source == "-" else ()), "-o", "fixed.csv")
    rows = [
        [shown(cell, found.width) if isinstance(cell, str) else cell for cell in row]
        for row in issues.head(FIRST).select(found.columns).iter_rows()
    ]
    header = [name.removesuffix("_label") for name in found.columns]
    result(as_json, {**payload, "output": output}, [*found.lines, "", *table(header, rows), "", then])


class _Found(NamedTuple):
    issues: pl.DataFrame
    payload: dict[str, Any]
    lines: list[str]
    columns: list[str]  # shown on the screen
    width: int  # of a cell there


def _several(run: Run, source: str, opened: Source, data: DataOptions, kinds: KindOptions, how: Settings) -> _Found:
    from dataclasses import asdict

    from curatekit.multilabel import find_multilabel_errors, members_of, predict_members
    from curatekit.readers.label_kinds import lists_of

    dataset = read(run, source, data, opened=opened, labels="lists")
    members, names = members_of(lists_of(dataset, kinds.label_separator, normalise=data.normalise_labels))
    predicted = predict_members(_artifacts(dataset, how), members)
    found = find_multilabel_errors(
        members,
        predicted.probs,
        predicted.judged,
        names=names,
        separator=kinds.label_separator,
        ids=dataset.ids,
        texts=dataset.texts,
    )
    summary = found.summary
    most = [label for label in summary.labels[:5] if label.n_superfluous or label.n_missing]
    lines = [
        f"{summary.n_issues:,} of {summary.n:,} rows ({summary.issue_share:.1%}) probably have a wrong label, by confident learning "
        f"of each of {len(names):,} labels: {summary.n_superfluous:,} labels too many, {summary.n_missing:,} missing.",
        summary.caution,
        *(["Most often:"] if most else []),
        *(
            f"  {shown(label.label, 40)}: on {label.n_given:,} rows, too many on {label.n_superfluous:,}, missing on {label.n_missing:,}"
            for label in most
        ),
    ]
    payload = {**asdict(summary), "labels": [label._asdict() for label in summary.labels]}
    return _Found(found.issues, payload, lines, ["id", "text", "given_label", "superfluous", "missing", "score"], 50)


def _numbers(run: Run, source: str, opened: Source, data: DataOptions, kinds: KindOptions, how: Settings) -> _Found:
    from dataclasses import asdict

    from curatekit.readers.label_kinds import numbers_of
    from curatekit.targets import find_number_errors, predict_numbers

    dataset = read(run, source, data, opened=opened, labels="numbers")
    values = numbers_of(dataset)
    predicted = predict_numbers(_artifacts(dataset, how), values).predicted
    found = find_number_errors(values, predicted, ids=dataset.ids, texts=dataset.texts)
    summary = found.summary
    lines = [
        f"{summary.n_issues:,} of {summary.n:,} values ({summary.issue_share:.1%}) are probably wrong: more than 3.5 times the usual "
        f"spread of {summary.spread:.3g} from the prediction; {summary.n_outliers:,} lie far from all other values.",
        f"The texts tell {summary.r2:.0%} of the values' variance out of sample (R² {summary.r2:.3f}).",
        summary.caution,
    ]
    return _Found(
        found.issues,
        asdict(summary),
        lines,
        ["id", "text", "given_label", "suggested_label", "score", "is_outlier"],
        60,
    )


def _pairs(run: Run, source: str, opened: Source, data: DataOptions, kinds: KindOptions, how: Settings) -> _Found:
    from dataclasses import asdict

    from curatekit.errors import InputError
    from curatekit.preferences import find_preference_errors, predict_preferences, same_texts, similarities
    from curatekit.readers.pairs import read_pairs

    if data.text or data.label:
        raise InputError(
            "A preference has no --text and no --label: its texts are those of --chosen and --rejected. Leave them out."
        )
    names = kinds.chosen or "chosen", kinds.rejected or "rejected"
    dataset = took(
        run,
        source,
        read_pairs(opened, *names, kinds.prompt, data.id, on_bad_row=data.on_bad_row, limit=data.limit),  # type: ignore[arg-type]
    )
    artifacts = _artifacts(dataset, how)
    texts = dataset.inputs[0], dataset.inputs[1]
    found = find_preference_errors(
        predict_preferences(artifacts).probs,
        same_texts(*texts),
        similarities(artifacts),
        names=names,
        ids=dataset.ids,
        texts=texts,
    )
    summary = found.summary
    lines = [
        f"{summary.n_issues:,} of {summary.n:,} preferences ({summary.issue_share:.1%}) are probably the wrong way round, by "
        "confident learning.",
        f"Near ties apart from these: {summary.n_near_ties:,}, of which {summary.n_same_text:,} are the same text twice. Neither text "
        "is the better, which is no error, and nothing to learn from.",
        f"The model shares {summary.agreement:.1%} of the preferences, out of sample.",
        summary.caution,
    ]
    return _Found(found.issues, asdict(summary), lines, ["id", *names, "score", "similarity"], 50)


def read_as_found(
    run: Run, source: str, data: DataOptions, kind: str, then: Mapping[str, Any]
) -> tuple[Dataset, Cells]:
    """Return the data that find-errors read with the parameters `then`, and its labels as they stand in its table."""
    from curatekit.label_cells import cells_of
    from curatekit.readers.pairs import read_pairs
    from curatekit.readers.tables import read_source

    pair = then.get("chosen") or "chosen", then.get("rejected") or "rejected"
    if kind == "preference":
        how: dict[str, Any] = {"on_bad_row": data.on_bad_row, "limit": data.limit}
        dataset = took(run, source, read_pairs(read_source(source), *pair, then.get("prompt"), data.id, **how))
    else:
        labels = {"class": "required", "multi": "lists", "number": "numbers"}[kind]
        dataset = read(run, source, data, labels=labels)
    separator = then.get("label_separator")
    return dataset, cells_of(kind, dataset, separator=separator, normalise=data.normalise_labels, pair=pair)


def options_again(data: DataOptions, kind: str, then: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the options by which find-errors reads such data again."""
    named = [("--text", text) for text in data.text] + [
        ("--label", data.label),
        ("--id", data.id),
        ("--label-kind", kind),
    ]
    named += [("--" + name.replace("_", "-"), then.get(name)) for name in KindOptions._fields if name != "label_kind"]
    return tuple(word for option, value in named if value is not None for word in (option, value))


_FINDERS: dict[str, Callable[..., _Found]] = {"multi": _several, "number": _numbers, "preference": _pairs}


def _artifacts(dataset: Dataset, how: Settings) -> Artifacts:
    from curatekit.artifacts import Artifacts

    return Artifacts(dataset, how)


def _was_given(name: str) -> bool:
    from click.core import ParameterSource

    return click.get_current_context().get_parameter_source(name) == ParameterSource.COMMANDLINE
