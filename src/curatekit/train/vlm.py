"""A model of images and text, fine-tuned to answer, and measured by what it answers: through Trainer and peft."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from curatekit.encoders import hardware
from curatekit.encoders.contents import weights_hash
from curatekit.encoders.places import find_base
from curatekit.errors import InputError
from curatekit.files import write_json
from curatekit.generation import Generation
from curatekit.readers.vlm_rows import VlmRows
from curatekit.reporting import note
from curatekit.run import plain
from curatekit.train.adapter import base_of_adapter
from curatekit.train.answering import AnswerTraining, Evaluations, arguments, check_training
from curatekit.train.folder import MARK, begin, finished, remove_checkpoints
from curatekit.train.settings import chosen_precision
from curatekit.train.vlm_rows import EncodedRows, encoded

KIND = "vlm"
_PREDICTIONS = "predictions-final.csv"


@dataclass(frozen=True)
class VlmTraining(AnswerTraining):
    """How to train: as any model that is taught to answer, by LoRA or whole its language model.

    tune_projector, tune_vision: train the layers between vision tower and language model too, and the tower. max_length: tokens of a
    row, images included; longer rows are set aside.
    """

    tune_projector: bool = False
    tune_vision: bool = False


@dataclass(frozen=True)
class Vlm:
    """A trained model: `model` and `processor` of transformers, how it answers, and where it comes from.

    history: Trainer's log. too_long: ids of rows that were not trained on. final: the metrics of what was kept.
    """

    model: Any
    processor: Any
    base: Mapping[str, str]  # name, sha256
    generation: Generation
    precision: str = "auto"
    history: list[dict[str, Any]] = field(default_factory=list)
    too_long: tuple[str, ...] = ()
    final: Mapping[str, float] = field(default_factory=dict)

    def answers(self, rows: VlmRows, *, generation: Generation | None = None, batch_size: int = 16) -> tuple[str, ...]:
        """Return the answer to each row's prompt; what the rows hold as answers is not read."""
        from curatekit import hf, hf_generate, hf_vlm

        asked = replace(rows, dataset=replace(rows.dataset, inputs=rows.dataset.inputs[:1]))
        if not len(asked):
            return ()
        with hf.quiet(), hf.kept_random_state():
            made, _ = encoded(asked, hf_vlm.RowEncoder(self.processor, self.model), None, "question")
            bf16 = hardware.precision(self.precision, self.model.device.type)[0] == "bfloat16"
            found = hf_generate.answers(
                self.model, self.processor, made, generation or self.generation, batch_size, bf16=bf16
            )
        return tuple(found[row] for row in range(len(asked)))

    def save(self, folder: Path | str) -> None:
        """Write the model to `folder`, which transformers can read too; the file that marks it finished comes last."""
        from curatekit import hf

        folder = Path(folder)
        folder.mkdir(exist_ok=True)
        (folder / MARK).unlink(missing_ok=True)
        with hf.quiet():
            hf.save(self.model, self.processor, folder)
        about = {"kind": KIND, "adapter": hf.is_adapted(self.model), "precision": self.precision}
        about |= {"generation": asdict(self.generation), "too_long": self.too_long, "final": dict(self.final)}
        write_json(folder / MARK, plain({**about, "base": dict(self.base)}))


