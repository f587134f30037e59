"""The rows of `curate pvi tokens`: each with its tokens, their places and what they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from curatekit_cli._print import shown

if TYPE_CHECKING:
    import polars as pl

    from curatekit.arrays import Ints
    from curatekit.artifacts import Artifacts
    from curatekit.information.token_changes import TokenChanges

MOST_TOKENS = 120  # of a text, on the terminal
MARKED = 0.3  # of the strongest change of a row: weaker ones are not marked
NOTICEABLE = 0.02  # bits: smaller changes are rounding, or not worth the reader's eye


class Token(NamedTuple):
    """A token with its place in the text of its column, in characters (code points)."""

    column: str
    start: int
    end: int
    token: str
    delta: float  # bits lost when it alone is left out
    delta_all: float  # bits lost when it is left out wherever it stands in that text


class Row(NamedTuple):
    """A row that was measured."""

    id: str
    label: str
    predicted_label: str
    pvi: float
    drawn: bool  # by chance, so that it counts in the table of tokens
    texts: dict[str, str]  # by column
    tokens: tuple[Token, ...]

    def plain(self) -> dict[str, Any]:
        return {**self._asdict(), "tokens": [token._asdict() for token in self.tokens]}


def most_doubtful(measured: TokenChanges, artifacts: Artifacts, first: int) -> list[Row]:
    """Return the first rows by PVI, the lowest first."""
    from curatekit.scores.pvi import pvi

    bits = artifacts.call(pvi)[measured.rows]
    return measured_rows(measured, artifacts, bits.argsort(kind="stable")[:first])


def measured_rows(measured: TokenChanges, artifacts: Artifacts, chosen: Ints | None = None) -> list[Row]:
    """Return the rows that were measured, in the order of the data, or those at the positions `chosen` among them."""
    import numpy as np

    from curatekit.scores.pvi import pvi

    dataset, found, changes = artifacts.dataset, measured.tokens, measured.changes
    bits, predicted = artifacts.call(pvi), artifacts.pred_probs.argmax(axis=1)
    bounds = np.searchsorted(found.row, np.arange(len(measured.rows) + 1))
    columns = dataset.columns.text
    made = []
    for i in range(len(measured.rows)) if chosen is None else chosen.tolist():
        row, own = measured.rows[i], slice(bounds[i], bounds[i + 1])
        texts = [column[i] for column in measured.inputs]
        places = (
            values[own].tolist() for values in (found.column, found.start, found.end, changes.token, changes.kind)
        )
        made.append(
            Row(
                str(dataset.ids[row]),
                artifacts.classes[dataset.labels[row]],
                artifacts.classes[predicted[row]],
                float(bits[row]),
                bool(measured.drawn[i]),
                dict(zip(columns, texts, strict=True)),
                tuple(
                    Token(columns[column], start, end, texts[column][start:end], delta, delta_all)
                    for column, start, end, delta, delta_all in zip(*places, strict=True)
                ),
            )
        )
    return made


def rows_table(rows: Sequence[Row], artifacts: Artifacts) -> pl.DataFrame:
    """Return one line for each row, texts as a struct of the columns, tokens as a list of structs."""
    import polars as pl

    text, real = pl.String, pl.Float64
    token = {"column": text, "start": pl.Int64, "end": pl.Int64, "token": text, "delta": real, "delta_all": real}
    return pl.DataFrame(
        [row.plain() for row in rows],
        schema={
            "id": text,
            "label": text,
            "predicted_label": text,
            "pvi": real,
            "drawn": pl.Boolean,
            "texts": pl.Struct(dict.fromkeys(artifacts.dataset.columns.text, text)),
            "tokens": pl.List(pl.Struct(token)),
        },
    )


def highlighted(row: Row) -> list[str]:
    """Return the lines of a row: a heading, and each text with the tokens marked whose change is not small."""
    strongest = max((abs(token.delta) for token in row.tokens), default=0.0)
    lines = [
        f"{shown(row.id, 40)}: label {shown(row.label, 40)}, predicted {shown(row.predicted_label, 40)}, PVI {row.pvi:.2f}"
    ]
    for column, text in row.texts.items():
        name = f"{shown(column, 30)}: " if len(row.texts) > 1 else ""
        own = [token for token in row.tokens if token.column == column]
        lines.append(f"  {name}{_marked(text, own, strongest)}")
    return lines


def _marked(text: str, tokens: Sequence[Token], strongest: float) -> str:
    parts, at = [], 0
    for token in tokens[:MOST_TOKENS]:
        word = shown(token.token, 60)
        if abs(token.delta) >= max(MARKED * strongest, NOTICEABLE):
            # click takes the colour out where the output is no terminal
            word = click.style(f"[{token.delta:+.2f} {word}]", fg="cyan" if token.delta > 0 else "yellow")
        parts += [shown(text[at : token.start], len(text)), word]
        at = token.end
    rest = text[at:]
    if len(tokens) > MOST_TOKENS or len(rest) > 60:
        rest = " …"
    return ("".join(parts) + shown(rest)).strip()
