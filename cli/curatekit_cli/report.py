"""curate report"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
from curatekit_cli._print import result
from curatekit_cli._session import read, session, settings

if TYPE_CHECKING:
    from curatekit.specs import Specification

SUFFIX = ".html"


@click.command("report")
@click.argument("data")
@click.argument("outputs", nargs=-1, type=click.Path(path_type=Path))
@data_options
@click.option(
    "--spec", type=click.Path(path_type=Path), metavar="FILE", help="List these specifications, with their statements."
)
@predict_options
@encoder_options
@seed_option
@output_option("Write the report here: one .html file.", required=True)
@json_option
def command(
    data: str,
    outputs: tuple[Path, ...],
    data_options: DataOptions,
    spec: Path | None,
    predict_options: PredictOptions,
    encoder_options: EncoderOptions,
    seed: int,
    output: Path,
    as_json: bool,
) -> None:
    """Show DATA in one HTML file: its health, what its labels are worth, which are wrong, specifications, training, provenance.

    OUTPUTS are files and model folders that other commands wrote, in any order: each is recognised by its manifest, of check, pvi,
    find-errors, spec check, select, evaluate, finetune and guided. Of the first three, what is not handed over is computed.

    Example: curate report reviews.csv issues.csv guided.csv model -o report.html
    """
    with session(output, also=(SUFFIX,)) as run:
        from curatekit.artifacts import Artifacts
        from curatekit.errors import InputError
        from curatekit.report.make import computed, made
        from curatekit.report.outputs import KINDS, read_output

        if output.suffix.lower() != SUFFIX:
            raise InputError(f"{output}: a report is one {SUFFIX} file. Name it such as report.html")
        dataset = read(run, data, data_options).require_classes()
        dataset.require_rows_per_class()
        found = [read_output(path, dataset, output.parent) for path in outputs]
        for one in found:
            run.input(one.path, one.sha256)
        asked: tuple[Specification, ...] = ()
        if spec is not None:
            from curatekit.specs import read_specifications, specification_files

            asked = read_specifications(spec)
            for path in specification_files(spec):
                run.input(path)
        artifacts = Artifacts(dataset, settings(encoder_options, predict_options, seed=seed))
        report = made(artifacts, found, asked)
        report.save(output)
        run.output(output)
        payload = {
            "rows": len(dataset),
            "recognised": {str(one.path): one.command for one in found},
            "computed": computed(found),
            "sections": [section.name for section in report.sections],
            "bytes": output.stat().st_size,
        }
        run.metrics.update(payload)
        lines = [
            *(f"{one.path}: {KINDS[one.command]} (curate {one.command})" for one in found),
            f"Computed: {', '.join(computed(found))}.",
            f"Written: {output} ({output.stat().st_size / 1e6:.1f} MB); it opens without a network.",
        ]
        result(as_json, {**payload, "output": output}, lines)
