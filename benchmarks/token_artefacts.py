"""Token artefacts: our tables beside those that Ethayarajh et al. (2022) published, against chance; batched against a loop.

Their tables were found out to be: the tokens of Whitespace in the library tokenizers, upper and lower case apart; for each label the
mean, over all occurrences of a token, of what its row loses without that occurrence; a value where a token occurs more than 25
times under all labels together. CoLA: the 527 rows of in-domain dev. Davidson ("dwmw"): all 24,783 tweets, in-sample. Their
code does not run as published and does not say which model it was.

Ours: a family trained on CoLA's training rows; and on all tweets but a sample, the labels taking turns, whose tokens are left out.
Chance: both tables order the same tokens, and the overlap of their first k is hypergeometric.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from benchmarks.record import record
from curatekit.arrays import Floats, Ints
from curatekit.artifacts import Artifacts, Settings
from curatekit.dataset import Dataset
from curatekit.information.leave_one_out import Changes, leave_one_out
from curatekit.information.token_changes import in_turn
from curatekit.information.tokens import Tokens
from curatekit.information.v_information import v_information
from curatekit.predict.family import load_family
from curatekit.predict.folding import bound_together, stratified_folds
from curatekit.predict.models import Models
from curatekit.readers import read_dataset

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MORE_THAN = 25  # occurrences under all labels: found out from which tokens have a published value
FIRST = (5, 10, 50)
ENOUGH = 5  # occurrences under a label, in our rows, for a mean of ours


class Task(NamedTuple):
    """Rows to train on, rows to measure, and the published table: a value for each token and label."""

    name: str
    training: Dataset
    measured: Dataset
    published: pl.DataFrame


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="token_artefacts", description=__doc__)
    parser.add_argument("--folder", type=Path, default=DATA, help="the real data")
    parser.add_argument("--family", action="append", help="measure these families [default: probe]")
    parser.add_argument("--seeds", type=int, default=1, help="of each family on CoLA, to see how far they agree")
    parser.add_argument(
        "--rows", type=int, default=4_000, help="tweets whose tokens are left out; 0 leaves Davidson out"
    )
    parser.add_argument("--repeats", type=int, default=3, help="of batched against the loop")
    parser.add_argument("--cache", type=Path, default=None)
    options = parser.parse_args(argv)

    results: list[dict[str, Any]] = []

    def add(entry: dict[str, Any]) -> None:
        results.append(entry)
        print(entry, flush=True)

    for task in [cola(options.folder), *([davidson(options.folder, options.rows)] if options.rows else [])]:
        found = whitespace_tokens(task.measured.inputs[0])
        if task.name == "cola":  # of the tweets only a sample is measured
            add({"data": task.name, **rule(task, found)})
        tables: dict[str, pl.DataFrame] = {}
        for family in options.family or ["probe"]:
            slow = load_family(family).slow  # the others do not hang on the seed
            for seed in range(options.seeds if slow and task.name == "cola" else 1):
                started = time.process_time()
                settings = Settings(family=family, cache=options.cache, seed=seed)
                models, evaluated = fitted(task, settings)
                changes = leave_one_out(models, task.measured.inputs, np.arange(len(task.measured)), found)
                every = means(task, found, changes)
                table = every.drop_nulls("published")
                info = evaluated.call(v_information)
                add(
                    {
                        "data": task.name, "family": models.family.name, "seed": seed, "rows": len(task.measured),
                        "tokens": len(found.row), "v_information": info.v_information.value, "accuracy": info.accuracy,
                        "cpu_s": round(time.process_time() - started, 1), "per_label": agreement(task, every),
                        "with_our_other_models": {name: between(table, other) for name, other in tables.items()},
                    }
                )  # fmt: skip
                tables[f"{family}, seed {seed}"] = table
                if task.name == "cola" and seed == 0:
                    add(throughput(task, models, found, options.repeats))
    print(record("token_artefacts", argv, results, load_average=os.getloadavg()[0], more_than=MORE_THAN, enough=ENOUGH))


def cola(folder: Path) -> Task:
    """Return the task of the paper: trained on the training rows, in-domain dev measured."""
    sentences = read_dataset(str(folder / "cola" / "sentences.parquet"), text=("text",), label="label")
    split = sentences.frame["split"].to_numpy()
    training, measured = (sentences.take(np.flatnonzero(split == name)) for name in ("train", "id_dev"))
    return Task(
        "cola", _without(training, measured), measured, published(folder, "cola", ("unacceptable", "acceptable"))
    )


def davidson(folder: Path, rows: int) -> Task:
    """Return the tweets, a sample of them measured: of a half, so that rare labels are left to train on."""
    tweets = read_dataset(str(folder / "davidson" / "tweets.parquet"), text=("text",), label="label")
    half = np.flatnonzero(stratified_folds(tweets.labels, bound_together(tweets.texts), 2, 0))
    chosen = np.sort(half[in_turn(tweets.labels[half], 0)[:rows]])
    measured = tweets.take(chosen)
    training = _without(tweets.take(np.setdiff1d(np.arange(len(tweets)), chosen)), measured)
    return Task(
        "davidson", training, measured, published(folder, "dwmw", ("hate_speech", "offensive_language", "neither"))
    )


def _without(dataset: Dataset, other: Dataset) -> Dataset:
    texts = set(other.texts)
    return dataset.take([row for row, text in enumerate(dataset.texts) if text not in texts])


def rule(task: Task, found: Tokens) -> dict[str, int]:
    """Return how many tokens the published table has and gives values, and on how many the rule that was found out errs."""
    values = task.published.filter(pl.any_horizontal(pl.exclude("token").is_not_null()))["token"].to_list()
    often = {found.kinds[kind] for kind in np.flatnonzero(np.bincount(found.kind) > MORE_THAN)}
    tokens = task.published["token"].to_list()
    return {
        "published_tokens": len(tokens),
        "other_tokens_than_ours": len(set(tokens) ^ set(found.kinds)),
        "with_a_value": len(values),
        "other_than_the_rule_says": len(set(values) ^ often),
    }


def published(folder: Path, name: str, labels: Sequence[str]) -> pl.DataFrame:
    """Return token and a column for each label, null where the paper has no value."""
    table = pl.read_parquet(folder / "pvi_reference" / "token_artefacts.parquet").filter(pl.col("dataset") == name)
    return table.select("token", *(pl.col(str(code)).alias(label) for code, label in enumerate(labels)))


def fitted(task: Task, settings: Settings) -> tuple[Models, Artifacts]:
    training = Artifacts(task.training, settings)
    evaluated = Artifacts(task.measured, settings)
    evaluated = evaluated.with_predictions(training.predict(evaluated))
    return training.models(evaluated), evaluated


def whitespace_tokens(texts: Sequence[str]) -> Tokens:
    """Return the paper's tokens, with their places."""
    from tokenizers.pre_tokenizers import Whitespace

    whitespace, kinds = Whitespace(), dict[str, int]()
    places, kind = [], []
    for row, text in enumerate(texts):
        for token, (start, end) in whitespace.pre_tokenize_str(text):
            places.append((row, 0, start, end))
            kind.append(kinds.setdefault(token, len(kinds)))
    at = np.array(places, np.int64).T
    return Tokens(at[0], at[1], at[2], at[3], np.array(kind), tuple(kinds), np.zeros(len(kinds), np.int64))


