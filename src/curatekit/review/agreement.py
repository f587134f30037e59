"""Where several reviewers decided the same rows: how far they agree, and on which they do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from curatekit.annotators.agreement import alpha_interval, reading
from curatekit.intervals import Interval
from curatekit.review.decisions import DROP, KEEP, LABEL, WRONG, Decision
from curatekit.review.queue import Queue


class Pair(NamedTuple):
    """Two reviewers, the rows that both decided, and on how many of these they say the same."""

    one: str
    other: str
    rows: int
    same: int


class Between(NamedTuple):
    """How far the reviewers agree."""

    pairs: tuple[Pair, ...]
    rows: int
    """Rows that two or more decided."""
    differing: tuple[int, ...]
    """Of these, the rows on which they do not say the same, in the order of the queue."""
    alpha: Interval
    """Krippendorff's, over the labels, and "no label fits" and "wrong, unnamed" as two more."""
    reading: str


def verdicts(queue: Queue, by_reviewer: Mapping[str, Mapping[str, Decision]]) -> dict[int, dict[str, str]]:
    """Return for each row that somebody decided what each says is its label; no label's name are "drop: " and "wrong: "."""
    found: dict[int, dict[str, str]] = {}
    for reviewer, decisions in by_reviewer.items():
        for key, decision in decisions.items():
            row = queue.row_of.get(key)
            if row is None or decision.said not in (LABEL, KEEP, DROP, WRONG):
                continue
            kept = queue.cell(row, "given_label") if decision.said == KEEP else decision.label
            found.setdefault(row, {})[reviewer] = f"{decision.said}: " if kept is None else f"= {kept}"
    return dict(sorted(found.items()))


def between(queue: Queue, by_reviewer: Mapping[str, Mapping[str, Decision]], seed: int = 0) -> Between:
    """Return how far the reviewers agree, by the rows that more than one of them decided."""
    said = {row: votes for row, votes in verdicts(queue, by_reviewer).items() if len(votes) > 1}
    names = sorted(by_reviewer)
    pairs = []
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            both = [(votes[one], votes[other]) for votes in said.values() if one in votes and other in votes]
            if both:
                pairs.append(Pair(one, other, len(both), sum(a == b for a, b in both)))
    labels = {
        label: k for k, label in enumerate(sorted({label for votes in said.values() for label in votes.values()}))
    }
    counts = np.zeros((len(said), len(labels)), np.int64)
    for place, votes in enumerate(said.values()):
        for label in votes.values():
            counts[place, labels[label]] += 1
    alpha = alpha_interval(counts, seed=seed) if len(said) else Interval(*(float("nan"),) * 3)
    differing = tuple(row for row, votes in said.items() if len(set(votes.values())) > 1)
    return Between(tuple(pairs), len(said), differing, alpha, reading(alpha.value))
