"""The commands about specifications on real data: what statements alone are worth, slices suggested, slices described, coverage.

HateCheck's 29 functionalities, a probe trained on 6,000 rows of Davidson, a pool of 12,000 rows of three sets (see guided_hate). One
seed but for rows at random; how slices are clustered was settled while looking at these figures.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.guided_hate import build
from benchmarks.record import record
from curatekit.arrays import Floats, Ints
from curatekit.cache import Cache
from curatekit.embed import embed
from curatekit.encoders import load_encoder
from curatekit.readers import read_dataset
from curatekit.select import choose
from curatekit.select.prepare import NOTHING, Prepared, prepare, refit
from curatekit.specify.coverage import coverage
from curatekit.specify.describe import describe
from curatekit.specify.error_slices import error_slices
from curatekit.specs import Specification, example_cases, read_specifications, test_cases
from curatekit.specs.sides import on_test_side

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
TRAIN, POOL, K = 6_000, 12_000, 500
STATEMENTS = {
    "counter_quote_nh": "Denouncements of hate that quote it are not hateful.",
    "counter_ref_nh": "Denouncements of hate that make direct reference to it are not hateful.",
    "derog_dehum_h": "Dehumanising people of a group as animals or vermin is hateful.",
    "derog_impl_h": "Implicit derogation of a group is hateful.",
    "derog_neg_attrib_h": "Expressing strong negative attributes of a group is hateful.",
    "derog_neg_emote_h": "Expressing strong negative emotions such as hatred for a group is hateful.",
    "ident_neutral_nh": "Neutral statements that use group identity terms are not hateful.",
    "ident_pos_nh": "Positive statements about people of a group are not hateful.",
    "negate_neg_nh": "A negated hateful statement is not hateful.",
    "negate_pos_h": "A negated positive statement about a group is hateful.",
    "phrase_opinion_h": "Hate phrased as an opinion is hateful.",
    "phrase_question_h": "Hate phrased as a question is hateful.",
    "profanity_h": "Hate expressed with profanity against a group is hateful.",
    "profanity_nh": "Profanity that is not directed at a group is not hateful.",
    "ref_subs_clause_h": "Hate expressed through reference in subsequent clauses is hateful.",
    "ref_subs_sent_h": "Hate expressed through reference in subsequent sentences is hateful.",
    "slur_h": "Hate expressed with a slur is hateful.",
    "slur_homonym_nh": "Non-hateful homonyms of slurs are not hateful.",
    "slur_reclaimed_nh": "Reclaimed slurs used by the group itself are not hateful.",
    "spell_char_del_h": "Hate with missing characters in words is hateful.",
    "spell_char_swap_h": "Hate with swapped characters in words is hateful.",
    "spell_leet_h": "Hate in leet speak spelling is hateful.",
    "spell_space_add_h": "Hate with added spaces between characters is hateful.",
    "spell_space_del_h": "Hate with missing word boundaries is hateful.",
    "target_group_nh": "Abuse targeted at groups that are not protected, such as professions, is not hateful.",
    "target_indiv_nh": "Abuse targeted at individuals, not as members of a group, is not hateful.",
    "target_obj_nh": "Abuse targeted at objects is not hateful.",
    "threat_dir_h": "A direct threat against people of a group is hateful.",
    "threat_norm_h": "Threats as normative statements, that a group should be punished, are hateful.",
}


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run specify", description=__doc__)
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args(argv)
    started = time.process_time()
    encoder, cache = load_encoder(), Cache(arguments.cache)

    def embedded(texts: Sequence[str]) -> Floats:
        return embed((tuple(texts),), encoder, cache).embeddings

    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        specifications = read_specifications(Path(folder) / "specs.json", tests=True)
        rng = np.random.default_rng(0)
        train, pool = (
            (found := read_dataset(Path(folder) / f"{name}.parquet")).take(np.sort(rng.permutation(len(found))[:size]))
            for name, size in (("train", TRAIN), ("pool", POOL))
        )
    tests = test_cases(specifications, train.classes)
    of_tests = embed((tests.texts,), encoder, cache)
    stated = [replace(one, examples=(STATEMENTS[one.id],)) for one in specifications]
    failures: dict[str, Any] = {}
    for kind, given in (("examples", specifications), ("statements", stated)):
        prepared = prepare(train, pool, given, encoder, cache)
        features = prepared.features.transform(of_tests.layers, tests.texts)
        if kind == "examples":
            failures["none"] = rates(prepared, NOTHING, features, tests.labels)
            drawn = [
                rates(prepared, choose("random-matched", prepared.material, K, seed).rows, features, tests.labels)
                for seed in range(3)
            ]
            failures["random-matched"] = {name: float(np.mean([one[name] for one in drawn])) for name in drawn[0]}
        for method in ("nearest", "influence"):
            chosen = choose(method, prepared.material, K).rows
            failures[f"{method}, {kind}"] = rates(prepared, chosen, features, tests.labels)
        print(failures, flush=True)
        if kind == "examples":
            model = prepared

    cases = pl.read_parquet(DATA / "hatecheck/all_cases.parquet").filter(pl.col("split") == "test_suite")
    texts = cases["text"].to_list()
    of_cases = embed((tuple(texts),), encoder, cache)
    predicted = model.probe.logits(model.features.transform(of_cases.layers, tuple(texts))).argmax(axis=1)
    labels = (cases["label"] != "hateful").to_numpy().astype(np.int64)  # class 0 is "hateful"
    suggested = suggestions(of_cases.embeddings, labels, predicted, cases)
    print(suggested, flush=True)

    described = {
        column: descriptions(
            texts,
            of_cases.embeddings,
            cases[column].fill_null(""),
            lambda asked: embed((tuple(asked),), encoder).embeddings,
        )
        for column in ("target_ident", "functionality")
    }
    print(described, flush=True)

    pools = {
        "hate speech": (pool.texts, np.array(pool.label_names, object)),
        "banking": unlabelled("banking77/utterances", 6_000),
        "comments": unlabelled("goemotions/comments", 8_000),
    }
    served = {name: shares(specifications, embedded, *of) for name, of in pools.items()}
    print(served, flush=True)
    path = record(
        "specify",
        [],  # where the cache lies changes no figure
        {
            "failure rate on the tests, 500 rows": failures,
            "suggest": suggested,
            "describe": described,
            "coverage": served,
        },
        notes=[" ".join((__doc__ or "").split())],
        cpu_s=round(time.process_time() - started, 1),
    )
    print(path)


def rates(prepared: Prepared, rows: Ints, features: Floats, labels: Ints) -> dict[str, float]:
    """Return how often the probe fails on the tests with these rows added, and the mean of that over the labels."""
    wrong = refit(prepared.material, rows, prepared.probe).logits(features).argmax(axis=1) != labels
    return {
        "rate": float(wrong.mean()),
        "by_label": float(np.mean([wrong[labels == k].mean() for k in np.unique(labels)])),
    }


def suggestions(embeddings: Floats, labels: Ints, predicted: Ints, cases: pl.DataFrame) -> dict[str, Any]:
    """Return, by threshold, how many slices, the share of all errors in them, and how pure they are of one value of two columns."""
    wrong = np.flatnonzero(labels != predicted)
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {"error_rate": len(wrong) / len(labels)}
    for threshold in (0.3, 0.4, 0.5, 0.6):
        slices = error_slices(embeddings, labels, predicted, on_test_side(cases["text"].to_list()), threshold=threshold)
        if not slices:
            continue
        sizes = [len(one.errors) for one in slices]
        row: dict[str, Any] = {
            "slices": len(slices),
            "errors_in_them": len(set(np.concatenate([one.errors for one in slices]).tolist())) / len(wrong),
        }
        for column in ("functionality", "target_ident"):
            values = np.array(cases[column].fill_null("").to_list(), object)
            row[f"purity of {column}"] = float(
                np.average([purity(values[one.errors]) for one in slices], weights=sizes)
            )
            by_chance = [np.mean([purity(values[rng.permutation(wrong)[:size]]) for _ in range(20)]) for size in sizes]
            row[f"purity of {column} by chance"] = float(np.average(by_chance, weights=sizes))
        row["first"] = {"rows": len(slices[0].rows), "error_rate": slices[0].rate._asdict()}
        found[str(threshold)] = row
    return found


def purity(values: Any) -> float:
    """Return the share of the commonest value."""
    return float(np.unique(values.astype(str), return_counts=True)[1].max() / len(values))


def descriptions(texts: Sequence[str], embeddings: Floats, column: pl.Series, encode: Any) -> dict[str, Any]:
    """Return what each kind of query retrieves in the half that is held out, in the mean over the values of a column."""
    found: dict[str, list[Any]] = {}
    for value in sorted(set(column.to_list()) - {""}):
        got = describe(texts, embeddings, (column == value).to_numpy(), encode, beam=2, most_words=4, candidates=40)
        for one in got.queries:
            found.setdefault(one.kind, []).append(one.heldout)
    return {
        kind: {"slices": len(of), **dict(zip(of[0]._fields, np.mean(of, axis=0).tolist(), strict=True))}
        for kind, of in found.items()
    }


def unlabelled(file: str, size: int) -> tuple[tuple[str, ...], Any]:
    """Return texts of another set, and None: a label of ours is on none of them."""
    frame = pl.read_parquet(DATA / f"{file}.parquet")
    return tuple(frame.sample(size, seed=0)["text"].to_list()), None


def shares(specifications: Sequence[Specification], embedded: Any, texts: Sequence[str], labels: Any) -> dict[str, Any]:
    """Return the mean share of the examples that a pool serves, and the specifications that it cannot; labels None: all are right."""
    classes = sorted({one.label for one in specifications})
    cases = example_cases(specifications, classes)
    wanted = np.array([one.label if labels is not None else "any" for one in specifications], object)
    found = coverage(embedded(cases.texts), cases.specifications, wanted, embedded(texts),
                     labels if labels is not None else np.full(len(texts), "any", object))  # fmt: skip
    return {
        "served": float(np.mean([one.served.value for one in found])),
        "unserved": [one.id for one, of in zip(specifications, found, strict=True) if of.unserved],
    }
