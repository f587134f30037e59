"""A smoke run of a model of images and text: the whole way of a training on a few rows, and what the full run will take."""

from __future__ import annotations

import math
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from curatekit.generation import Generation
from curatekit.readers.vlm_rows import VlmRows
from curatekit.train.smoke import (
    EVALUATED,
    PROBED,
    ROWS,
    Check,
    Smoke,
    loss_falls,
    no_leak,
    no_look_ahead,
    overfitting_rate,
    same_model,
    shortened,
)
from curatekit.train.vlm import VlmTraining, fit_vlm, load_vlm
from curatekit.train.vlm_rows import encoded


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
    with TemporaryDirectory(prefix="curatekit-smoke-") as scratch:
        folder = Path(scratch) / "model"
        trained = fit_vlm(
            few,
            base=base,
            training=shortened(training),
            generation=generation,
            evaluation=asked,
            seed=seed,
            output_dir=folder,
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
        away = hf_smoke.change_by_model(trained.model, loaded.model, probed)
        batch = [made[row] for row in range(min(training.batch_size, len(made)))]
        learnt = hf_smoke.overfitted(trained.model, batch, overfitting_rate(training))
    checks = (
        loss_falls(learnt.losses),
        no_leak(all(apart), f"{len(apart)} prompts, what the question alone gives"),
        no_look_ahead(ahead),
        same_model(away),
        Check("it answers", len(said) == len(asked), f"{said[0][:60]!r} to the first of {len(asked)}, {for_each:.2f} s each"),
    )  # fmt: skip
    steps = math.ceil(len(rows) / (training.batch_size * training.gradient_accumulation)) * training.epochs
    steps = training.max_steps if training.max_steps > 0 else steps
    return Smoke(checks, learnt.seconds * steps * training.gradient_accumulation, *hf_smoke.peak_memory())
