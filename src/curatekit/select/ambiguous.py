"""The rows whose label the model wavers about: greatest variability."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.predict.probe import fit_probe
from curatekit.reporting import step
from curatekit.select import Selection, of_no_specification

_PROBES = 10


def ambiguous(
    train_features: Floats,
    train_labels: Ints,
    pool_features: Floats,
    pool_labels: Ints,
    classes: tuple[str, ...],
    C: float,
    k: int,
    seed: int,
) -> Selection:
    """Return the k rows whose p(y | x) has the greatest standard deviation over ten probes of resampled training rows.

    The training dynamics take it over epochs of one training, in which the rows themselves are trained on. These rows are not yet, and
    a convex fit has no epochs worth the name: bootstrap replicates of the training rows are what makes it waver here. `value` is the
    deviation. Swayamdipta et al. (2020), "Dataset cartography"; Breiman (1996), "Bagging predictors", for the replicates.
    """
    rng = np.random.default_rng(seed)
    start = fit_probe(train_features, train_labels, len(classes), C=C)
    given = np.empty((_PROBES, len(pool_labels)))
    with step("probes of resampled rows", _PROBES, "probes") as advance:
        for number in range(_PROBES):
            drawn = np.bincount(rng.integers(len(train_labels), size=len(train_labels)), minlength=len(train_labels))
            probe = fit_probe(train_features, train_labels, len(classes), C=C, weights=drawn.astype(float), start=start)
            given[number] = probe.pred_probs(pool_features)[np.arange(len(pool_labels)), pool_labels]
            advance(1)
    deviation = given.std(axis=0)
    rows = np.argsort(-deviation, kind="stable")[:k]
    reason = [f"p(label) wavers: {mean:.2f} ± {value:.2f}" for mean, value in zip(given.mean(axis=0)[rows], deviation[rows], strict=True)]  # fmt: skip
    return of_no_specification(rows, deviation[rows], reason)
