"""curate guided"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit import registry
from curatekit_cli._guided_picture import picture
from curatekit_cli._options import (
    DataOptions,
    EncoderOptions,
    data_options,
    encoder_options,
    json_option,
    output_option,
    seed_option,
    whole_numbers,
)
from curatekit_cli._print import following, result, table
from curatekit_cli._session import read, session, settings
from curatekit_cli.select import DEFAULT_K, DEFAULT_METHOD, trust_option

if TYPE_CHECKING:
    from curatekit.guided import Guided, Row, Spread

METHODS = ", ".join(registry.names("select"))


@click.command("guided")
@click.option("--train", required=True, metavar="FILE", help="Train every model on this data.")
@click.option("--heldout", required=True, metavar="FILE", help="Measure every model on this data of the same kind too.")
@click.option("--pool", required=True, metavar="FILE", help="Choose rows to add from this data.")
@click.option(
    "--spec", type=click.Path(path_type=Path), required=True, metavar="FILE",
    help="Choose by the examples of these specifications, and measure on their tests.",
)  # fmt: skip
@click.option("-k", type=int, default=DEFAULT_K, show_default=True, metavar="N", help="Add this many rows.")
@click.option(
    "--budgets", callback=whole_numbers, metavar="N,N", help="Add these numbers of rows instead, one after the other."
)
@click.option(
    "--seeds", type=click.IntRange(min=1), default=5, show_default=True, metavar="N", help="Run over this many seeds."
)
@click.option("--method", "methods", multiple=True, metavar="NAME",
              help=f"Choose by this method; repeat it to compare [default: {DEFAULT_METHOD}]. One of {METHODS}.")  # fmt: skip
@click.option("--model", default="probe", show_default=True, metavar="NAME",
              help="Train the probe, or fine-tune this transformer: a folder or a hub name.")  # fmt: skip
@click.option("--epochs", type=click.FloatRange(min=0, min_open=True), default=3.0, show_default=True, metavar="N",
              help="Fine-tune a transformer for this many epochs.")  # fmt: skip
@click.option("--patch", type=click.FloatRange(min=0, min_open=True), metavar="DISTANCE",
              help="Do not train M1 and M2 anew: teach M0 the added rows alone, its weights moving by this share of their length "
              "at the most. A transformer M0 of each seed is kept in OUTPUT.runs.jsonl.M0 until all runs are finished.")  # fmt: skip
@trust_option
@data_options
@encoder_options
@seed_option
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE",
              help="Draw the measures over the budgets here: .svg or .html.")  # fmt: skip
@output_option("Write the table here: .json with every run, or .csv, .jsonl, .parquet.", required=True)
@json_option
def command(
    train: str,
    heldout: str,
    pool: str,
    spec: Path,
    k: int,
    budgets: tuple[int, ...],
    seeds: int,
    methods: tuple[str, ...],
    model: str,
    epochs: float,
    patch: float | None,
    trust: str,
    data_options: DataOptions,
    encoder_options: EncoderOptions,
    seed: int,
    plot: Path | None,
    output: Path,
    as_json: bool,
) -> None:
    """Measure whether rows chosen by the specifications help more than rows chosen by chance.

    M0 is trained on the training data, M1 with k random rows of the pool added, M1' with k random rows that have the specifications'
    label shares (the fair baseline), M2 with the chosen rows. Finished runs are kept beside the output, so that the same
    command goes on where it was interrupted. The probe's features are fitted on train and pool together; curate finetune --base
    probe has only its own rows for that, so its figures differ a little.

    Example: curate guided --train train.csv --heldout test.csv --pool pool.csv --spec specs.yaml -k 500 -o guided.csv
    """
    with session(output, also=(".json",), plot=plot) as run:
        from curatekit.cache import Cache
        from curatekit.encoders import load_encoder
        from curatekit.errors import InputError
        from curatekit.files import write_json
        from curatekit.guided import guided
        from curatekit.run import plain
        from curatekit.specs import read_specifications, specification_files
        from curatekit.train.classifier import Training
        from curatekit.writers import write_table

        epochs_from = click.get_current_context().get_parameter_source("epochs")
        if model == "probe" and epochs_from is not click.core.ParameterSource.DEFAULT:
            raise InputError(
                "The probe is not trained in epochs. Name a transformer with --model, or leave --epochs out."
            )
        methods = methods or (DEFAULT_METHOD,)
        for method in methods:
            registry.load("select", method)
        specifications = read_specifications(spec, tests=True)
        trained, measured_on, unused = (read(run, path, data_options) for path in (train, heldout, pool))
        for path in specification_files(spec, tests=True):
            run.input(path)
        chosen_by = settings(encoder_options, seed=seed)
        store = output.with_name(f"{output.name}.runs.jsonl")
        measured = guided(
            trained,
            measured_on,
            unused,
            specifications,
            load_encoder(chosen_by.encoder, chosen_by.precision, chosen_by.backend),
            budgets=budgets or (k,),
            seeds=range(seed, seed + seeds),
            methods=methods,
            model=model,
            training=Training(epochs=epochs),
            near=patch,
            trust=trust,
            store=store,
            cache=Cache(chosen_by.cache),
        )
        payload = {"trained": model, "patched_within": patch, **described(measured)}
        if output.suffix == ".json":
            write_json(output, plain({**payload, "runs": [vars(one) for one in measured.runs]}))
        else:
            write_table(flat(measured), output)
        run.output(output)
        run.output(store)
        if plot is not None:
            picture(plot, measured, [_compared(row) for row in measured.table if row.ratios]).save(plot)
            run.output(plot)
        run.metrics.update(payload)
        largest = max(row.k for row in measured.table)
        then = following(
            "select", pool, "--spec", spec, "--train", train, "-k", largest, "-o", "chosen.csv",
            columns=data_options, why="the rows themselves",
        )  # fmt: skip
        written = [f"Written: {path}" for path in (output, plot) if path is not None]
        result(as_json, {**payload, "output": output, "plot": plot}, [*lines(measured), "", *written, then])


def described(measured: Guided) -> dict[str, Any]:
    """Return the table as plain values."""
    of = measured.foretold
    return {"table": [row._asdict() for row in measured.table], "foretold": of._asdict() if of else None}


def flat(measured: Guided) -> Any:
    """Return the table as a frame: mean and sd of each measure, the ratios, and the failure rate of each specification."""
    import polars as pl

    rows = []
    for row in measured.table:
        cells: dict[str, Any] = {"model": row.model, "method": row.method, "k": row.k, "runs": row.runs}
        for name, spread in row.measures.items():
            cells |= {
                cell: None if math.isnan(value) else value
                for cell, value in ((name, spread.mean), (f"{name}_sd", spread.sd))
            }
        cells |= row.ratios
        cells |= {f"failure_rate of {name}": value for name, value in row.per_specification.items()}
        rows.append(cells)
    return pl.from_dicts(rows, infer_schema_length=None)


def lines(measured: Guided) -> list[str]:
    """Return the result as text."""

    def cells(row: Row) -> list[Any]:
        return [row.model, row.method, row.k, row.runs, *(spread_text(spread) for spread in row.measures.values())]

    header = ["model", "rows added", "k", "runs", "failure rate", "averaged over labels", "held-out accuracy", "macro-F1",
              "expected", "expected over labels"]  # fmt: skip
    largest = max(row.k for row in measured.table)
    compared = [row for row in measured.table if row.k in (0, largest)]
    names = list(measured.table[0].per_specification)
    text = [
        "Failure rate on the specifications' tests; expected: of a probe, foretold from their examples before training",
        *table(header, map(cells, measured.table)),
        "",
        "± is the standard deviation over runs.",
        *(_compared(row) for row in measured.table if row.ratios),
    ]
    if any(math.isnan(row.measures["expected"].mean) for row in measured.table):
        text.append("Where it is blank nothing can be expected; the notes say why.")
    if len({row.runs for row in measured.table}) > 1:
        text.append("One run where nothing in the method or the model is drawn at random: every seed gives the same.")
    if measured.foretold:
        spearman, error, runs = measured.foretold
        text.append(
            f"Expected against measured failure rate over {runs} different selections: Spearman's correlation {spearman:.2f}, "
            f"mean absolute error {error:.3f}"
        )
    text += [
        "",
        *table(
            ["failure rate of", *(f"{row.model} {row.method}" for row in compared)],
            ([name, *(row.per_specification[name] for row in compared)] for name in names),
        ),
    ]
    return text


def _compared(row: Row) -> str:
    """Return how often a guided model fails against the baselines, in words."""
    plain, fair, by_label, fair_by_label = (
        row.ratios[f"{measure} / {baseline}"]
        for measure in ("failure_rate", "failure_rate_by_label")
        for baseline in ("M1", "M1'")
    )
    return (
        f"{row.model} ({row.method}, k = {row.k:,}) fails {plain:.2f} times as often as M1 and {fair:.2f} times as often as M1'; "
        f"averaged over labels {by_label:.2f} and {fair_by_label:.2f} times."
    )


def spread_text(spread: Spread) -> str:
    """Return "mean ± sd", without the sd where there is one run, and nothing where there is no mean."""
    if math.isnan(spread.mean):
        return ""
    return f"{spread.mean:.3f}" if math.isnan(spread.sd) else f"{spread.mean:.3f} ± {spread.sd:.3f}"
