"""Fine-tuning a classifier: rows a CPU second of `fit_classifier` against transformers' Trainer as it comes, at equal accuracy.

MiniLM on Banking77, both with the same rows, epochs, batch size, rate and seed, in one process on one thread. Ours groups rows of like
length and computes in bfloat16 where the processor has it; Trainer pads random batches and computes in float32.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from benchmarks.record import record
from curatekit.arrays import Ints
from curatekit.dataset import encode
from curatekit.encoders import hardware
from curatekit.encoders.places import find_base
from curatekit.registry import DEFAULT_ENCODER
from curatekit.train.classifier import Classifier, Training, fit_classifier

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "banking77" / "utterances.parquet"
_RATE = 1e-4


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run finetune_throughput", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--epochs", type=float, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args(argv)
    train, test = (utterances(split) for split in ("train", "test"))
    results = [measured(train, test, arguments.rows, arguments.epochs, seed) for seed in range(arguments.seeds)]
    print(json.dumps(results, indent=1))
    wanted = "at least 2.0 times the rows a CPU second, accuracy within 0.5 points over 3 seeds"
    print(record("finetune_throughput", argv, results, wanted=wanted))


def utterances(split: str) -> pl.DataFrame:
    """Return text and label of the questions of a split, in the order of the file."""
    return pl.read_parquet(DATA).filter(pl.col("split") == split).select("text", "label")


def measured(train: pl.DataFrame, test: pl.DataFrame, n: int, epochs: float, seed: int) -> dict[str, Any]:
    """Return CPU seconds, rows a CPU second and test accuracy of both, trained on the same n rows with one seed."""
    import torch

    torch.set_num_threads(1)
    chosen = train.sample(min(n, len(train)), shuffle=True, seed=seed)
    coded = encode([*chosen["label"], *test["label"]])
    labels, right = np.split(coded.labels, [len(chosen)])
    training = Training(epochs=epochs, learning_rate=_RATE, eval_strategy="no")
    how = (chosen["text"].to_list(), labels, coded.classes, training, seed)
    found: dict[str, Any] = {"seed": seed, "rows": len(chosen), "precision": hardware.precision("auto", "cpu")[0]}
    for name, fit in (("trainer", plain), ("ours", ours)):
        fit(
            how[0][:16], labels[:16], coded.classes, Training(epochs=1, learning_rate=_RATE), seed
        )  # what is imported once
        started = time.process_time()
        model = fit(*how)
        seconds = time.process_time() - started
        accuracy = float((model.pred_probs((test["text"].to_list(),)).argmax(1) == right).mean())
        found[name] = {
            "cpu_seconds": round(seconds, 1),
            "rows_per_cpu_second": round(epochs * len(chosen) / seconds, 2),
            "accuracy": round(accuracy, 4),
        }
    found["times"] = round(found["trainer"]["cpu_seconds"] / found["ours"]["cpu_seconds"], 2)
    return found


def ours(texts: list[str], labels: Ints, classes: tuple[str, ...], training: Training, seed: int) -> Classifier:
    """Return the classifier of `fit_classifier`."""
    return fit_classifier((texts,), labels, classes, training=training, seed=seed)


def plain(texts: list[str], labels: Ints, classes: tuple[str, ...], training: Training, seed: int) -> Classifier:
    """Return what Trainer makes of the same by its defaults: random batches, padded to their longest row, in float32."""
    import transformers

    from curatekit import hf

    base = find_base(DEFAULT_ENCODER)
    with hf.quiet(), hf.seeded(seed), TemporaryDirectory() as folder:
        model, tokenizer = hf.load_base(base, classes, None)
        rows = hf.encode(tokenizer, (texts,), 256, labels)
        trainer = transformers.Trainer(
            model=model,
            args=transformers.TrainingArguments(
                folder, num_train_epochs=training.epochs, learning_rate=_RATE, per_device_train_batch_size=training.batch_size,
                warmup_steps=training.warmup, weight_decay=training.weight_decay, seed=seed, use_cpu=True, disable_tqdm=True,
                save_strategy="no", report_to="none", dataloader_pin_memory=False,
            ),
            train_dataset=rows,
            processing_class=tokenizer,
        )  # fmt: skip
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
    return Classifier(model.eval(), tokenizer, classes, 256, {}, "float32")
