"""An encoder tuned on what the data say is alike: labelled texts, pairs, scored pairs or triplets, through sentence-transformers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from curatekit.arrays import Floats
from curatekit.encoders import contents
from curatekit.encoders.places import find
from curatekit.errors import InputError
from curatekit.evaluate.embeddings import recall_at, similarity_correlation, triplet_accuracy, v_measure
from curatekit.files import write_json
from curatekit.registry import DEFAULT_ENCODER, load
from curatekit.reporting import note
from curatekit.train.encoder_rows import EncoderRows
from curatekit.train.folder import MARK, array_hash, begin, content_hash, finished, remove_checkpoints
from curatekit.train.settings import TrainerSettings, check_settings, chosen_precision, trainer_arguments
from curatekit.train.trained_on import write_trained_on

_KIND = "encoder"
_CHARACTERS_PER_TOKEN = 64


class Shape(NamedTuple):
    """What rows of one shape are tuned by and measured with: names of losses, the default first, and of metrics, the best's first."""

    losses: tuple[str, ...]
    metrics: tuple[str, ...]


SHAPES: dict[str, Shape] = {
    "labelled texts": Shape(("batch-hard-soft-margin", "batch-hard", "batch-semi-hard", "batch-all"), ("v_measure",)),
    "pairs": Shape(("multiple-negatives",), ("recall_at_1", "recall_at_5", "recall_at_10")),
    "scored pairs": Shape(("cosent", "angle", "cosine-similarity"), ("spearman",)),
    "triplets": Shape(("multiple-negatives", "triplet"), ("triplet_accuracy",)),
}  # fmt: skip
_COLUMNS = ("anchor", "positive", "negative")  # the losses go by their order
_SAMPLERS = {"labelled texts": "StratifiedPairs", "pairs": "no_duplicates", "scored pairs": "Shuffled", "triplets": "no_duplicates"}  # fmt: skip


@dataclass(frozen=True)
class EncoderTraining(TrainerSettings):
    """How to tune.

    loss: a name of the table of encoder losses; None is the first of SHAPES for the rows. keep_best: keep the checkpoint that is best
    by the first metric of SHAPES; else the last.
    """

    loss: str | None = None
    epochs: float = 1.0
    learning_rate: float = 2e-5
    batch_size: int = 64
    keep_best: bool = False


@dataclass(frozen=True)
class TunedEncoder:
    """A tuned encoder in its folder, which every --encoder takes, and how it measures; metrics are empty without evaluation rows."""

    folder: Path
    loss: str
    before: Mapping[str, float]
    after: Mapping[str, float]


def fit_encoder(
    rows: EncoderRows,
    output_dir: Path | str,
    *,
    base: str | Path = DEFAULT_ENCODER,
    training: EncoderTraining | None = None,
    seed: int = 0,
    evaluation: EncoderRows | None = None,
    overwrite: bool = False,
) -> TunedEncoder:
    """Return the encoder `base` tuned on the rows, in `output_dir`; the same arguments give the same weights on one machine.

    base: a folder or a name. A run that was interrupted goes on from its newest complete checkpoint, to the weights it would have had.
    Raises InputError when the loss is not for such rows, or when `output_dir` holds another run (see `overwrite`).
    """
    from curatekit import hf

    training = training or EncoderTraining()
    loss = check_encoder(rows, training, evaluation)
    folder = Path(output_dir)
    base_folder, _ = find(str(base))
    with hf.kept_random_state():  # a base that does not tell its sizes is loaded, its missing weights drawn at random
        weights = contents.parts(str(base), base_folder).weights_sha256  # and code or pickles in it are refused
    run = {
        "kind": _KIND,
        "base": {"name": str(base_folder if Path(base).is_dir() else base), "sha256": weights},
        "rows": _hash(rows),
        "evaluation": None if evaluation is None else _hash(evaluation),
        "seed": seed,
        **asdict(training),
        "loss": loss,
    }
    if finished(folder, run, overwrite=overwrite):
        note(f"{folder} already holds this very encoder; it is not tuned again.")
        saved = json.loads((folder / MARK).read_text(encoding="utf-8"))
        return TunedEncoder(folder, loss, saved["before"], saved["after"])
    before, after = _tuned(base_folder, run, training, loss, rows, evaluation, folder, seed, overwrite=overwrite)
    about = {"kind": _KIND, "rows": rows.shape, "loss": loss, "base": run["base"], "before": before, "after": after}
    write_json(folder / MARK, about)
    if training.save_total_limit is None:
        remove_checkpoints(folder)
    return TunedEncoder(folder, loss, before, after)


