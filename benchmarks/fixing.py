"""Accuracy on clean held-out rows of a model trained on given, fixed, pruned and true labels: does fixing help?

The model is the family `probe`. Training labels: Davidson, one annotator's vote (truth: the majority; a fifth of the
rows, with their true labels, is held out); Hausa news, gazetteers' labels (its own clean test split; the encoder is
English, and hardly reads it); Banking77, 10 % flips to any class and to the nearest (its own test split). The fixes are
`curate fix` of what `find-errors` marks, without reviews and after 200 of them, and cleanlab's pruning by the same
probabilities. Hausa's noise is as it is: its draws differ by the reviewed sample and the folds.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from benchmarks.audit import verdicts_of
from benchmarks.label_errors import DATA, FILES, given
from benchmarks.record import record
from curatekit import registry
from curatekit.arrays import Floats, Ints
from curatekit.artifacts import Artifacts, Settings
from curatekit.audit.audited import audited
from curatekit.audit.reviews import Reviews
from curatekit.dataset import Dataset, from_lists
from curatekit.fix import Change, Policy, changes
from curatekit.label_errors import find_label_errors
from curatekit.predict.folding import bound_together
from curatekit.readers import read_dataset

KINDS = [("hausa", "gazetteers"), ("davidson", "vote"), ("banking77", "uniform"), ("banking77", "nearest class")]
REVIEWS = 200
SURE = 0.7


@dataclass(frozen=True)
class Task:
    """Training rows with given and true labels, and clean rows that measure; labels by number of the dataset's classes."""

    train: Dataset
    truth: Ints
    test: Dataset


class Trained(NamedTuple):
    """Which of the training rows are trained on, and with which labels."""

    rows: Ints
    labels: Ints


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run fixing", description=__doc__)
    parser.add_argument("--draws", type=int, default=3, help="draws of the noise, or of the reviewed sample [3]")
    parser.add_argument("--rows", type=int, default=5000, help="training rows at the most [5000]")
    arguments = parser.parse_args(argv)
    results = []
    for name, kind in KINDS:
        found = [measured(task(name, kind, seed, arguments.rows), seed) for seed in range(arguments.draws)]
        rows = {
            arm: {
                measure: {
                    "mean": round(float(np.mean([one[arm][measure] for one in found])), 4),
                    "sd": round(float(np.std([one[arm][measure] for one in found])), 4),
                }
                for measure in found[0][arm]
            }
            for arm in found[0]
        }
        results.append({"data": name, "noise": kind, "draws": arguments.draws, "trained on": rows})
        for arm, of in rows.items():
            print(
                f"{name:10} {kind:14} {arm:36}", {measure: value["mean"] for measure, value in of.items()}, flush=True
            )
        path = record("fixing", argv, results, family="probe", reviews=REVIEWS, seeds="0 ...")
    print(path)


