"""curate pvi"""

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
from curatekit_cli._pvi_picture import picture
from curatekit_cli._session import session, settings
from curatekit_cli.predict import predicted

if TYPE_CHECKING:
    import polars as pl

    from curatekit.artifacts import Artifacts
    from curatekit.information import ClassInformation, VInformation
    from curatekit.information.seeds import OverSeeds
    from curatekit.information.threshold import Threshold, Thresholds
    from curatekit_cli.predict import Predicted

FIRST = 5


@click.command("pvi")
@click.argument("data", required=False)
@data_options
@click.option("--train", metavar="FILE", help="Train on this file: DATA by another name, beside --eval.")
@click.option("--eval", "eval_file", metavar="FILE", help="Train on all of DATA and measure the rows of this file.")
@click.option(
    "--pred-probs",
    type=click.Path(path_type=Path),
    help="Take the probabilities from this file (of curate predict, or any with id, fold and a column for each label).",
)
@click.option("--in-sample", is_flag=True, help="Accept probabilities without folds, though PVI is then inflated.")
@click.option(
    "--slice-by",
    multiple=True,
    metavar="COLUMN",
    help="Measure V by the values of this column too, numbers in bins; 'length' is the number of words.",
)
@predict_options
@encoder_options
@seed_option
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Repeat with this many seeds, from --seed on, and give the mean and the spread of each row.",
)
@click.option(
    "--dynamics",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the training dynamics of each row trained on here (fine-tuned families).",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw the PVI of each class and the most doubtful rows here: .svg, or .html with the data map too.",
)
@output_option("Write one line for each row here, in the order of the data.")
@json_option
def command(
    data: str | None,
    data_options: DataOptions,
    train: str | None,
    eval_file: str | None,
    pred_probs: Path | None,
    in_sample: bool,
    slice_by: tuple[str, ...],
    predict_options: PredictOptions,
    encoder_options: EncoderOptions,
    seed: int,
    seeds: int,
    dynamics: Path | None,
    plot: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Measure, in bits, what each label of DATA is worth: PVI by row, V-usable information by class and overall.

    Example: curate pvi reviews.csv --text review --label sentiment -o pvi.csv

    With a separate evaluation file (Algorithm 1 of the paper): curate pvi --train train.csv --eval test.csv
    """
    if (data is None) == (train is None):
        raise click.UsageError("Give one file: DATA, or --train FILE beside --eval FILE.")
    if train is not None and eval_file is None:
        raise click.UsageError("--train FILE needs --eval FILE, whose rows are measured.")
    data = data or train or ""
    with session(output, tables=[dynamics], plot=plot) as run:
        from curatekit.errors import InputError
        from curatekit.information import alarms, v_information
        from curatekit.information.threshold import mostly_wrong_below
        from curatekit.writers import write_table

        if pred_probs is not None and eval_file is not None:
            raise InputError("--eval trains a model and --pred-probs brings the probabilities. Give one of the two.")
        if pred_probs is not None and seeds > 1:
            raise InputError(
                "--pred-probs brings one run, whose spread over --seeds is not known. Give one of the two."
            )
        how = settings(encoder_options, predict_options, seed=seed)
        found_by = predicted(run, data, data_options, eval_file, how, pred_probs, in_sample)
        artifacts = found_by.artifacts
        spread = _spread(found_by, seed, seeds) if seeds > 1 else None
        rows = _rows(artifacts, spread)
        slices = {by: _slices(artifacts, by) for by in slice_by}
        if output is not None:
            write_table(rows, output)
            run.output(output)
        if dynamics is not None:
            write_table(_dynamics(found_by), dynamics)
            run.output(dynamics)
        found = artifacts.call(v_information)
        thresholds = artifacts.call(mostly_wrong_below)
        alarmed = artifacts.call(alarms, details=artifacts.predictions.details)
        if plot is not None:
            named = {artifacts.classes[k]: t.pvi.value for k, t in thresholds.per_class.items() if t is not None}
            picture(plot, found_by, rows, found, alarmed, named, slices).save(plot)
            run.output(plot)
        payload = {
            **_payload(found, artifacts.classes),
            "family": artifacts.predictions.family,
            "unscorable": int(artifacts.predictions.unscorable.sum()),
            "mostly_wrong_below": _thresholds_payload(thresholds, artifacts.classes),
            "slices": {by: frame.to_dicts() for by, frame in slices.items()},
            "alarms": alarmed,
            "details": artifacts.predictions.details,
            "seeds": None if spread is None else _seeds_payload(spread),
        }
        run.metrics.update(payload)
        doubtful = rows.sort("pvi" if spread is None else "pvi_mean", maintain_order=True).head(FIRST)
        lines = [
            *_lines(found, artifacts, thresholds),
            *(
                line
                for by, frame in slices.items()
                for line in ["", f"By {by}:", *table(frame.columns, frame.iter_rows())]
            ),
            *([] if spread is None else _seeds_lines(spread)),
            *(f"ALARM: {text}" for text in alarmed),
            "",
            "Most doubtful:",
            *table(
                ["id", "label", "predicted", "pvi", "p_given", "text"],
                doubtful.select("id", "label", "predicted_label", "pvi", "p_given", "text").iter_rows(),
            ),
            "",
            following("find-errors", eval_file or data, "-o", "issues.csv", columns=data_options),
        ]
        result(as_json, {**payload, "doubtful": doubtful.to_dicts(), "output": output}, lines)


def _spread(found_by: Predicted, seed: int, seeds: int) -> OverSeeds:
    import numpy as np

    from curatekit.information.seeds import over_seeds
    from curatekit.scores.pvi import pvi

    runs = [found_by.artifacts, *(found_by.at_seed(other) for other in range(seed + 1, seed + seeds))]
    return over_seeds(np.stack([one.call(pvi) for one in runs]))


def _dynamics(found_by: Predicted) -> pl.DataFrame:
    """Return id, text, label and the training dynamics of the rows trained on."""
    import polars as pl

    from curatekit.errors import InputError

    predictions, trained = found_by.artifacts.predictions, found_by.trained
    if not predictions.dynamics:
        raise InputError(
            f"The family {predictions.family!r} has no training dynamics, since it is not trained in epochs. "
            "Take one that is fine-tuned, such as --family finetune."
        )
    about = {"id": trained.ids.tolist(), "text": trained.texts, "label": trained.label_names}
    return pl.DataFrame(
        {name: pl.Series(values, dtype=pl.String) for name, values in about.items()} | dict(predictions.dynamics)
    )


def _rows(artifacts: Artifacts, spread: OverSeeds | None = None) -> pl.DataFrame:
    """Return id, text, label, pvi, p_given, p_null, predicted_label, fold and unscorable, one line for each row.

    With several seeds also pvi_mean and pvi_sd; the other columns are those of the first seed.
    """
    import numpy as np
    import polars as pl

    from curatekit.scores.pvi import pvi
    from curatekit.scores.self_confidence import given_probs

    dataset = artifacts.dataset
    predicted = artifacts.pred_probs.argmax(axis=1)
    return pl.DataFrame(
        {
            "id": pl.Series(dataset.ids.tolist(), dtype=pl.String),
            "text": pl.Series(dataset.texts, dtype=pl.String),
            "label": pl.Series(dataset.label_names, dtype=pl.String),
            "pvi": artifacts.call(pvi),
            **({} if spread is None else {"pvi_mean": spread.pvi_mean, "pvi_sd": spread.pvi_sd}),
            "p_given": given_probs(artifacts.labels, artifacts.pred_probs),
            "p_null": given_probs(artifacts.labels, artifacts.null_probs),
            "predicted_label": pl.Series(np.array(dataset.classes, dtype=object)[predicted].tolist(), dtype=pl.String),
            "fold": artifacts.folds,
            "unscorable": artifacts.predictions.unscorable,
        }
    )


def _payload(found: VInformation, classes: tuple[str, ...]) -> dict[str, Any]:
    def plain(each: VInformation | ClassInformation) -> dict[str, Any]:
        intervals = {name: getattr(each, name)._asdict() for name in ("v_information", "negative_share")}
        return {**each._asdict(), **intervals}

    per_class = [{**plain(each), "label": classes[each.label]} for each in found.per_class]
    return {**plain(found), "per_class": per_class}


def _slices(artifacts: Artifacts, by: str) -> pl.DataFrame:
    """Return slice, rows, V with its limits, accuracy and the share of negative PVI, one line for each slice."""
    import polars as pl

    from curatekit.information.slices import slicing, v_by_slice

    dataset = artifacts.dataset
    found = artifacts.call(v_by_slice, slicing=slicing(by, dataset.frame, dataset.inputs))
    lines = [(each.name, each.rows, *each.v_information, each.accuracy, each.negative_share.value) for each in found]
    return pl.DataFrame(lines, ["slice", "rows", "V", "low", "high", "accuracy", "PVI < 0"], orient="row")


def _thresholds_payload(found: Thresholds, classes: tuple[str, ...]) -> dict[str, Any]:
    def plain(each: Threshold | None) -> dict[str, Any] | None:
        if each is None:
            return None
        return {
            "pvi": each.pvi.value,
            "low": each.pvi.low,
            "high": each.pvi.high,
            "rows": each.rows,
            "wrong": each.wrong,
        }

    return {
        "overall": plain(found.overall),
        "per_class": {classes[label]: plain(each) for label, each in found.per_class.items()},
    }


def _lines(found: VInformation, artifacts: Artifacts, thresholds: Thresholds) -> list[str]:
    predictions = artifacts.predictions
    share = found.v_information.value / found.label_entropy if found.label_entropy else 0.0
    before = predictions.details.get("v_information_uncalibrated")
    rows = [
        (
            artifacts.classes[each.label],
            each.rows,
            *each.v_information,
            each.accuracy,
            each.negative_share.value,
            None if (own := thresholds.per_class[each.label]) is None else own.pvi.value,
            each.wrong_below,
            each.right_above,
        )
        for each in found.per_class
    ]
    return [
        f"V-usable information: {interval(found.v_information)} bits per row, {share:.0%} of the label's "
        f"{found.label_entropy:.3f} bits (family: {shown(predictions.family, 60)}).",
        f"Accuracy {found.accuracy:.3f}; {found.negative_share.value:.1%} of {found.rows:,} rows have PVI below 0"
        + (f"; V without the temperature: {before:.3f} bits." if before is not None else "."),
        "",
        *table(
            [
                "label",
                "rows",
                "V",
                "low",
                "high",
                "accuracy",
                "PVI < 0",
                "mostly wrong below",
                "wrong below",
                "right above",
            ],
            rows,
        ),
        "mostly wrong below: of the rows with that PVI or less, more than half are predicted wrong; wrong below, right above: at a "
        "PVI under the first the prediction is wrong, over the second right, whatever the row.",
    ]


def _seeds_payload(spread: OverSeeds) -> dict[str, Any]:
    given = spread._asdict()
    return {name: given[name] for name in ("v_information", "v_mean", "v_sd", "sign_changes", "pearson")}


def _seeds_lines(spread: OverSeeds) -> list[str]:
    each = ", ".join(f"{v:.3f}" for v in spread.v_information)
    return [
        "",
        f"Over {len(spread.v_information)} seeds: V {spread.v_mean:.3f} bits, standard deviation {spread.v_sd:.3f} ({each}). "
        f"PVI of the rows: Pearson {spread.pearson:.2f} between seeds, {spread.sign_changes:.1%} of the rows change sign. "
        "The table above is the first seed's.",
    ]
