"""PVI and V-usable information: what the labels are worth to a model that reads the texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from curatekit.information import alarms, v_information
from curatekit.information.slices import slicing, v_by_slice
from curatekit.information.threshold import mostly_wrong_below
from curatekit.intervals import Interval
from curatekit.plot import bars, data_map, histogram, table
from curatekit.plot.figure import Figure
from curatekit.plot.page import Fragment
from curatekit.report.section import Section, said, tiles, warning
from curatekit.scores.pvi import pvi
from curatekit.scores.self_confidence import given_probs

if TYPE_CHECKING:
    from curatekit.artifacts import Artifacts
    from curatekit.report.outputs import Output

DOUBTFUL = 25
CLASSES = 40
"""Classes drawn one by one, the lowest V first."""

_SLICES = ["slice", "rows", "V", "low", "high", "accuracy", "PVI < 0"]


@dataclass(frozen=True, eq=False)
class Information:
    """What `curate pvi` found; rows has id, text, label, pvi, p_given and predicted_label."""

    rows: pl.DataFrame
    v: Interval
    label_entropy: float
    accuracy: float
    negative_share: float
    family: str
    classes: Sequence[Mapping[str, Any]]
    """label, rows, v_information (value, low, high), accuracy, negative_share: of each class."""
    slices: Mapping[str, Sequence[Mapping[str, Any]]]
    thresholds: Mapping[str, float]
    """By class, the PVI below which its predictions are mostly wrong."""
    alarms: Sequence[str]
    dynamics: Mapping[str, Any] | None = None


def measured(artifacts: Artifacts) -> Information:
    """Return what `curate pvi --slice-by length` finds, out of sample."""
    dataset = artifacts.dataset
    found, thresholds = artifacts.call(v_information), artifacts.call(mostly_wrong_below)
    by_length = artifacts.call(v_by_slice, slicing=slicing("length", dataset.frame, dataset.inputs))
    predicted = np.array(dataset.classes, dtype=object)[artifacts.pred_probs.argmax(axis=1)].tolist()
    rows = pl.DataFrame(
        {
            "id": pl.Series(dataset.ids.tolist(), dtype=pl.String),
            "text": pl.Series(dataset.texts, dtype=pl.String),
            "label": pl.Series(dataset.label_names, dtype=pl.String),
            "pvi": artifacts.call(pvi),
            "p_given": given_probs(artifacts.labels, artifacts.pred_probs),
            "predicted_label": pl.Series(predicted, dtype=pl.String),
        }
    )
    return Information(
        rows,
        found.v_information,
        found.label_entropy,
        found.accuracy,
        found.negative_share.value,
        artifacts.predictions.family,
        [
            {
                "label": artifacts.classes[each.label],
                "rows": each.rows,
                "v_information": each.v_information._asdict(),
                "accuracy": each.accuracy,
                "negative_share": each.negative_share._asdict(),
            }
            for each in found.per_class
        ],
        {
            "length": [
                dict(zip(_SLICES, (s.name, s.rows, *s.v_information, s.accuracy, s.negative_share.value), strict=True))
                for s in by_length
            ]
        },
        {artifacts.classes[k]: one.pvi.value for k, one in thresholds.per_class.items() if one is not None},
        artifacts.call(alarms, details=artifacts.predictions.details),
        artifacts.predictions.dynamics or None,
    )


def reported(given: Output) -> Information:
    """Return what `curate pvi -o` wrote."""
    found = given.metrics
    numbers = [pl.col(name).cast(pl.Float64, strict=False) for name in ("pvi", "p_given")]
    per_class = found["mostly_wrong_below"]["per_class"]
    return Information(
        given.table().with_columns(numbers),
        Interval(*(_number(found["v_information"][limit]) for limit in ("value", "low", "high"))),
        found["label_entropy"],
        found["accuracy"],
        found["negative_share"]["value"],
        found["family"],
        found["per_class"],
        found.get("slices") or {},
        {name: one["pvi"] for name, one in per_class.items() if one is not None},
        found.get("alarms") or (),
    )


def information(found: Information, given: Output | None) -> Section:
    """Return V with its interval, by class and by slice, the histogram, the data map and the most doubtful rows."""
    value, low, high = found.v
    share = value / found.label_entropy if found.label_entropy else 0.0
    ranked = sorted(found.classes, key=lambda one: _number(one["v_information"]["value"]))
    drawn = ranked[:CLASSES]
    limits = [[_number(one["v_information"][limit]) for one in drawn] for limit in ("value", "low", "high")]
    of_some = f"The {CLASSES} lowest of {len(ranked):,} classes. " if len(ranked) > CLASSES else ""
    parts: list[Figure | Fragment] = [
        tiles(
            [
                (f"{value:.3f} [{low:.3f}, {high:.3f}]", "bits of V-usable information per row"),
                (f"{share:.0%}", f"of the label's {found.label_entropy:.3f} bits"),
                (f"{found.accuracy:.1%}", "accuracy, out of sample"),
                (f"{found.negative_share:.1%}", "of the rows have PVI below 0"),
            ]
        ),
        said(
            "V-usable information is the mean PVI: how many bits the text gives a model of this family about the label, on top of "
            f"the labels' frequencies. Family: {found.family}. In brackets: 95 % limits."
        ),
        *(warning(text) for text in found.alarms),
        bars(
            [str(one["label"]) for one in drawn],
            *limits,
            title="V by class",
            note=f"{of_some}The lowest first.",
            reference=value,
            reference_name="all rows",
        ),
        table(
            ["label", "rows", "V", "low", "high", "accuracy", "PVI < 0"],
            [
                (
                    one["label"],
                    one["rows"],
                    *(_number(one["v_information"][limit]) for limit in ("value", "low", "high")),
                    _number(one["accuracy"]),
                    _number(one["negative_share"]["value"]),
                )
                for one in ranked
            ],
            caption="V by class",
        ),
        *(
            table(_SLICES, [[one[name] for name in _SLICES] for one in lines], caption=f"V by {by}")
            for by, lines in found.slices.items()
            if lines
        ),
        histogram(
            found.rows["pvi"].to_numpy(),
            found.rows["label"].to_list(),
            thresholds=found.thresholds,
            names=found.rows["id"].to_list(),
            texts=found.rows["text"].to_list(),
        ),
    ]
    if found.dynamics:
        names = ("confidence", "variability", "correctness")
        parts.append(
            data_map(
                *(found.dynamics[name] for name in names),
                names=found.rows["id"].to_list(),
                texts=found.rows["text"].to_list(),
            )
        )
    columns = ["id", "label", "predicted_label", "pvi", "p_given", "text"]
    doubtful = found.rows.sort("pvi", maintain_order=True).head(DOUBTFUL).select(columns)
    parts.append(table(columns, doubtful.iter_rows(), caption=f"The {len(doubtful)} rows of the lowest PVI"))
    return Section("information", "What the labels are worth", tuple(parts), (given,) if given else ())


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
