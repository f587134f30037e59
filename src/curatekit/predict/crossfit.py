"""Out-of-sample probabilities: each row is predicted by a model that has not seen it, nor its copies, nor its group.

The same for every family V: what it prepares is cut into folds, one model is fitted for each, the null is the prior of the
fold's training rows (or fitted, as the paper does), and one temperature is fitted on rows that were held out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from curatekit.arrays import Bools, Floats, Ints, Strings
from curatekit.errors import InputError
from curatekit.predict.family import Family, Fitted, Inputs, Material
from curatekit.predict.folding import bound_together, folds, stratified_folds
from curatekit.predict.null import null_fitted, null_prior
from curatekit.predict.parallel import each_on_a_core
from curatekit.predict.probe import fit_temperature, softmax
from curatekit.probabilities import FLOOR
from curatekit.reporting import note, step

NULLS = ("prior", "fit")

Arrays = dict[str, Any]
Keep = Callable[[int, Callable[[], Arrays]], Arrays]
"""Returns the arrays of the k-th model, from where they are kept or by computing and keeping them."""

IN_NO_FOLD = -1
"""The fold of rows that every model has been trained on: anchors, and the training rows where other rows are predicted."""

_DYNAMICS = "dynamics."
_ARRAYS = ("pred_probs", "null_probs", "folds", "unscorable", "temperature")


@dataclass(frozen=True, eq=False)
class Anchors:
    """Rows whose labels are guaranteed: trained on in every fold, predicted in none."""

    inputs: Inputs
    labels: Ints  # (m,)


@dataclass(frozen=True)
class Predictions:
    """Out-of-sample predictions of n rows, K classes."""

    pred_probs: Floats  # (n, K) float64, calibrated
    null_probs: Floats  # (n, K) float64, of the same fold
    folds: Ints  # (n,)
    unscorable: Bools  # (n,) the row's class is not among its training rows: pred_probs there is the null's
    family: str
    details: dict[str, Any] = field(default_factory=dict)  # plain values: temperature by fold, V uncalibrated …
    dynamics: Mapping[str, Floats] = field(default_factory=dict)
    """The training dynamics of the rows trained on, by name: the same n rows, or those of the training file."""
    temperature: Floats | None = None  # (n,) by which each row's logits were divided; None where that is not known

    def to_arrays(self) -> Arrays:
        """Return all of it but the family's name as arrays, to be kept."""
        details = np.frombuffer(json.dumps(self.details).encode(), np.uint8)
        dynamics = {_DYNAMICS + name: values for name, values in self.dynamics.items()}
        return {**{name: np.asarray(getattr(self, name)) for name in _ARRAYS}, **dynamics, "details": details}


def from_arrays(arrays: Arrays, family: str) -> Predictions:
    """Return the predictions that `to_arrays` made arrays of."""
    details = json.loads(arrays["details"].tobytes())
    return Predictions(
        **{name: arrays[name] for name in _ARRAYS}, family=family, details=details, dynamics=_dynamics_in(arrays)
    )


