"""curate spec describe"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit_cli._options import (
    DataOptions,
    EncoderOptions,
    data_options,
    encoder_options,
    json_option,
    output_option,
    seed_option,
)
from curatekit_cli._print import result, shown, table
from curatekit_cli._session import read, session, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curatekit.arrays import Bools, Floats
    from curatekit.dataset import Dataset
    from curatekit.run import Run


@click.command("describe")
@click.argument("data")
@click.option("--rows", metavar="FILE", help="Describe the rows of DATA whose ids stand in this file's column id.")
@click.option("--where", metavar="COLUMN=VALUE", help="Describe the rows of DATA that have this value in this column.")
@click.option("--pool", metavar="FILE", help="Look for a sentence among the rows of this file too.")
@click.option(
    "--beam", type=click.IntRange(min=1), default=4, show_default=True, metavar="N",
    help="Keep this many phrases while they grow; 1 is greedy.",
)  # fmt: skip
@click.option(
    "--words",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="N",
    help="Use at most this many words.",
)
@data_options
@encoder_options
@seed_option
@output_option("Write the queries and what they retrieve here.")
@json_option
def command(
    data: str,
    rows: str | None,
    where: str | None,
    pool: str | None,
    beam: int,
    words: int,
    data_options: DataOptions,
    encoder_options: EncoderOptions,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Name a slice of DATA: the words, or the sentence, whose embedding retrieves its rows.

    Words are put together by beam search on one half of the rows; what they retrieve is counted on the other half, beside
    the slice's own centroid and random rows as queries. Labels are not needed.

    Example: curate spec describe reviews.csv --where topic=delivery -o queries.csv
    """
    with session(output) as run:
        import polars as pl

        from curatekit.cache import Cache
        from curatekit.embed import embed
        from curatekit.encoders import load_encoder
        from curatekit.errors import InputError
        from curatekit.specify.describe import describe
        from curatekit.writers import write_table

        if (rows is None) == (where is None):
            raise InputError("Say which rows to describe: by their ids with --rows FILE, or with --where COLUMN=VALUE.")
        dataset = read(run, data, data_options, labels="none")
        wanted = _with_ids(run, dataset, rows) if rows is not None else _with_value(dataset, str(where))
        others = read(run, pool, data_options._replace(label=None), labels="none") if pool is not None else None
        for one in (dataset, *([others] if others is not None else [])):
            if len(one.inputs) != 1:
                raise InputError(
                    f"{one.name} is read as pairs, and a query is a single text. Name one column with --text."
                )
        how = settings(encoder_options, seed=seed)
        encoder, cache = load_encoder(how.encoder, how.precision, how.backend), Cache(how.cache)

        def encode(texts: Sequence[str]) -> Floats:
            return embed((tuple(texts),), encoder).embeddings  # phrases are many, and none is asked for twice

        found = describe(
            dataset.texts,
            embed(dataset.inputs, encoder, cache).embeddings,
            wanted,
            encode,
            others.texts if others is not None else (),
            embed(others.inputs, encoder, cache).embeddings if others is not None else None,
            beam=beam,
            most_words=words,
            seed=seed,
        )
        queries = [
            {"query": one.text or None, "kind": one.kind, **one.heldout._asdict(),
             "searched_average_precision": one.searched.average_precision}
            for one in found.queries
        ]  # fmt: skip
        payload = {
            "rows": len(dataset), "wanted": int(wanted.sum()), "heldout_wanted": found.wanted, "queries": queries,
            "steps": [{"words": text, "average_precision": value} for text, value in found.steps],
        }  # fmt: skip
        run.metrics.update(payload)
        if output is not None:
            write_table(pl.DataFrame(queries), output)
            run.output(output)
        result(as_json, {**payload, "output": output}, lines(payload))


def _with_value(dataset: Dataset, where: str) -> Bools:
    """Return (n,) which rows have the value in the column, of "COLUMN=VALUE"."""
    from curatekit.errors import InputError, nearest_name

    column, equals, value = where.partition("=")
    columns = dataset.frame.columns
    if not equals:
        raise InputError(f"--where is {where!r}. Write it as COLUMN=VALUE.")
    if column not in columns:
        raise InputError(
            f"{dataset.name} has no column {column!r}.{nearest_name(column, columns)} Columns: {', '.join(columns)}."
        )
    values = dataset.frame[column].cast(str).fill_null("")
    if not (values == value).any():
        raise InputError(
            f"No row of {dataset.name} has {value!r} in {column!r}.{nearest_name(value, values.unique().to_list())}"
        )
    found: Bools = (values == value).to_numpy()
    return found


def _with_ids(run: Run, dataset: Dataset, rows: str) -> Bools:
    """Return (n,) which rows' ids stand in the column id of a file; raises InputError for an id that is no row's."""
    import numpy as np

    from curatekit.errors import InputError
    from curatekit.readers import read_frame

    frame = read_frame(rows)
    run.input(rows)
    if "id" not in frame.columns:
        raise InputError(
            f"{rows} has no column 'id' to find its rows in the data by. Columns: {', '.join(frame.columns)}."
        )
    asked = set(frame["id"].cast(str).drop_nulls().to_list())
    unknown = sorted(asked - set(dataset.ids.tolist()))
    if unknown:
        raise InputError(
            f"{len(unknown)} of {len(asked)} ids in {rows} are no row of {dataset.name}, the first is {unknown[0]!r}."
        )
    return np.array([id in asked for id in dataset.ids.tolist()], bool)


def lines(payload: dict[str, Any]) -> list[str]:
    """Return the result as text."""
    best, n = payload["queries"][0], payload["heldout_wanted"]
    rows = [
        (shown(one["query"] or "", 60), one["kind"], one["recall"], one["precision"], one["average_precision"])
        for one in payload["queries"]
    ]
    return [
        f"{payload['wanted']:,} of {payload['rows']:,} rows are described best by the {best['kind']}: {shown(best['query'], 200)}",
        "",
        *table(["query", "kind", f"recall@{n}", f"precision@{min(10, n)}", "average precision"], rows),
        f"Counted on the half of the rows that had no part in the search, {n} of them wanted.",
    ]