def means(task: Task, found: Tokens, changes: Changes) -> pl.DataFrame:
    """Return label, token, our mean by occurrence and by row, and the published value or null, the largest of these first."""
    labels = task.measured.labels[found.row]
    ours = pl.DataFrame(
        {
            "label": np.array(task.measured.classes, object)[labels].tolist(),
            "token": np.array(found.kinds, object)[found.kind].tolist(),
            "row": found.row, "token_change": changes.token, "kind_change": changes.kind,
        }
    )  # fmt: skip
    by_row = ours.unique(["row", "token"], keep="first", maintain_order=True).group_by("label", "token")
    theirs = task.published.unpivot(index="token", variable_name="label", value_name="published")
    return (
        ours.group_by("label", "token")
        .agg(pl.len().alias("occurrences"), pl.col("token_change").mean().alias("ours"))
        .join(by_row.agg(pl.col("kind_change").mean().alias("ours_by_row")), on=["label", "token"])
        .filter(pl.col("occurrences") >= ENOUGH)
        .join(theirs, on=["label", "token"], how="left")
        .sort("label", "published", "token", descending=[False, True, False], nulls_last=True)
    )


def agreement(task: Task, every: pl.DataFrame) -> list[dict[str, Any]]:
    """Return for each label how our order of the tokens agrees with the published one."""
    from scipy.stats import hypergeom, pearsonr, spearmanr

    found = []
    for (label,), ours in every.group_by("label", maintain_order=True):
        own = ours.drop_nulls("published")
        theirs = own["published"].to_numpy()
        entry: dict[str, Any] = {
            "label": label, "tokens": len(own), "published": int(task.published[str(label)].is_not_null().sum()),
            "median_occurrences": float(np.median(own["occurrences"].to_numpy())),
        }  # fmt: skip
        for name in ("ours", "ours_by_row"):
            values = own[name].to_numpy()
            rank = spearmanr(values, theirs)
            entry[name] = {
                "spearman": float(rank.statistic),
                "p": float(rank.pvalue),
                "pearson": float(pearsonr(values, theirs).statistic),
                "same_sign": float((np.sign(values) == np.sign(theirs)).mean()),
                "first": [overlap(values, theirs, k) for k in FIRST],
            }
        # a published value says that a token is frequent, not that it is an artefact: what that alone gives
        first = ours.sort("ours", descending=True, maintain_order=True).head(FIRST[-1])
        both = int(first["published"].is_not_null().sum())
        entry["published_among_our_first_of_all"] = {
            "all": len(ours), "first": len(first), "both": both, "chance": round(len(first) * len(own) / len(ours), 2),
            "p": float(hypergeom.sf(both - 1, len(ours), len(own), len(first))),
        }  # fmt: skip
        if task.name == "cola":
            entry["our_first"] = own.sort("ours", descending=True, maintain_order=True)["token"].head(10).to_list()
            entry["their_first"] = own["token"].head(10).to_list()
        found.append(entry)
    return found


