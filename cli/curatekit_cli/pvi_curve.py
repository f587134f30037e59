"""curate pvi curve"""

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
from curatekit_cli._session import read, session, settings

if TYPE_CHECKING:
    import polars as pl

    from curatekit.artifacts import Artifacts
    from curatekit.information.learning_curve import LearningCurve
    from curatekit.information.training_sizes import Run, TrainingSizes
    from curatekit.plot import Figure

FAST_SIZES, SLOW_SIZES = 8, 5
EVAL_SEEDS = 5


@click.command("curve")
@click.argument("data")
@data_options
@click.option("--eval", "eval_file", metavar="FILE", help="Train on parts of DATA and measure the rows of this file.")
@click.option("--in-sample", is_flag=True, help="Accept texts that stand in both files, though PVI is then inflated.")
@click.option(
    "--sizes",
    type=click.IntRange(min=3),
    metavar="N",
    help=f"Train on this many sizes, each half the next [default: up to {FAST_SIZES}, {SLOW_SIZES} of fine-tuned families].",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Draw folds and nested training rows with this many seeds, from --seed on [default: 1, with --eval {EVAL_SEEDS}].",
)
@predict_options
@encoder_options
@seed_option
@output_option("Write one line for each training size here.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw the curve here: .svg or .html.")
@json_option
def command(
    data: str,
    data_options: DataOptions,
    eval_file: str | None,
    in_sample: bool,
    sizes: int | None,
    seeds: int | None,
    predict_options: PredictOptions,
    encoder_options: EncoderOptions,
    seed: int,
    output: Path | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Measure V over the number of training rows, and tell whether more rows of DATA would bring more.

    The rows measured never change. The training rows of each fold, or those of DATA with --eval, are halved and halved again,
    each part within the next and with the same shares of the labels.

    Example: curate pvi curve reviews.csv --text review --label sentiment
    """
    with session(output, plot=plot) as run:
        from curatekit.artifacts import Artifacts
        from curatekit.information import alarms
        from curatekit.information.learning_curve import learning_curve
        from curatekit.information.training_sizes import at_training_sizes, halvings
        from curatekit.reporting import note
        from curatekit.writers import write_table

        how = settings(encoder_options, predict_options, seed=seed)
        dataset = read(run, data, data_options).require_classes()
        trained, evaluated = Artifacts(dataset, how), None
        if eval_file is None:
            dataset.require_rows_per_class()
        else:
            evaluated = Artifacts(read(run, eval_file, data_options, classes=dataset.classes), how)
        shares = halvings(
            len(dataset) if evaluated else len(dataset) * (how.folds - 1) // how.folds,
            len(set(dataset.labels.tolist())),
            sizes or (SLOW_SIZES if trained.family.slow else FAST_SIZES),
        )
        seeds = seeds or (EVAL_SEEDS if evaluated else 1)
        runs = [_run(trained.at_seed(own), evaluated, in_sample) for own in range(seed, seed + seeds)]
        if evaluated and seeds == 1:
            note("One model at each size tells nothing of how much depends on its training rows. Give more --seeds.")
        found = at_training_sizes(runs, shares)
        measured = runs[0].measured
        curve = learning_curve(found.pvi, found.sizes, found.models, found.label_entropy, measured.units, seed=seed)
        rows = _rows(curve, found)
        if output is not None:
            write_table(rows, output)
            run.output(output)
        family = measured.predictions.family
        verdict = _verdict(curve, found.label_entropy)
        if plot is not None:
            _picture(curve, f"Family: {family}. {verdict[0]}").save(plot)
            run.output(plot)
        payload = {
            "rows": len(measured.dataset),
            "family": family,
            "seeds": seeds,
            "label_entropy": found.label_entropy,
            "sizes": rows.to_dicts(),
            **_payload(curve),
            "alarms": measured.call(alarms, details=measured.predictions.details),
        }
        run.metrics.update(payload)
        columns = {
            "rows": "training rows",
            "v": "V",
            "low": "low",
            "high": "high",
            "gain": "gain",
            "gain_low": "low",
            "gain_high": "high",
            "accuracy": "accuracy",
        }
        lines = [
            f"{len(measured.dataset):,} rows measured, the same at every size (family: {shown(family, 60)}).",
            "",
            *table(list(columns.values()), rows.select(*columns).iter_rows()),
            "",
            *verdict,
            *(f"ALARM: {text}" for text in payload["alarms"]),
            "",
            _next(curve, data, data_options, how.family),
        ]  # fmt: skip
        result(as_json, {**payload, "output": output, "plot": plot}, lines)


def _run(trained: Artifacts, evaluated: Artifacts | None, in_sample: bool) -> Run:
    from curatekit.information.training_sizes import Run

    if evaluated is None:
        return Run(trained, trained)
    return Run(trained, evaluated.with_predictions(trained.predict(evaluated, in_sample=in_sample)))


def _rows(curve: LearningCurve, found: TrainingSizes) -> pl.DataFrame:
    """Return one line for each size: rows, v and its limits, what the doubling before brought, accuracy, training_sd, fitted."""
    import numpy as np
    import polars as pl

    v, gains = np.array(curve.v), np.array([(np.nan,) * 3, *curve.gains])
    return pl.DataFrame(
        {
            "rows": curve.sizes,
            **dict(zip(("v", "low", "high"), v.T, strict=True)),
            **dict(zip(("gain", "gain_low", "gain_high"), gains.T, strict=True)),
            "accuracy": found.accuracy.mean(axis=0),
            "training_sd": curve.training_sd,
            "fitted": curve.fit.at(curve.sizes)[0],
        }
    ).fill_nan(None)


def _payload(curve: LearningCurve) -> dict[str, Any]:
    fit = {name: float(getattr(curve.fit, name)[0]) for name in ("limit", "drop", "exponent", "residual")}
    return {
        "plateau": curve.plateau,
        "last_gain": curve.gains[-1]._asdict(),
        "least_gain": curve.least_gain,
        "next_gain": curve.next_gain._asdict(),
        "limit": curve.limit._asdict(),
        "fit": {**fit, "rows": curve.fit.whole, "holds": curve.holds},
    }


def _verdict(curve: LearningCurve, label_entropy: float) -> list[str]:
    from curatekit.information.learning_curve import CANNOT_TELL, NOT_REACHED, OF_ENTROPY, REACHED

    of = "1 % of the label's" if curve.least_gain == OF_ENTROPY * label_entropy else "a tenth of V"
    before, last = curve.sizes[-2:].tolist()
    brought = f"the last doubling, from {before:,} to {last:,} training rows, brought {interval(curve.gains[-1])} bits"
    than = {REACHED: "less than", NOT_REACHED: "more than", CANNOT_TELL: "which may be less or more than"}[
        curve.plateau
    ]
    plateau = f"Plateau {curve.plateau}: {brought}, {than} {curve.least_gain:.3f} ({of})."
    if not curve.holds:
        return [
            plateau,
            "V∞ − a n⁻ᵇ misses what the last doubling brought, so that neither a limit nor the next gain is told.",
        ]
    limit, drop, exponent = (float(part[0]) for part in curve.fit[:3])
    return [
        plateau,
        f"Twice the rows would bring about {interval(curve.next_gain)} bits more, and V tends to {interval(curve.limit)} of the "
        f"label's {label_entropy:.3f}, if V = {limit:.3f} − {drop:.3f} (n / {curve.fit.whole:,})^−{exponent:.2f} goes on.",
    ]


def _picture(curve: LearningCurve, note: str) -> Figure:
    import numpy as np

    from curatekit import plot

    v, low, high = np.array(curve.v).T
    if not curve.holds:
        return plot.learning_curve(curve.sizes, v, low, high, note=note)
    from curatekit.information.learning_curve import FITTED

    sizes = np.geomspace(curve.sizes[-FITTED:][0], 2 * curve.sizes[-1], 60)
    return plot.learning_curve(
        curve.sizes,
        v,
        low,
        high,
        fit_sizes=sizes,
        fit_values=curve.fit.at(sizes)[0],
        asymptotes=curve.fit.limit,
        note=note,
    )


def _next(curve: LearningCurve, data: str, options: DataOptions, family: str) -> str:
    from curatekit.information.learning_curve import REACHED

    if curve.plateau == REACHED:
        return following("find-errors", data, "-o", "issues.csv", columns=options, why="better labels, not more")
    other = "ensemble" if family != "ensemble" else "finetune"
    words = ["pvi", "compare", data, "--family", family, "--family", other]
    return following(*words, columns=options, why="whether another family makes more of the same rows")
