"""How much PVI depends on the seed: folds, initial weights and batches drawn anew."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats
from curatekit.errors import InputError


class OverSeeds(NamedTuple):
    """PVI of the same n rows by S runs that differ in the seed alone, in bits."""

    pvi_mean: Floats  # (n,)
    pvi_sd: Floats  # (n,), with S − 1 in the denominator
    v_information: tuple[float, ...]  # of each run
    v_mean: float
    v_sd: float
    sign_changes: float  # the share of rows whose PVI is negative in some runs and not in others
    pearson: float  # mean over all pairs of runs; NaN where the PVI of a run is constant


def over_seeds(pvi: Floats) -> OverSeeds:
    """Return mean and spread over the runs of pvi (S, n), by row and as a whole; raises InputError for fewer than two runs.

    Ethayarajh et al. (2022), section 4.1, report a Pearson correlation above 0.85 between runs on SNLI.
    """
    if pvi.ndim != 2 or len(pvi) < 2:
        raise InputError(f"The spread over seeds needs two runs or more; there are {len(np.atleast_2d(pvi))}.")
    v = pvi.mean(axis=1)
    negative = pvi < 0
    with np.errstate(invalid="ignore", divide="ignore"):
        between: Floats = np.corrcoef(pvi) if pvi.shape[1] > 1 else np.full((len(pvi), len(pvi)), np.nan)  # type: ignore[assignment]
    return OverSeeds(
        pvi.mean(axis=0),
        pvi.std(axis=0, ddof=1),
        tuple(v.tolist()),
        float(v.mean()),
        float(v.std(ddof=1)),
        float((negative.any(axis=0) & ~negative.all(axis=0)).mean()),
        float(between[np.triu_indices(len(pvi), 1)].mean()),
    )
