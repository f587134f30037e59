"""Whether specifications can do their work: leaks, contradictions, conflicts with the training data, coverage by a pool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from curatekit.arrays import Floats, Ints, Strings
from curatekit.health.leakage import leaks
from curatekit.specify.coverage import Coverage, coverage
from curatekit.specs import Specification

CHECKS = {
    "labels": "the label of a specification is none of the data's",
    "leaks": "a test is an example too, or nearly",
    "contradictions": "examples that are nearly the same have different labels",
    "conflicts": "a training row is nearly an example, and has another label",
    "coverage": "the pool has no rows like it, of its label",
}
_TO_DO = {
    "labels": "correct the label, or give data that has it",
    "leaks": "take one of the two out",
    "contradictions": "decide which label is right, or say what makes them differ",
    "conflicts": "look whether the row or the specification is wrong",
    "coverage": "look for other data: no selection can help here",
}
_COLUMNS = {
    "check": pl.String, "specification": pl.String, "label": pl.String, "text": pl.String, "similarity": pl.Float64,
    "with_specification": pl.String, "with_id": pl.String, "with_label": pl.String, "with_text": pl.String,
    "detail": pl.String, "to_do": pl.String,
}  # fmt: skip


_COPY, _NEARLY = "the same but for case, spaces and punctuation", "nearly the same text"


class Rows(NamedTuple):
    """n labelled rows: the training data, or a pool."""

    ids: Strings  # (n,)
    texts: Sequence[str]  # n
    labels: Strings  # (n,) names
    embeddings: Floats  # (n, d)


@dataclass(frozen=True)
class Checked:
    """problems: a row for each; counts: problems by check, for the checks that could be asked; coverage: of each specification,
    empty without a pool; affected: the ids of the specifications with a problem."""

    problems: pl.DataFrame
    counts: dict[str, int]
    coverage: tuple[Coverage, ...]
    affected: tuple[str, ...]


@dataclass
class _Problems:
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, check: str, of: Specification, **more: Any) -> None:
        self.rows.append({"check": check, "specification": of.id, "label": of.label, "to_do": _TO_DO[check], **more})


@dataclass(frozen=True, eq=False)
class _Examples:
    """m texts: the examples of all specifications."""

    specifications: Sequence[Specification]
    texts: tuple[str, ...]
    of: Ints  # (m,) the specification of each
    embeddings: Floats  # (m, d)
    threshold: float

    @property
    def real(self) -> Ints:
        """Those that are no statement alone."""
        strong = np.array([not one.weak for one in self.specifications], bool)
        return np.flatnonzero(strong[self.of])

    def by_label(self) -> Iterator[tuple[str, Ints, Ints]]:
        """Yield each label, the examples that have it, and those that have another."""
        labels = np.array([one.label for one in self.specifications], object)[self.of[self.real]]
        for label in sorted(set(labels.tolist())):
            yield label, self.real[labels == label], self.real[labels != label]

    def alike(
        self, texts: Sequence[str], embeddings: Floats, rows: Ints, among: Ints
    ) -> list[tuple[int, int, float, str]]:
        """Return, of the texts in `rows` that are nearly one of the examples in `among`: row, example, cosine, how alike."""
        if not len(rows) or not len(among):
            return []
        found = leaks(
            [texts[row] for row in rows.tolist()], [self.texts[row] for row in among.tolist()], embeddings[rows],
            self.embeddings[among], self.threshold, fold=True,
        )  # fmt: skip
        how = [_COPY if same else _NEARLY for same in found.same_text.tolist()]
        return list(
            zip(rows[found.rows].tolist(), among[found.others].tolist(), found.similarity.tolist(), how, strict=True)
        )


def check(
    specifications: Sequence[Specification],
    example_embeddings: Floats,
    test_embeddings: Floats,
    train: Rows | None = None,
    pool: Rows | None = None,
    *,
    threshold: float = 0.95,
    seed: int = 0,
) -> Checked:
    """Return the problems of the specifications, their texts embedded one after the other: examples (m, d), tests (t, d).

    Two texts are nearly the same from a cosine of `threshold` on, or where they are but for case, spaces and punctuation. A
    statement alone is no text that is about itself: only its coverage is asked.
    """
    found = _Problems()
    texts, of = _texts([one.examples for one in specifications])
    examples = _Examples(specifications, texts, of, example_embeddings, threshold)
    asked = ["leaks", "contradictions"]
    for name, rows in (("training data", train), ("pool", pool)):
        if rows is not None:
            _labels(found, specifications, name, set(rows.labels.tolist()))
            asked.append("labels")
    _leaks(found, examples, test_embeddings)
    _contradictions(found, examples)
    if train is not None:
        _conflicts(found, examples, train)
        asked.append("conflicts")
    covered: tuple[Coverage, ...] = ()
    if pool is not None:
        labels = np.array([one.label for one in specifications], object)
        covered = coverage(example_embeddings, of, labels, pool.embeddings, pool.labels, seed)
        _unserved(found, specifications, covered, pool)
        asked.append("coverage")
    problems = pl.DataFrame(found.rows, schema=_COLUMNS)
    order = pl.col("check").replace_strict({name: place for place, name in enumerate(CHECKS)}, return_dtype=pl.Int64)
    problems = problems.sort(order, maintain_order=True)
    hit = set(problems["specification"])
    return Checked(
        problems,
        {name: int((problems["check"] == name).sum()) for name in CHECKS if name in asked},
        covered,
        tuple(one.id for one in specifications if one.id in hit),
    )


def _labels(found: _Problems, specifications: Sequence[Specification], name: str, known: set[str]) -> None:
    for one in specifications:
        if one.label not in known:
            found.add("labels", one, detail=f"no row of the {name} has it")


def _leaks(found: _Problems, examples: _Examples, embeddings: Floats) -> None:
    tests, of = _texts([one.tests or () for one in examples.specifications])
    for row, example, cosine, how in examples.alike(tests, embeddings, np.arange(len(tests)), examples.real):
        beside = examples.specifications[examples.of[example]]
        found.add("leaks", examples.specifications[of[row]], text=tests[row], similarity=cosine, with_specification=beside.id,
                  with_label=beside.label, with_text=examples.texts[example], detail=how)  # fmt: skip


def _contradictions(found: _Problems, examples: _Examples) -> None:
    pairs: set[tuple[int, int]] = set()
    for _, own, others in examples.by_label():
        for row, example, cosine, how in examples.alike(examples.texts, examples.embeddings, own, others):
            if (example, row) in pairs:
                continue
            pairs.add((row, example))
            one, beside = (examples.specifications[examples.of[place]] for place in (row, example))
            found.add("contradictions", one, text=examples.texts[row], similarity=cosine, with_specification=beside.id,
                      with_label=beside.label, with_text=examples.texts[example], detail=how)  # fmt: skip


def _conflicts(found: _Problems, examples: _Examples, train: Rows) -> None:
    for label, own, _ in examples.by_label():
        other = np.flatnonzero(train.labels != label)
        for row, example, cosine, how in examples.alike(train.texts, train.embeddings, other, own):
            found.add("conflicts", examples.specifications[examples.of[example]], text=examples.texts[example],
                      similarity=cosine, with_id=train.ids[row], with_label=train.labels[row], with_text=train.texts[row],
                      detail=how)  # fmt: skip


def _unserved(
    found: _Problems, specifications: Sequence[Specification], covered: Sequence[Coverage], pool: Rows
) -> None:
    for one, of in zip(specifications, covered, strict=True):
        if not of.unserved:
            continue
        if not len(of.rows):
            found.add("coverage", one, detail="the pool has no row of its label")
            continue
        detail = "the pool has one row of its label"
        if not np.isnan(of.bar):
            detail = f"{of.served.value:.0%} of its examples are served, surely not half; near enough is {of.bar:.2f}"
        for row, cosine in zip(of.rows.tolist(), of.similarity.tolist(), strict=True):
            found.add("coverage", one, similarity=cosine, with_id=pool.ids[row], with_label=pool.labels[row],
                      with_text=pool.texts[row], detail=detail + (" (weak: by its statement alone)" if one.weak else ""))  # fmt: skip


def _texts(given: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], Ints]:
    """Return all texts in one sequence and (n,) which of the tuples each is from."""
    sizes = [len(one) for one in given]
    return tuple(text for texts in given for text in texts), np.repeat(np.arange(len(given)), sizes)
