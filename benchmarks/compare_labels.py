"""Planted disagreement between two halves of a set: at which rank its word or rule is found, and its rows among the pairs.

Davidson's tweets (toxic or not) are split at random; in the second half the labels of rows that hold a word, or two words
together, are turned, all of them or half of them. HateCheck's cases are split likewise; in the second half one functionality
is turned. The words are drawn at random from bands of how many rows they stand in.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import record
from curatekit.arrays import Bools, Floats, Ints
from curatekit.artifacts import Artifacts
from curatekit.compare_labels.between import MIN_ROWS, compared_labels
from curatekit.compare_labels.criteria import Criteria, Rules, beyond_their_words, conjunctions, criteria
from curatekit.compare_labels.disagreement import bands, excess
from curatekit.compare_labels.pairs import (
    MutualPairs,
    NearestRows,
    cross_pairs,
    mutual_pairs,
    mutual_pairs_within,
    nearest_rows,
    word_codes,
)
from curatekit.dataset import Dataset, encode
from curatekit.information.words import count_words
from curatekit.readers import read_dataset

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BANDS = ((10, 20), (40, 80), (200, 400))  # rows of the second half that hold the planted word
RULE_BANDS = ((20, 40), (80, 160))
STRENGTHS = (1.0, 0.5)


class Halves:
    """Two halves of a set, and all that does not depend on the labels."""

    def __init__(self, dataset: Dataset, seed: int) -> None:
        order = np.random.default_rng(seed).permutation(len(dataset))
        parts = [np.sort(rows) for rows in np.array_split(order, 2)]
        self.rows = parts
        self.labels = [dataset.labels[rows] for rows in parts]
        self.vectors: list[Floats] = [Artifacts(dataset).embeddings[rows] for rows in parts]
        self.codes = word_codes([[dataset.texts[row] for row in rows] for rows in parts])
        self.nearest: NearestRows = nearest_rows(self.vectors[0], self.vectors[1])
        self.mutual: MutualPairs = mutual_pairs(
            self.vectors[0], self.vectors[1], self.nearest, self.codes[0], self.codes[1]
        )
        self.within = [mutual_pairs_within(v, c) for v, c in zip(self.vectors, self.codes, strict=True)]
        counted = count_words(dataset.inputs)
        held = (counted.counts > 0).astype(np.int32).tocsr()
        support = np.minimum(*(np.asarray(held[rows].sum(axis=0)).ravel() for rows in parts))
        enough = np.flatnonzero(support >= MIN_ROWS)
        self.words = [counted.words[word] for word in enough.tolist()]
        self.held = [held[rows][:, enough] for rows in parts]
        self.rules: Rules = conjunctions(self.held[0], self.held[1], min_rows=MIN_ROWS)

    def measured(self, turned: Bools) -> tuple[Criteria, Criteria, dict[str, float]]:
        """Return words and rules, and what the pairs say, when the labels (0, 1) of these rows of the second half are turned."""
        first, second = self.labels[0], np.where(turned, 1 - self.labels[1], self.labels[1])
        label = compared_labels(first, second, 2)
        words = criteria(self.held[0], self.held[1], first, second, label)
        rules = criteria(self.rules.first, self.rules.second, first, second, label)
        rules = rules.take(beyond_their_words(rules, self.rules.words, words))
        pairs = cross_pairs(self.vectors[0], self.vectors[1], first, second, self.codes[0], self.codes[1], self.nearest)
        similarity = np.full(len(second), -1.0)
        np.maximum.at(similarity, pairs.second, pairs.similarity)
        near = self._near(first, second)
        return (
            words,
            rules,
            {"pairs_ap": average_precision(turned, similarity), "chance_ap": float(turned.mean()), **near},
        )

    def _near(self, first: Ints, second: Ints) -> dict[str, float]:
        def close(pairs: MutualPairs) -> MutualPairs:
            return MutualPairs._make(v[pairs.same_words | (pairs.similarity >= 0.7)] for v in pairs)

        across = close(self.mutual)
        found = excess(bands(across, (close(self.within[0]), close(self.within[1])), first, second, 2))
        return {
            "near_pairs": len(across.first),
            "near_differ": float((first[across.first] != second[across.second]).mean()),
            "excess": found.value.value,
            "excess_low": found.value.low,
        }


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run compare_labels", description=__doc__)
    parser.add_argument("--plants", type=int, default=5, help="words, and rules, planted in each band [5]")
    arguments = parser.parse_args(argv)
    results = davidson(arguments.plants) + hatecheck()
    print(
        record(
            "compare_labels",
            argv,
            results,
            min_rows=MIN_ROWS,
            seeds="0",
            rank="1 is first: by at_least, then by p_value, as the table is",
        )
    )


def davidson(plants: int) -> list[dict[str, Any]]:
    data = read_dataset(DATA / "davidson" / "tweets.parquet", "text", "label", "id")
    coded = encode(["not" if name == "neither" else "toxic" for name in data.label_names])
    halves = Halves(replace(data, labels=coded.labels, classes=coded.classes), 0)
    rng = np.random.default_rng(0)
    in_second = np.asarray(halves.held[1].sum(axis=0)).ravel()
    together = np.asarray(halves.rules.second.sum(axis=0)).ravel()
    found = [_none(halves)]
    for kind, support, held, all_bands in (
        ("word", in_second, halves.held[1], BANDS),
        ("two words", together, halves.rules.second, RULE_BANDS),
    ):
        for low, high in all_bands:
            drawn = rng.choice(np.flatnonzero((support >= low) & (support <= high)), plants, replace=False)
            for strength in STRENGTHS:
                one = [_planted(halves, kind, held, int(word), strength) for word in drawn]
                found.append(
                    _summary({"data": "davidson", "planted": kind, "rows": f"{low} to {high}", "turned": strength}, one)
                )
    return found


def _none(halves: Halves) -> dict[str, Any]:
    """Return what is found where nothing is planted."""
    words, rules, of_pairs = halves.measured(np.zeros(len(halves.labels[1]), bool))
    found = {
        "data": "davidson",
        "planted": "nothing",
        "words_tested": len(words.word),
        "words_named": int((words.q_value <= 0.05).sum()),
        "rules_tested": len(halves.rules.words),
        "rules_named": int((rules.q_value <= 0.05).sum()),
        **{name: of_pairs[name] for name in ("near_pairs", "near_differ", "excess", "excess_low")},
    }
    print(found, flush=True)
    return found


def _planted(halves: Halves, kind: str, held: Any, which: int, strength: float) -> dict[str, float]:
    rows = np.asarray(held[:, [which]].todense()).ravel() > 0
    turned = rows & (np.random.default_rng(which).random(len(rows)) < strength)
    words, rules, of_pairs = halves.measured(turned)
    of = words if kind == "word" else rules
    raw = np.abs(of.first_share - of.second_share)
    at = np.flatnonzero(of.word == which)  # a rule that says no more than its words is not among them
    return {
        **of_pairs,
        "rank": _rank(at, -of.at_least, of.p_value),
        "rank_by_raw_difference": _rank(at, -raw),
        "rank_by_p_value": _rank(at, of.p_value),
        "named": float(len(at) > 0 and of.q_value[at[0]] <= 0.05),
        "others_named": float((of.q_value <= 0.05).sum()) - float(len(at) > 0 and of.q_value[at[0]] <= 0.05),
    }


def _rank(at: Ints, *keys: Floats) -> float:
    """Return the rank from 1 of the entry when the lowest keys come first, the worst of its ties; infinite without an entry."""
    if not len(at):
        return float("inf")
    ranks = np.unique(np.stack(keys), axis=1, return_inverse=True)[1].ravel()
    return float((ranks <= ranks[at[0]]).sum())


def _summary(what: dict[str, Any], found: Sequence[dict[str, float]]) -> dict[str, Any]:
    ranks = {name: [one[name] for one in found] for name in found[0] if name.startswith("rank")}
    means = {
        name: round(float(np.mean([one[name] for one in found])), 4) for name in found[0] if not name.startswith("rank")
    }
    said = {
        **what,
        "plants": len(found),
        **{k: [int(r) if np.isfinite(r) else None for r in v] for k, v in ranks.items()},
        **means,
    }
    print(said, flush=True)
    return said


def hatecheck() -> list[dict[str, Any]]:
    data = read_dataset(DATA / "hatecheck" / "all_cases.parquet", "text", "label", "id")
    halves = Halves(data, 0)
    functionality = data.frame["functionality"].to_numpy()[halves.rows[1]]
    found = []
    for name in sorted(set(functionality.tolist())):
        of_it = functionality == name
        words, rules, of_pairs = halves.measured(of_it)
        both = np.concatenate([words.at_least, rules.at_least])
        top = int(both.argmax())
        holds = (
            halves.held[1][:, [words.word[top]]]
            if top < len(words.word)
            else halves.rules.second[:, [rules.word[top - len(words.word)]]]
        )
        rows = np.asarray(holds.todense()).ravel() > 0
        found.append(
            {
                **of_pairs,
                "top_in_functionality": float(of_it[rows].mean()),
                "named": float((words.q_value <= 0.05).sum() + (rules.q_value <= 0.05).sum()),
                "top_is_sure": float(both[top] > 0),
            }
        )
    untouched = halves.measured(np.zeros(len(functionality), bool))[2]
    said = {
        "data": "hatecheck",
        "planted": "one functionality",
        "plants": len(found),
        **{name: round(float(np.mean([one[name] for one in found])), 4) for name in found[0]},
        "worst_pairs_ap_over_chance": round(min(one["pairs_ap"] / one["chance_ap"] for one in found), 2),
        "excess_untouched": round(untouched["excess"], 4),
        "excess_above_0": sum(one["excess_low"] > 0 for one in found),
    }
    print(said, flush=True)
    return [said]


def average_precision(wanted: Bools, score: Floats) -> float:
    """Return the average precision of finding the wanted rows by a high score; NaN where there is none."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(wanted, score)) if wanted.any() else float("nan")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
