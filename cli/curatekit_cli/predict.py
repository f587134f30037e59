"""curate predict, and the artifacts that `curate pvi` shares with it"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

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
from curatekit_cli._print import following, result
from curatekit_cli._session import read, session, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from curatekit.artifacts import Artifacts, Settings
    from curatekit.dataset import Dataset
    from curatekit.run import Run


@click.command("predict")
@click.argument("data")
@data_options
@click.option("--eval", "eval_file", metavar="FILE", help="Train on all of DATA and predict the rows of this file.")
@predict_options
@encoder_options
@seed_option
@output_option("Write id, label, fold and the probabilities here.", required=True)
@json_option
def command(
    data: str,
    data_options: DataOptions,
    eval_file: str | None,
    predict_options: PredictOptions,
    encoder_options: EncoderOptions,
    seed: int,
    output: Path,
    as_json: bool,
) -> None:
    """Predict every row of DATA by a model that has not seen it, and store the probabilities with their folds.

    Example: curate predict reviews.csv --text review --label sentiment -o probs.parquet
    """
    with session(output) as run:
        from curatekit.information import v_information
        from curatekit.predict.external import predictions_frame
        from curatekit.writers import write_table

        how = settings(encoder_options, predict_options, seed=seed)
        artifacts = predicted(run, data, data_options, eval_file, how).artifacts
        write_table(predictions_frame(artifacts.predictions, artifacts.dataset), output)
        run.output(output)
        found = artifacts.call(v_information)
        payload = {
            "rows": found.rows,
            "classes": len(artifacts.classes),
            "family": artifacts.predictions.family,
            "accuracy": found.accuracy,
            "v_information": found.v_information._asdict(),
            "details": artifacts.predictions.details,
        }
        run.metrics.update(payload)
        v = found.v_information
        lines = [
            f"{found.rows:,} rows predicted out of sample, {len(artifacts.classes)} classes (family: "
            f"{artifacts.predictions.family}): accuracy {found.accuracy:.3f}, V {v.value:.3f} bits [{v.low:.3f}, {v.high:.3f}].",
            "",
            following(
                "find-errors", eval_file or data, "--pred-probs", output, "-o", "issues.csv", columns=data_options
            ),
        ]
        result(as_json, {**payload, "output": output}, lines)


class Predicted(NamedTuple):
    """The artifacts of the rows that are scored, the rows that the models were trained on, and the same at another seed."""

    artifacts: Artifacts
    trained: Dataset
    at_seed: Callable[[int], Artifacts]
    training: Artifacts
    """Of the rows that the models were trained on: `artifacts` itself where they are the rows that are scored."""


def predicted(
    run: Run,
    data: str,
    options: DataOptions,
    eval_file: str | None,
    settings: Settings,
    pred_probs: Path | None = None,
    in_sample: bool = False,
) -> Predicted:
    """Return the artifacts of the rows to be scored, with their predictions: DATA's own by cross-fitting or from the
    file `pred_probs`, or with `eval_file` that file's by a model of DATA."""
    from curatekit.artifacts import Artifacts
    from curatekit.predict.family import load_family

    load_family(settings.family, settings.tuning)  # a name that is none is said before anything is read
    dataset = read(run, data, options).require_classes()
    artifacts = Artifacts(dataset, settings)
    if pred_probs is not None:
        from curatekit.predict.external import read_predictions

        predictions = read_predictions(pred_probs, dataset, in_sample=in_sample)
        run.input(pred_probs)
        artifacts = artifacts.with_predictions(predictions)
        return Predicted(artifacts, dataset, lambda seed: artifacts, artifacts)
    if eval_file is None:
        dataset.require_rows_per_class()  # a label that stands once can be predicted from no other row
        return Predicted(artifacts, dataset, artifacts.at_seed, artifacts)
    evaluated = Artifacts(read(run, eval_file, options, classes=dataset.classes), settings)

    def at_seed(seed: int) -> Artifacts:
        return evaluated.with_predictions(artifacts.at_seed(seed).predict(evaluated, in_sample=in_sample))

    return Predicted(at_seed(settings.seed), dataset, at_seed, artifacts)
