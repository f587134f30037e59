"""A small LLaVA trained from nothing on easy_vqa, its generated answers against the majority and question-only baselines.

Accuracy is exact match of what is generated, on official test questions; the last weights are kept, so nothing is chosen on them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.record import record
from benchmarks.vlm_generation import questions, rows_of, small_llava, spaced
from curatekit.generation import Generation
from curatekit.intervals import wilson

ALL = 1 << 20


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run vlm_easy_vqa", description=__doc__)
    parser.add_argument("--train-rows", type=int, default=ALL)
    parser.add_argument("--test-rows", type=int, default=ALL)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    with TemporaryDirectory() as folder:
        results = measured(Path(folder), arguments)
    print(json.dumps(results))
    print(record("vlm_easy_vqa", argv, results, wanted="above both baselines within 20 minutes on two cores"))


def measured(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return accuracies on the test questions with 95 % intervals, and what the training took."""
    from curatekit import hf
    from curatekit.train.vlm import VlmTraining, fit_vlm

    train, test = spaced(questions("train", arguments.train_rows)), spaced(questions("test", arguments.test_rows))
    words = [word for column in ("question", "answer") for text in train[column] for word in text.split()]
    with hf.quiet():
        base = small_llava(folder / "base", words, width=128, layers=3, patch_size=8)
    training = VlmTraining(
        max_steps=arguments.steps, learning_rate=1e-3, batch_size=arguments.batch_size, tune_projector=True, tune_vision=True,
    )  # fmt: skip
    began, cpu = time.monotonic(), time.process_time()
    vlm = fit_vlm(rows_of(train, folder / "train.parquet"), base=base, training=training, seed=arguments.seed)
    trained_s, trained_cpu_s = time.monotonic() - began, time.process_time() - cpu
    rows = rows_of(test, folder / "test.parquet")
    said = vlm.answers(rows, generation=Generation(max_new_tokens=4), batch_size=64)
    truths = test["answer"].to_list()
    majority = Counter(train["answer"]).most_common(1)[0][0]
    by_question: dict[str, Counter[str]] = {}
    for question, answer in train.select("question", "answer").iter_rows():
        by_question.setdefault(question, Counter())[answer] += 1
    blind = [by_question[q].most_common(1)[0][0] if q in by_question else majority for q in test["question"]]
    predictions = {"majority": [majority] * len(test), "question alone": blind, "generated": list(said)}
    right = {name: sum(a == b for a, b in zip(some, truths, strict=True)) for name, some in predictions.items()}
    return {
        "train_rows": len(train),
        "test_rows": len(test),
        "accuracy": {name: [round(value, 4) for value in wilson(count, len(test))] for name, count in right.items()},
        "training_s": round(trained_s, 1),
        "training_cpu_s": round(trained_cpu_s, 1),
        "weights": sum(weight.numel() for weight in vlm.model.parameters()),
        "last_loss": next((line["loss"] for line in reversed(vlm.history) if "loss" in line), None),
    }
