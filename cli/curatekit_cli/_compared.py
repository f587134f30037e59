"""What `curate pvi compare` says of models and datasets: tables, verdicts, rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from curatekit_cli._print import interval, shown, table

if TYPE_CHECKING:
    import polars as pl

    from curatekit.arrays import Floats, Ints, Strings
    from curatekit.artifacts import Artifacts
    from curatekit.dataset import Dataset
    from curatekit.information import VInformation
    from curatekit.information.compare import DatasetPair, ModelPair
    from curatekit.intervals import Interval

_WIDTH = 60  # of a name in the text


class Measured(NamedTuple):
    """What one model says of the rows of one dataset."""

    name: str
    family: str
    dataset: Dataset
    units: Ints
    groups: Strings | None
    folds: Ints
    pvi: Floats
    null_bits: Floats
    found: VInformation
    alarms: tuple[str, ...]


def measure(name: str, artifacts: Artifacts) -> Measured:
    """Return what the predictions of these artifacts say."""
    import numpy as np

    from curatekit.information import alarms, v_information
    from curatekit.probabilities import FLOOR
    from curatekit.scores.pvi import pvi
    from curatekit.scores.self_confidence import given_probs

    dataset = artifacts.dataset
    return Measured(
        name,
        artifacts.predictions.family,
        dataset,
        artifacts.units,
        artifacts.groups if artifacts.settings.group in dataset.frame.columns else None,
        artifacts.folds,
        artifacts.call(pvi),
        -np.log2(np.maximum(given_probs(artifacts.labels, artifacts.null_probs), FLOOR)),
        artifacts.call(v_information),
        artifacts.call(alarms, details=artifacts.predictions.details),
    )


def models_compared(measured: Sequence[Measured]) -> dict[str, Any]:
    """Return the payload of models of the same rows."""
    import numpy as np

    from curatekit.information.compare import compare_models

    pairs = compare_models(np.stack([one.pvi for one in measured]), measured[0].units)
    return {
        "of": "models",
        "rows": len(measured[0].dataset),
        "compared": [_payload(one) for one in measured],
        "pairs": [_pair(measured, pair) for pair in pairs],
    }


def datasets_compared(measured: Sequence[Measured], by_id: bool) -> dict[str, Any]:
    """Return the payload of several datasets; by_id: rows of equal ids are the same, whatever their texts."""
    from curatekit.information.compare import compare_datasets
    from curatekit.information.differences import common_units

    groups = [one.groups for one in measured if one.groups is not None]
    ids = [one.dataset.ids for one in measured] if by_id else None
    units = common_units([one.dataset.texts for one in measured], groups or None, ids)
    pairs = compare_datasets([one.pvi for one in measured], [one.null_bits for one in measured], units)
    return {
        "of": "datasets",
        "paired_by": " or ".join(["text", *(["id"] if by_id else []), *(["group"] if groups else [])]),
        "compared": [_payload(one) for one in measured],
        "pairs": [{**_pair(measured, pair), "share_difference": pair.share_difference._asdict()} for pair in pairs],
    }


def _payload(one: Measured) -> dict[str, Any]:
    from curatekit.information.compare import share_of_entropy

    found = one.found
    return {
        "name": one.name,
        "family": one.family,
        "rows": found.rows,
        "v_information": found.v_information._asdict(),
        "share": share_of_entropy(one.pvi, one.null_bits, one.units)._asdict(),
        "label_entropy": found.label_entropy,
        "accuracy": found.accuracy,
        "negative_share": found.negative_share.value,
        "alarms": one.alarms,
    }


def _pair(measured: Sequence[Measured], pair: ModelPair | DatasetPair) -> dict[str, Any]:
    first, second = measured[pair.first].name, measured[pair.second].name
    said = {"first": first, "second": second, "verdict": _verdict(first, second, pair.difference)}
    return {**pair._asdict(), **said, "difference": pair.difference._asdict()}


def _verdict(first: str, second: str, of: Interval) -> str:
    first, second = shown(first, _WIDTH), shown(second, _WIDTH)
    if of.low == of.high == 0:
        return f"{first} and {second} give every row the same PVI."
    if of.value < 0:
        first, second, of = second, first, type(of)(-of.value, -of.high, -of.low)
    if of.low > 0:
        return f"{first} has {interval(of)} bits more than {second}."
    return f"{first} and {second} cannot be told apart: {first} has {interval(of)} bits more."


def rows_of_models(measured: Sequence[Measured]) -> pl.DataFrame:
    """Return id, text, label, pvi_<model> for each model, and apart: the largest difference of two of them."""
    import numpy as np
    import polars as pl

    dataset = measured[0].dataset
    by_model = {f"pvi_{one.name}": one.pvi for one in measured}
    return _about(dataset).with_columns(
        **{name: pl.Series(values) for name, values in by_model.items()},
        apart=np.ptp(np.stack(list(by_model.values())), axis=0),
    )


def rows_of_datasets(measured: Sequence[Measured]) -> pl.DataFrame:
    """Return dataset, id, text, label and pvi, one dataset after the other."""
    import polars as pl

    return pl.concat(
        _about(one.dataset).select(pl.lit(one.name).alias("dataset"), pl.all(), pvi=pl.Series(one.pvi))
        for one in measured
    )


def _about(dataset: Dataset) -> pl.DataFrame:
    import polars as pl

    about = {"id": dataset.ids.tolist(), "text": dataset.texts, "label": dataset.label_names}
    return pl.DataFrame({name: pl.Series(values, dtype=pl.String) for name, values in about.items()})


def lines_of(measured: Sequence[Measured], compared: dict[str, Any], same_rows: bool) -> list[str]:
    """Return the table, a verdict for each pair, and the alarms."""
    each = compared["compared"]
    pairs = compared["pairs"]
    head = (
        f"{compared['rows']:,} rows, the same for every model."
        if same_rows
        else f"{len(each)} datasets (family: {shown(measured[0].family, _WIDTH)})."
    )
    rows = [
        (one["name"], one["rows"], *one["v_information"].values(), *one["share"].values(), one["label_entropy"],
         one["accuracy"], one["negative_share"])
        for one in each
    ]  # fmt: skip
    alarmed = [f"ALARM: {shown(one.name, _WIDTH)}: {text}" for one in measured for text in one.alarms]
    together = "" if len(pairs) == 1 else f", and those of the {len(pairs)} pairs hold together (Bonferroni)"
    return [
        head,
        "",
        *table(["model" if same_rows else "dataset", "rows", "V", "low", "high", "share", "low", "high", "label's bits",
                "accuracy", "PVI < 0"], rows),
        "share: V of the label's bits.",
        "",
        *(_of_pair(pair, compared.get("paired_by")) for pair in pairs),
        f"Intervals are of 95 %{together}; of differences they are "
        f"{'paired by row' if same_rows else 'paired by row where rows are the same'}. The models are taken as given.",
        *alarmed,
    ]  # fmt: skip


def _of_pair(pair: dict[str, Any], paired_by: str | None) -> str:
    if paired_by is None:
        return (
            f"{pair['verdict']} PVI by row: Pearson {pair['pearson']:.2f}, Spearman {pair['spearman']:.2f}, "
            f"{pair['sign_changes']:.1%} of the rows change sign."
        )
    share, first, second = pair["share_difference"], shown(pair["first"], _WIDTH), shown(pair["second"], _WIDTH)
    have = f"Paired: {pair['common']:,} rows of {first} have" if pair["common"] else f"Unpaired: no row of {first} has"
    return (
        f"{pair['verdict']} Shares, {first} less {second}: {share['value']:.1%} [{share['low']:.1%}, {share['high']:.1%}]. "
        f"{have} an equal {paired_by} in {second}."
    )


def furthest_lines(furthest: pl.DataFrame, measured: Sequence[Measured]) -> list[str]:
    """Return the rows on which the models differ most."""
    shown_columns = furthest.select("id", "label", *(f"pvi_{one.name}" for one in measured), "text")
    return [
        "",
        "Rows on which they differ most, PVI by each:",
        *table(["id", "label", *(shown(one.name, 24) for one in measured), "text"], shown_columns.iter_rows()),
    ]
