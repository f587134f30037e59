"""Predictions as a table, and back: what `curate predict` writes, and what other programs made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from curatekit.arrays import Floats, Ints
from curatekit.dataset import Dataset
from curatekit.errors import InputError
from curatekit.predict.crossfit import Predictions
from curatekit.predict.null import null_prior
from curatekit.probabilities import distributions
from curatekit.reporting import note

PRED, NULL = "p_", "null_"


def predictions_frame(predictions: Predictions, dataset: Dataset) -> pl.DataFrame:
    """Return the table id, label, fold, unscorable, family, p_<class> … null_<class> …, one row for each of the dataset's."""
    probs = {
        prefix + name: values[:, k]
        for prefix, values in ((PRED, predictions.pred_probs), (NULL, predictions.null_probs))
        for k, name in enumerate(dataset.classes)
    }
    return pl.DataFrame(
        {
            "id": pl.Series(dataset.ids.tolist(), dtype=pl.String),
            "label": pl.Series(dataset.label_names, dtype=pl.String),
            "fold": predictions.folds,
            "unscorable": predictions.unscorable,
            "family": pl.Series([predictions.family] * len(dataset), dtype=pl.String),
            **probs,
        }
    )


def read_predictions(path: str | Path, dataset: Dataset, *, in_sample: bool = False) -> Predictions:
    """Return the predictions in a file, in the order of the dataset's rows, which they are matched to by id.

    The file has a column `id`, a column `p_<class>` or `<class>` for each class, `fold` (unless in_sample), and perhaps
    `null_<class>`; without these the null is the label prior of the other folds. Raises InputError when there are no
    folds, when a row or a class is missing, or when a row is not a distribution.
    """
    from curatekit.readers import read_frame

    frame = read_frame(path)
    if "id" not in frame.columns:
        raise InputError(
            f"{path} has no column 'id' to match its rows to the data. Columns: {', '.join(frame.columns)}."
        )
    if "fold" not in frame.columns and not in_sample:
        raise InputError(
            f"{path} has no column 'fold', so its probabilities may come from models that saw the rows. "
            "Make them with curate predict, add the fold of each row, or accept them with --in-sample."
        )
    frame = _aligned(frame, dataset, path)
    pred_probs = _probs(frame, dataset.classes, path, PRED)
    _say_never_predicted(pred_probs, dataset, path)
    folds = np.zeros(len(dataset), np.int64) if "fold" not in frame.columns else _codes(frame["fold"])
    if in_sample:
        note(f"{path}: taken as in-sample; PVI is then inflated and label errors that the model memorised stay hidden.")
    has_null = all(NULL + name in frame.columns for name in dataset.classes)
    null_probs = (
        _probs(frame, dataset.classes, path, NULL)
        if has_null
        else _out_of_fold_prior(dataset.labels, folds, len(dataset.classes))
    )
    unscorable = (
        frame["unscorable"].cast(pl.String).str.to_lowercase().is_in(["true", "1"]).to_numpy()
        if "unscorable" in frame.columns
        else np.zeros(len(dataset), bool)
    )
    family = str(frame["family"][0]) if "family" in frame.columns else f"external ({Path(path).name})"
    return Predictions(pred_probs, null_probs, folds, unscorable, family, {"source": str(path), "in_sample": in_sample})


def _aligned(frame: pl.DataFrame, dataset: Dataset, path: str | Path) -> pl.DataFrame:
    """Return one row of the frame for each row of the dataset, in its order."""
    ids = frame["id"].cast(pl.String)
    if ids.is_duplicated().any():
        raise InputError(
            f"{path} has the id {ids.filter(ids.is_duplicated())[0]!r} more than once. Keep one row of each."
        )
    position = dict(zip(ids.to_list(), range(len(ids)), strict=True))
    missing = [id for id in dataset.ids if id not in position]
    if missing:
        raise InputError(
            f"{path} lacks {len(missing):,} of the {len(dataset):,} rows of {dataset.name}, the first is {missing[0]!r}. "
            "Predict all rows, with the same --id."
        )
    if len(frame) > len(dataset):
        note(f"{path} has {len(frame) - len(dataset):,} rows more than the data; they are not used.")
    return frame[np.fromiter((position[id] for id in dataset.ids), np.int64, len(dataset))]


def _probs(frame: pl.DataFrame, classes: tuple[str, ...], path: str | Path, prefix: str) -> Floats:
    names = [prefix + name if prefix + name in frame.columns else name for name in classes]
    absent = [name for name in names if name not in frame.columns]
    if absent:
        raise InputError(
            f"{path} has no column {prefix + absent[0]!r} nor {absent[0]!r} with the probabilities of that class. "
            f"Columns: {', '.join(frame.columns)}."
        )
    probs = np.column_stack([frame[name].cast(pl.Float64, strict=False).to_numpy() for name in names])
    good = distributions(probs)
    if not good.all():
        row = int(good.argmin())
        raise InputError(
            f"{path}: the probabilities of the row with id {frame['id'][row]!r} are no distribution "
            f"({_fault(probs[row], frame[names].row(row, named=True))}). "
            "Predict that row again."
        )
    return probs


def _fault(probs: Floats, cells: dict[str, object]) -> str:
    """Return in words why the probabilities (K,) of one row, read from these cells by column, are no distribution."""
    if not (finite := np.isfinite(probs)).all():
        column = list(cells)[int(finite.argmin())]
        return f"{cells[column]!r} in the column {column!r} is no finite number"
    if probs.min() < 0:
        return f"{probs.min():.4g} in the column {list(cells)[int(probs.argmin())]!r} is negative"
    return f"their sum is {probs.sum():.4g}"


def _say_never_predicted(pred_probs: Floats, dataset: Dataset, path: str | Path) -> None:
    """Note the labels that rows bear and that no row is predicted to have: all of these rows will look wrong."""
    borne = np.bincount(dataset.labels[dataset.labels >= 0], minlength=len(dataset.classes))
    predicted = np.bincount(pred_probs.argmax(axis=1), minlength=len(dataset.classes))
    if len(never := np.flatnonzero((borne > 0) & (predicted == 0))):
        named = ", ".join(f"{dataset.classes[k]!r} ({borne[k]:,} rows)" for k in never[:5])
        note(
            f"{path}: {len(never)} of {len(dataset.classes)} labels are predicted for no row, such as {named}. Rows with such a "
            "label will all look doubtful: see whether the model was trained on that label."
        )


def _codes(column: pl.Series) -> Ints:
    return np.unique(np.asarray(column.cast(pl.String).fill_null("").to_list()), return_inverse=True)[1]


def _out_of_fold_prior(labels: Ints, folds: Ints, n_classes: int) -> Floats:
    """Return (n, K) the smoothed prior of the rows in other folds; of all rows when there is one fold."""
    null = np.empty((len(labels), n_classes))
    several = len(np.unique(folds)) > 1
    for fold in np.unique(folds):
        others = labels[folds != fold] if several else labels
        null[folds == fold] = null_prior(others[others >= 0], n_classes)
    return null