def overlap(ours: Floats, theirs: Floats, k: int) -> dict[str, Any]:
    """Return how many tokens are among the first k of both, what chance gives, and how often it gives as many."""
    from scipy.stats import hypergeom

    n = len(ours)
    k = min(k, n)
    first, other = (set(np.argsort(-values, kind="stable")[:k].tolist()) for values in (ours, theirs))
    both = len(first & other)
    return {"k": k, "both": both, "chance": round(k * k / n, 2), "p": float(hypergeom.sf(both - 1, n, k, k))}


def between(first: pl.DataFrame, second: pl.DataFrame) -> dict[str, float]:
    """Return by label the Spearman correlation of the means of two models of ours."""
    from scipy.stats import spearmanr

    both = first.join(second, on=["label", "token"], suffix="_second")
    return {
        str(label): float(spearmanr(own["ours"].to_numpy(), own["ours_second"].to_numpy()).statistic)
        for (label,), own in both.group_by("label", maintain_order=True)
    }


def throughput(task: Task, models: Models, found: Tokens, repeats: int, rows: int = 40) -> dict[str, Any]:
    """Return the CPU seconds of one pass over all variants and of a prediction for each of them, in turns, on one thread.

    With two, the loop's are two to five times as many and vary, since threads wait for each other at every single text.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    inputs = (task.measured.inputs[0][:rows],)
    own = found.row < rows
    some = found._replace(**{name: getattr(found, name)[own] for name in ("row", "column", "start", "end", "kind")})
    which = np.arange(rows)
    seconds: dict[str, list[float]] = {"batched": [], "loop": []}
    gap = 0.0
    loop(models, inputs[0], which[:1], some)  # what is loaded once is not counted
    for _ in range(repeats):
        started = time.process_time()
        batched = leave_one_out(models, inputs, which, some)
        seconds["batched"].append(time.process_time() - started)
        started = time.process_time()
        looped = loop(models, inputs[0], which, some)
        seconds["loop"].append(time.process_time() - started)
        gap = max(gap, float(np.abs(batched.token - looped).max()))
    torch.set_num_threads(threads)
    ratios = [slow / fast for slow, fast in zip(seconds["loop"], seconds["batched"], strict=True)]
    return {
        "data": task.name, "family": models.family.name, "what": "batched against a loop", "rows": rows,
        "variants": int(own.sum()), "batched_cpu_s": round(float(np.median(seconds["batched"])), 2),
        "loop_cpu_s": round(float(np.median(seconds["loop"])), 2), "ratio": round(float(np.median(ratios)), 1),
        "ratio_lowest": round(min(ratios), 1), "ratio_highest": round(max(ratios), 1), "largest_difference": gap,
        "variants_per_cpu_s": round(float(own.sum() / np.median(seconds["batched"])), 1),
    }  # fmt: skip


def loop(models: Models, texts: Sequence[str], rows: Ints, found: Tokens) -> Floats:
    """Return the change of each token by one prediction at a time, as the obvious program would."""
    changes = []
    for row in rows.tolist():
        whole = models.log2_given(np.array([row]), ((texts[row],),))[0]
        for at in np.flatnonzero(found.row == row).tolist():
            less = f"{texts[row][: found.start[at]]} {texts[row][found.end[at] :]}"
            changes.append(whole - models.log2_given(np.array([row]), ((" ".join(less.split()),),))[0])
    return np.array(changes)
