"""What `curate compare-labels` says of each two sets, and of each against an oracle: payloads and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from curatekit_cli._print import interval, shown, table

if TYPE_CHECKING:
    from curatekit.arrays import Ints
    from curatekit.compare_labels.between import Between
    from curatekit.compare_labels.disagreement import Disagreement
    from curatekit.dataset import Dataset

FALSE_SHARE = 0.05
_TEXT, _NAME = 48, 24  # widths in tables


def between_payload(found: Between, datasets: Mapping[str, Dataset], top: int) -> dict[str, Any]:
    """Return what is said of two sets, with the first pairs and words."""
    classes = datasets[found.first].classes
    told = found.words.filter(found.words["q_value"] <= FALSE_SHARE)
    return {
        "first": found.first,
        "second": found.second,
        "near": _disagreement(found.near, classes),
        "excess": {"pairs": found.excess.pairs, **found.excess.value._asdict()},
        "bands": [
            {
                "similarity": band.name,
                **_disagreement(band.across, classes),
                "within_first": {"pairs": band.within_pairs[0], **band.within[0]._asdict()},
                "within_second": {"pairs": band.within_pairs[1], **band.within[1]._asdict()},
            }
            for band in found.bands
        ],
        "pairs": len(found.pairs),
        "pairs_of_the_same_words": int(found.pairs["same_words"].sum()),
        "first_pairs": found.pairs.head(top).to_dicts(),
        "tested_words": found.tested[0],
        "tested_rules": found.tested[1],
        "false_share": FALSE_SHARE,
        "words_that_differ": len(told),
        "first_words": told.filter(told["n_words"] == 1).head(top).to_dicts(),
        "first_rules": told.filter(told["n_words"] == 2).head(top).to_dicts(),
    }


def _disagreement(of: Disagreement, classes: tuple[str, ...]) -> dict[str, Any]:
    crossed = [
        {"first": classes[a], "second": classes[b], "pairs": int(of.labels[a, b])}
        for a, b in zip(*of.labels.nonzero(), strict=True)
    ]
    return {
        "pairs": of.pairs,
        "differing": of.differing,
        "rate": of.rate._asdict(),
        "chance": of.chance,
        "kappa": of.kappa._asdict(),
        "labels": sorted(crossed, key=lambda cell: -cell["pairs"]),
    }


def between_lines(found: Between, datasets: Mapping[str, Dataset], similarity: float, top: int) -> list[str]:
    """Return what is said of two sets in words and tables."""
    first, second = shown(found.first, _NAME * 2), shown(found.second, _NAME * 2)
    title = f"{first} ({len(datasets[found.first]):,} rows) and {second} ({len(datasets[found.second]):,} rows)"
    return [
        title,
        "=" * len(title),
        *_near_lines(found, datasets[found.first].classes, similarity),
        "",
        *_pairs_lines(found, top),
        *_words_lines(found, top),
        "",
    ]


def _near_lines(found: Between, classes: tuple[str, ...], similarity: float) -> list[str]:
    near, value = found.near, found.excess.value
    what = f"the same words, or similarity {similarity:g} or more"
    if near.pairs:
        kappa = f", kappa {interval(near.kappa)}" if near.kappa.value == near.kappa.value else ""
        lines = [
            f"Of {near.pairs:,} pairs of nearest rows that are near ({what}) {near.differing:,} bear different labels: "
            f"{interval(near.rate)}; by chance {near.chance:.3f}{kappa}."
        ]
    else:
        lines = [f"No two rows, one of each, are nearest to each other and near ({what}). Lower --similarity."]
    if found.excess.pairs:
        verdict = (
            "more than the noise of both sets explains" if value.low > 0
            else "less than rows of one set do" if value.high < 0
            else "no more than the noise of both sets may explain"
        )  # fmt: skip
        lines.append(f"Less what equally similar rows of one set differ in, {interval(value)}: {verdict}.")
    crossed = sorted(
        ((int(near.labels[a, b]), a, b) for a, b in zip(*near.labels.nonzero(), strict=True) if a != b), reverse=True
    )
    if crossed:
        most = "; ".join(f"{shown(classes[a], 30)} / {shown(classes[b], 30)} {count:,}" for count, a, b in crossed[:4])
        lines.append(f"Labels of such pairs, first set / second: {most}.")
    header = [
        "similarity",
        "pairs",
        "differ",
        "low",
        "high",
        "by chance",
        "kappa",
        "within the first",
        "within the second",
    ]
    rows = [
        (band.name, band.across.pairs, *_or_none(band.across.rate), *_or_none([band.across.chance, band.across.kappa.value,
         band.within[0].value, band.within[1].value]))
        for band in found.bands
    ]  # fmt: skip
    return [*lines, *table(header, rows)]


def _or_none(values: Any) -> list[float | None]:
    return [value if value == value else None for value in values]


def _pairs_lines(found: Between, top: int) -> list[str]:
    if not len(found.pairs):
        return ["No row's nearest in the other set bears another label."]
    same = int(found.pairs["same_words"].sum())
    head = f"{len(found.pairs):,} pairs of nearest rows with different labels, {same:,} of them of the same words"
    if not top:
        return [f"{head}."]
    columns = ["similarity", "first_label", "second_label", "first_text", "second_text"]
    widths = (_NAME, _NAME, _TEXT, _TEXT)
    rows = (
        (similarity, *(shown(value, width) for value, width in zip(values, widths, strict=True)))
        for similarity, *values in found.pairs.head(top).select(columns).iter_rows()
    )
    header = ["similarity", "first's label", "second's label", "first's text", "second's text"]
    return [f"{head}:", *table(header, rows)]


def _words_lines(found: Between, top: int) -> list[str]:
    words, rules = found.tested
    if not words:
        return []
    told = found.words.filter(found.words["q_value"] <= FALSE_SHARE)
    head = (
        f"Criteria in words: of {words:,} words and {rules:,} pairs of words in enough rows of both sets {len(told):,} go with a label "
        f"more in one set than in the other, base rates aside (expected to be false among them: at most {FALSE_SHARE:.0%}, "
        "Benjamini–Hochberg)"
    )
    if not len(told) or not top:
        return ["", f"{head}."]
    columns = ["label", "first_rows", "first_share", "first_lift", "second_rows", "second_share", "second_lift",
               "difference", "low", "high", "near_pairs", "near_differing"]  # fmt: skip
    header = ["label", "rows in first", "share", "lift", "rows in second", "share", "lift", "difference", "low", "high",
              "near pairs", "differ"]  # fmt: skip
    lines = ["", f"{head}; the largest of which one can be sure first:"]
    for n_words, title in ((1, "word"), (2, "pair of words")):
        of = told.filter(told["n_words"] == n_words)
        if len(of):
            rows = ((shown(words, 40), *rest) for words, *rest in of.head(top).select("words", *columns).iter_rows())
            lines += table([title, *header], rows)
    return [
        *lines,
        "difference: of the label's share, first set less second, at one base rate. near pairs: near rows that both hold it, and "
        "how many of them bear different labels. A difference may lie in the texts: look at the rows.",
    ]


def accuracy_payload(
    datasets: Mapping[str, Dataset], oracle: Mapping[str, Ints], sample: int | None, seed: int
) -> dict[str, Any]:
    """Return the accuracy of each set's labels against the oracle's on samples of one size, and on all rows."""
    import numpy as np

    from curatekit.compare_labels.accuracy import accuracy_vector, equal_samples
    from curatekit.errors import InputError

    usable = {name: np.flatnonzero(labels >= 0) for name, labels in oracle.items()}
    for name, rows in usable.items():
        if not len(rows):
            raise InputError(
                f"The oracle says nothing of the rows of {name}. Give labels of some, or leave that DATA out."
            )
    classes = next(iter(datasets.values())).classes
    given = {name: datasets[name].labels[rows] for name, rows in usable.items()}
    drawn = equal_samples(list(given.values()), len(classes), sample, seed=seed)
    found = []
    for (name, rows), chosen in zip(usable.items(), drawn, strict=True):
        at = rows[chosen]
        of = accuracy_vector(datasets[name].labels[at], oracle[name][at], len(classes))
        found.append(
            {
                "name": name,
                "rows_with_oracle": len(rows),
                "accuracy_of_all": float((given[name] == oracle[name][rows]).mean()),
                "accuracy": of.accuracy._asdict(),
                "per_class": [
                    {
                        "label": label,
                        "given": one.given,
                        "oracle": one.oracle,
                        "precision": one.precision._asdict(),
                        "recall": one.recall._asdict(),
                    }
                    for label, one in zip(classes, of.per_class, strict=True)
                ],
            }
        )
    return {"sample": len(drawn[0]), "datasets": found}


def accuracy_lines(accuracy: dict[str, Any], oracle: str, top: int) -> list[str]:
    """Return the accuracy vectors as a table, of many classes those whose labels the oracle confirms least."""
    rows: list[tuple[Any, ...]] = []
    for one in accuracy["datasets"]:
        every = one["accuracy"].values()
        rows.append((one["name"], "(all)", accuracy["sample"], *every, accuracy["sample"], None, None, None))
        classes = sorted(one["per_class"], key=lambda of: (of["given"] == 0, of["precision"]["value"]))
        rows += [
            (one["name"], of["label"], of["given"], *_or_none(of["precision"].values()), of["oracle"],
             *_or_none(of["recall"].values()))
            for of in (classes[:top] if len(classes) > top else one["per_class"])
        ]  # fmt: skip
    header = ["data", "label", "given", "right", "low", "high", "oracle's", "found", "low", "high"]
    return [
        f"Labels against the oracle {shown(oracle, 60)}, on {accuracy['sample']:,} rows of each with its own label shares:",
        *table(header, rows),
        "right: share of the rows given the label that the oracle calls it; found: share of the oracle's rows that were given it.",
        "",
    ]