def fit_vlm(
    rows: VlmRows,
    *,
    base: str | Path,
    training: VlmTraining | None = None,
    generation: Generation | None = None,
    evaluation: VlmRows | None = None,
    seed: int = 0,
    output_dir: Path | str | None = None,
    overwrite: bool = False,
    callbacks: Sequence[Any] = (),
) -> Vlm:
    """Return a model trained to give the answers of `rows`; the same arguments give the same weights on one machine.

    base: the folder of a LLaVA, LLaVA-NeXT, Qwen2.5-VL, Idefics3, SmolVLM, PaliGemma or another image-text-to-text model with
    its processor, or a name on the hub. The loss is on the tokens of the answer alone. Each evaluation generates answers from the
    prompts of `evaluation` and scores them. With `output_dir` the model, its checkpoints, log.jsonl and each evaluation's
    predictions-STEP.csv go there, the kept model's as predictions-final.csv, and a run that was interrupted goes on from its
    newest complete checkpoint, to the weights it would have had. callbacks: Trainer's. Raises InputError for rows, settings or a folder that will not do.
    """
    training, generation = training or VlmTraining(), generation or Generation()
    _check(rows, evaluation, training)
    with TemporaryDirectory(prefix="curatekit-") as scratch:
        folder = Path(output_dir) if output_dir is not None else Path(scratch)
        base_folder = find_base(base)
        run: dict[str, Any] = plain(
            {
                "kind": KIND,
                "base": {
                    "name": str(base_folder if Path(base).is_dir() else base),
                    "sha256": weights_hash(base_folder),
                },
                "rows": content_hash(rows),
                "evaluation": content_hash(evaluation) if evaluation is not None else None,
                "seed": seed,
                "generation": asdict(generation),
                **asdict(training),
            }
        )
        if output_dir is not None and finished(folder, run, overwrite=overwrite):
            note(f"{folder} already holds this very model; it is not trained again.")
            return load_vlm(folder)
        fitted = _trained(base_folder, run, training, generation, seed, rows, evaluation, folder,
                          keep=output_dir is not None, overwrite=overwrite, callbacks=callbacks)  # fmt: skip
        if output_dir is not None:
            fitted.save(folder)
            if training.save_total_limit is None:
                remove_checkpoints(folder)
    return fitted


def load_vlm(folder: Path | str) -> Vlm:
    """Return the model that `save` wrote to `folder`; raises InputError when there is none, or its base has changed since."""
    from curatekit import hf, hf_vlm

    folder = Path(folder)
    mark = folder / MARK
    saved = json.loads(mark.read_text(encoding="utf-8")) if mark.is_file() else {}
    if saved.get("kind") != KIND:
        raise InputError(
            f"{folder} holds no finished model of images and text. Make one with: curate finetune vlm TRAIN -o {folder}"
        )
    base_folder = None
    if saved["adapter"]:
        base_folder = base_of_adapter(folder, saved["base"])
    with hf.quiet(), hf.kept_random_state():
        processor = hf_vlm.load_processor(folder)
        model = hf_vlm.load_model(folder) if base_folder is None else hf_vlm.load_adapted(folder, base_folder)
    generation = Generation(**{**saved["generation"], "forbidden": tuple(saved["generation"]["forbidden"])})
    return Vlm(
        model.eval(), processor, saved["base"], generation, saved["precision"],
        too_long=tuple(saved["too_long"]), final=saved["final"],
    )  # fmt: skip


def content_hash(rows: VlmRows) -> str:
    """Return the SHA-256 of images, prompts and answers in their order."""
    digest = hashlib.sha256()
    for column in (rows.keys, *rows.dataset.inputs):
        for text in column:
            written = text.encode("utf-8", "surrogatepass")
            digest.update(len(written).to_bytes(8, "little") + written)
    return digest.hexdigest()


