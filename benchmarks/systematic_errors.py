"""Errors in whole slices: the labels of one group, one functionality or one cluster of HateCheck's second half flipped.

The first half, of other templates, are the specifications' examples. Each detector's average precision, averaged over all
slices of a kind of 20 rows or more; beside them 10 % flips at random, and cleanlab's label quality from our own probe's probabilities. Where specifications cannot help they must not do harm: the
Davidson tweets, given the vote of one annotator, are far from them, and those of our own sample are of special cases, which hardly
any of its rows is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.label_errors import average_precision, f1
from benchmarks.record import record
from curatekit import registry
from curatekit.arrays import Bools, Floats, Ints
from curatekit.artifacts import Artifacts, Settings
from curatekit.dataset import Dataset
from curatekit.label_errors import find_label_errors
from curatekit.readers import read_dataset
from curatekit.specs import Specification, read_specifications

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SCORES = [
    "combined", "self_confidence", "specification_contrast", "specification_borda", "specification_rrf", "specification_rra",
]  # fmt: skip
SMALLEST = 20
CLUSTERS = 15


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run systematic_errors", description=__doc__)
    parser.add_argument("--draws", type=int, default=3, help="draws of flips at random, and clusterings [3]")
    parser.add_argument("--every", type=int, default=1, help="take every n-th slice only [1]")
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args(argv)
    settings = Settings(cache=arguments.cache)
    cases = read_dataset(DATA / "hatecheck/all_cases.parquet", "text", "label", "id")
    half = np.array([str(value) for value in cases.frame["protocol_half"].to_list()])
    suite = cases.frame["split"].to_numpy() == "test_suite"
    rows, examples = (cases.take(np.flatnonzero(suite & (half == name))) for name in ("heldout", "spec"))
    specifications = by_functionality(examples)
    results = []
    for kind, slices in slices_of(rows, settings, arguments.draws).items():
        found = [
            measured(rows, np.where(flipped, 1 - rows.labels, rows.labels), specifications, settings)
            for flipped in slices[:: arguments.every]
        ]
        results.append({"data": "hatecheck", "flipped": kind, "slices": len(found), **summary(found)})
        print(results[-1], flush=True)
    tweets, votes = davidson()
    found = []
    for seed in range(arguments.draws):
        drawn = (np.random.default_rng(seed).random(len(tweets)) >= votes).astype(np.int64)  # class 0 is hateful
        found.append(measured(tweets, drawn, specifications, settings))
    results.append({"data": "davidson, hateful or not", "flipped": "one annotator's vote", **summary(found)})
    print(results[-1], flush=True)
    rows, labels, specifications = sample()
    results.append(
        {"data": "our sample", "flipped": "as planted", **summary([measured(rows, labels, specifications, settings)])}
    )
    print(results[-1], flush=True)
    print(record("systematic_errors", argv, results, measure="average precision, its mean over slices and the lowest"))


def by_functionality(examples: Dataset) -> tuple[Specification, ...]:
    """Return one specification for each functionality: its examples, which all bear one label."""
    named = np.array(examples.frame["functionality"].to_list())
    texts, labels = np.array(examples.texts, dtype=object), examples.labels
    return tuple(
        Specification(name, name, examples.classes[labels[named == name][0]], tuple(texts[named == name]))
        for name in np.unique(named).tolist()
    )


def slices_of(rows: Dataset, settings: Settings, draws: int) -> dict[str, list[Bools]]:
    """Return which rows (n,) each slice has, by kind."""
    from sklearn.cluster import KMeans

    embeddings = Artifacts(rows, settings).embeddings
    clusters = [KMeans(CLUSTERS, n_init=3, random_state=seed).fit(embeddings).labels_ for seed in range(draws)]
    by_column = {
        kind: [np.array(rows.frame[column].to_list()) == name for name in sorted(set(rows.frame[column].drop_nulls()))]
        for kind, column in (("one group's", "target_ident"), ("one functionality's", "functionality"))
    }
    kinds = {
        **by_column,
        "one cluster's": [labels == k for labels in clusters for k in range(CLUSTERS)],
        "10 % at random": [np.random.default_rng(seed).random(len(rows)) < 0.1 for seed in range(draws)],
    }
    return {kind: [flipped for flipped in found if flipped.sum() >= SMALLEST] for kind, found in kinds.items()}


def davidson() -> tuple[Dataset, Floats]:
    """Return the tweets with the majority's word for hateful or not, and the share of votes for hateful."""
    tweets = read_dataset(DATA / "davidson/tweets.parquet", "text", "label", "id")
    classes = ("hateful", "non-hateful")
    truth = (np.array(tweets.classes, dtype=object)[tweets.labels] != "hate_speech").astype(np.int64)
    votes = tweets.frame["votes_hate_speech"].to_numpy() / tweets.frame["n_annotators"].to_numpy()
    return replace(tweets, labels=truth, classes=classes), votes


