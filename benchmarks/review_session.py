"""A simulated reviewer of IMDB's label errors: verified errors fixed per 100 decisions, in our order and in the stored list's.

1,310 of the 25,000 test reviews were shown to five people each (Northcutt et al. 2021); 725 labels are wrong by their
majority. They are the reviewer here: who stands before a row that they judged says what they said, and on a row that
nobody judged, which may be wrong or not, nothing can be said: it is skipped, which costs a decision in `fixed_by_decisions` and none in
`fixed_by_judged_decisions`. The stored list is the 1,310 by the stored probabilities of their labels, the least first: they chose
these rows, so that every row of it is judged. Ours knows nothing stored: `find_label_errors` on the raw texts, by default from
cross-fitted probabilities of TF-IDF and logistic regression, as `find-errors --pred-probs` takes them; with --embed as `curate
find-errors` does by itself (an hour of embedding on two cores). All go through the review's own queue, desk and store.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.label_errors_imdb import FILE
from benchmarks.record import record
from curatekit.arrays import Floats, Ints
from curatekit.artifacts import Artifacts, Settings
from curatekit.dataset import Dataset
from curatekit.label_errors import find_label_errors
from curatekit.predict.folding import folds as folds_of
from curatekit.readers import read_dataset
from curatekit.review.decisions import Decisions
from curatekit.review.desk import ACCEPT, Answer, Desk
from curatekit.review.filters import Filter
from curatekit.review.queue import read_queue

MOST = 8_000  # decisions of one session
CHECKPOINTS = (100, 200, 300, 500, 725, 1_000, 1_310)


def session(
    folder: Path, name: str, issues: pl.DataFrame, judged: dict[str, str | None], most: int
) -> tuple[Ints, Ints]:
    """Return for each of the first decisions whether it fixed an error, and whether people had judged the row."""
    issues.write_parquet(folder / f"{name}.parquet")
    queue = read_queue(folder / f"{name}.parquet")
    store = Decisions(folder / f"{name}.sqlite")
    desk = Desk(queue, store, "five people")
    fixed: list[int] = []
    known: list[int] = []
    row = desk.next_row(Filter())
    while row is not None and len(fixed) < most:
        said = judged.get(queue.cell(row, "id"), "unknown")
        given = queue.cell(row, "given_label")
        answer = Answer(queue.keys[row], 0, *_said(said, given, queue.cell(row, "suggested_label")))
        desk.answer([answer])
        fixed.append(int(said != "unknown" and said != given))
        known.append(int(said != "unknown"))
        row = desk.next_row(Filter(), row)
    assert desk.progress().decided >= sum(known)  # copies of a row are decided with it
    store.close()
    return np.array(fixed), np.array(known)


def _said(said: str | None, given: str, suggested: str) -> tuple[str, str | None]:
    if said == "unknown":
        return "skip", None
    if said is None:
        return "drop", None  # no majority, or neither of the two
    return ("keep", None) if said == given else (ACCEPT, None) if said == suggested else ("label", said)


def stored_issues(dataset: Dataset, probs: Floats, reviewed: np.ndarray) -> pl.DataFrame:
    """Return the 1,310 as issues, by the stored probability of the given label, the least first."""
    labels = dataset.labels
    own = probs[np.arange(len(labels)), labels]
    order = [row for row in np.argsort(own, kind="stable").tolist() if reviewed[row]]
    return pl.DataFrame(
        {
            "id": dataset.ids[order].astype(str),
            "text": [dataset.texts[row] for row in order],
            "given_label": [dataset.classes[labels[row]] for row in order],
            "suggested_label": [dataset.classes[int(probs[row].argmax())] for row in order],
            "score": own[order],
        }
    )


def tfidf_probabilities(dataset: Dataset, folds: int = 5) -> Floats:
    """Return the probabilities (n, K) of each row by a model of the other folds; copies of a text share one."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    fold = folds_of(dataset.labels, dataset.texts, folds, 0, None)
    vectors = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=3, max_features=200_000).fit_transform(
        dataset.texts
    )
    probs = np.zeros((len(dataset), len(dataset.classes)))
    for k in range(folds):
        model = LogisticRegression(C=10, max_iter=300).fit(vectors[fold != k], dataset.labels[fold != k])
        probs[fold == k] = model.predict_proba(vectors[fold == k])
    return probs


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run review_session", description=__doc__)
    parser.add_argument("--embed", action="store_true", help="embed the texts, as find-errors does")
    arguments = parser.parse_args(argv)
    dataset = read_dataset(FILE, "text", "label", "id")
    frame = dataset.frame
    reviewed = frame["reviewed"].to_numpy()
    wrong = frame["is_label_error"].fill_null(False).to_numpy()
    majority = frame["human_verified_label"].to_list()
    given = dataset.label_names
    judged = {
        # of "neutral" and "off topic" the data has no label: such a row is dropped
        str(dataset.ids[row]): (majority[row] if majority[row] in dataset.classes else None)
        if wrong[row]
        else given[row]
        for row in np.flatnonzero(reviewed).tolist()
    }
    stored = frame.select("p_neg", "p_pos").to_numpy().astype(np.float64)
    if arguments.embed:
        ours = Artifacts(dataset, Settings()).call(find_label_errors).issues
    else:
        probs = tfidf_probabilities(dataset)
        found = find_label_errors(
            dataset.labels, probs, classes=dataset.classes, ids=dataset.ids, texts=dataset.texts, family="tf-idf"
        )
        ours = found.issues
        print("accuracy", (probs.argmax(axis=1) == dataset.labels).mean(), flush=True)
    orders = {
        "ours": ours,
        "stored list": stored_issues(dataset, stored, reviewed),
        "the stored list's rows in our order": ours.filter(pl.col("id").is_in(list(judged))),
        "the stored list's rows at random": ours.filter(pl.col("id").is_in(list(judged)))
        .sample(fraction=1.0, shuffle=True, seed=0)
        .with_columns(score=pl.lit(0.0)),
    }
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, issues in orders.items():
            fixed, known = session(Path(folder), name.replace(" ", "_"), issues, judged, MOST)
            of_judged = np.cumsum(fixed[known == 1])
            results[name] = {
                "fixed_by_decisions": {str(n): int(np.cumsum(fixed)[n - 1]) for n in CHECKPOINTS if n <= len(fixed)},
                "judged_by_decisions": {str(n): int(np.cumsum(known)[n - 1]) for n in CHECKPOINTS if n <= len(fixed)},
                "fixed_by_judged_decisions": {
                    str(n): int(of_judged[n - 1]) for n in CHECKPOINTS if n <= len(of_judged)
                },
                "per_100_of_the_first_500_judged": round(100 * int(of_judged[499]) / 500, 1),
            }
            print(name, results[name], flush=True)
    print(record("review_session", argv, results, errors=int(wrong.sum()), judged=len(judged), rows=len(dataset)))
