"""The picture of `curate pvi tokens --plot`: the tokens by label, or a page with the most doubtful rows too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from curatekit.artifacts import Artifacts
    from curatekit.plot import Figure, Fragment, Page
    from curatekit_cli._token_rows import Row


def picture(
    path: Path, told: Mapping[str, pl.DataFrame], doubtful: Sequence[Row], artifacts: Artifacts, top: int
) -> Figure | Page:
    """Return what the labels lean on for a path that ends in .svg, else the whole page."""
    from curatekit import plot

    name, family = Path(artifacts.dataset.path).name or "the dataset", f"Family: {artifacts.predictions.family}."
    figures: list[Figure | Fragment | str] = [
        _figure(of, f"Tokens that the labels of {name} {how}", top, family)
        for how, of in (("lean on", told["leans_on"]), ("are misled by", told["misled_by"]))
        if len(of)
    ]
    if path.suffix.lower() == ".svg":
        return _figure(told["leans_on"], f"Tokens that the labels of {name} lean on", top, family)
    strongest = max((abs(token.delta) for row in doubtful for token in row.tokens), default=0.0)
    rows: list[Figure | Fragment | str] = [
        fragment for row in doubtful for fragment in _highlighted(row, strongest or None)
    ]
    return plot.page(
        f"Tokens of {name}",
        [*(figures or [f"No token is told apart from chance. {family}"]), plot.section("Most doubtful rows"), *rows],
    )


def _figure(told: pl.DataFrame, title: str, top: int, note: str) -> Figure:
    from curatekit import plot

    return plot.token_table(
        told["label"].to_list(),
        told["token"].to_list(),
        told["rows"].to_numpy(),
        told["delta"].to_numpy(),
        told["low"].to_numpy(),
        told["high"].to_numpy(),
        most=top,
        title=title,
        note=note,
    )


def _highlighted(row: Row, strongest: float | None) -> list[Fragment]:
    """Return each text of a row, its tokens and what lies between them one after the other."""
    from curatekit import plot

    made = []
    for column, text in row.texts.items():
        parts: list[str] = []
        deltas: list[float] = []
        at = 0
        for token in (token for token in row.tokens if token.column == column):
            parts += [text[at : token.start], token.token]
            deltas += [float("nan"), token.delta]
            at = token.end
        title = f"{row.id}: label {row.label}, predicted {row.predicted_label}, PVI {row.pvi:.2f}"
        title += f" ({column})" if len(row.texts) > 1 else ""
        rest = [*parts, text[at:]]
        made.append(plot.highlighted(rest, [*deltas, float("nan")], separator="", title=title, strongest=strongest))
    return made
