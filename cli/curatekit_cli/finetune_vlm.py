"""curate finetune vlm"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit_cli._answer_options import TRAINING, answer_options, smoke_lines
from curatekit_cli._options import json_option, output_option, seed_option, with_options
from curatekit_cli._print import result, table
from curatekit_cli._session import fails, session, took

if TYPE_CHECKING:
    from curatekit.readers.vlm_rows import VlmRows
    from curatekit.run import Run
    from curatekit.train.vlm import Vlm

_READING = {
    "image": click.option("--image", metavar="COLUMN", help="Read the image from this column: bytes, a path, or a list of either."),
    "prompt": click.option("--prompt", metavar="COLUMN", help="Read what is asked from this column."),
    "prompt_text": click.option("--prompt-text", metavar="TEXT", help="Ask this of every image, in place of --prompt."),
    "answer": click.option("--answer", metavar="COLUMN", help="Read the answer from this column."),
    "id": click.option("--id", metavar="COLUMN", help="Read the row's id from this column; '' makes ids from the texts."),
    "image_root": click.option("--image-root", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="FOLDER",
                               help="Look for images here, and nowhere else [default: beside the file]."),
    "on_bad_row": click.option("--on-bad-row", type=click.Choice(["fail", "skip"]), default="fail", show_default=True,
                               help="Refuse a file with unusable rows, or set those rows aside into a file with the reason."),
    "limit": click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Use only the first N rows of each file."),
}  # fmt: skip


def _reading_options(command: Any) -> Any:
    return with_options(command, _READING.values())


@click.command("vlm")
@click.argument("train")
@click.option(
    "--base", required=True, metavar="MODEL", help="Start from this model of images and text: a folder or a name."
)
@click.option("--eval", "evaluation", metavar="FILE", help="Answer these rows, which are not trained on, and score it.")
@click.option("--lora", is_flag=True, help="Train a LoRA adapter of the language model instead of all its weights.")
@click.option("--tune-projector", is_flag=True, help="Train the layers between image and language too.")
@click.option("--tune-vision", is_flag=True, help="Train the vision tower too.")
@click.option(
    "--smoke",
    is_flag=True,
    help="Try the whole way on 100 rows, check it, say what the full run will take, and keep nothing.",
)
@_reading_options
@answer_options
@click.option(
    "--overwrite", is_flag=True, help="Replace another model in the output folder, and start from the beginning."
)
@seed_option
@output_option("Write the model into this folder; needed unless --smoke.")
@json_option
def command(
    train: str,
    base: str,
    evaluation: str | None,
    lora: bool,
    tune_projector: bool,
    tune_vision: bool,
    smoke: bool,
    overwrite: bool,
    seed: int,
    output: Path | None,
    as_json: bool,
    **more: Any,
) -> None:
    """Fine-tune a model of images and text to answer as TRAIN does, measured by what it answers.

    The loss is on the answers alone. Evaluations generate from the prompts of --eval; predictions-STEP.csv keeps what was said.
    A run that was interrupted goes on from its last checkpoint when the same command is given again.

    Example: curate finetune vlm train.parquet --base llava-folder --prompt question --answer answer --eval test.parquet -o model
    """
    with session(output, folder=True, keeps=not smoke) as run:
        from curatekit.errors import InputError
        from curatekit.files import write_json
        from curatekit.generation import Generation
        from curatekit.run import plain
        from curatekit.train.vlm import VlmTraining, fit_vlm

        if output is None and not smoke:
            raise InputError("The model needs a folder: give -o FOLDER, or --smoke to try the way.")
        reading = {name: more.pop(name) for name in _READING}
        rows = _read(run, train, reading)
        asked = None
        if evaluation is not None:
            asked = _read(run, evaluation, reading)
            took(run, evaluation, asked.dataset)
        training = {name: more.pop(name) for name in TRAINING}
        training |= {
            "lora_rank": training["lora_rank"] or (16 if lora else None),
            "max_steps": training["max_steps"] or -1,
        }
        settings: dict[str, Any] = {
            "base": base,
            "training": VlmTraining(**training, tune_projector=tune_projector, tune_vision=tune_vision),
            "generation": Generation(**more), "evaluation": asked, "seed": seed,
        }  # fmt: skip
        payload: dict[str, Any]
        if smoke:
            from curatekit.train.vlm_smoke import smoke_vlm

            tried = smoke_vlm(rows, **settings)
            took(run, train, rows.dataset)
            if not tried.passed:
                fails()
            payload = {**tried._asdict(), "checks": [check._asdict() for check in tried.checks], "passed": tried.passed}
            result(as_json, payload, smoke_lines(tried))
        elif output is not None:
            vlm = fit_vlm(rows, **settings, output_dir=output, overwrite=overwrite)
            payload = {"rows": len(rows) - len(vlm.too_long), "too_long": len(vlm.too_long)}
            lines = [f"Trained on {payload['rows']:,} rows: {output}"]
            if vlm.final:
                payload["eval"] = dict(vlm.final)
                lines += _eval_lines(vlm.final, str(evaluation), output)
                if training["metric_for_best_model"] is not None:
                    lines.append("The best checkpoint was chosen on these very rows, so the figures flatter it.")
            write_json(output / "metrics.json", plain(payload))
            run.metrics.update(payload)
            run.output(output)
            took(run, train, _with_too_long(rows, vlm))
            result(as_json, {**payload, "output": output}, lines)


def _eval_lines(final: Mapping[str, float], evaluation: str, output: Path) -> list[str]:
    figures = [(name, value) for name, value in final.items() if name != "step"]
    return [
        "", f"Answers to {evaluation}:", *table(["metric", "overall"], figures),
        f"Each answer with its scores: {output / 'predictions-final.csv'}",
    ]  # fmt: skip


def _read(run: Run, source: str, reading: dict[str, Any]) -> VlmRows:
    from curatekit.readers.vlm_rows import read_vlm_rows

    rows = read_vlm_rows(source, **reading)
    run.input(source, rows.dataset.sha256)
    return rows


def _with_too_long(rows: VlmRows, vlm: Vlm) -> Any:
    """Return the training data with the rows that were too long among those set aside."""
    import polars as pl

    aside, too_long = rows.dataset.set_aside, set(vlm.too_long)
    reason = "it has more tokens than are read"
    more = pl.DataFrame([(None, id, reason) for id in vlm.too_long], schema=aside.schema, orient="row")
    fitting = [row for row, id in enumerate(rows.dataset.ids.tolist()) if str(id) not in too_long]
    return replace(rows.dataset.take(fitting), set_aside=pl.concat([aside, more]))
