"""The pictures of `curate pvi compare --plot`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curatekit.plot import Figure, Page
    from curatekit_cli._compared import Measured


def picture_of_models(path: Path, measured: Sequence[Measured], verdicts: Sequence[str]) -> Figure | Page:
    """Return the rows' PVI by two models, or V of each of several; for .html a page with V and all pairs of models."""
    from curatekit import plot

    clouds = [
        plot.scatter(
            one.pvi, other.pvi, x_name=one.name, y_name=other.name, names=one.dataset.ids.tolist(),
            texts=one.dataset.texts, note=verdict,
        )
        for (one, other), verdict in zip(combinations(measured, 2), verdicts, strict=True)
    ]  # fmt: skip
    if path.suffix.lower() == ".svg":
        return clouds[0] if len(clouds) == 1 else _bars(measured)
    return plot.page("Models compared", [_bars(measured), *verdicts, *clouds])


def picture_of_datasets(path: Path, measured: Sequence[Measured], verdicts: Sequence[str]) -> Figure | Page:
    """Return V of each dataset; for .html a page with the verdicts."""
    from curatekit import plot

    if path.suffix.lower() == ".svg":
        return _bars(measured)
    return plot.page("Datasets compared", [_bars(measured), *verdicts])


def _bars(measured: Sequence[Measured]) -> Figure:
    from curatekit import plot

    found = [one.found for one in measured]
    return plot.bars(
        [one.name for one in measured],
        [each.v_information.value for each in found],
        [each.v_information.low for each in found],
        [each.v_information.high for each in found],
        title="V-usable information",
        reference=None,
    )
