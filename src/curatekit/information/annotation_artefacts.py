"""Annotation artefacts: tokens without which the rows of a class tell their label less, or better."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.information.association import benjamini_hochberg
from curatekit.information.means import mean_intervals


class TokenEffects(NamedTuple):
    """One entry for each of A pairs of a label and a kind of token that enough of its rows hold."""

    label: Ints  # (A,)
    kind: Ints  # (A,)
    rows: Ints  # (A,) of the label that hold the token, however often
    delta: Floats  # (A,) bits, the mean over these rows of what they lose without the token; below 0 where it misleads
    low: Floats  # (A,) limits of that mean, of each by itself; NaN where all the rows are copies of one
    high: Floats
    p_value: Floats  # (A,) of a mean as far from 0, two-sided
    q_value: Floats  # (A,) Benjamini and Hochberg's, over all A


def token_effects(
    labels: Ints,
    row: Ints,
    kind: Ints,
    changes: Floats,
    *,
    units: Ints | None = None,
    min_rows: int = 5,
    confidence: float = 0.95,
) -> TokenEffects:
    """Return for each label y and kind of token t the mean over the rows of y that hold t of the change when t is removed.

    labels and units (n,) of the rows, units as in `mean_intervals`; row, kind and changes (T,) of their tokens, the change in
    bits and the same for all tokens of a kind in a row, since all of them are removed: a row counts once. Pairs that fewer
    than `min_rows` rows hold are left out. The p-value is Student's, with the standard deviation of the pair or the median one of
    all pairs, whichever is larger: changes have a long tail, and a few rows in which it does not show look far too sure. q_value ≤ 0.05 keeps the share of false ones among those named to 5 %. (Simulated without any
    effect, ten rows a pair: something was named in 0 to 3 of 100 runs, however skewed; with own deviations in up to 100.)

    A large delta says that the model leans on the token, not that it should not: whether "not" is an artefact or what the
    label is about is for the reader to say.

    Sources: Ethayarajh, Choi & Swayamdipta (2022), ICML, section 4.3; Benjamini & Hochberg (1995), JRSS B 57:289.
    """
    n_kinds = int(kind.max(initial=-1)) + 1
    _, once = np.unique(row * n_kinds + kind, return_index=True)
    of_row, change = row[once], changes[once]
    pair, code, rows = np.unique(labels[of_row] * n_kinds + kind[once], return_inverse=True, return_counts=True)
    enough = np.flatnonzero(rows >= min_rows)
    place = np.full(len(pair), -1)
    place[enough] = np.arange(len(enough))
    used = place[code] >= 0
    part, of_row = place[code][used], of_row[used]
    unit = of_row if units is None else units[of_row]
    means = mean_intervals(change[used], part, len(enough), unit, confidence=confidence)
    delta, low, high = np.array(means).reshape(-1, 3).T
    different = np.unique(np.stack([part, unit]), axis=1)[0]
    p_value = _p_values(delta, low, high, np.bincount(different, minlength=len(enough)), confidence)
    return TokenEffects(
        pair[enough] // max(n_kinds, 1), pair[enough] % max(n_kinds, 1), rows[enough], delta, low, high,
        p_value, benjamini_hochberg(p_value, len(enough)),
    )  # fmt: skip


def _p_values(mean: Floats, low: Floats, high: Floats, n: Ints, confidence: float) -> Floats:
    """Return 2 P(t > |mean| / se) of n − 1 degrees of freedom, n (A,) the units; 1 where there is one unit only."""
    from scipy.special import stdtr, stdtrit

    p_value = np.ones(len(mean))
    several = np.flatnonzero(n > 1)
    mean, low, high, units = mean[several], low[several], high[several], n[several]
    # the limits are the outer of Hall's and Student's, and on the side away from the tail those are Student's
    distance = np.minimum(mean - low, high - mean)
    spread = distance / stdtrit(units - 1.0, (1 + confidence) / 2) * np.sqrt(units)
    spread = np.maximum(spread, np.median(spread)) if len(spread) else spread
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(mean == 0, 0.0, np.abs(mean) / spread * np.sqrt(units))
    p_value[several] = 2 * stdtr(units - 1.0, -t)
    return p_value
