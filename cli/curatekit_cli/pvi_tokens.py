"""curate pvi tokens"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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
from curatekit_cli._print import following, result, shown, table
from curatekit_cli._session import session, settings
from curatekit_cli._token_rows import NOTICEABLE, highlighted, measured_rows, most_doubtful, rows_table
from curatekit_cli._tokens_picture import picture
from curatekit_cli.predict import predicted

if TYPE_CHECKING:
    import polars as pl

    from curatekit.artifacts import Artifacts
    from curatekit.information.token_changes import TokenChanges

FALSE_SHARE = 0.05
DOUBTFUL = 5
MOST_LINES = 60


@click.command("tokens")
@click.argument("data")
@data_options
@click.option("--eval", "eval_file", metavar="FILE", help="Train on all of DATA and measure the rows of this file.")
@click.option("--in-sample", is_flag=True, help="Accept texts that stand in both files, though PVI is then inflated.")
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    metavar="N",
    help="Measure this many rows, drawn with the labels taking turns [default: what takes some minutes].",
)
@click.option(
    "--top", type=click.IntRange(min=1), default=10, show_default=True, metavar="N",
    help="Show this many tokens of each label.",
)  # fmt: skip
@click.option(
    "--min-rows", type=click.IntRange(min=2), default=5, show_default=True, metavar="N",
    help="Leave out tokens that fewer rows of a label hold.",
)  # fmt: skip
@click.option("--case-sensitive", is_flag=True, help="Tell tokens apart that differ by upper and lower case.")
@predict_options
@encoder_options
@seed_option
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw the tokens of each label here: .svg, or .html with the most doubtful rows too.",
)
@click.option(
    "--rows-output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write one line for each row measured here, with its tokens, their places and their changes.",
)
@output_option("Write one line for each label and token here.")
@json_option
def command(
    data: str,
    data_options: DataOptions,
    eval_file: str | None,
    in_sample: bool,
    rows: int | None,
    top: int,
    min_rows: int,
    case_sensitive: bool,
    predict_options: PredictOptions,
    encoder_options: EncoderOptions,
    seed: int,
    plot: Path | None,
    rows_output: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Measure what each token of DATA is worth to its row's label: how many bits of PVI are lost without it.

    Which tokens each label leans on (annotation artefacts) and which mislead, and the most doubtful rows with their tokens
    marked.

    Example: curate pvi tokens reviews.csv --text review --label sentiment -o tokens.csv
    """
    with session(output, tables=[rows_output], plot=plot) as run:
        from curatekit.information.annotation_artefacts import token_effects
        from curatekit.information.token_changes import token_changes
        from curatekit.writers import write_table

        how = settings(encoder_options, predict_options, seed=seed)
        found_by = predicted(run, data, data_options, eval_file, how, in_sample=in_sample)
        artifacts = found_by.artifacts
        measured = token_changes(
            found_by.training,
            None if artifacts is found_by.training else artifacts,
            rows=rows,
            doubtful=DOUBTFUL,
            fold_case=not case_sensitive,
        )
        drawn = measured.drawn[measured.tokens.row]
        effects = token_effects(
            artifacts.labels[measured.rows],
            measured.tokens.row[drawn],
            measured.tokens.kind[drawn],
            measured.changes.kind[drawn],
            units=artifacts.units[measured.rows],
            min_rows=min_rows,
        )
        every = _table(effects._asdict(), measured, artifacts)
        told = _told(every)
        doubtful = most_doubtful(measured, artifacts, DOUBTFUL)
        drawing = None if plot is None else picture(plot, told, doubtful, artifacts, top)
        if output is not None:
            write_table(every, output)
            run.output(output)
        if rows_output is not None:
            write_table(rows_table(measured_rows(measured, artifacts), artifacts), rows_output)
            run.output(rows_output)
        if plot is not None and drawing is not None:
            drawing.save(plot)
            run.output(plot)
        payload: dict[str, Any] = {
            "rows": len(artifacts.dataset),
            "measured": int(measured.drawn.sum()),
            "tokens": int(drawn.sum()),
            "unread": measured.unread,
            "family": artifacts.predictions.family,
            "tested": len(every),
            "false_share": FALSE_SHARE,
            **{name: of.group_by("label", maintain_order=True).head(top).to_dicts() for name, of in told.items()},
        }
        run.metrics.update(payload)
        lines = [
            f"{payload['measured']:,} of {payload['rows']:,} rows measured, {payload['tokens']:,} tokens left out one by one "
            f"(family: {shown(payload['family'], 60)}).",
            "",
            *_effect_lines("leans on", told["leans_on"], payload, top, len(artifacts.dataset.columns.text) > 1),
            *_effect_lines("is misled by", told["misled_by"], payload, top, len(artifacts.dataset.columns.text) > 1),
            "delta: bits of PVI that rows of the label lose on average without the token; low, high: limits of that mean.",
            "",
            "Most doubtful rows, each token that counts with the bits lost without it (below 0: it misleads):",
            *(line for row in doubtful for line in highlighted(row)),
            "",
            following("find-errors", eval_file or data, "-o", "issues.csv", columns=data_options),
        ]  # fmt: skip
        result(as_json, {**payload, "doubtful": [row.plain() for row in doubtful], "output": output}, lines)


def _table(effects: dict[str, Any], measured: TokenChanges, artifacts: Artifacts) -> pl.DataFrame:
    """Return one line for each label and token that enough rows hold, label by label, the largest delta first."""
    import numpy as np
    import polars as pl

    kind, label = effects.pop("kind"), effects.pop("label")
    found = measured.tokens
    columns = np.array(artifacts.dataset.columns.text, object)[found.kind_column[kind]]
    names = {
        "label": np.array(artifacts.classes, object)[label],
        "token": np.array(found.kinds, object)[kind],
        "column": columns,
    }
    return pl.DataFrame(
        {name: pl.Series(values.tolist(), dtype=pl.String) for name, values in names.items()} | effects
    ).sort("label", "delta", "token", descending=[False, True, False], maintain_order=True)


def _told(every: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the tokens that matter and are no chance: those without which rows of the label tell it less, and better."""
    sure = every.filter(every["q_value"] <= FALSE_SHARE)
    return {
        "leans_on": sure.filter(sure["delta"] >= NOTICEABLE),
        "misled_by": sure.filter(sure["delta"] <= -NOTICEABLE).sort("label", "delta", "token", maintain_order=True),
    }


def _effect_lines(how: str, told: pl.DataFrame, payload: dict[str, Any], top: int, pairs: bool) -> list[str]:
    head = f"Tokens that a label {how}, {NOTICEABLE} bits or more: {len(told):,} of {payload['tested']:,} pairs of label and token"
    if not len(told):
        return [f"{head}.", ""]
    labels = told["label"].n_unique()
    each = max(1, min(top, MOST_LINES // labels))
    first = told.group_by("label", maintain_order=True).head(each)
    if labels > MOST_LINES:
        first = first.sort("delta", descending=how == "leans on", maintain_order=True).head(MOST_LINES)
    header = ["label", "token", *(["column"] if pairs else []), "rows", "delta", "low", "high", "q_value"]
    chance = f"expected to be chance among them: at most {FALSE_SHARE:.0%}"
    return [
        f"{head} ({chance}); the first {each} of each label:"
        if labels <= MOST_LINES
        else f"{head} ({chance}); of the {MOST_LINES} labels where most is at stake:",
        *table([name.removesuffix("_value") for name in header], first.select(header).iter_rows()),
        "",
    ]
