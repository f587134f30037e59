"""The picture of `curate pvi --plot`: the histogram alone, or a page with the classes, the data map and the doubtful rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from curatekit.information import VInformation
    from curatekit.plot import Figure, Page
    from curatekit_cli.predict import Predicted

FIRST = 20


def picture(
    path: Path,
    found_by: Predicted,
    rows: pl.DataFrame,
    found: VInformation,
    alarmed: Sequence[str],
    thresholds: Mapping[str, float],
    slices: Mapping[str, pl.DataFrame],
) -> Figure | Page:
    """Return the histogram for a path that ends in .svg, else the whole page.

    thresholds: by class, the PVI below which its predictions are mostly wrong. slices: a table for each --slice-by.
    """
    from curatekit import plot

    artifacts = found_by.artifacts
    note = f"Family: {artifacts.predictions.family}."
    histogram = plot.histogram(
        rows["pvi"].to_numpy(),
        rows["label"].to_list(),
        thresholds=thresholds,
        names=rows["id"].to_list(),
        texts=rows["text"].to_list(),
        note=note,
    )
    if path.suffix.lower() == ".svg":
        return histogram
    v = found.v_information
    header = ["label", "rows", "V", "low", "high", "accuracy", "PVI < 0"]
    classes = [
        (artifacts.classes[c.label], c.rows, *c.v_information, c.accuracy, c.negative_share.value)
        for c in found.per_class
    ]
    parts: list[Figure | plot.Fragment | str] = [
        f"V-usable information: {v.value:.3f} bits per row [{v.low:.3f}, {v.high:.3f}] of the label's "
        f"{found.label_entropy:.3f} bits; accuracy {found.accuracy:.3f} on {found.rows:,} rows. {note}",
        *(f"Alarm: {text}" for text in alarmed),
        histogram,
        plot.table(header, classes, caption="By class"),
        *(plot.table(frame.columns, frame.iter_rows(), caption=f"By {name}") for name, frame in slices.items()),
    ]
    dynamics = artifacts.predictions.dynamics
    if dynamics:
        trained = found_by.trained
        parts.append(
            plot.data_map(
                dynamics["confidence"],
                dynamics["variability"],
                dynamics["correctness"],
                names=trained.ids.tolist(),
                texts=trained.texts,
                note=f"The rows trained on. {note}",
            )
        )
    columns = ["id", "label", "predicted_label", "pvi", "p_given", "text"]
    doubtful = rows.sort("pvi", maintain_order=True).head(FIRST).select(columns)
    parts.append(plot.table(columns, doubtful.iter_rows(), caption="Most doubtful rows"))
    return plot.page(f"PVI of {Path(artifacts.dataset.path).name or 'the dataset'}", parts)
