"""Families V that look at one attribute of the rows, or at the whole input and the attribute beside it.

Each is made for the rows of one dataset. Being families, they share with the whole input's all that the cross-fit does: folds,
groups, temperature, cache. So their PVI is paired with the whole's row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.cache import code_of, digest
from curatekit.information.transforms import LeftOf
from curatekit.predict.family import Family, Fitted, Material
from curatekit.predict.mlp import MlpFamily
from curatekit.predict.null import null_prior
from curatekit.predict.parallel import threads_for
from curatekit.predict.probe import softmax
from curatekit.predict.probe_family import ProbeFamily
from curatekit.predict.trees import FittedTrees, fit_trees

READS_FEATURES = (ProbeFamily, MlpFamily)
"""Families whose models read a matrix of features, beside which others can be put."""

_WORD_DIMENSIONS = 768
_LOG_ODDS = 4.0  # scale of the trees' log-probabilities: a penalty on their weights should hardly hold them back
_PRODUCTS, _PRODUCT_COLUMNS = 64, 8
_PRODUCT_SCALE = 0.3  # of the products of features and columns: at 1 they cost the probe 0.01 bits on CoLA and Davidson


class _OfOneDataset:
    """Reads x, which is made once for the rows of one dataset, and no other rows."""

    x: Any

    def reader(self, train: Material) -> Callable[[Material], Any]:
        def read(material: Material) -> Any:
            if len(material) != len(self.x):
                raise ValueError("an attribute is that of one dataset's rows")
            return self.x

        return read

    def prepare(self, train: Material, *others: Material) -> tuple[Any, ...]:
        return tuple(map(self.reader(train), (train, *others)))


@dataclass(frozen=True, eq=False)
class OfTexts(_OfOneDataset):
    """A family of texts that reads what is left of the rows' texts."""

    family: Family
    left: LeftOf
    material: Material

    @property
    def name(self) -> str:
        return self.family.name

    @property
    def key(self) -> str:
        return _key(self.family.key, self.left.key)

    @property
    def embeds(self) -> bool:
        return self.family.embeds

    @property
    def slow(self) -> bool:
        return self.family.slow

    @cached_property
    def x(self) -> Any:
        assert self.left.texts is not None
        return self.family.prepare(self.material.of(self.left.texts))[0]

    def fit(self, x: Any, labels: Ints, n_classes: int, *, seed: int, units: Ints) -> Fitted:
        return self.family.fit(x, labels, n_classes, seed=seed, units=units)


@dataclass(frozen=True, eq=False)
class OfWords(_OfOneDataset):
    """Probes on the TF-IDF of counted words, reduced to 768 dimensions."""

    left: LeftOf
    name: ClassVar[str] = "words"
    embeds: ClassVar[bool] = False
    slow: ClassVar[bool] = False

    @property
    def key(self) -> str:
        return _key(self.left.key)

    @cached_property
    def x(self) -> Floats:
        return word_features(self.left.words)

    def fit(self, x: Floats, labels: Ints, n_classes: int, *, seed: int, units: Ints) -> Fitted:
        return ProbeFamily().fit(x, labels, n_classes, seed=seed, units=units)


@dataclass(frozen=True, eq=False)
class OfColumns(_OfOneDataset):
    """Trees on columns of numbers."""

    left: LeftOf
    name: ClassVar[str] = "trees"
    embeds: ClassVar[bool] = False
    slow: ClassVar[bool] = False

    @property
    def key(self) -> str:
        return _key(self.left.key)

    @cached_property
    def x(self) -> Floats:
        return ranks(self.left.columns)

    def fit(self, x: Floats, labels: Ints, n_classes: int, *, seed: int, units: Ints) -> FittedTrees:
        return fit_trees(x, labels, n_classes, seed=seed, units=units)


Alone = OfTexts | OfWords | OfColumns


def alone(family: Family, left: LeftOf, material: Material) -> Alone:
    """Return the family that looks at what is left of the rows and at nothing else; `family` reads what is left as texts."""
    if left.texts is not None:
        return OfTexts(family, left, material)
    return OfWords(left) if left.words is not None else OfColumns(left)


@dataclass(frozen=True, eq=False)
class _Both:
    """What is read of rows and of their attribute."""

    features: Floats  # (n, p) float32
    columns: Floats | None  # (n, q) that trees read

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: Ints) -> _Both:
        return _Both(self.features[rows], None if self.columns is None else self.columns[rows])


