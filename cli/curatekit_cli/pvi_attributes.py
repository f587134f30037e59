"""curate pvi attributes"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit import registry
from curatekit_cli._options import (
    DataOptions,
    EncoderOptions,
    PredictOptions,
    data_options,
    encoder_options,
    json_option,
    output_option,
    predict_options,
    seed_option,
)
from curatekit_cli._print import following, interval, result, shown, table
from curatekit_cli._session import session, settings
from curatekit_cli.predict import predicted

if TYPE_CHECKING:
    import polars as pl

    from curatekit.artifacts import Artifacts
    from curatekit.information.attributes import Attributes
    from curatekit.plot import Figure

TRANSFORMS = "; ".join(f"{name}: {entry.summary}" for name, entry in registry.TABLES["transforms"].items())


@click.command("attributes")
@click.argument("data")
@data_options
@click.option(
    "--attribute",
    "names",
    multiple=True,
    metavar="NAME",
    help=f"Look at this attribute; give it several times for several [default: those that fit the data]. {TRANSFORMS}.",
)
@predict_options
@encoder_options
@seed_option
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw the bars here: .svg or .html.")
@output_option("Write one line for each attribute here.")
@json_option
def command(
    data: str,
    data_options: DataOptions,
    names: tuple[str, ...],
    predict_options: PredictOptions,
    encoder_options: EncoderOptions,
    seed: int,
    plot: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    r"""Measure how much of the label of DATA can be read from single attributes of the input, and how much more from all of it.

    An attribute is what a transform leaves of the input: one side of a pair, the overlap of words, the length, a bag of
    words, shuffled words, the first words, another column, the matches of a pattern.

    Example: curate pvi attributes reviews.csv --text review --label sentiment --attribute length --attribute "regex:(?i)\bnot\b"
    """
    with session(output, plot=plot) as run:
        from curatekit.information import alarms
        from curatekit.information.attributes import artefacts, attributes
        from curatekit.writers import write_table

        how = settings(encoder_options, predict_options, seed=seed)
        artifacts = predicted(run, data, data_options, None, how).artifacts
        found = attributes(artifacts, names)
        alarmed = (*artifacts.call(alarms, details=artifacts.predictions.details), *artefacts(found))
        rows = _rows(found, artifacts)
        drawing = None if plot is None else _picture(found, rows)
        if output is not None:
            write_table(rows, output)
            run.output(output)
        if plot is not None and drawing is not None:
            drawing.save(plot)
            run.output(plot)
        payload: dict[str, Any] = {
            "rows": found.rows,
            "family": found.family,
            "label_entropy": found.label_entropy,
            "v_information": found.v_information._asdict(),
            "attributes": rows.to_dicts(),
            "alarms": alarmed,
        }
        run.metrics.update(payload)
        lines = [
            f"V-usable information of the whole input: {interval(found.v_information)} bits per row of the label's "
            f"{found.label_entropy:.3f} bits, {found.rows:,} rows (family: {shown(found.family, 60)}).",
            "",
            "How much of the label can be read from …",
            *table(
                ["attribute", "read by", "V", "low", "high", "share", "beyond it", "low", "high"],
                rows.drop("artefact").iter_rows(),
            ),
            "share: of V of the whole input. beyond it: what the input tells when the attribute is known, H(Y | T) − H(Y | X, T).",
            *(f"ALARM: {text}" for text in alarmed),
            "",
            following("pvi", "tokens", data, columns=data_options, why="which tokens a label leans on"),
        ]
        result(as_json, {**payload, "output": output}, lines)


def _rows(found: Attributes, artifacts: Artifacts) -> pl.DataFrame:
    """Return one line for each attribute, those that tell most first."""
    import polars as pl

    sides = dict(zip(("left", "right"), artifacts.dataset.columns.text, strict=False))
    return pl.DataFrame(
        [
            {
                "attribute": f"{one.name} ({sides[one.name]})" if one.name in sides else one.name,
                "family": one.family,
                "v_information": one.v_information.value,
                "v_low": one.v_information.low,
                "v_high": one.v_information.high,
                "share": one.share,
                "conditional": one.conditional.value,
                "conditional_low": one.conditional.low,
                "conditional_high": one.conditional.high,
                "artefact": one.artefact,
            }
            for one in found.attributes
        ],
        schema_overrides={"share": pl.Float64},
    )


def _picture(found: Attributes, rows: pl.DataFrame) -> Figure:
    from curatekit import plot

    return plot.bars(
        rows["attribute"].to_list(),
        rows["v_information"].to_numpy(),
        rows["v_low"].to_numpy(),
        rows["v_high"].to_numpy(),
        conditional=rows["conditional"].to_numpy(),
        conditional_low=rows["conditional_low"].to_numpy(),
        conditional_high=rows["conditional_high"].to_numpy(),
        reference=found.v_information.value,
        note=f"Family: {found.family}.",
    )
