"""curate select"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit import registry
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
from curatekit_cli._session import read, session, settings

if TYPE_CHECKING:
    import polars as pl

    from curatekit.dataset import Dataset
    from curatekit.select import Selection

BASELINES = ("random", "random-matched")
BASELINE_SEEDS = 5
METHODS = "; ".join(f"{name}: {entry.summary}" for name, entry in registry.TABLES["select"].items())


@click.command("select")
@click.argument("pool")
@click.option(
    "--spec", type=click.Path(path_type=Path), required=True, metavar="FILE",
    help="Choose rows for these specifications; only their examples are read, never their tests.",
)  # fmt: skip
@click.option("--train", required=True, metavar="FILE", help="Choose rows to add to this training data.")
@click.option("-k", type=int, default=500, show_default=True, metavar="N", help="Choose this many rows.")
@click.option(
    "--method", default="influence", show_default=True, metavar="NAME", help=f"Choose by this method. {METHODS}."
)
@click.option(
    "--heldout", metavar="FILE", help="Show the probe's score on this labelled data beside the feedback signal."
)
@data_options
@encoder_options
@seed_option
@output_option(
    "Write the chosen rows here: all columns of the pool, and specification, reason and value.", required=True
)
@json_option
def command(
    pool: str,
    spec: Path,
    train: str,
    k: int,
    method: str,
    heldout: str | None,
    data_options: DataOptions,
    encoder_options: EncoderOptions,
    seed: int,
    output: Path,
    as_json: bool,
) -> None:
    """Choose the rows of POOL that make a model trained on them meet its specifications.

    Before anything is trained it prints the feedback signal: how often a probe, refitted with the chosen rows, fails on the
    specifications' examples, beside the same for rows chosen at random. In benchmarks/guided_hate it ranks selections as their
    failure rates on the tests do (rank correlation 0.99).

    Example: curate select pool.csv --spec specs.yaml --train train.csv -k 500 -o chosen.csv
    """
    with session(output) as run:
        import numpy as np

        from curatekit.cache import Cache
        from curatekit.embed import embed
        from curatekit.encoders import load_encoder
        from curatekit.evaluate.classification import macro_f1
        from curatekit.select import check_k, choose, is_fitted
        from curatekit.select.prepare import (
            NOTHING,
            feedback,
            not_elsewhere,
            prepare,
            require_single_texts,
            require_unseen,
            say_badly_served,
        )
        from curatekit.specs import example_cases, read_specifications, specification_files
        from curatekit.writers import write_table

        registry.load("select", method)
        specifications = read_specifications(spec)
        trained = read(run, train, data_options)
        unused = read(run, pool, data_options)
        check_k(k, len(unused))
        example_cases(specifications, trained.classes)  # a label that is not there is found before the embedding
        measured = read(run, heldout, data_options) if heldout else None
        require_single_texts(trained, unused, *([measured] if measured else []))
        unused = not_elsewhere(unused, f"in {trained.name}", trained.texts)
        if measured is not None:
            measured = measured.with_classes(trained.classes)
            require_unseen(measured, trained)
            unused = not_elsewhere(unused, f"in {measured.name}", measured.texts)
        check_k(k, len(unused))
        for path in specification_files(spec):
            run.input(path)
        chosen_by = settings(encoder_options, seed=seed)
        encoder = load_encoder(chosen_by.encoder, chosen_by.precision, chosen_by.backend)
        cache = Cache(chosen_by.cache)
        prepared = prepare(trained, unused, specifications, encoder, cache, seed)
        material = prepared.material
        heldout_features = (
            prepared.features.transform(embed(measured.inputs, encoder, cache).layers, measured.texts)
            if measured
            else None
        )

        def signal(selections: list[Any]) -> dict[str, Any]:
            """Return the feedback signal, averaged over selections of one method."""
            found = [feedback(material, rows, prepared.probe) for rows in selections]
            signals: dict[str, Any] = {
                "failure_rate": float(np.mean([one.failure_rate for one in found])),
                "failure_rate_by_label": float(np.mean([one.by_label for one in found])),
                "per_specification": np.mean([one.per_specification for one in found], axis=0),
            }
            if measured is not None and heldout_features is not None:
                answers = [one.probe.logits(heldout_features).argmax(axis=1) for one in found]
                signals["accuracy"] = float(np.mean([np.mean(answer == measured.labels) for answer in answers]))
                f1 = [macro_f1(measured.labels, answer, len(trained.classes)) for answer in answers]
                signals["macro_f1"] = float(np.mean(f1))
            return signals

        selection = choose(method, material, k, seed)
        signals = {"none": signal([NOTHING]), method: signal([selection.rows])}
        for baseline in BASELINES:
            if baseline != method:
                seeds = range(seed, seed + BASELINE_SEEDS)
                signals[baseline] = signal([choose(baseline, material, k, one).rows for one in seeds])
        before, after = signals["none"]["per_specification"], signals[method]["per_specification"]
        say_badly_served(material.specifications, before, after)
        write_table(chosen_rows(unused, selection), output)
        run.output(output)

        counts = {name: int((selection.specification == name).sum()) for name in material.specifications}
        pool_labels = np.array(unused.label_names, object)[selection.rows]
        labels = {name: int((pool_labels == name).sum()) for name in trained.classes}
        per_specification = [
            {
                "id": one.id,
                "label": one.label,
                "rows": counts[one.id],
                "failure_rate_before": float(was),
                "failure_rate_after": float(now),
            }
            for one, was, now in zip(specifications, before, after, strict=True)
        ]
        shown = {
            name: {key: value for key, value in of.items() if key != "per_specification"}
            for name, of in signals.items()
        }
        payload = {
            "method": method,
            "k": k,
            "pool": len(unused),
            "C": material.C,
            "signal": shown,
            "signal_is_fitted": {name: name != "none" and is_fitted(name) for name in shown},
            "specifications": per_specification,
            "labels": labels,
        }
        run.metrics.update(payload)
        result(as_json, {**payload, "output": output}, lines(payload, train, output, data_options))


def chosen_rows(pool: Dataset, selection: Selection) -> pl.DataFrame:
    """Return the chosen rows with all columns of the pool, and specification, reason and value behind them."""
    import polars as pl

    frame = pool.frame[selection.rows]
    columns = [
        pl.Series("specification", selection.specification.tolist(), pl.String),
        pl.Series("reason", selection.reason.tolist(), pl.String),
        pl.Series("value", selection.value, pl.Float64).fill_nan(None),
    ]
    return frame.with_columns(
        column.alias(f"selection_{column.name}") if column.name in frame.columns else column for column in columns
    )


def lines(payload: dict[str, Any], train: str, output: Path, columns: DataOptions) -> list[str]:
    """Return the result as text."""
    measures = list(payload["signal"]["none"])
    header = ["rows added", *(name.replace("_", " ") for name in measures)]
    signals = [
        (f"{name} (mean of {BASELINE_SEEDS})" if name in BASELINES and name != payload["method"] else name,
         *(of[measure] for measure in measures))
        for name, of in payload["signal"].items()
    ]  # fmt: skip
    specifications = [tuple(one.values()) for one in payload["specifications"]]
    of_labels = ", ".join(f"{count:,} {name}" for name, count in payload["labels"].items())
    return [
        f"{payload['k']:,} of {payload['pool']:,} rows chosen by {payload['method']}: {of_labels}",
        "",
        "Before training: how often the refitted probe fails on the specifications' examples",
        *table(header, signals),
        *fitted_line(name for name, fitted in payload["signal_is_fitted"].items() if fitted),
        "",
        *table(["specification", "label", "rows", "fails before", "fails after"], specifications),
        "",
        f"Written: {output}",
        following("finetune", train, "--add", output, "-o", "model", columns=columns),
    ]


def fitted_line(methods: Iterable[str]) -> list[str]:
    """Return the line on how to read the signal of methods that chose by the examples themselves; none where none did."""
    names = ", ".join(dict.fromkeys(methods))
    if not names:
        return []
    return [
        f"The signal of {names} is measured on the very examples that these rows were chosen by, so it flatters: expect more "
        "failures on tests."
    ]
