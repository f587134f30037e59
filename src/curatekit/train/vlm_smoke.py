"""A smoke run of a model of images and text: the whole way of a training on a few rows, and what the full run will take."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from curatekit.generation import Generation
from curatekit.readers.vlm_rows import VlmRows
from curatekit.train.answering import FULL_RATE, LORA_RATE
from curatekit.train.lm_smoke import EVALUATED, PROBED, ROWS, Check, Smoke
from curatekit.train.vlm import VlmTraining, fit_vlm, load_vlm
from curatekit.train.vlm_rows import encoded

_STEPS = 2
_FASTER = 10  # times the usual rate, so that ten steps show; a higher one that was asked for is tried itself
_TOLERANCE = 1e-3  # of a logit; kernels may round otherwise for other tokens


def smoke_vlm(
    rows: VlmRows,
    *,
    base: str | Path,
    training: VlmTraining,
    generation: Generation,
    evaluation: VlmRows | None = None,
    seed: int = 0,
) -> Smoke:
    """Return what two steps on 100 rows show: rows → training → evaluation → saved → loaded → answers, nothing of which is kept.

    Then one batch is overfitted, which must lower the loss and tells what a step of the full run takes. Raises the errors of `fit_vlm`.
    """
    from curatekit import hf, hf_smoke, hf_vlm
    from curatekit.hf_generate import prompt_of

    few = rows.take(range(min(ROWS, len(rows))))
    asked = evaluation if evaluation is not None else rows
    asked = asked.take(range(min(EVALUATED, len(asked))))
    short = replace(
        training, max_steps=_STEPS, eval_strategy="steps", eval_steps=_STEPS, save_steps=_STEPS, logging_steps=1,
        metric_for_best_model=None, early_stopping_patience=None, report_to="none",
    )  # fmt: skip
    with TemporaryDirectory(prefix="curatekit-smoke-") as scratch:
        folder = Path(scratch) / "model"
        trained = fit_vlm(
            few, base=base, training=short, generation=generation, evaluation=asked, seed=seed, output_dir=folder
        )
        loaded = load_vlm(folder)
    began = time.perf_counter()
    said = loaded.answers(asked)
    for_each = (time.perf_counter() - began) / len(asked)
    with hf.quiet(), hf.seeded(seed):
        encoder = hf_vlm.RowEncoder(trained.processor, trained.model)
        made, _ = encoded(few.take(range(min(max(PROBED, training.batch_size), len(few)))), encoder, None, "smoke")
        probed = [made[row] for row in range(min(PROBED, len(made)))]
        alone = [encoder.row(made.made.images(row), made.made.prompts[row], None) for row in range(len(probed))]
        apart = [prompt_of(row)["input_ids"] == one["input_ids"] for row, one in zip(probed, alone, strict=True)]
        ahead = max(hf_smoke.change_by_later_token(loaded.model, row) for row in probed)
        away = max(
            float((hf_smoke.logits(trained.model, row) - hf_smoke.logits(loaded.model, row)).abs().max())
            for row in probed
        )
        usual = FULL_RATE if training.lora_rank is None else LORA_RATE
        rate = max(_FASTER * usual, training.learning_rate or 0)
        batch = [made[row] for row in range(min(training.batch_size, len(made)))]
        learnt = hf_smoke.overfitted(trained.model, batch, rate)
    first, last = learnt.losses[0], learnt.losses[-1]
    checks = (
        Check("the loss falls on one batch", last < first and math.isfinite(last), f"{first:.3f} to {last:.3f} in 10 steps"),
        Check("evaluation prompts do not hold the answer", all(apart), f"{len(apart)} prompts, what the question alone gives"),
        Check("no answer token sees a later one", ahead < _TOLERANCE, f"logits before a changed token differ by {ahead:.1g}"),
        Check("the saved model is the trained one", away < _TOLERANCE, f"logits differ by {away:.1g}"),
        Check("it answers", len(said) == len(asked), f"{said[0][:60]!r} to the first of {len(asked)}, {for_each:.2f} s each"),
    )  # fmt: skip
    steps = math.ceil(len(rows) / (training.batch_size * training.gradient_accumulation)) * training.epochs
    steps = training.max_steps if training.max_steps > 0 else steps
    return Smoke(checks, learnt.seconds * steps * training.gradient_accumulation, *hf_smoke.peak_memory())
