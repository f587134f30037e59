"""curate spec check"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit_cli._checks import fail_over_option, first_problems, threshold_option
from curatekit_cli._options import (
    DataOptions,
    EncoderOptions,
    data_options,
    encoder_options,
    json_option,
    output_option,
    seed_option,
)
from curatekit_cli._print import following, result, table
from curatekit_cli._session import fails, read, session, settings

if TYPE_CHECKING:
    from curatekit.dataset import Dataset
    from curatekit.specify.check import Checked, Rows
    from curatekit.specs import Specification


@click.command("check")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--train", metavar="FILE", help="Tell training rows that are nearly an example and have another label.")
@click.option("--pool", metavar="FILE", help="Tell which specifications the rows of this file cannot serve.")
@threshold_option
@fail_over_option("specifications", "0%")
@data_options
@encoder_options
@seed_option
@output_option("Write one line for each problem here.")
@json_option
def command(
    spec: Path,
    train: str | None,
    pool: str | None,
    threshold: float,
    fail_over: float | None,
    data_options: DataOptions,
    encoder_options: EncoderOptions,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Look whether the specifications in SPEC can do their work.

    Leaks (tests among the examples), contradictions (examples that are nearly the same, with different labels), training rows that
    contradict an example, and specifications that the pool has no rows for, with the nearest ones as evidence.

    Example: curate spec check specs.yaml --train train.csv --pool pool.csv -o problems.csv
    """
    failed = False
    with session(output) as run:
        from curatekit.cache import Cache
        from curatekit.embed import embed
        from curatekit.encoders import load_encoder
        from curatekit.select.prepare import require_single_texts
        from curatekit.specify.check import Rows, check
        from curatekit.specs import specification_files
        from curatekit.specs.read import specifications_in
        from curatekit.writers import write_table

        specifications = specifications_in(spec, tests=True)
        for path in specification_files(spec, tests=True):
            run.input(path)
        given = {
            name: read(run, file, data_options) for name, file in (("train", train), ("pool", pool)) if file is not None
        }
        require_single_texts(*given.values())
        how = settings(encoder_options, seed=seed)
        encoder, cache = load_encoder(how.encoder, how.precision, how.backend), Cache(how.cache)

        def rows(dataset: Dataset) -> Rows:
            import numpy as np

            labels = np.array(dataset.label_names, object)
            return Rows(dataset.ids, dataset.texts, labels, embed(dataset.inputs, encoder, cache).embeddings)

        examples = tuple(text for one in specifications for text in one.examples)
        tests = tuple(text for one in specifications for text in one.tests or ())
        found = check(
            specifications,
            embed((examples,), encoder, cache).embeddings,
            embed((tests,), encoder, cache).embeddings,
            **{name: rows(dataset) for name, dataset in given.items()},
            threshold=threshold,
            seed=seed,
        )
        if output is not None:
            write_table(found.problems, output)
            run.output(output)
        share = len(found.affected) / len(specifications)
        failed = fail_over is not None and share > fail_over
        each = per_specification(specifications, found)
        payload = {
            "specifications": each, "problems": found.counts, "affected": found.affected,
            "share_affected": share, "threshold": threshold, "failed": failed,
        }  # fmt: skip
        run.metrics.update(payload)
        text = lines(each, found)
        if fail_over is not None:
            text.append(
                f"{share:.1%} of the specifications have a problem, {'over' if failed else 'not over'} {fail_over:.1%}."
            )
        if output is None:
            text.append("Next: the same with -o problems.csv")
        elif train is not None and pool is not None:
            text.append(
                following("select", pool, "--spec", spec, "--train", train, "-o", "chosen.csv", columns=data_options)
            )
        result(as_json, {**payload, "output": output}, text)
        if failed:
            fails()


def per_specification(specifications: tuple[Specification, ...], found: Checked) -> list[dict[str, Any]]:
    """Return one object for each specification; `served` is null without a pool."""
    problems = found.problems["specification"].to_list()
    covered = found.coverage or (None,) * len(specifications)
    return [
        {
            "id": one.id,
            "label": one.label,
            "weak": one.weak,
            "examples": 0 if one.weak else len(one.examples),
            "tests": len(one.tests or ()),
            "problems": problems.count(one.id),
            "served": None if of is None else of.served._asdict(),
        }
        for one, of in zip(specifications, covered, strict=True)
    ]


def lines(specifications: list[dict[str, Any]], found: Checked) -> list[str]:
    """Return the result as text: the specifications, then the first problems of each check."""
    from curatekit.specify.check import CHECKS

    header = ["specification", "label", "weak", "examples", "tests", "problems", "served", "low", "high"]
    rows = [
        (*(one[key] if key != "weak" else ("weak" if one[key] else "") for key in header[:6]),
         *(one["served"].values() if one["served"] else (None,) * 3))
        for one in ({**one, "specification": one["id"]} for one in specifications)
    ]  # fmt: skip
    text = [f"{len(specifications)} specifications; {len(found.affected)} have a problem.", "", *table(header, rows)]
    for name, count in found.counts.items():
        text += ["", f"{name}: {count:,} ({CHECKS[name]})"]
        if count:
            columns = [column for column in found.problems.columns if column not in ("check", "to_do")]
            text += first_problems(found.problems, name, columns)
    return [*text, ""]
