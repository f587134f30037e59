"""Numbers that are probably wrong: far from what rows like theirs have, ranked by how far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from curatekit.arrays import Floats, Strings
from curatekit.errors import InputError
from curatekit.probed import probed

if TYPE_CHECKING:
    from curatekit.artifacts import Artifacts
    from curatekit.predict.ridge import Numbers

FAR = 3.5
"""A residual of so many robust standard deviations is an issue, and a value so far from all others is an outlier.

Iglewicz and Hoaglin (1993), How to Detect and Handle Outliers, ASQC, section 3.
"""

CAUTION = (
    "No count is trustworthy before rows are reviewed: errors smaller than the usual spread of the residuals cannot be told "
    "from it. Trust the order, review from the top, and stop where the values are right."
)

_NORMAL = 1.4826  # the standard deviation of a normal variable over its median absolute deviation
_DECIMALS = 6


@dataclass(frozen=True)
class Summary:
    """What the issues add up to."""

    n: int
    n_issues: int
    issue_share: float
    n_outliers: int
    spread: float
    """Robust standard deviation of the residuals, in the values' unit: the typical error of a prediction."""
    r2: float
    """1 − Σ (y − ŷ)² / Σ (y − ȳ)², out of sample: how much of the values the texts tell."""
    caution: str = CAUTION


@dataclass(frozen=True)
class NumberErrors:
    """The rows, the most doubtful first, and their summary."""

    issues: pl.DataFrame
    summary: Summary


def predict_numbers(artifacts: Artifacts, values: Floats) -> Numbers:
    """Return the out-of-sample predictions of the dataset's values (n,), by ridge regression on the probe's features."""
    from curatekit.predict.ridge import Numbers, cross_fit_numbers

    how = artifacts.settings
    arrays = probed(
        artifacts, "number", values,
        lambda x, units: cross_fit_numbers(x, values, units, n_folds=how.folds, seed=how.seed)._asdict(),
    )  # fmt: skip
    return Numbers(arrays["predicted"], arrays["folds"])


def residual_quality(values: Floats, predicted: Floats) -> Floats:
    """Return exp(−|y − ŷ| / median |y − ŷ|) for each row (n,), in [0, 1]: 1/e for the median residual.

    values and predicted (n,), the latter out of sample. The unit of the values does not matter. As cleanlab 2.9's
    regression CleanLearning scores labels of constant uncertainty; its rank.get_label_quality_scores has exp(−|y − ŷ|),
    which is 0 for all rows where values are in the thousands, or distances to half of all rows, quadratic in their number.

    Source: Zhou, Mueller, Kumar and Northcutt (2023), Detecting Errors in Numerical Data via any Regression Model, arXiv:2305.16583.
    """
    residual = np.abs(values - predicted)
    quality: Floats = np.exp(-_times(residual, float(np.median(residual))))
    return quality


def find_number_errors(
    values: Floats,
    predicted: Floats,
    *,
    ids: Strings | Sequence[str] | None = None,
    texts: Sequence[str] | None = None,
) -> NumberErrors:
    """Return all n rows ranked by `residual_quality`, low and doubtful first (ties by row), and the summary.

    values (n,) finite, predicted (n,) out of sample; ids and texts, n of each. A row is an issue where |y − ŷ| exceeds 3.5
    robust standard deviations of the residuals (1.4826 times their median absolute value), an outlier where its value is
    that far from the median of all values, by their own spread: perhaps another unit, or a slipped decimal point. The
    suggestion is ŷ as the values are written: no more decimals, not beyond the smallest and largest value that is no outlier.

    Columns: id, text, given_label, suggested_label, score, is_issue, is_outlier, reasons, predicted, residual (y − ŷ),
    suggested_probability (that a right value lies nearer to ŷ than the given one, were residuals normal). Raises InputError
    for arrays that do not fit.
    """
    values, predicted = np.asarray(values, np.float64), np.asarray(predicted, np.float64)
    n = len(values)
    for name, given in (("predictions", predicted), ("ids", ids), ("texts", texts)):
        if given is not None and len(given) != n:
            raise InputError(f"there are {len(given):,} {name} and {n:,} values. Give one for each.")
    if not n:
        raise InputError("there are no values to judge. Give a file with at least one row.")
    for name, numbers in (("value", values), ("prediction", predicted)):
        if not np.isfinite(numbers).all():
            raise InputError(f"row {int(np.isfinite(numbers).argmin())} has no finite {name}. Correct or drop it.")
    residual = values - predicted
    spread = _spread(residual)
    centre, own = float(np.median(values)), _spread(values - np.median(values))
    far, out = _times(np.abs(residual), spread), _times(np.abs(values - centre), own)
    is_outlier = (out > FAR) & (own > 0)
    usual = values[~is_outlier]
    decimals = _decimals(usual)
    suggested = np.round(np.clip(predicted, usual.min(), usual.max()), decimals)
    quality = residual_quality(values, predicted)
    is_issue = (far > FAR) & (suggested != values)
    reasons = [
        f"given {_text(y, _DECIMALS)}, but texts like this have {_text(p, decimals + 1)}: {f:.1f} times the usual spread of {spread:.3g}"
        + (f"; far from all values (their median is {_text(centre, _DECIMALS)})" if outlier else "")
        for y, p, f, outlier in zip(values.tolist(), predicted.tolist(), far.tolist(), is_outlier.tolist(), strict=True)
    ]
    issues = pl.DataFrame(
        {
            "id": pl.Series([str(value) for value in (ids if ids is not None else range(n))], dtype=pl.String),
            "text": pl.Series(list(texts) if texts is not None else [None] * n, dtype=pl.String),
            "given_label": [_text(value, None) for value in values.tolist()],
            "suggested_label": [_text(value, decimals) for value in suggested.tolist()],
            "score": np.round(quality, 6),
            "is_issue": is_issue,
            "is_outlier": is_outlier,
            "reasons": reasons,
            "predicted": np.round(predicted, _DECIMALS),
            "residual": np.round(residual, _DECIMALS),
            "suggested_probability": np.round(_within(far), 6),
        }
    )
    total = float(((values - values.mean()) ** 2).sum())
    summary = Summary(
        n=n,
        n_issues=int(is_issue.sum()),
        issue_share=float(is_issue.mean()),
        n_outliers=int(is_outlier.sum()),
        spread=spread,
        r2=1 - float((residual**2).sum()) / total if total > 0 else float("nan"),
    )
    return NumberErrors(issues[np.argsort(quality, kind="stable")], summary)


def _times(distance: Floats, spread: float) -> Floats:
    """Return how many times the spread each distance is; infinite where more than half of all distances are zero."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(distance > 0, distance / spread, 0.0)


def _spread(residual: Floats) -> float:
    """Return the robust standard deviation of residuals around zero."""
    return _NORMAL * float(np.median(np.abs(residual)))


def _within(far: Floats) -> Floats:
    """Return P(|z| < far) of a standard normal z."""
    from scipy.special import erf

    within: Floats = erf(far / np.sqrt(2))
    return within


def _decimals(values: Floats) -> int:
    """Return how many decimals the values are written with, 6 at most."""
    for decimals in range(_DECIMALS):
        if (np.round(values, decimals) == values).all():
            return decimals
    return _DECIMALS


def _text(value: float, decimals: int | None) -> str:
    """Return the number in the fewest digits that give it back, with at most so many decimals."""
    number = value if decimals is None else round(value, decimals)
    return str(int(number)) if number == int(number) and abs(number) < 2**53 else repr(float(number))