def task(name: str, kind: str, seed: int, most_rows: int) -> Task:
    """Return one draw of the noise on the training rows, and the rows held out."""
    if name == "hausa":
        frame = pl.read_parquet(DATA / "african_news_noise/hausa.parquet")
        train, test = (frame.filter(pl.col("split") == split) for split in ("train", "test"))
        dataset = from_lists(train["text"].to_list(), train["noisy_label"].to_list(), train["id"].to_list())
        return Task(dataset, coded(train["clean_label"].to_list(), dataset), labelled(test, "label", dataset))
    clean = read_dataset(DATA / f"{FILES[name]}.parquet", "text", "label", "id")
    labels = given(clean, kind, seed, Settings())
    if "split" in clean.frame.columns and clean.frame["split"].n_unique() > 1:
        held_out = (clean.frame["split"] == "test").to_numpy()
    else:
        held_out = np.zeros(len(clean), bool)
        order = np.random.default_rng(0).permutation(len(clean))
        held_out[order[: len(clean) // 5]] = True
    rows = np.flatnonzero(~held_out)
    rows = np.sort(np.random.default_rng(0).permutation(rows)[:most_rows])
    names = np.array(clean.classes, dtype=object)
    texts = np.array(clean.texts, dtype=object)
    dataset = from_lists(texts[rows].tolist(), names[labels[rows]].tolist(), clean.ids[rows].tolist())
    test = pl.DataFrame({"id": clean.ids[held_out].tolist(), "text": texts[held_out].tolist(), "label": names[clean.labels[held_out]].tolist()})  # fmt: skip
    return Task(dataset, coded(names[clean.labels[rows]].tolist(), dataset), labelled(test, "label", dataset))


def coded(names: Sequence[str], like: Dataset) -> Ints:
    return np.array([like.classes.index(name) for name in names])


def labelled(frame: pl.DataFrame, label: str, like: Dataset) -> Dataset:
    """Return the rows of a table whose texts stand nowhere among those of `like`, their labels coded as there."""
    frame = frame.filter(~pl.col("text").is_in(list(set(like.texts))))
    return from_lists(frame["text"].to_list(), frame[label].to_list(), frame["id"].to_list()).with_classes(like.classes)


def measured(data: Task, seed: int) -> dict[str, dict[str, float]]:
    """Return for each way of treating the training labels how the model does, and what was left to train on."""
    artifacts = Artifacts(data.train, Settings(seed=seed))
    scores = artifacts.call(registry.load("scores", "combined"))
    found = artifacts.call(find_label_errors, scores=scores, family=artifacts.predictions.family)
    with tempfile.TemporaryDirectory() as folder:
        reviews = verdicts_of(data.train, data.truth, found, REVIEWS, seed, Path(folder) / "review.csv")
    after = audited(found, reviews).found
    every = np.arange(len(data.train))
    kept = np.flatnonzero(~cleanlab_issues(artifacts))

    def fix(issues: pl.DataFrame, policy: Policy, sure: float = 0.0, said: Reviews | None = None) -> Trained:
        return treated(data.train, changes(data.train, issues, policy, min_suggested_probability=sure, reviews=said))

    arms = {
        "given labels": Trained(every, data.train.labels),
        "curate fix": fix(found.issues, "relabel"),
        f"curate fix --min-suggested-probability {SURE}": fix(found.issues, "relabel", SURE),
        "curate fix --policy drop": fix(found.issues, "drop"),
        f"curate fix --policy both, {SURE}": fix(found.issues, "both", SURE),
        "cleanlab's issues dropped": Trained(kept, data.train.labels[kept]),
        "reviewed: curate fix --policy reviewed": fix(after.issues, "reviewed", said=reviews),
        "reviewed: curate fix": fix(after.issues, "relabel", said=reviews),
        "reviewed: curate fix --policy drop": fix(after.issues, "drop", said=reviews),
        f"reviewed: curate fix --policy both, {SURE}": fix(after.issues, "both", SURE, reviews),
        "true labels": Trained(every, data.truth),
    }
    judge = _judge(artifacts, data.test, seed)
    return {
        name: {
            **judge(rows, labels),
            "rows": len(rows) / len(data.train),
            "wrong": float((labels != data.truth[rows]).mean()),
        }
        for name, (rows, labels) in arms.items()
    }


def treated(dataset: Dataset, made: Sequence[Change]) -> Trained:
    """Return the rows that changes leave, and their labels."""
    labels, kept = dataset.labels.copy(), np.ones(len(dataset), bool)
    for change in made:
        if change.action == "drop":
            kept[change.row] = False
        else:
            labels[change.row] = dataset.classes.index(change.new)
    rows = np.flatnonzero(kept)
    return Trained(rows, labels[rows])


def cleanlab_issues(artifacts: Artifacts) -> Any:
    from cleanlab.filter import find_label_issues

    return find_label_issues(artifacts.labels, artifacts.pred_probs, n_jobs=1)


def _judge(artifacts: Artifacts, test: Dataset, seed: int) -> Callable[[Ints, Ints], dict[str, float]]:
    """Return what trains the family on rows with labels and measures it on the test rows; features are made once."""
    from sklearn.metrics import f1_score

    family, units = artifacts.family, bound_together(artifacts.texts)
    x, x_test = family.prepare(artifacts.material, Artifacts(test, artifacts.settings).material)

    def judge(rows: Ints, labels: Ints) -> dict[str, float]:
        known, codes = np.unique(labels, return_inverse=True)
        logits: Floats = family.fit(x[rows], codes, len(known), seed=seed, units=units[rows]).logits(x_test)
        said = known[logits.argmax(axis=1)]
        return {
            "accuracy": float((said == test.labels).mean()),
            "macro_f1": float(f1_score(test.labels, said, average="macro")),
        }

    return judge