def cross_fit(
    family: Family,
    material: Material,
    labels: Ints,
    n_classes: int,
    *,
    n_folds: int = 5,
    seed: int = 0,
    groups: Strings | Sequence[str] | None = None,
    null: str = "prior",
    keep: Keep | None = None,
    anchors: Anchors | None = None,
) -> Predictions:
    """Return the predictions of a family by stratified k-fold cross-fitting: every row out of sample.

    labels (n,) in 0 … n_classes - 1, groups (n,) or None. Equal texts and equal groups share a fold. A class that a
    training fold lacks keeps the null's probability there, and rows of that class are flagged unscorable; their PVI is 0.
    null: "prior", the smoothed prior of the training rows, or "fit", a model of the family fitted on empty inputs.
    keep: where models of a slow family are kept one by one, so that an interrupted run goes on. anchors: rows whose labels
    are guaranteed, trained on in every fold. Raises InputError when the labels are of one class, or one row's label is missing.
    """
    labels = _checked(labels, n_classes)
    fold = folds(labels, material.texts, n_folds, seed, groups)
    units = bound_together(material.texts, groups)
    _say_small_classes(labels, units, fold)
    used = range(int(fold.max()) + 1)
    rows = len(labels)  # those that are predicted; the anchors stand behind them
    if anchors is not None:
        _checked(anchors.labels, n_classes, distinct=1)
        material = material.of(tuple((*own, *more) for own, more in zip(material.inputs, anchors.inputs, strict=True)))
        labels = np.concatenate([labels, anchors.labels])
        fold = np.concatenate([fold, np.full(len(anchors.labels), IN_NO_FOLD)])
        units = np.concatenate([units, units.max() + 1 + bound_together(material.texts[rows:])])
    (x,) = family.prepare(material)

    def train_rows(k: int) -> Ints:
        return np.flatnonzero(fold != k)

    def compute(k: int) -> Arrays:
        train = train_rows(k)
        return answers(
            family, x[train], labels[train], units[train], x[np.flatnonzero(fold == k)], n_classes, seed, null, material
        )

    tests = [np.flatnonzero(fold == k) for k in used]
    models = list(each_model(family, used, compute, keep, "cross-fitting"))
    totals: dict[str, Floats] = {}
    for k, model in zip(used, models, strict=True):
        for name, values in _dynamics_in(model).items():
            np.add.at(totals.setdefault(name, np.zeros(len(labels))), train_rows(k), values)
    trained = np.maximum(len(used) - 1, 1)
    dynamics = {name: total[:rows] / trained for name, total in totals.items()}
    return put_together(family, labels[:rows], models, tests, fold[:rows], fold[:rows], dynamics)


def fit_eval(
    family: Family,
    material: Material,
    labels: Ints,
    evaluated: Material,
    eval_labels: Ints,
    n_classes: int,
    *,
    seed: int = 0,
    groups: Strings | Sequence[str] | None = None,
    null: str = "prior",
    in_sample: bool = False,
    keep: Keep | None = None,
    fitted: list[FoldModel] | None = None,
) -> Predictions:
    """Return the predictions of the rows of a separate evaluation file by one model of all training rows.

    This is Algorithm 1 of Ethayarajh et al. (2022). Model and null come from the training rows alone. Where the family
    does not calibrate itself, the temperature of an evaluation row is fitted on the other fifths of the evaluation
    rows. All folds are 0. A model that is fitted, not taken from `keep`, is added to `fitted`. Raises InputError for a
    class of the evaluation rows that no training row has, and for texts that stand in both files unless `in_sample`.
    """
    labels, eval_labels = _checked(labels, n_classes), np.asarray(eval_labels)
    unknown = np.setdiff1d(eval_labels, labels)
    if len(unknown):
        raise InputError(
            f"The evaluation rows have classes that no training row has: {', '.join(map(str, unknown[:10]))}. "
            "Add rows of them to the training file, or drop them from the evaluation file."
        )
    known = set(material.texts)
    shared = [row for row, text in enumerate(evaluated.texts) if text in known]
    if shared:
        said = f"{len(shared):,} of {len(eval_labels):,} evaluation texts also stand in the training file"
        if not in_sample:
            raise InputError(
                f"{said} (the first in row {shared[0] + 1}): their PVI would be in-sample, which is inflated. "
                "Take them out of one of the two, or accept them with --in-sample."
            )
        note(f"{said}: they are not out of sample.")
    x, x_eval = family.prepare(material, evaluated)
    units = bound_together(material.texts, groups)

    def compute(k: int) -> Arrays:
        return answers(family, x, labels, units, x_eval, n_classes, seed, null, material, fitted)

    models = list(each_model(family, range(1), compute, keep, "fitting"))
    made = put_together(
        family, eval_labels, models, [np.arange(len(eval_labels))], np.zeros(len(eval_labels), np.int64),
        fifths(evaluated, eval_labels, seed), _dynamics_in(models[0]),
    )  # fmt: skip
    return Predictions(**{**vars(made), "details": {**made.details, "in_training": len(shared)}})


