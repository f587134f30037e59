"""All questions about one dataset in one table: a row for each problem, with what it is alike and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from curatekit.errors import InputError, nearest_name
from curatekit.health.broken import faults, unusual_lengths
from curatekit.health.duplicates import clusters, in_conflict, near_pairs, text_groups
from curatekit.health.imbalance import class_shares, rare
from curatekit.health.leakage import Leaks, across_splits, leaks
from curatekit.health.outliers import BELOW, typicality
from curatekit.index import nearest

if TYPE_CHECKING:
    from curatekit.arrays import Bools, Floats
    from curatekit.dataset import Dataset

CHECKS = {
    "conflicting-labels": "the same text, or nearly, with another label",
    "exact-duplicates": "the same text again",
    "near-duplicates": "nearly the same text",
    "leakage": "the text stands in another split or file too, or nearly",
    "outliers": "like no other text",
    "imbalance": "classes with few rows",
    "broken": "empty, wrongly decoded, full of markup, or of unusual length",
}
NEEDS_EMBEDDINGS = frozenset({"conflicting-labels", "near-duplicates", "leakage", "outliers"})
_TO_DO = {
    "conflicting-labels": "decide which label is right",
    "exact-duplicates": "drop",
    "near-duplicates": "look, and drop one",
    "leakage": "drop it from the smaller split",
    "outliers": "look whether it belongs here",
    "imbalance": "add rows, or merge the class",
    "broken": "repair or drop",
}
_COLUMNS = {
    "check": pl.String, "id": pl.String, "with_id": pl.String, "similarity": pl.Float64, "label": pl.String,
    "with_label": pl.String, "detail": pl.String, "to_do": pl.String, "text": pl.String,
}  # fmt: skip
_NEIGHBOURS = 10


@dataclass(frozen=True)
class Other:
    """The file that DATA is held against."""

    dataset: Dataset
    embeddings: Floats


@dataclass
class _Problems:
    dataset: Dataset
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, check: str, row: int | None, detail: str, **more: Any) -> None:
        known = {} if row is None else {
            "id": self.dataset.ids[row], "label": self.dataset.label_names[row], "text": self.dataset.texts[row],
        }  # fmt: skip
        self.rows.append({"check": check, **known, "detail": detail, "to_do": _TO_DO[check], **more})


@dataclass(frozen=True)
class Checked:
    """problems: a table, a row for each; counts: problems by check, for the checks that were asked; n_rows_affected: rows
    that have one or more; class_shares: by label."""

    problems: pl.DataFrame
    n: int
    counts: dict[str, int]
    n_rows_affected: int
    class_shares: dict[str, float]


def known_checks(only: Sequence[str]) -> tuple[str, ...]:
    """Return the checks asked for, all where none is; raises InputError for a name that is none."""
    for name in only:
        if name not in CHECKS:
            raise InputError(f"There is no check {name!r}.{nearest_name(name, CHECKS)} Checks: {', '.join(CHECKS)}.")
    return tuple(name for name in CHECKS if not only or name in only)


def check(
    dataset: Dataset,
    asked: Sequence[str],
    embeddings: Floats | None = None,
    truncated: Bools | None = None,
    *,
    threshold: float = 0.95,
    outliers_below: float = BELOW,
    fold: bool = False,
    splits: Sequence[str] | None = None,
    other: Other | None = None,
    seed: int = 0,
) -> Checked:
    """Return the problems of the checks asked for.

    embeddings: (n, d), needed by those of NEEDS_EMBEDDINGS; truncated: (n,) whether the encoder read a text in part only.
    splits: n names of splits; other: another file; without either, leakage is not asked.
    """
    found = _Problems(dataset)
    texts, labels = dataset.texts, dataset.labels
    groups = text_groups(texts, fold=fold)
    once = np.flatnonzero(groups == np.arange(len(texts)))
    copies = "the same text but for case, spaces and punctuation" if fold else "the same text"
    if "conflicting-labels" in asked:
        conflicting = np.flatnonzero(in_conflict(groups, labels)).tolist()
        alike: dict[int, list[int]] = {}
        for row in conflicting:
            alike.setdefault(int(groups[row]), []).append(row)
        for row in conflicting:
            against = next(near for near in alike[int(groups[row])] if labels[near] != labels[row])
            found.add("conflicting-labels", row, copies, **_with(dataset, against), similarity=1.0)
    if "exact-duplicates" in asked:
        for row in np.flatnonzero(groups != np.arange(len(texts))).tolist():
            found.add("exact-duplicates", row, copies, **_with(dataset, groups[row]), similarity=1.0)
    neighbours = None
    if embeddings is not None and NEEDS_EMBEDDINGS & set(asked) - {"leakage"}:
        neighbours = nearest(embeddings[once], _NEIGHBOURS, seed=seed)
    if embeddings is not None and neighbours is not None and {"near-duplicates", "conflicting-labels"} & set(asked):
        pairs = near_pairs(embeddings[once], neighbours, threshold, seed=seed)
        first, second = once[pairs.first], once[pairs.second]
        seen: set[int] = set()
        lowest = once[clusters(len(once), pairs)]
        cluster = dict(zip(once.tolist(), lowest.tolist(), strict=True))
        for a, b, cosine in zip(first.tolist(), second.tolist(), pairs.similarity.tolist(), strict=True):
            how = _alike(cosine, truncated is not None and bool(truncated[a] or truncated[b]))
            if "near-duplicates" in asked:
                for row, near in ((b, a), (a, b)):
                    # All rows of a cluster but its first, each with the one that it is most similar to.
                    if row not in seen and row != cluster[row]:
                        seen.add(row)
                        found.add("near-duplicates", row, how, **_with(dataset, near), similarity=cosine)
            if "conflicting-labels" in asked and labels[a] != labels[b] and min(labels[a], labels[b]) >= 0:
                found.add("conflicting-labels", b, how, **_with(dataset, a), similarity=cosine)
    if "leakage" in asked and embeddings is not None:
        _leakage(found, embeddings, threshold, fold, splits, other)
    if "outliers" in asked and neighbours is not None and len(once) > 1:
        score = typicality(neighbours)
        for place in np.argsort(score, kind="stable").tolist():
            if score[place] >= outliers_below:
                break
            found.add("outliers", once[place], "mean cosine with its nearest texts", similarity=float(score[place]))
    shares = class_shares(labels, len(dataset.classes)) if dataset.columns.label else np.zeros(0)
    if "imbalance" in asked:
        for name, share in zip(np.array(dataset.classes, object)[rare(shares)], shares[rare(shares)], strict=True):
            detail = f"{share:.2%} of the rows; an even share is {1 / len(shares):.2%}"
            found.add("imbalance", None, detail, label=name)
    if "broken" in asked:
        for row, length in enumerate(unusual_lengths(texts)):
            if what := [*faults(texts[row]), *([length] if length else [])]:
                found.add("broken", row, "; ".join(what))
        for unusable in dataset.set_aside.iter_rows(named=True):
            found.rows.append(
                {
                    "check": "broken",
                    "id": unusable["id"] or f"row {unusable['row']}",
                    "detail": unusable["reason"],
                    "to_do": _TO_DO["broken"],
                }
            )
    problems = pl.DataFrame(found.rows, schema=_COLUMNS)
    order = pl.col("check").replace_strict({name: place for place, name in enumerate(CHECKS)}, return_dtype=pl.Int64)
    problems = problems.sort(order, maintain_order=True)
    return Checked(
        problems,
        len(dataset) + len(dataset.set_aside),
        {name: int((problems["check"] == name).sum()) for name in asked},
        problems["id"].drop_nulls().n_unique(),
        dict(zip(dataset.classes, shares.tolist(), strict=False)),
    )


def _leakage(
    found: _Problems,
    embeddings: Floats,
    threshold: float,
    fold: bool,
    splits: Sequence[str] | None,
    other: Other | None,
) -> None:
    dataset = found.dataset
    sides: list[tuple[Leaks, Dataset, Sequence[str] | None]] = []
    if splits is not None:
        sides.append((across_splits(dataset.texts, splits, embeddings, threshold, fold=fold), dataset, splits))
    if other is not None:
        one = leaks(dataset.texts, other.dataset.texts, embeddings, other.embeddings, threshold, fold=fold)
        sides.append((one, other.dataset, None))
    for one, beside, names in sides:
        for row, near, cosine, same in zip(*(column.tolist() for column in one), strict=True):
            where = f"{names[row]} and {names[near]}" if names is not None else f"in {beside.name} too"
            how = "the same text" if same else _alike(cosine, False)
            found.add("leakage", row, f"{where}: {how}", **_with(beside, near), similarity=cosine)


def _with(dataset: Dataset, row: int) -> dict[str, Any]:
    return {"with_id": dataset.ids[row], "with_label": dataset.label_names[row]}


def _alike(cosine: float, cut: bool) -> str:
    if cut and cosine >= 1 - 1e-6:
        return "alike as far as the encoder reads; the texts differ"
    return "nearly the same text"
