"""How many labels are wrong, by what is decided so far: an estimate with limits in an audit, else only what was found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curatekit.arrays import Ints
from curatekit.intervals import Interval
from curatekit.review.queue import Design

LATEST = 50

BY_SUSPICION = (
    "The most doubtful rows come first, so this is a count of what was found, and no estimate of the whole. "
    "For an estimate: --order audit."
)
UNSEEN = "{unseen} of {strata} strata have no decided row yet; the estimate comes when each has one."
ESTIMATED = "Wrong labels among all {rows:,} rows, unbiased, with the 95 % limits."


@dataclass(frozen=True)
class Running:
    """What is known after the decisions so far."""

    wrong: int
    right: int
    count: Interval | None
    """Wrong labels among all rows; None where the decisions cannot tell."""
    latest: float | None
    """The share that is wrong of the last 50 decided rows of the queue: where it is low, going on finds little. None before."""
    reading: str


def running(wrong: Ints, design: Design | None, seed: int = 0) -> Running:
    """Return the estimate from the rows of a queue: wrong (n,) is 1 where the given label is wrong, 0 right, -1 not decided.

    With a design it is that of `curate find-errors --reviews`: the unbiased total of the strata, and the limits that the
    chain along the ranks leaves.
    """
    decided = wrong[wrong >= 0]
    n_wrong = int(decided.sum())
    latest = float(decided[-LATEST:].mean()) if len(decided) >= LATEST else None
    known = (n_wrong, len(decided) - n_wrong)
    if design is None:
        return Running(*known, None, latest, BY_SUSPICION)
    from curatekit.audit.estimate import Tally, total_interval
    from curatekit.audit.posterior import rate_draws

    strata = len(design.rows)
    by_stratum = [np.bincount(design.stratum[of], minlength=strata) for of in (wrong >= 0, wrong == 1)]
    tally = Tally(design.rows, *by_stratum)
    if unseen := int((tally.reviewed == 0).sum()):
        return Running(*known, None, latest, UNSEEN.format(unseen=unseen, strata=strata))
    rng = np.random.default_rng(seed)
    count = total_interval(tally, rate_draws(tally.reviewed, tally.wrong, design.expected, rng), rng)
    least, most = n_wrong, int(design.rows.sum()) - known[1]
    within = Interval(*(min(max(value, least), most) for value in count))
    return Running(*known, within, latest, ESTIMATED.format(rows=int(design.rows.sum())))