def fifths(evaluated: Material, labels: Ints, seed: int) -> Ints:
    """Return the part (n,) of each evaluation row; the temperature of a part is fitted on the other parts."""
    units = bound_together(evaluated.texts)
    return stratified_folds(labels, units, min(5, int(units.max()) + 1), seed)


class FoldModel(NamedTuple):
    """A model of one training fold over all classes, and the rows that it has not seen."""

    test: Ints
    known: Ints
    null: Floats  # (K,)
    fitted: Fitted | None

    def logits(self, x: Any) -> Floats:
        """Return the logits (m, K) of prepared rows; minus infinity for classes that the model has not seen."""
        return _over_all(self.fitted, self.known, x, len(self.null))


def fold_models(
    family: Family,
    x: Any,
    labels: Ints,
    n_classes: int,
    fold: Ints,
    units: Ints,
    *,
    seed: int = 0,
) -> Iterator[FoldModel]:
    """Yield the models that `cross_fit` fits, one for each fold, to be asked about other rows than those of the fold."""
    for k in range(int(fold.max()) + 1):
        yield fold_model(k, family, x, labels, n_classes, fold, units, seed=seed)


def fold_model(
    k: int, family: Family, x: Any, labels: Ints, n_classes: int, fold: Ints, units: Ints, *, seed: int = 0
) -> FoldModel:
    """Return the model of the rows that are not in fold k."""
    train = np.flatnonzero(fold != k)
    fitted, known = _fit(family, x[train], labels[train], units[train], seed)
    return FoldModel(np.flatnonzero(fold == k), known, null_prior(labels[train], n_classes), fitted)


def each_model(
    family: Family, used: Iterable[int], compute: Callable[[int], Arrays], keep: Keep | None, name: str
) -> Iterator[Arrays]:
    """Yield compute(k) for each k, several at once unless the family is slow: then each is kept as soon as it is done."""
    used = list(used)
    with step(name, len(used), "models") as advance:
        if family.slow:
            made: Iterator[Arrays] = ((keep(k, lambda k=k: compute(k)) if keep else compute(k)) for k in used)  # type: ignore[misc]
        else:
            made = each_on_a_core(compute, used)
        for arrays in made:
            yield arrays
            advance(1)


def answers(
    family: Family,
    x: Any,
    labels: Ints,
    units: Ints,
    x_test: Any,
    n_classes: int,
    seed: int,
    null: str,
    material: Material,
    made: list[FoldModel] | None = None,
) -> Arrays:
    """Return what one model says of the rows x_test, as arrays; the model itself is added to `made`."""
    fitted, known = _fit(family, x, labels, units, seed)
    if made is not None:
        made.append(FoldModel(np.arange(len(x_test)), known, null_prior(labels, n_classes), fitted))
    details = dict(fitted.details) if fitted else {}
    temperature = (fitted.temperature or np.nan) if fitted else 1.0
    return {
        "logits": _over_all(fitted, known, x_test, n_classes),
        "known": known,
        "null": null_prior(labels, n_classes)
        if null == "prior"
        else null_fitted(family, material, labels, n_classes, seed),
        "temperature": np.array([temperature], np.float64),
        "details": np.frombuffer(json.dumps(details).encode(), np.uint8),
        **{_DYNAMICS + name: values for name, values in (fitted.dynamics if fitted else {}).items()},
    }


def _fit(family: Family, x: Any, labels: Ints, units: Ints, seed: int) -> tuple[Fitted | None, Ints]:
    """Return the model of the classes that the rows have, and these; no model where there is one class only."""
    known, codes = np.unique(labels, return_inverse=True)
    return (family.fit(x, codes, len(known), seed=seed, units=units) if len(known) > 1 else None), known


def _over_all(fitted: Fitted | None, known: Ints, x: Any, n_classes: int) -> Floats:
    logits = np.full((len(x), n_classes), -np.inf)
    logits[:, known] = fitted.logits(x) if fitted else 0.0
    return logits


