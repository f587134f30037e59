"""IMDB's verified label errors: how many stand among the first 1,310 suggestions, from raw text with nothing stored used.

1,310 of the 25,000 test reviews were shown to five people each (Northcutt et al. 2021), chosen by another model's
probabilities; 725 labels are wrong. Rows not reviewed are unknown, so this is a lower bound. And beside it cleanlab's
own list on the stored probabilities of that model, which ours must equal row for row. Within the reviewed rows, where every
label is known, the average precision too.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.label_errors import average_precision
from benchmarks.record import record
from curatekit import registry
from curatekit.arrays import Floats
from curatekit.artifacts import Artifacts, Settings
from curatekit.readers import read_dataset
from curatekit.scores.confident_learning import ranked_label_issues

FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "label_errors_imdb" / "test.parquet"
FIRST = 1310
SCORES = ["combined", "self_confidence", "knn_agreement"]


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run label_errors_imdb", description=__doc__)
    parser.add_argument("--neighbours", type=int, default=Settings().neighbours)
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args(argv)
    from cleanlab.filter import find_label_issues

    dataset = read_dataset(FILE, "text", "label", "id")
    wrong = dataset.frame["is_label_error"].fill_null(False).to_numpy()
    reviewed = dataset.frame["reviewed"].to_numpy()
    stored = dataset.frame.select("p_neg", "p_pos").to_numpy()
    stored = stored / stored.sum(axis=1, keepdims=True)  # they sum to 1.00002, which cleanlab 2.9 refuses
    labels = np.array([["Negative", "Positive"].index(name or "") for name in dataset.label_names])
    ours = ranked_label_issues(labels, stored)
    theirs = find_label_issues(labels, stored, return_indices_ranked_by="self_confidence", n_jobs=1)

    def within(score: Floats) -> float:
        return round(average_precision(wrong[reviewed], score[reviewed]), 4)

    results: dict[str, object] = {
        "errors": int(wrong.sum()),
        "stored_probabilities": {
            "equal_to_cleanlab_row_for_row": bool(np.array_equal(ours, theirs)),
            "issues": len(ours),
            "errors_among_them": int(wrong[ours].sum()),
            "reviewed_among_them": int(reviewed[ours].sum()),
            "average_precision_in_reviewed": within(stored[np.arange(len(labels)), labels]),
        },
    }
    print(results, flush=True)
    artifacts = Artifacts(dataset, Settings(neighbours=arguments.neighbours, cache=arguments.cache))
    for name in SCORES:
        score = artifacts.call(registry.load("scores", name))
        order = np.argsort(score, kind="stable")[:FIRST]
        found = {"errors_in_first": int(wrong[order].sum()), "reviewed_in_first": int(reviewed[order].sum())}
        results[name] = {
            **found,
            "precision_of_reviewed": round(found["errors_in_first"] / found["reviewed_in_first"], 4),
            "average_precision_in_reviewed": within(score),
        }
        print(name, results[name], flush=True)
    accuracy = float((artifacts.pred_probs.argmax(axis=1) == dataset.labels).mean())
    print(record("label_errors_imdb", argv, results, first=FIRST, neighbours=arguments.neighbours, accuracy=accuracy))