@dataclass(frozen=True, eq=False)
class FittedBeside:
    """A model of features, among them what trees say of the attribute's columns."""

    fitted: Fitted
    trees: FittedTrees | None
    prior: Floats  # (K,)
    rows: int
    dynamics: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def temperature(self) -> float | None:
        """1 where the model has one of its own, which is in the logits already."""
        return None if self.fitted.temperature is None else 1.0

    @property
    def details(self) -> Mapping[str, float]:
        return self.fitted.details

    def logits(self, x: _Both) -> Floats:
        """Return log p(k | x, t) (m, K), the prior counting as one row.

        Where the attribute gives the label away, nothing keeps the temperature from 0, and a single row would cost 40 bits.
        """
        told = None if self.trees is None else self.trees.logits(x.columns)  # type: ignore[arg-type]
        logits = self.fitted.logits(_with_log_odds(x.features, told))
        probs = softmax(logits / (self.fitted.temperature or 1.0))
        logs: Floats = np.log((self.rows * probs + self.prior) / (self.rows + 1))
        return logs


@dataclass(frozen=True, eq=False)
class Beside(_OfOneDataset):
    """A family of features that reads the whole input and, beside it, the attribute.

    Beside the input's features stand those of the attribute's texts or words; of its columns the trees' log-probabilities (for
    the training rows those of trees that have not seen them) and, so that the one may turn what the other means, the
    products of the columns and the features of largest variance.
    """

    whole: OfTexts
    attribute: Alone
    slow: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return self.whole.name

    @property
    def key(self) -> str:
        return _key("beside", self.whole.key, self.attribute.key)

    @property
    def embeds(self) -> bool:
        return self.whole.embeds or self.attribute.embeds

    @cached_property
    def x(self) -> _Both:
        features, other = self.whole.x, self.attribute.x
        if isinstance(self.attribute, OfColumns):
            return _Both(np.hstack([features, products(features, other)]), other)
        return _Both(np.hstack([features, other]), None)

    def fit(self, x: _Both, labels: Ints, n_classes: int, *, seed: int, units: Ints) -> FittedBeside:
        if x.columns is None:
            trees, told = None, None
        else:
            trees = fit_trees(x.columns, labels, n_classes, seed=seed, units=units)
            told = trees.held_out(x.columns)
        features = _with_log_odds(x.features, told)
        fitted = self.whole.fit(features, labels, n_classes, seed=seed, units=units)
        return FittedBeside(fitted, trees, null_prior(labels, n_classes), len(labels))


def ranks(columns: Floats | None) -> Floats:
    """Return the rank (n, p) float32 of each number among the different ones of its column; NaN stays.

    Trees read the order alone, and a rank is exact where a large number is not, such as a time in microseconds.
    """
    assert columns is not None
    ranked = np.full(columns.shape, np.nan, np.float32)
    for j, column in enumerate(columns.T):
        known = ~np.isnan(column)
        ranked[known, j] = np.unique(column[known], return_inverse=True)[1]
    return ranked


def products(features: Floats, columns: Floats) -> Floats:
    """Return the products of up to 64 features (n, p) of largest variance and up to eight columns (n, q), float32."""
    largest = np.sort(np.argsort(-features.var(axis=0), kind="stable")[:_PRODUCTS])
    standard = columns[:, :_PRODUCT_COLUMNS].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        known = ~np.isnan(standard)
        rows = np.maximum(known.sum(axis=0), 1)
        standard = np.where(known, standard - np.where(known, standard, 0).sum(axis=0) / rows, 0)
        standard /= np.maximum(np.sqrt((standard**2).sum(axis=0) / rows), 1e-9)
    made = features[:, largest, None] * np.clip(standard, -3, 3)[:, None, :].astype(np.float32)
    flat: Floats = made.reshape(len(features), -1)
    size = np.sqrt(max(float(np.square(flat).sum(axis=1).mean()), 1e-12))
    return flat * np.float32(_PRODUCT_SCALE * np.sqrt(np.square(features).sum(axis=1).mean()) / size)


def word_features(counts: Any) -> Floats:
    """Return the leading 768 components (n, w) float32 of the TF-IDF of counts (n, V), words that stand in one row left out.

    (1 + ln tf) · (1 + ln((1 + n) / (1 + df))), rows of length 1: the formula of sklearn's TfidfTransformer.
    """
    import scipy.linalg  # noqa: F401, its linear algebra must be loaded for its threads to be limited
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.utils.extmath import randomized_svd

    n = counts.shape[0]
    counts = counts[:, np.flatnonzero(np.bincount(counts.indices, minlength=counts.shape[1]) > 1)]
    if not counts.nnz:
        return np.zeros((n, 1), np.float32)
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts).astype(np.float32)
    with threads_for(n):
        _, _, components = randomized_svd(weighted, min(_WORD_DIMENSIONS, *weighted.shape), n_iter=2, random_state=0)
    features: Floats = np.asarray(weighted @ components.T, np.float32)
    return features


def _with_log_odds(features: Floats, told: Floats | None) -> Floats:
    if told is None:
        return features
    centred = _LOG_ODDS * (told - told.mean(axis=1, keepdims=True))
    return np.hstack([features, centred.astype(np.float32)])


def _key(*parts: str) -> str:
    return digest([*parts, code_of("information/attribute_families")])
