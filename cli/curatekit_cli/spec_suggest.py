"""curate spec suggest"""

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
from curatekit_cli._print import following, result, shown, table
from curatekit_cli._session import read, session, settings

if TYPE_CHECKING:
    from curatekit.arrays import Floats
    from curatekit.artifacts import Settings
    from curatekit.dataset import Dataset
    from curatekit.run import Run

THRESHOLD = 0.4
SUFFIXES = (".yaml", ".yml")
NEAREST = 3


@click.command("suggest")
@click.argument("data")
@click.option(
    "--pred-probs",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take the model's probabilities from this file (of curate predict or evaluate, or any with id and a column for each label).",
)
@click.option("--model", type=click.Path(path_type=Path), metavar="FOLDER", help="Ask this model, of curate finetune.")
@click.option("--train", metavar="FILE", help="Ask a model of this training data, by --family.")
@click.option(
    "--threshold",
    type=click.FloatRange(-1, 1),
    default=THRESHOLD,
    show_default=True,
    help="Errors are one slice down to this mean cosine of their embeddings; lower makes larger slices.",
)
@click.option(
    "--top", type=click.IntRange(min=1), default=10, show_default=True, metavar="N", help="Suggest this many."
)
@data_options
@predict_options
@encoder_options
@seed_option
@output_option("Write the drafts of specifications here, as .yaml.")
@json_option
def command(
    data: str,
    pred_probs: Path | None,
    model: Path | None,
    train: str | None,
    threshold: float,
    top: int,
    data_options: DataOptions,
    predict_options: PredictOptions,
    encoder_options: EncoderOptions,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Find the slices of a model's errors on DATA that deserve a specification.

    Errors of one half of the rows are clustered by their embeddings, within their true label; how often the model fails in each
    slice is counted on the other half. Without a model, DATA's own rows are predicted out of sample.

    Example: curate spec suggest heldout.csv --train train.csv -o drafts.yaml
    """
    with session(output, also=SUFFIXES) as run:
        import numpy as np

        from curatekit.artifacts import Artifacts
        from curatekit.errors import InputError
        from curatekit.files import write_text
        from curatekit.select.prepare import require_single_texts
        from curatekit.specify.drafts import HEAD, drafts
        from curatekit.specify.error_slices import error_slices
        from curatekit.specs.drafts import drafts_as_yaml
        from curatekit.specs.sides import on_test_side

        if sum(given is not None for given in (pred_probs, model, train)) > 1:
            raise InputError("--pred-probs, --model and --train each say what to ask. Give one of them.")
        if output is not None and output.suffix not in SUFFIXES:
            raise InputError(f"{output}: drafts are YAML, told by the suffix. Name it such as drafts.yaml")
        how = settings(encoder_options, predict_options, seed=seed)
        dataset, probs, by = _predicted(run, data, data_options, how, pred_probs, model, train)
        require_single_texts(dataset)
        embeddings = Artifacts(dataset, how).embeddings
        predicted = probs.argmax(axis=1)
        counting = on_test_side(dataset.texts)
        slices = error_slices(embeddings, dataset.labels, predicted, counting, threshold=threshold, seed=seed)
        found = drafts(slices[:top], dataset.texts, dataset.classes, counting)
        if output is not None and found:
            write_text(output, drafts_as_yaml([one.draft for one in found], HEAD))
            run.output(output)
        overall = float(np.mean(predicted != dataset.labels))
        suggested = [
            {
                "id": named.draft.id,
                "label": named.draft.label,
                "words": named.words,
                "rows": len(one.rows),
                "errors": len(one.errors),
                "counted": one.counted,
                "error_rate": one.rate._asdict(),
                "excess": one.excess,
                "nearest": [dataset.texts[row] for row in one.errors[:NEAREST].tolist()],
            }
            for one, named in zip(slices, found, strict=False)
        ]
        payload = {
            "rows": len(dataset), "predicted_by": by, "error_rate": overall, "slices": len(slices), "suggested": suggested,
            "threshold": threshold,
        }  # fmt: skip
        run.metrics.update(payload)
        text = lines(payload)
        if output is not None and found:
            then = following("spec", "check", output, why="once its drafts are read and corrected")
            text += ["", f"Written: {output}", then]
        elif found:
            text += ["", "Next: the same with -o drafts.yaml"]
        result(as_json, {**payload, "output": output if found else None}, text)


def _predicted(
    run: Run,
    data: str,
    options: DataOptions,
    how: Settings,
    pred_probs: Path | None,
    model: Path | None,
    train: str | None,
) -> tuple[Dataset, Floats, str]:
    """Return the rows, their probabilities, and what these are of."""
    from curatekit.artifacts import Artifacts

    if pred_probs is not None:
        from curatekit.predict.external import read_predictions

        dataset = read(run, data, options).require_classes()
        predictions = read_predictions(pred_probs, dataset, in_sample=True)
        run.input(pred_probs)
        return dataset, predictions.pred_probs, predictions.family
    if model is not None:
        from curatekit.train.model import kind_of_model, load_model
        from curatekit.train.rows import coded_as

        kind_of_model(model)  # a wrong folder is told before any data is read
        dataset = read(run, data, options)
        trained = load_model(model, Artifacts(dataset, how).cache)
        run.input(model)
        dataset = coded_as(dataset, trained.classes, str(model), options.normalise_labels)
        return dataset, trained.pred_probs(dataset.inputs), str(model)
    if train is not None:
        training = Artifacts(read(run, train, options).require_classes(), how)
        asked = Artifacts(read(run, data, options, classes=training.classes), how)
        return asked.dataset, training.predict(asked).pred_probs, f"{how.family}, trained on {train}"
    own = Artifacts(read(run, data, options).require_classes().require_rows_per_class(), how)
    return own.dataset, own.pred_probs, f"{how.family}, out of sample"


def lines(payload: dict[str, Any]) -> list[str]:
    """Return the result as text."""
    text = [
        f"{payload['error_rate']:.1%} of {payload['rows']:,} rows are predicted wrong ({shown(payload['predicted_by'], 60)}); "
        f"{payload['slices']} slices are so more often than the whole."
    ]
    if not payload["suggested"]:
        return [*text, "No errors lie together where the model surely fails more often: there is nothing to suggest."]
    rows = [
        (one["id"], one["label"], one["rows"], one["errors"], *one["error_rate"].values(), one["excess"])
        for one in payload["suggested"]
    ]
    text += ["", *table(["slice", "label", "rows", "errors", "error rate", "low", "high", "beyond chance"], rows)]
    text.append(
        "error rate: counted on rows that had no part in finding the slice; beyond chance: errors, at the least."
    )
    for one in payload["suggested"]:
        text += ["", f"{one['id']} ({one['label']})", *(f"  {shown(near, 100)}" for near in one["nearest"])]
    return text
