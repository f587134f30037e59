"""Average precision of the scores as finders of label errors: human votes and planted flips, from raw text.

The given label of a Davidson tweet is the vote of one annotator drawn at random, the truth the majority; elsewhere
10 % of the labels are flipped, to any other class or to the class whose mean embedding is nearest. Several draws each. Hausa
news titles have the labels of a distant supervision beside those of people; half are wrong, and the encoder is English.

Beside our scores stands what most people run: cleanlab's label quality from scikit-learn's cross-validated logistic
regression on the same embeddings. And with --partial, on human votes, the default of `find-errors --family partial`: one model of all rows, its
upper third fine-tuned and stopped early.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.record import record
from curatekit import registry
from curatekit.arrays import Bools, Floats, Ints
from curatekit.artifacts import Artifacts, Settings
from curatekit.dataset import Dataset
from curatekit.label_errors import find_label_errors
from curatekit.readers import read_dataset
from curatekit.scores.combined import combined_probs
from curatekit.scores.confident_learning import label_issues

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FILES = {
    "davidson": "davidson/tweets",
    "banking77": "banking77/utterances",
    "cola": "cola/sentences",
    "hausa": "african_news_noise/hausa",
}
KINDS = [
    ("davidson", "vote"),
    ("davidson", "uniform"),
    ("davidson", "nearest class"),
    ("banking77", "uniform"),
    ("banking77", "nearest class"),
    ("cola", "uniform"),
    ("hausa", "distant supervision"),
]
SCORES = ["combined", "self_confidence", "normalized_margin", "knn_agreement", "pvi"]
CLEANLAB = "cleanlab on the same embeddings"
PARTIAL = "combined, family partial"
RATE = 0.1


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run label_errors", description=__doc__)
    parser.add_argument("--draws", type=int, default=5, help="draws of the human votes [5]")
    parser.add_argument("--flips", type=int, default=2, help="draws of each kind of flips [2]")
    parser.add_argument("--partial", action="store_true", help="measure the fine-tuned family on the votes too")
    parser.add_argument("--sets", nargs="+", choices=list(FILES), default=list(FILES))
    parser.add_argument("--neighbours", type=int, default=Settings().neighbours)
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args(argv)
    settings = Settings(neighbours=arguments.neighbours, cache=arguments.cache)
    results = []
    for name, kind in KINDS:
        if name not in arguments.sets:
            continue
        clean = true_rows(name)
        draws = {"vote": arguments.draws, "distant supervision": 1}.get(kind, arguments.flips)
        found = []
        for seed in range(draws):
            labels = given(clean, kind, seed, settings)
            found.append(measured(clean, labels, settings))
            if kind == "vote" and arguments.partial:
                found[-1] |= fine_tuned(clean, labels, replace(settings, seed=seed))
            print(name, kind, seed, found[-1], flush=True)
        mean = {key: round(float(np.mean([one[key] for one in found])), 4) for key in found[0]}
        finders = [key for key in (*SCORES, CLEANLAB, PARTIAL) if key in mean]
        spread = {key: round(float(np.std([one[key] for one in found])), 4) for key in finders}
        results.append({"data": name, "noise": kind, "draws": draws, **mean, "sd": spread})
        print(f"{name:10} {kind:14} " + "  ".join(f"{key} {value}" for key, value in mean.items()), flush=True)
    print(
        record(
            "label_errors", argv, results, measure="average precision", neighbours=settings.neighbours, seeds="0 ..."
        )
    )


def true_rows(name: str) -> Dataset:
    """Return the rows of a set with the labels that count as true."""
    path = DATA / f"{FILES[name]}.parquet"
    if name != "hausa":
        return read_dataset(path, "text", "label", "id")
    noisy = read_dataset(path, "text", "label", "id")
    train = noisy.take(np.flatnonzero(noisy.frame["split"].to_numpy() == "train"))
    code = {label: k for k, label in enumerate(train.classes)}
    return replace(train, labels=np.array([code[label] for label in train.frame["clean_label"]]))


def given(clean: Dataset, kind: str, seed: int, settings: Settings) -> Ints:
    """Return the noisy labels (n,) of one draw."""
    rng = np.random.default_rng(seed)
    n, n_classes = len(clean), len(clean.classes)
    if kind == "vote":
        votes = clean.frame.select(f"votes_{name}" for name in clean.classes).to_numpy().astype(float)
        cumulated = (votes / votes.sum(axis=1, keepdims=True)).cumsum(axis=1)
        drawn: Ints = np.minimum((rng.random(n)[:, None] > cumulated).sum(axis=1), n_classes - 1)
        return drawn
    if kind == "distant supervision":
        code = {label: k for k, label in enumerate(clean.classes)}
        return np.array([code[label] for label in clean.frame["noisy_label"]])
    flipped = rng.random(n) < RATE
    if kind == "uniform":
        other = (clean.labels + rng.integers(1, n_classes, n)) % n_classes
    else:
        embeddings = Artifacts(clean, settings).embeddings
        means = np.stack([embeddings[clean.labels == k].mean(axis=0) for k in range(n_classes)])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        similarity = means @ means.T
        np.fill_diagonal(similarity, -np.inf)
        other = similarity.argmax(axis=1)[clean.labels]
    labels: Ints = np.where(flipped, other, clean.labels)
    return labels


def measured(clean: Dataset, labels: Ints, settings: Settings) -> dict[str, float]:
    """Return the average precision of each score, and the F1 and count of three cuts, for one draw."""
    wrong = labels != clean.labels
    artifacts = Artifacts(replace(clean, labels=labels), settings)
    scores: dict[str, Floats] = {name: artifacts.call(registry.load("scores", name)) for name in SCORES}
    scores[CLEANLAB] = recipe(artifacts)
    summary = artifacts.call(find_label_errors)
    issues = set(summary.issues.filter("is_issue")["id"])
    cut = np.array([id in issues for id in clean.ids])
    probs = combined_probs(labels, artifacts.pred_probs, artifacts.neighbours)
    cuts = {
        "is_issue": cut,
        "argmax": probs.argmax(axis=1) != labels,
        "cleanlab": label_issues(labels, artifacts.pred_probs),
    }
    return {
        **{name: average_precision(wrong, score) for name, score in scores.items()},
        "best_f1": best_f1(wrong, scores["combined"]),
        f"best_f1_{CLEANLAB}": best_f1(wrong, scores[CLEANLAB]),
        **{f"f1_{name}": f1(wrong, mask) for name, mask in cuts.items()},
        **{f"count_over_truth_{name}": float(mask.sum() / wrong.sum()) for name, mask in cuts.items()},
    }


def fine_tuned(clean: Dataset, labels: Ints, settings: Settings) -> dict[str, float]:
    """Return the average precision and the best F1 of what `find-errors --family partial` does, for one draw."""
    artifacts = Artifacts(replace(clean, labels=labels), replace(settings, family="partial"))
    artifacts = artifacts.with_predictions(artifacts.early)
    score = artifacts.call(registry.load("scores", "combined"))
    wrong = labels != clean.labels
    return {PARTIAL: average_precision(wrong, score), f"best_f1_{PARTIAL}": best_f1(wrong, score)}


def recipe(artifacts: Artifacts) -> Floats:
    """Return cleanlab's label quality (n,) from the usual model: logistic regression on the embeddings, 5 folds."""
    from cleanlab.rank import get_label_quality_scores
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    labels = artifacts.labels
    probs = cross_val_predict(
        LogisticRegression(max_iter=400), artifacts.embeddings, labels, cv=5, method="predict_proba"
    )
    quality: Floats = get_label_quality_scores(labels, probs)
    return quality


def average_precision(wrong: Bools, score: Floats) -> float:
    """Return the average precision of finding wrong labels by a low score."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(wrong, -score))


def f1(wrong: Bools, mask: Bools) -> float:
    return float(2 * (wrong & mask).sum() / (wrong.sum() + mask.sum()))


def best_f1(wrong: Bools, score: Floats) -> float:
    """Return the largest F1 of any cut: an oracle's."""
    found = wrong[np.argsort(score, kind="stable")].cumsum()
    return float((2 * found / (np.arange(1, len(wrong) + 1) + wrong.sum())).max())
