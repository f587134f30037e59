"""Which of two texts is the better, out of sample: Bradley and Terry's model on what the encoder says of the two.

P(a before b) = σ(w · (φ(a) − φ(b))) has no intercept and is antisymmetric: to swap the two texts is to swap the answer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.predict.folding import stratified_folds
from curatekit.predict.parallel import each_on_a_core
from curatekit.predict.probe import fit_probe
from curatekit.reporting import step


class Preferences(NamedTuple):
    """Out-of-sample preferences of n pairs."""

    probs: Floats  # (n,) P(the first text is the better)
    folds: Ints  # (n,)


def cross_fit_preferences(differences: Floats, units: Ints, *, n_folds: int = 5, seed: int = 0) -> Preferences:
    """Return P(the first text is the better) of each pair, by models of the other folds.

    differences (n, p) are φ(first) − φ(second), the first being the one that was preferred; units (n,): pairs of one unit,
    such as answers to one prompt, share a fold. The model is the probe on each pair in both orders, so that it cannot
    learn that the first is always preferred. Raises InputError for fewer than two units.

    Source: Bradley and Terry (1952), Rank Analysis of Incomplete Block Designs, Biometrika 39:324.
    """
    n = len(differences)
    distinct = int(units.max()) + 1 if n else 0
    if distinct < 2:
        raise InputError(
            f"Cross-fitting needs two pairs that are not bound together; there are {distinct}. Give more pairs."
        )
    fold = stratified_folds(np.zeros(n, np.int64), units, min(n_folds, distinct), seed)
    used = range(int(fold.max()) + 1)

    def probs_of(k: int) -> Floats:
        train, test = differences[fold != k], differences[fold == k]
        both = np.concatenate([train, -train])
        labels = np.repeat([1, 0], len(train))
        probe = fit_probe(both, labels, 2, seed=seed, groups=np.tile(units[fold != k], 2))
        # the intercept is zero up to the solver's tolerance: left out, the answer is antisymmetric to the last bit
        margin = test @ (probe.coef[1] - probe.coef[0]) / probe.temperature
        probs: Floats = (np.tanh(margin / 2) + 1) / 2
        return probs

    probs = np.empty(n)
    with step("cross-fitting", len(used), "models") as advance:
        for k, part in zip(used, each_on_a_core(probs_of, used), strict=True):
            probs[fold == k] = part
            advance(1)
    return Preferences(probs, fold)
