"""curate evaluate"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit_cli._options import DataOptions, data_options, json_option, output_option, seed_option
from curatekit_cli._print import following, interval, result, shown, table
from curatekit_cli._session import read, session

if TYPE_CHECKING:
    from curatekit.evaluate.classification import Classification
    from curatekit.evaluate.failure_rate import FailureRates
    from curatekit.train.classifier import Inputs

MOST_CONFUSED = 10


@click.command("evaluate")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", required=False)
@click.option(
    "--spec",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Measure the failure rate on the tests of these specifications.",
)
@data_options
@seed_option
@output_option("Write here: the report as .json, or the predictions row by row as .csv, .jsonl, .parquet.")
@json_option
def command(
    model: Path,
    data: str | None,
    spec: Path | None,
    data_options: DataOptions,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Measure MODEL on the labelled rows of DATA, on the tests of specifications, or on both.

    Every figure has a 95 % interval: Wilson's for accuracy and failure rates, the bootstrap's for macro-F1 and MCC.

    Example: curate evaluate model/ heldout.csv --label sentiment --spec specs.yaml
    """
    with session(output, also=(".json",)) as run:
        import polars as pl

        from curatekit.cache import Cache
        from curatekit.errors import InputError
        from curatekit.evaluate.classification import classification
        from curatekit.evaluate.failure_rate import failure_rate
        from curatekit.evaluate.predictions import prediction_rows
        from curatekit.files import write_json
        from curatekit.run import plain
        from curatekit.specs import read_specifications, specification_files
        from curatekit.train.model import kind_of_model, load_model
        from curatekit.train.rows import coded_as
        from curatekit.writers import write_table

        if data is None and spec is None:
            raise InputError("There is nothing to measure on. Give DATA with labels, --spec with tests, or both.")
        kind_of_model(model)  # a wrong folder is told before any data is read
        specifications = read_specifications(spec, tests=True) if spec is not None else ()
        dataset = read(run, data, data_options) if data is not None else None
        trained = load_model(model, Cache())
        run.input(model)
        payload: dict[str, Any] = {"model": model, "classes": trained.classes, "trained_on": {}}
        lines: list[str] = []
        rows: list[pl.DataFrame] = []
        if dataset is not None:
            dataset = coded_as(dataset, trained.classes, str(model), data_options.normalise_labels)
            payload["trained_on"]["rows"] = _seen(model, dataset.inputs, f"rows of {data}")
            probs = trained.pred_probs(dataset.inputs)
            scores = classification(dataset.labels, probs.argmax(1), len(trained.classes), seed=seed)
            payload |= scores_payload(scores, trained.classes)
            lines += [f"{scores.n:,} rows of {data}", *scores_lines(scores, trained.classes), ""]
            rows.append(
                prediction_rows(dataset.ids.tolist(), dataset.texts, dataset.label_names, probs, trained.classes)
            )
        if spec is not None:
            for path in specification_files(spec, tests=True):
                run.input(path)
            if trained.text_columns == 2:
                raise InputError(
                    f"{model} reads pairs of texts, and the tests in {spec} are single texts. Measure it on labelled pairs as DATA."
                )
            cases = [(s, number, test) for s in specifications for number, test in enumerate(s.tests or ())]
            unknown = sorted({s.label for s in specifications} - set(trained.classes))
            if unknown:
                raise InputError(
                    f"{spec} expects labels that {model} does not know: {', '.join(map(repr, unknown))}. "
                    f"Its labels are {', '.join(map(repr, trained.classes))}."
                )
            texts = [test for _, _, test in cases]
            names = [s.id for s, _, _ in cases]
            payload["trained_on"]["tests"] = _seen(model, (texts,), f"tests in {spec}")
            probs = trained.pred_probs((texts,))
            predicted = [trained.classes[code] for code in probs.argmax(1)]
            rates = failure_rate(predicted, [s.label for s, _, _ in cases], names)
            payload["failure_rate"] = failures_payload(rates)
            lines += [
                f"{len(cases):,} tests of {len(specifications)} specifications in {spec}",
                *failures_lines(rates),
                "",
            ]
            ids = [f"{s.id}#{number}" for s, number, _ in cases]
            rows.append(prediction_rows(ids, texts, [s.label for s, _, _ in cases], probs, trained.classes, names))
        run.metrics.update(payload)
        if output is not None:
            if output.suffix == ".json":
                write_json(output, plain(payload))
            else:
                write_table(pl.concat(rows), output)
            run.output(output)
            lines.append(f"Written: {output}")
        if spec is not None:
            why = "rows that lower these failures"
            then = following(
                "select", "POOL", "--spec", spec, "--train", "TRAIN", "-o", "chosen.csv", columns=data_options, why=why
            )
        else:
            then = following("evaluate", model, "--spec", "SPEC", why="what the model must get right")
        result(as_json, {**payload, "output": output}, [*lines, then])


