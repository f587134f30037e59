"""curate finetune encoder"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit import registry
from curatekit_cli._options import DataOptions, data_options, json_option, output_option, seed_option
from curatekit_cli._print import result, table
from curatekit_cli._session import session, took

if TYPE_CHECKING:
    from curatekit.dataset import Dataset
    from curatekit.run import Run

_LOSSES = "; ".join(f"{name}: {entry.summary}" for name, entry in registry.TABLES["encoder-losses"].items())
# The options of curatekit.train.encoder.EncoderTraining, by its names.
_TRAINING = {
    "loss": click.option("--loss", metavar="NAME", help=f"Tune by this loss [default: by the columns]. {_LOSSES}."),
    "epochs": click.option("--epochs", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True,
                           help="Go over the rows this many times."),
    "max_steps": click.option("--max-steps", type=click.IntRange(min=1), help="Stop after this many steps, whatever --epochs says."),
    "learning_rate": click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=2e-5, show_default=True,
                                  help="Step size of AdamW, falling linearly."),
    "batch_size": click.option("--batch-size", type=click.IntRange(min=4), default=64, show_default=True,
                               help="Put this many rows into a batch, which are each other's negatives."),
    "warmup": click.option("--warmup", type=click.FloatRange(0), default=0.1, show_default=True,
                           help="Raise the learning rate over this many steps, or this share of them if below 1."),
    "weight_decay": click.option("--weight-decay", type=click.FloatRange(0), default=0.01, show_default=True,
                                 help="Shrink the weights by this much."),
    "max_length": click.option("--max-length", type=click.IntRange(min=2), metavar="TOKENS",
                               help="Cut texts here [default: where the model ends]."),
    "bf16": click.option("--bf16/--no-bf16", default=None, help="Compute in bfloat16 [default: where the machine has it]."),
    "eval_strategy": click.option("--eval-strategy", type=click.Choice(["no", "epoch", "steps"]), default="epoch",
                                  show_default=True, help="Measure on --eval while tuning: when."),
    "eval_steps": click.option("--eval-steps", type=click.IntRange(min=1), help="Measure every so many steps."),
    "save_steps": click.option("--save-steps", type=click.IntRange(min=1),
                               help="Save a checkpoint every so many steps [default: at each epoch]."),
    "save_total_limit": click.option("--save-total-limit", type=click.IntRange(min=1),
                                     help="Keep this many checkpoints [default: none once the encoder is finished]."),
    "keep_best": click.option("--keep-best", is_flag=True, help="Keep the checkpoint that measures best on --eval [default: the last]."),
    "early_stopping_patience": click.option("--early-stopping-patience", type=click.IntRange(min=1),
                                            help="Stop after this many measurements without a better one."),
    "logging_steps": click.option("--logging-steps", type=click.IntRange(min=1), default=50, show_default=True,
                                  help="Log the loss every so many steps."),
    "report_to": click.option("--report-to", type=click.Choice(["none", "tensorboard", "trackio", "wandb"]), default="none",
                              show_default=True, help="Send the log there as well; log.jsonl is always written."),
}  # fmt: skip


def _training_options(command: Any) -> Any:
    for option in reversed(_TRAINING.values()):
        command = option(command)
    return command


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
