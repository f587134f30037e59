"""curate finetune lm"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit_cli._answer_options import TRAINING, answer_options, smoke_lines
from curatekit_cli._options import json_option, output_option, seed_option
from curatekit_cli._print import interval, result, table
from curatekit_cli._session import fails, session, took

if TYPE_CHECKING:
    from curatekit.evaluate.generation import GenerationScores
    from curatekit.readers.conversations import Conversations
    from curatekit.run import Run


@click.command("lm")
@click.argument("train")
@click.option("--eval", "evaluation", metavar="FILE", help="Answer the prompts of this file, which are not trained on.")
@click.option("--base", required=True, metavar="MODEL", help="Start from this language model: a name or a folder.")
@click.option("--lora", is_flag=True, help="Train a LoRA adapter instead of all weights.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["messages", "conversations", "prompt-completion", "alpaca"]),
    help="Read the files as this [default: recognised by their columns].",
)
@click.option("--every-turn", is_flag=True, help="Learn every turn of the assistant in a chat, not the last alone.")
@click.option(
    "--chat-template",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Write chats by this Jinja template instead of the tokenizer's own.",
)
@answer_options
@click.option(
    "--smoke",
    is_flag=True,
    help="Try the whole way on 100 rows, check it, say what the full run will take, and keep nothing.",
)
@click.option(
    "--on-bad-row",
    type=click.Choice(["fail", "skip"]),
    default="fail",
    show_default=True,
    help="Refuse a file with unusable rows, or set those rows aside into a file with the reason.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Use only the first N rows of each file.")
@click.option(
    "--overwrite", is_flag=True, help="Replace another model in the output folder, and start from the beginning."
)
@seed_option
@output_option("Write the model into this folder; needed unless --smoke.")
@json_option
def command(
    train: str,
    evaluation: str | None,
    base: str,
    lora: bool,
    file_format: str | None,
    every_turn: bool,
    chat_template: Path | None,
    smoke: bool,
    on_bad_row: str,
    limit: int | None,
    overwrite: bool,
    seed: int,
    output: Path | None,
    as_json: bool,
    **more: Any,
) -> None:
    """Teach a language model the completions of TRAIN: its answers alone are learnt, not the prompts.

    TRAIN has the columns of Alpaca (instruction, input, output), messages (role and content) or prompt and completion. Evaluating
    generates: each prompt of --eval is answered, and the answers are scored. A run that was interrupted goes on when the same command is
    given again.

    Example: curate finetune lm train.jsonl --eval heldout.jsonl --base models/smollm --lora --metric rouge_l -o model
    """
    with session(output, folder=True, keeps=not smoke) as run:
        from curatekit.errors import InputError
        from curatekit.files import write_json
        from curatekit.generation import Generation
        from curatekit.run import plain
        from curatekit.train.answering import AnswerTraining
        from curatekit.train.lm import fit_lm

        if output is None and not smoke:
            raise InputError("The model needs a folder: give -o FOLDER, or --smoke to try the way.")
        how = {"format": file_format, "every_turn": every_turn, "on_bad_row": on_bad_row, "limit": limit}
        rows = _read(run, train, how)
        asked = _read(run, evaluation, how) if evaluation is not None else None
        training = {name: more.pop(name) for name in TRAINING}
        training["lora_rank"] = training["lora_rank"] or (16 if lora else None)
        training["max_steps"] = training["max_steps"] or -1
        settings: dict[str, Any] = {
            "base": base, "training": AnswerTraining(**training), "generation": Generation(**more),
            "chat_template": chat_template, "evaluation": asked, "seed": seed,
        }  # fmt: skip
        payload: dict[str, Any]
        if smoke:
            from curatekit.train.lm_smoke import smoke_lm

            tried = smoke_lm(rows, **settings)
            if not tried.passed:
                fails()
            payload = {
                "checks": [check._asdict() for check in tried.checks],
                "passed": tried.passed,
                "seconds": tried.seconds,
                "bytes": tried.bytes,
            }
            run.metrics.update(payload)
            result(as_json, payload, smoke_lines(tried))
        elif output is not None:
            model = fit_lm(rows, **settings, output_dir=output, overwrite=overwrite)
            payload = {"completions": len(rows), "left_out": model.left_out, "format": rows.format}
            trained = len(rows) - model.left_out
            lines = [f"Taught {trained:,} completions ({model.left_out:,} were too long and left out): {output}"]
            if model.scores is not None:
                payload["eval"] = _payload(model.scores)
                lines += ["", f"Answers to {model.scores.n:,} prompts of {evaluation}:", *_lines(model.scores)]
                lines.append(f"Each answer with its scores: {output / 'predictions-final.csv'}")
                if training["metric_for_best_model"] is not None:
                    lines.append("The best checkpoint was chosen on these very rows, so the figures flatter it.")
            write_json(output / "metrics.json", plain(payload))
            run.metrics.update(payload)
            run.output(output)
            result(as_json, {**payload, "output": output}, lines)


def _read(run: Run, source: str, how: dict[str, Any]) -> Conversations:
    from curatekit.readers.conversations import read_conversations

    return took(run, source, read_conversations(source, **how))


def _payload(scores: GenerationScores) -> dict[str, Any]:
    intervals = {name: one._asdict() for name, one in scores.intervals.items()}
    return {"rows": scores.n, **scores.overall, "intervals": intervals}


def _lines(scores: GenerationScores) -> list[str]:
    rows = [
        (name, interval(scores.intervals[name]) if name in scores.intervals else f"{value:.3f}")
        for name, value in scores.overall.items()
    ]
    return table(["metric", "overall"], rows)
