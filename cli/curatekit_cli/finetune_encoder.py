"""curate finetune encoder"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit import registry
from curatekit_cli import _training_options as options
from curatekit_cli._options import DataOptions, data_options, json_option, output_option, seed_option, with_options
from curatekit_cli._print import result, table
from curatekit_cli._session import session, took

if TYPE_CHECKING:
    from curatekit.dataset import Dataset
    from curatekit.run import Run

_LOSSES = "; ".join(f"{name}: {entry.summary}" for name, entry in registry.TABLES["encoder-losses"].items())
# The options of curatekit.train.encoder.EncoderTraining, by its names.
_TRAINING = {
    "loss": click.option("--loss", metavar="NAME", help=f"Tune by this loss [default: by the columns]. {_LOSSES}."),
    "epochs": options.epochs(1.0),
    "max_steps": options.MAX_STEPS,
    "learning_rate": click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=2e-5, show_default=True,
                                  help="Step size of AdamW, falling linearly."),
    "batch_size": options.batch_size(64, 4, ", which are each other's negatives"),
    "warmup": options.WARMUP,
    "weight_decay": options.weight_decay(0.01),
    "max_length": click.option("--max-length", type=click.IntRange(min=2), metavar="TOKENS",
                               help="Cut texts here [default: where the model ends]."),
    "bf16": options.BF16,
    "eval_strategy": options.eval_strategy("Measure on --eval while tuning"),
    "eval_steps": options.eval_steps("Measure"),
    "save_steps": options.SAVE_STEPS,
    "save_total_limit": options.save_total_limit("encoder"),
    "keep_best": click.option("--keep-best", is_flag=True, help="Keep the checkpoint that measures best on --eval [default: the last]."),
    "early_stopping_patience": options.early_stopping_patience("measurements"),
    "logging_steps": options.logging_steps(50),
    "report_to": options.REPORT_TO,
}  # fmt: skip


def _training_options(command: Any) -> Any:
    return with_options(command, _TRAINING.values())


@click.command("encoder")
@click.argument("train")
@click.option("--eval", "evaluation", metavar="FILE", help="Measure on these rows before, while and after tuning.")
@click.option(
    "--base",
    default="all-MiniLM-L6-v2",
    show_default=True,
    metavar="MODEL",
    help="Tune this encoder: a name or a folder.",
)
@_training_options
@click.option(
    "--overwrite", is_flag=True, help="Replace another encoder in the output folder, and start from the beginning."
)
@data_options
@seed_option
@output_option("Write the encoder into this folder.", required=True)
@json_option
def command(
    train: str,
    evaluation: str | None,
    base: str,
    overwrite: bool,
    data_options: DataOptions,
    seed: int,
    output: Path,
    as_json: bool,
    **training: Any,
) -> None:
    """Tune an encoder on what TRAIN says is alike; every --encoder takes the folder.

    The columns say how: one --text and --label; two --text for pairs, with a --label of numbers for scored pairs; three --text for
    triplets (anchor, positive, negative). A run that was interrupted goes on when the same command is given again.

    Example: curate finetune encoder train.csv --text review --label sentiment --eval heldout.csv -o encoder
    """
    with session(output, folder=True) as run:
        from curatekit.files import write_json
        from curatekit.run import plain
        from curatekit.train.encoder import EncoderTraining, fit_encoder
        from curatekit.train.encoder_rows import encoder_rows
        from curatekit.train.rows import say_seen

        dataset = _read(run, train, data_options)
        measured = None if evaluation is None else _read(run, evaluation, data_options)
        rows = encoder_rows(dataset)
        if measured is not None:
            say_seen(measured, rows.inputs)
        training["max_steps"] = training["max_steps"] or -1
        tuned = fit_encoder(
            rows,
            output,
            base=base,
            training=EncoderTraining(**training),
            seed=seed,
            evaluation=None if measured is None else encoder_rows(measured),
            overwrite=overwrite,
        )
        payload = {
            "rows": len(dataset),
            "kind": rows.shape,
            "loss": tuned.loss,
            "before": tuned.before,
            "after": tuned.after,
        }
        write_json(output / "metrics.json", plain(payload))
        run.metrics.update(payload)
        run.output(output)
        lines = [f"Tuned on {len(dataset):,} {rows.shape} by {tuned.loss}: {output}"]
        if measured is not None:
            figures = [(name, tuned.before[name], value) for name, value in tuned.after.items()]
            lines += [
                "",
                f"On the {len(measured):,} rows of {evaluation}:",
                *table(["metric", "before", "after"], figures),
            ]
            if training["keep_best"]:
                lines.append(
                    "The best checkpoint was chosen on these very rows, so the figure after tuning flatters it."
                )
        if rows.shape == "labelled texts":
            lines += [
                "",
                "Its vectors know the labels of these rows: it finds errors in other rows. For these, take an encoder that does not.",
            ]
        lines.append(f"Next: curate find-errors OTHER --encoder {output} -o issues.csv")
        result(as_json, {**payload, "output": output}, lines)


def _read(run: Run, source: str, options: DataOptions) -> Dataset:
    from curatekit.readers.tables import read_source
    from curatekit.train.encoder_rows import read_rows

    return took(run, source, read_rows(read_source(source), **options._asdict()))