def _seen(model: Path, inputs: Inputs, what: str) -> int | None:
    """Return how many inputs the model was trained on, None where its folder does not tell; a note says it."""
    from curatekit.reporting import note
    from curatekit.train.trained_on import text_hashes, trained_on

    trained = trained_on(model)
    if trained is None:
        note(f"{model} does not tell what it was trained on, so it is not known whether that overlaps with the {what}.")
        return None
    seen = sum(one in trained for one in text_hashes(inputs))
    if seen:
        note(f"{seen} of {len(inputs[0])} {what} were among the training texts: their figures are not out of sample.")
    return seen


def scores_payload(scores: Classification, classes: tuple[str, ...]) -> dict[str, Any]:
    """Return the scores as plain values; a note tells of a model that has learnt one class alone."""
    from curatekit.reporting import note

    predicted = [name for name, row in zip(classes, scores.per_class, strict=True) if row.predicted]
    if len(predicted) == 1 and sum(row.n > 0 for row in scores.per_class) > 1:
        note(
            f"the model predicts {predicted[0]!r} for every row: more epochs, rows or a higher learning rate are needed."
        )
    return {
        "rows": scores.n,
        "accuracy": scores.accuracy._asdict(),
        "macro_f1": scores.macro_f1._asdict(),
        "mcc": scores.mcc._asdict(),
        "per_class": {name: row._asdict() for name, row in zip(classes, scores.per_class, strict=True)},
        "confusion": scores.confusion,
    }


def scores_lines(scores: Classification, classes: tuple[str, ...]) -> list[str]:
    """Return the scores as text: figures with intervals, the table of classes, the most frequent confusions."""
    figures = [
        f"{name}  {interval(estimate)}"
        for name, estimate in (
            ("accuracy", scores.accuracy),
            ("macro-F1", scores.macro_f1),
            ("MCC     ", scores.mcc),
        )
    ]
    per_class = [
        (name, row.n, row.predicted, row.precision, row.recall, row.f1)
        for name, row in zip(classes, scores.per_class, strict=True)
    ]
    wrong = sorted(
        (-int(count), classes[given], classes[called])
        for (given, row) in enumerate(scores.confusion)
        for (called, count) in enumerate(row)
        if given != called and count
    )
    confused = [(given, called, -count) for count, given, called in wrong[:MOST_CONFUSED]]
    return [
        *figures,
        "",
        *table(["label", "rows", "predicted", "precision", "recall", "F1"], per_class),
        *(["", *table(["label", "predicted as", "rows"], confused)] if confused else []),
    ]


def failures_payload(rates: FailureRates) -> dict[str, Any]:
    """Return the failure rates as plain values."""

    def rows(kind: str) -> list[dict[str, Any]]:
        return [
            {kind: row.name, "n": row.n, "failures": row.failures, **row.rate._asdict()}
            for row in getattr(rates, f"per_{kind}")
        ]

    return {
        "overall": rates.overall._asdict(),
        "by_label_mean": rates.by_label_mean._asdict(),
        "per_specification": rows("specification"),
        "per_label": rows("label"),
    }


def failures_lines(rates: FailureRates) -> list[str]:
    """Return the failure rates as text, the worst specification first."""
    worst = sorted(rates.per_specification, key=lambda row: (-row.rate.value, row.name))
    per_specification = [(row.name, row.n, row.failures, *row.rate) for row in worst]
    return [
        f"failure rate                 {interval(rates.overall)}",
        f"failure rate, mean of labels {interval(rates.by_label_mean)}",
        *(f"  expected {shown(row.name, 40)}: {interval(row.rate)}" for row in rates.per_label),
        "",
        *table(["specification", "tests", "failures", "rate", "low", "high"], per_specification),
    ]
