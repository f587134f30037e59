"""curate finetune"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit import registry
from curatekit_cli import _training_options as options
from curatekit_cli._options import (
    DataOptions,
    EncoderOptions,
    data_options,
    encoder_options,
    json_option,
    output_option,
    seed_option,
    with_options,
)
from curatekit_cli._print import following, result
from curatekit_cli._session import read, session
from curatekit_cli.evaluate import scores_lines, scores_payload

if TYPE_CHECKING:
    from curatekit.arrays import Floats
    from curatekit.dataset import Dataset
    from curatekit.train.model import Model
    from curatekit.train.rows import Rows

PROBE = "probe"
_LOSSES = "; ".join(f"{name}: {entry.summary}" for name, entry in registry.TABLES["losses"].items())
# The options of the transformer, by the names of curatekit.train.classifier.Training.
_TRAINING = {
    "epochs": options.epochs(3.0),
    "max_steps": options.MAX_STEPS,
    "learning_rate": click.option("--learning-rate", type=click.FloatRange(0, min_open=True),
                                  help="Step size of AdamW, falling linearly [default: by full or LoRA training]."),
    "batch_size": options.batch_size(16),
    "gradient_accumulation": options.GRADIENT_ACCUMULATION,
    "warmup": options.WARMUP,
    "weight_decay": options.weight_decay(0.01),
    "max_length": click.option("--max-length", type=click.IntRange(min=2), metavar="TOKENS",
                               help="Cut texts here [default: where the model ends, at most 256]."),
    "bf16": options.BF16,
    "lora_rank": options.lora_rank(8),
    "near": click.option("--near", type=click.FloatRange(0, min_open=True), metavar="DISTANCE",
                         help="Patch --base, a classifier made by finetune: keep its weights within this share of their length."),
    "loss": click.option("--loss", default="cross-entropy", show_default=True, metavar="NAME",
                         help=f"Train on this loss, as NAME or NAME:NUMBER. {_LOSSES}."),
    "class_weights": click.option("--class-weights", type=click.Choice(["balanced"]),
                                  help="Let each class count alike, however many rows it has."),
    "eval_strategy": options.eval_strategy("Evaluate on --eval while training"),
    "eval_steps": options.eval_steps(),
    "save_steps": options.SAVE_STEPS,
    "save_total_limit": options.save_total_limit(),
    "metric_for_best_model": click.option("--metric-for-best-model",
                                          type=click.Choice(["loss", "accuracy", "macro_f1", "mcc"]),
                                          help="Keep the checkpoint that is best by this on --eval [default: the last]."),
    "early_stopping_patience": options.early_stopping_patience(),
    "logging_steps": options.logging_steps(50),
    "report_to": options.REPORT_TO,
}  # fmt: skip


def _training_options(command: Any) -> Any:
    return with_options(command, _TRAINING.values())


@click.command("finetune")
@click.argument("train")
@click.option("--add", multiple=True, metavar="FILE", help="Train on these rows too, such as a selection; repeatable.")
@click.option("--eval", "evaluation", metavar="FILE", help="Measure on these labelled rows, which are not trained on.")
@click.option(
    "--base",
    default="all-MiniLM-L6-v2",
    show_default=True,
    metavar="MODEL",
    help="Start from this model (a name or a folder), or take 'probe': logistic regression on --encoder, in seconds.",
)
@click.option("--lora", is_flag=True, help="Train a LoRA adapter and the head instead of all weights.")
@_training_options
@click.option(
    "--weights",
    metavar="COLUMN|FILE",
    help="Let rows count by this column, or by 1 - p_wrong of a file that find-errors wrote for them.",
)
@click.option(
    "--overwrite", is_flag=True, help="Replace another model in the output folder, and start from the beginning."
)
@data_options
@encoder_options
@seed_option
@output_option("Write the model into this folder.", required=True)
@json_option
def command(
    train: str,
    add: tuple[str, ...],
    evaluation: str | None,
    base: str,
    lora: bool,
    weights: str | None,
    overwrite: bool,
    data_options: DataOptions,
    encoder_options: EncoderOptions,
    seed: int,
    output: Path,
    as_json: bool,
    **training: Any,
) -> None:
    """Train a classifier on TRAIN and what was selected for it.

    A run that was interrupted goes on from its last checkpoint when the same command is given again.

    Example: curate finetune train.csv --add chosen.csv --label sentiment --eval heldout.csv -o model
    """  # fmt: skip
    with session(output, folder=True) as run:
        from curatekit.evaluate.classification import classification
        from curatekit.files import write_json
        from curatekit.run import plain
        from curatekit.train.rows import evaluation_rows, training_rows
        from curatekit.train.weights import row_weights

        _check(click.get_current_context(), base)
        dataset = read(run, train, data_options)
        selections = [read(run, file, data_options) for file in add]
        normalise = data_options.normalise_labels
        rows = training_rows(dataset, selections, normalise_labels=normalise)
        measured = None
        if evaluation is not None:
            measured = evaluation_rows(read(run, evaluation, data_options), rows, normalise_labels=normalise)
        if base == PROBE:
            model = _probe(rows, encoder_options, seed, output, overwrite)
        else:
            training["lora_rank"] = training["lora_rank"] or (8 if lora else None)
            training["max_steps"] = training["max_steps"] or -1
            parts = [dataset, *selections]
            by_row = None if weights is None else row_weights(weights, parts)
            if weights is not None and not any(weights in part.frame.columns for part in parts):
                run.input(weights)
            model = _classifier(rows, by_row, measured, base, training, seed, output, overwrite)
        counts = {name: int((rows.labels == code).sum()) for code, name in enumerate(rows.classes)}
        payload: dict[str, Any] = {"rows": len(rows.labels), "added": rows.added, "rows_per_class": counts}
        lines = [
            f"Trained on {len(rows.labels):,} rows ({rows.added:,} of them added) of {len(counts)} classes: {output}"
        ]
        if measured is not None:
            predicted = model.pred_probs(measured.inputs).argmax(1)
            scores = classification(measured.labels, predicted, len(rows.classes), seed=seed)
            payload["eval"] = scores_payload(scores, rows.classes)
            lines += ["", f"On the {scores.n:,} rows of {evaluation}:", *scores_lines(scores, rows.classes), ""]
            if training["metric_for_best_model"] is not None:
                lines.append("The best checkpoint was chosen on these very rows, so the figures flatter it.")
        write_json(output / "metrics.json", plain(payload))
        run.metrics.update(payload)
        run.output(output)
        then = following("evaluate", output, evaluation or "HELDOUT", "--spec", "SPEC", columns=data_options)
        result(as_json, {**payload, "output": output}, [*lines, then])


def _check(context: click.Context, base: str) -> None:
    """Refuse options that the base makes meaningless."""
    from click.core import ParameterSource

    from curatekit.errors import InputError

    def given(*names: str) -> list[str]:
        explicit = [name for name in names if context.get_parameter_source(name) == ParameterSource.COMMANDLINE]
        return [f"--{name.replace('_', '-')}" for name in explicit]

    if base == PROBE and (useless := given("lora", "weights", *_TRAINING)):
        raise InputError(
            f"{', '.join(useless)}: the probe has no such setting. Leave it out, or choose another --base."
        )
    if base != PROBE and (useless := given("encoder", "precision", "backend", "cache")):
        raise InputError(f"{', '.join(useless)}: only --base probe has an encoder. Leave it out, or give --base probe.")


def _probe(rows: Rows, options: EncoderOptions, seed: int, output: Path, overwrite: bool) -> Model:
    from curatekit.cache import Cache
    from curatekit.encoders import load_encoder
    from curatekit.train.probe import fit_probe_classifier

    return fit_probe_classifier(
        rows.inputs,
        rows.labels,
        rows.classes,
        encoder=load_encoder(options.encoder, options.precision, options.backend),
        seed=seed,
        cache=Cache(options.cache),
        output_dir=output,
        overwrite=overwrite,
    )


def _classifier(
    rows: Rows,
    weights: Floats | None,
    measured: Dataset | None,
    base: str,
    training: dict[str, Any],
    seed: int,
    output: Path,
    overwrite: bool,
) -> Model:
    from curatekit.train.classifier import Training, fit_classifier

    return fit_classifier(
        rows.inputs,
        rows.labels,
        rows.classes,
        base=base,
        training=Training(**training),
        seed=seed,
        eval_inputs=measured.inputs if measured is not None else None,
        eval_labels=measured.labels if measured is not None else None,
        weights=weights,
        output_dir=output,
        overwrite=overwrite,
    )
