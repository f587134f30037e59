"""The models behind predictions, to be asked about other texts than those of the rows: a word less, another order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.predict.crossfit import FoldModel, Predictions, fold_model, spread
from curatekit.predict.family import Family, Inputs, Material

if TYPE_CHECKING:
    from curatekit.embed import Features

_AT_ONCE = 1 << 20  # probabilities that are held at once


@dataclass(frozen=True, eq=False)
class Models:
    """The models of a cross-fit, or the one of a training file, each fitted when it is asked; the last one is kept."""

    family: Family
    material: Material  # of the n training rows
    labels: Ints  # (n,)
    units: Ints  # (n,) rows that belong together
    fold: Ints  # (n,) the fold of each, or IN_NO_FOLD
    predictions: Predictions  # of the m rows that are asked about: the same, or those of an evaluation file
    given: Ints  # (m,) their labels
    encode: Callable[[Inputs], Features]  # of other texts; what it says of them need not be kept
    characters_read: Callable[[Inputs], tuple[Ints, ...]]  # of each text, (k,) for each column of k texts
    seed: int = 0
    key: Mapping[str, Any] = field(default_factory=dict)  # of all that the answers depend on
    _last: dict[int, FoldModel] = field(default_factory=dict)

    def fit(self, rows: Ints) -> None:
        """Fit the model that the first of `rows` is asked of, unless it is there: what takes long can be seen to."""
        self._model(int(self.predictions.folds[rows[0]]))

    def log2_given(self, rows: Ints, inputs: Inputs) -> Floats:
        """Return log2 p(y | x) in bits (k,) of k other texts x, y the labels of `rows` (k,), in whose place they stand.

        Each text is asked of the model that has not seen its row, at the row's temperature; equal texts are read once. The
        logits of all the texts are held at once. Raises InputError where predictions came from elsewhere, without models.
        """
        if self.predictions.temperature is None:
            raise InputError(
                f"The predictions of {self.predictions.family} came without models that could be asked about other texts. "
                "Leave them out, so that models are fitted."
            )
        bits = np.empty(len(rows))
        folds = self.predictions.folds[rows]
        for k in np.unique(folds).tolist():
            of_fold = np.flatnonzero(folds == k)
            first: dict[tuple[str, ...], int] = {}
            texts = zip(*([column[i] for i in of_fold.tolist()] for column in inputs), strict=True)
            source = np.fromiter((first.setdefault(text, len(first)) for text in texts), np.int64, len(of_fold))
            different = tuple(zip(*first, strict=True))
            logits = self._model(k).logits(self._read(Material(different, self.encode)))
            at_once = max(1, _AT_ONCE // logits.shape[1])
            for temperature in np.unique(self.predictions.temperature[rows[of_fold]]).tolist():
                alike = np.flatnonzero(self.predictions.temperature[rows[of_fold]] == temperature)
                for some in np.split(alike, range(at_once, len(alike), at_once)):
                    asked = rows[of_fold[some]]
                    probs = spread(logits[source[some]], temperature, self.predictions.null_probs[asked[0]])
                    bits[of_fold[some]] = np.log2(probs[np.arange(len(some)), self.given[asked]])
        return bits

    @cached_property
    def _read(self) -> Callable[[Material], Any]:
        return self.family.reader(self.material)

    @cached_property
    def _x(self) -> Any:
        return self._read(self.material)

    def _model(self, k: int) -> FoldModel:
        if k not in self._last:
            n_classes = self.predictions.null_probs.shape[1]
            made = fold_model(k, self.family, self._x, self.labels, n_classes, self.fold, self.units, seed=self.seed)
            self._last.clear()
            self._last[k] = made
        return self._last[k]