def _trained(
    base_folder: Path,
    run: Mapping[str, Any],
    training: VlmTraining,
    generation: Generation,
    seed: int,
    rows: VlmRows,
    evaluation: VlmRows | None,
    folder: Path,
    *,
    keep: bool,
    overwrite: bool,
    callbacks: Sequence[Any],
) -> Vlm:
    import torch

    from curatekit import hf, hf_generate, hf_vlm

    asked, bf16 = chosen_precision(training.bf16)
    # the weights that stay as they are need no more bits than the card computes with
    halved = bf16 and training.lora_rank is not None and torch.cuda.is_available()
    with hf.quiet(), hf.seeded(seed):
        processor = hf_vlm.load_processor(base_folder)
        model = hf_vlm.load_model(base_folder, torch.bfloat16 if halved else torch.float32)
        encoder = hf_vlm.RowEncoder(processor, model)
        limit = _limit(training.max_length, hf_vlm.longest(model))
        model = hf_vlm.trainable(
            model, training.lora_rank, projector=training.tune_projector, vision=training.tune_vision
        )
        made, too_long = encoded(rows, encoder, limit, "training")
        asked_of = None
        if evaluation is not None:
            asked_of, _ = encoded(evaluation, encoder, limit, "evaluation")
        checkpoint = None
        if keep:  # only now, so that what is refused leaves the folder as it was
            begin(folder, run, overwrite=overwrite)
            checkpoint = hf.newest_checkpoint(folder)
        if checkpoint is not None:
            note(f"Going on from {checkpoint}.")
        evaluations = _evaluations(asked_of, training.metrics, folder)
        history = hf_generate.train(
            model,
            processor,
            made,
            asked_of if training.eval_strategy != "no" else None,
            arguments(training, seed, bf16, folder, evaluated=asked_of is not None, keep=keep),
            generation=generation,
            score=evaluations,
            early_stopping_patience=training.early_stopping_patience,
            keep_best=training.metric_for_best_model is not None,
            log=folder / "log.jsonl",
            resume_from=checkpoint,
            callbacks=callbacks,
        )
        final = _final(history, training.metric_for_best_model)
        if final:
            shutil.copyfile(folder / f"predictions-{final['step']}.csv", folder / _PREDICTIONS)
        elif asked_of is not None:
            size = 2 * training.batch_size
            found = hf_generate.answers(model, processor, asked_of, generation, size, bf16=bf16)
            final = evaluations.scored([found[row] for row in range(len(asked_of))], _PREDICTIONS).overall
    return Vlm(model.eval(), processor, run["base"], generation, asked, history, too_long, final)


def _evaluations(rows: EncodedRows | None, metrics: Sequence[str], folder: Path) -> Evaluations:
    if rows is None:
        return Evaluations({}, (), metrics, None)
    columns = {"id": list(map(str, rows.made.dataset.ids)), "prompt": rows.made.prompts}
    return Evaluations(columns, rows.made.answers or (), metrics, folder)


def _final(history: Sequence[Mapping[str, Any]], best: str | None) -> dict[str, float]:
    """Return the metrics of the evaluation whose checkpoint was kept: the first best one, else the last."""
    evaluations = [line for line in history if "eval_loss" in line]
    if not evaluations:
        return {}
    kept = evaluations[-1]
    if best is not None:
        sign = -1 if best == "loss" else 1
        kept = max(evaluations, key=lambda line: sign * line[f"eval_{best}"])
    timing = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second")
    return {
        name.removeprefix("eval_"): value
        for name, value in kept.items()
        if name.startswith("eval_") and name not in timing
    } | {"step": kept["step"]}


def _limit(asked: int | None, takes: int | None) -> int | None:
    if asked is not None and takes is not None and asked > takes:
        raise InputError(f"--max-length {asked} is more than the {takes} tokens that the model takes.")
    return asked or takes


def _check(rows: VlmRows, evaluation: VlmRows | None, training: VlmTraining) -> None:
    for what, some in (("training", rows), ("evaluation", evaluation)):
        if some is not None and some.answers is None:
            raise InputError(f"The {what} rows have no answers. Name their column with --answer.")
        if some is not None and not len(some):
            raise InputError(f"There is no {what} row. Give a file with rows.")
    check_training(training, evaluated=evaluation is not None)
    if evaluation is not None:
        trained = set(zip(rows.keys, rows.prompts, strict=True))
        seen = sum(one in trained for one in zip(evaluation.keys, evaluation.prompts, strict=True))
        if seen:
            note(
                f"{seen} of {len(evaluation)} evaluation rows ask the same of the same image as a training row: their figures are not out of sample."
            )