def sample() -> tuple[Dataset, Ints, tuple[Specification, ...]]:
    """Return the training rows of our sample with true labels, the labels given, and its specifications."""
    folder = Path(__file__).resolve().parents[1] / "data"
    given = read_dataset(folder / "train.csv", "text", "label", "id")
    told = pl.read_csv(folder / "truth.csv", infer_schema=False)
    true = {row["id"]: row["true_label"] for row in told.iter_rows(named=True) if row["file"] == "train"}
    code = {name: k for k, name in enumerate(given.classes)}
    labels = [code[true[id]] if id in true else k for id, k in zip(given.ids, given.labels.tolist(), strict=True)]
    return replace(given, labels=np.array(labels)), given.labels, read_specifications(folder / "specs.yaml")


def measured(
    clean: Dataset, labels: Ints, specifications: tuple[Specification, ...], settings: Settings
) -> dict[str, float]:
    """Return the average precision of each score, and what the cut finds, with and without specifications."""
    wrong = labels != clean.labels
    noisy = replace(clean, labels=labels)
    plain, guided = Artifacts(noisy, settings), Artifacts(noisy, settings, specifications=specifications)
    found = {"self_confidence without specifications": plain.call(registry.load("scores", "self_confidence"))}
    found["combined without specifications"] = plain.call(registry.load("scores", "combined"))
    found["cleanlab's label quality"] = label_quality(plain)
    for name in SCORES if guided.guidance is not None else ["combined"]:
        found[name] = guided.call(registry.load("scores", name))
    issues = guided.call(find_label_errors).issues
    row_of = {id: row for row, id in enumerate(clean.ids)}
    order = [row_of[id] for id in issues["id"]]
    p_wrong, cut = np.empty(len(order)), np.zeros(len(order), bool)
    p_wrong[order], cut[order] = issues["p_wrong"], issues["is_issue"]
    return {
        **{name: average_precision(wrong, score) for name, score in found.items()},
        "covered": float(guided.covered.mean()) if guided.covered is not None else 0.0,
        "f1_is_issue": f1(wrong, cut),
        "count_over_truth": float(cut.sum() / wrong.sum()),
        "calibration_error": calibration_error(wrong, p_wrong),
    }


def label_quality(artifacts: Artifacts) -> Floats:
    """Return the label quality that cleanlab gives (n,), from the same out-of-sample probabilities."""
    from cleanlab.rank import get_label_quality_scores

    scores: Floats = get_label_quality_scores(artifacts.labels, artifacts.pred_probs, adjust_pred_probs=False)
    return scores


def calibration_error(wrong: Bools, p_wrong: Floats) -> float:
    """Return the mean over rows of |mean p − share wrong| in their tenth of p (expected calibration error)."""
    part = np.minimum((p_wrong * 10).astype(int), 9)
    counts = np.bincount(part, minlength=10)
    gaps = np.abs(np.bincount(part, p_wrong, 10) - np.bincount(part, wrong, 10))
    return float(gaps[counts > 0].sum() / len(part))


def summary(found: list[dict[str, float]]) -> dict[str, list[float] | float]:
    """Return the mean of each measure and, of several, its lowest."""
    names: Iterator[str] = iter(found[0])
    return {
        name: [round(float(np.mean([one[name] for one in found])), 3), round(min(one[name] for one in found), 3)]
        for name in names
    }