def metrics(rows: EncoderRows, embed: Callable[[Sequence[str]], Floats], seed: int = 0) -> dict[str, float]:
    """Return by name what the vectors of `embed`, unit rows (n, d) for n texts, measure on the rows: the metrics of their shape."""
    if rows.shape == "labelled texts":
        return {"v_measure": v_measure(embed(rows.inputs[0]), rows.labels, seed)}
    if rows.shape == "pairs":  # a text that answers several questions is one document
        documents, right = np.unique(np.array(rows.inputs[1], dtype=object), return_inverse=True)
        found = recall_at(embed(rows.inputs[0]), embed(documents.tolist()), right)
        return {f"recall_at_{k}": value for k, value in found.items()}
    vectors = [embed(column) for column in rows.inputs]
    if rows.shape == "scored pairs":
        return {"spearman": similarity_correlation(vectors[0], vectors[1], rows.scores)}
    return {"triplet_accuracy": triplet_accuracy(*vectors)}


def check_encoder(rows: EncoderRows, training: EncoderTraining, evaluation: EncoderRows | None) -> str:
    """Return the name of the loss to tune by; raises InputError for settings that do not fit the rows or each other."""
    if find_spec("datasets") is None:
        raise InputError("Tuning an encoder needs the package datasets. Install it: pip install 'curatekit[hub]'")
    losses = SHAPES[rows.shape].losses
    loss = training.loss or losses[0]
    load("encoder-losses", loss)
    if loss not in losses:
        raise InputError(f"--loss {loss} is not for {rows.shape}. Choose one of: {', '.join(losses)}.")
    if evaluation is not None and evaluation.shape != rows.shape:
        raise InputError(
            f"The evaluation rows are {evaluation.shape} and the training rows {rows.shape}. Give the same kind."
        )
    for part, what in ((rows, "training"), (evaluation, "evaluation")):
        if part is not None and part.shape == "labelled texts" and len(np.unique(part.labels)) < 2:
            raise InputError(
                f"All {what} rows have one label, and an encoder is tuned to tell labels apart. Give rows of others."
            )
    check_settings(
        training, best=training.keep_best, evaluated=evaluation is not None, what="encoder", option="--keep-best"
    )
    return loss


def _tuned(
    base_folder: Path,
    run: Mapping[str, Any],
    training: EncoderTraining,
    loss: str,
    rows: EncoderRows,
    evaluation: EncoderRows | None,
    folder: Path,
    seed: int,
    *,
    overwrite: bool,
) -> tuple[dict[str, float], dict[str, float]]:
    """Tune the base and save it to `folder`; return its metrics before and after."""
    from curatekit import hf, hf_encoder
    from curatekit.encoders.forward import tokens_read

    _, bf16 = chosen_precision(training.bf16, f"Tuning by {loss} on {rows.shape}")
    evaluated = evaluation is not None and training.eval_strategy != "no"
    with hf.quiet(), hf.seeded(seed):
        model = hf_encoder.load(base_folder)
        limit = tokens_read(model)
        if training.max_length is not None and training.max_length > limit:
            raise InputError(
                f"--max-length {training.max_length} is more than the {limit} tokens that the model takes."
            )
        model.max_seq_length = training.max_length or limit
        columns: dict[str, Any] = dict(zip(_COLUMNS, _cut(rows, model), strict=False))
        if rows.targets is not None:
            columns["label" if rows.shape == "labelled texts" else "score"] = rows.targets.tolist()
        begin(folder, run, overwrite=overwrite)
        write_trained_on(folder, rows.inputs, base_folder)
        checkpoint = hf.newest_checkpoint(folder)
        if checkpoint is not None:
            note(f"Going on from {checkpoint}.")
        measure = None if evaluation is None else partial(metrics, evaluation, seed=seed)
        before = {}
        if measure is not None:
            with hf.kept_random_state():
                before = measure(hf_encoder.embedding(model, training.batch_size))
        sampler = _SAMPLERS[rows.shape]
        hf_encoder.train(
            model,
            columns,
            trainer_arguments(
                training,
                seed,
                bf16,
                folder,
                evaluated=evaluated,
                keep=True,
                best=SHAPES[rows.shape].metrics[0] if training.keep_best else None,
                learning_rate=training.learning_rate,
                per_device_eval_batch_size=training.batch_size,
            ),
            loss=load("encoder-losses", loss),
            sampler=getattr(hf_encoder, sampler, sampler),
            measure=measure if evaluated else None,
            early_stopping_patience=training.early_stopping_patience,
            keep_best=training.keep_best,
            log=folder / "log.jsonl",
            resume_from=checkpoint,
        )
        model.eval()
        after = {} if measure is None else measure(hf_encoder.embedding(model, training.batch_size))
        hf_encoder.save(model, folder)
    return dict(before), dict(after)


def _cut(rows: EncoderRows, model: Any) -> list[list[str]]:
    """Return the columns with what is far behind the model's limit cut off; texts that are longer are counted aloud."""
    from curatekit import hf

    limit = model.max_seq_length
    for column in rows.inputs:
        hf.encode(model.tokenizer, (column,), limit)
    return [[text[: limit * _CHARACTERS_PER_TOKEN] for text in column] for column in rows.inputs]


def _hash(rows: EncoderRows) -> str:
    if rows.targets is None:
        return content_hash(rows.inputs, np.zeros(0, np.int64))
    return f"{content_hash(rows.inputs, np.zeros(0, np.int64))}{array_hash(rows.scores)}"
