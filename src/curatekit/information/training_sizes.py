"""PVI of the same rows by models of ever more training rows: what a learning curve is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.predict.nested import FIRST, Nested
from curatekit.probabilities import FLOOR
from curatekit.reporting import step
from curatekit.scores.pvi import pvi
from curatekit.scores.self_confidence import given_probs

if TYPE_CHECKING:
    from curatekit.artifacts import Artifacts

FEWEST_SIZES = 3
_FEWEST_ROWS = 10

Kept = dict[str, Any]


class TrainingSizes(NamedTuple):
    """What models of J training sizes say of the same n rows, in S runs."""

    sizes: Ints  # (J,) training rows, ascending, the mean over the models
    pvi: Floats  # (S, J, n) bits
    accuracy: Floats  # (S, J)
    models: Ints  # (S, n) the fold of each row, by which model of the run it is predicted
    label_entropy: float  # the mean of −log2 p(y | ∅)


class Run(NamedTuple):
    """The artifacts of the training rows, and of the rows measured, which hold their predictions.

    They are the same object where the training rows are cross-fitted.
    """

    trained: Artifacts
    measured: Artifacts


def halvings(n_train: int, n_classes: int, most: int) -> tuple[float, ...]:
    """Return the shares 1, ½, ¼ … of n_train rows, at most `most` of them, the smallest first.

    The smallest training set has 10 rows, and two for each of the n_classes. Raises InputError when that leaves fewer than three.
    """
    fewest = max(_FEWEST_ROWS, FIRST * n_classes)
    possible = int(np.log2(n_train / fewest)) + 1 if n_train >= fewest else 0
    if possible < FEWEST_SIZES:
        raise InputError(
            f"A learning curve needs {FEWEST_SIZES} sizes, each half the next, and the smallest of {fewest} rows for {n_classes} "
            f"labels: {fewest * 2 ** (FEWEST_SIZES - 1):,} training rows, and there are {n_train:,}. Give more rows."
        )
    return tuple(0.5**j for j in reversed(range(min(most, possible))))


def at_training_sizes(runs: Sequence[Run], shares: Sequence[float]) -> TrainingSizes:
    """Return what models of each share of their training rows say of the rows measured, in each run (seed).

    shares: ascending, the last one 1: those are the predictions that the measured artifacts hold, made first, of which the
    smaller ones take folds and null. Each share of a run is kept in the cache as soon as it is done, and each model of a slow
    family, so that an interrupted curve goes on.
    """
    found: list[list[Kept]] = []
    with step("training sizes", len(runs) * len(shares), "fits") as advance:
        for run in runs:
            found.append([])
            for kept in _at_shares(run, shares):
                found[-1].append(kept)
                advance(1)
    wholes = [run.measured for run in runs]
    return TrainingSizes(
        np.round(np.mean([_training_rows(run) for run in runs]) * np.asarray(shares)).astype(np.int64),
        np.array([[kept["pvi"] for kept in own] for own in found]),
        np.array([[kept["right"].mean() for kept in own] for own in found]),
        np.stack([whole.folds for whole in wholes]),
        float(np.mean([_null_bits(whole) for whole in wholes])),
    )


def _at_shares(run: Run, shares: Sequence[float]) -> Iterator[Kept]:
    trained, measured = run
    whole = measured.predictions
    key = {**trained.fit_key, "folds": trained.settings.folds}
    if measured is not trained:
        key |= {"folds": None, "eval_inputs": measured.inputs_key, "eval_labels": measured.labels_key}
    nested = Nested(
        trained.family, trained.material, trained.labels, trained.units, whole, trained.seed,
        None if measured is trained else (measured.material, measured.labels),
    )  # fmt: skip

    def kept(pred_probs: Floats) -> Kept:
        right = pred_probs.argmax(axis=1) == measured.labels
        return {"pvi": pvi(measured.labels, pred_probs, whole.null_probs), "right": right}

    def fitted(share: float) -> Kept:
        own = {**key, "share": share}

        def keep(k: int, one: Callable[[], Kept]) -> Kept:
            return trained.cache.arrays("models", {**own, "model": k}, one)

        def compute() -> Kept:
            return kept(nested.predictions(share, keep).pred_probs)

        return trained.cache.arrays("training_sizes", own, compute)

    for share in shares:
        yield kept(whole.pred_probs) if share == 1 else fitted(share)


def _training_rows(run: Run) -> float:
    """Return how many rows a model of the run is trained on, on average."""
    n = len(run.trained.dataset)
    if run.measured is not run.trained:
        return n
    return n - n / len(np.unique(run.measured.folds))


def _null_bits(measured: Artifacts) -> float:
    given = given_probs(measured.labels, measured.null_probs)
    return float(-np.log2(np.maximum(given, FLOOR)).mean())