def spread(logits: Floats, temperature: float, null: Floats) -> Floats:
    """Return softmax(logits / temperature) (m, K); a class whose logit is minus infinity keeps the null's probability."""
    known = np.isfinite(logits[0]) if len(logits) else np.ones(len(null), bool)
    probs = softmax(logits[:, known] / temperature)
    full = np.tile(null, (len(logits), 1))
    full[:, known] = probs if known.all() else probs * null[known].sum()
    full = np.maximum(full, FLOOR)
    full /= full.sum(axis=1, keepdims=True)
    return full


def put_together(
    family: Family,
    labels: Ints,
    models: Sequence[Arrays],
    tests: Sequence[Ints],
    fold: Ints,
    parts: Ints,
    dynamics: Mapping[str, Floats],
) -> Predictions:
    """Return the predictions put together; parts (n,): a row's temperature is fitted on the rows of the other parts."""
    n, n_classes = len(labels), len(models[0]["null"])
    logits, null_probs = np.empty((n, n_classes)), np.empty((n, n_classes))
    temperature, unscorable = np.empty(n), np.zeros(n, bool)
    for test, model in zip(tests, models, strict=True):
        logits[test], null_probs[test], temperature[test] = model["logits"], model["null"], model["temperature"][0]
        unscorable[test] = ~np.isin(labels[test], model["known"])
    asked = np.isnan(temperature)
    for part in np.unique(parts[asked]).tolist():
        others = np.flatnonzero((parts != part) & ~unscorable)
        temperature[asked & (parts == part)] = fit_temperature(labels[others], logits[others]) if len(others) else 1.0
    pred_probs, raw = np.empty((n, n_classes)), np.empty((n, n_classes))
    for test, model in zip(tests, models, strict=True):
        raw[test] = spread(logits[test], 1.0, model["null"])
        for value in np.unique(temperature[test]).tolist():
            rows = test[temperature[test] == value]
            pred_probs[rows] = spread(logits[rows], value, model["null"])
    if unscorable.any():
        note(
            f"{int(unscorable.sum())} rows cannot be scored out of sample: no other fold has their class. They keep "
            "the null's probabilities, and their PVI is 0."
        )
    rows = np.arange(n)
    null_bits = -np.log2(null_probs[rows, labels])
    chosen = [json.loads(model["details"].tobytes()) for model in models]
    details = {
        **{
            name: [one[name] for one in chosen if name in one]
            for name in dict.fromkeys(k for one in chosen for k in one)
        },
        "temperature": [round(float(temperature[parts == part][0]), 4) for part in np.unique(parts)],
        "v_information": float(np.mean(null_bits + np.log2(pred_probs[rows, labels]))),
        "v_information_uncalibrated": float(np.mean(null_bits + np.log2(raw[rows, labels]))),
    }
    return Predictions(pred_probs, null_probs, fold, unscorable, family.name, details, dynamics, temperature)


def _dynamics_in(arrays: Arrays) -> dict[str, Floats]:
    return {name.removeprefix(_DYNAMICS): array for name, array in arrays.items() if name.startswith(_DYNAMICS)}


def _checked(labels: Ints, n_classes: int, distinct: int = 2) -> Ints:
    labels = np.asarray(labels)
    if ((labels < 0) | (labels >= n_classes)).any():
        row = int(((labels < 0) | (labels >= n_classes)).argmax())
        raise InputError(f"Row {row} has no label among the {n_classes} classes. Drop it, or give it a label.")
    if len(np.unique(labels)) < distinct:
        raise InputError(
            "All rows have the same label, so there is nothing to predict. Give data with two labels or more."
        )
    return labels


def _say_small_classes(labels: Ints, units: Ints, fold: Ints) -> None:
    n_folds = int(fold.max()) + 1
    pairs = np.unique(np.stack([labels, units]), axis=1)[0]
    distinct = np.bincount(pairs)
    small = np.flatnonzero((distinct > 0) & (distinct < n_folds))
    if len(small):
        note(
            f"{len(small)} classes have fewer distinct rows than the {n_folds} folds, the smallest has {distinct[small].min()}."
        )
