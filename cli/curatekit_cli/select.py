"""curate select"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit import registry
from curatekit_cli._expected import expected_figure, expected_lines, expected_payload, rate_text
from curatekit_cli._options import (
    DataOptions,
    EncoderOptions,
    data_options,
    encoder_options,
    json_option,
    output_option,
    seed_option,
    whole_numbers,
)
from curatekit_cli._print import following, result, table
from curatekit_cli._pruned import DRAWS, Pruning, prune
from curatekit_cli._session import read, session, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from curatekit.arrays import Floats, Ints
    from curatekit.dataset import Dataset
    from curatekit.select import Selection

BASELINES = ("random", "random-matched")
DEFAULT_METHOD, DEFAULT_K = "influence", 500
SCORES = ", ".join(registry.names("scores"))
TRUST = {
    "all": "chosen from like others, and counted",
    "weight": "each row stays in the pool with its probability to be right",
    "drop": "left out",
}
METHODS = "; ".join(f"{name}: {entry.summary}" for name, entry in registry.TABLES["select"].items())


trust_option = click.option(
    "--trust", type=click.Choice(list(TRUST)), default="all", show_default=True,
    help="Rows of the pool that are suspected of a wrong label, by a probe cross-fitted on it, are: "
    + "; ".join(f"{name}: {words}" for name, words in TRUST.items()) + ".",
)  # fmt: skip


@click.command("select")
@click.argument("pool")
@click.option(
    "--spec", type=click.Path(path_type=Path), metavar="FILE",
    help="Choose rows for these specifications; only their examples are read, never their tests.",
)  # fmt: skip
@click.option("--train", metavar="FILE", help="Choose rows to add to this training data.")
@click.option("-k", type=int, default=DEFAULT_K, show_default=True, metavar="N", help="Choose this many rows.")
@click.option(
    "--method", default=DEFAULT_METHOD, show_default=True, metavar="NAME", help=f"Choose by this method. {METHODS}."
)
@click.option("--heldout", metavar="FILE", help="Show the probe's score on this labelled data too.")
@click.option(
    "--curve", callback=whole_numbers, metavar="N,N",
    help="Tell the failure rate to expect with these numbers of rows too, and where more of them stop helping.",
)  # fmt: skip
@click.option(
    "--target", type=click.FloatRange(0, 1), metavar="RATE",
    help="With --curve, tell how many rows it takes to expect this failure rate.",
)  # fmt: skip
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE", help="With --curve, draw it here: .svg or .html."
)
@trust_option
@click.option(
    "--keep", metavar="SHARE",
    help="Prune instead: keep this share (0.5, 50%) or number of the rows of POOL, a training set; the most doubtful are dropped.",
)  # fmt: skip
@click.option(
    "--score",
    default="combined",
    show_default=True,
    metavar="NAME",
    help=f"With --keep, prune by this score. One of {SCORES}.",
)
@click.option(
    "--within-class/--overall", default=True, show_default=True,
    help="With --keep, each class keeps its share, or rows are dropped wherever they score lowest.",
)  # fmt: skip
@click.option(
    "--family", default="probe", show_default=True, metavar="NAME", help="With --keep, score by this family of models."
)
@click.option(
    "--dropped", type=click.Path(path_type=Path), metavar="FILE",
    help="With --keep, write the dropped rows here [default: beside the output, as NAME.dropped.csv].",
)  # fmt: skip
@click.option(
    "--random", type=click.Path(path_type=Path), metavar="FILE",
    help="With --keep, write as many rows at random here, with the same class shares: the baseline.",
)  # fmt: skip
@data_options
@encoder_options
@seed_option
@output_option(
    "Write the chosen rows here: all columns of the pool, and specification, reason, value and p_wrong.", required=True
)
@json_option
def command(
    pool: str,
    spec: Path | None,
    train: str | None,
    k: int,
    method: str,
    heldout: str | None,
    curve: tuple[int, ...],
    target: float | None,
    plot: Path | None,
    trust: str,
    keep: str | None,
    score: str,
    within_class: bool,
    family: str,
    dropped: Path | None,
    random: Path | None,
    data_options: DataOptions,
    encoder_options: EncoderOptions,
    seed: int,
    output: Path,
    as_json: bool,
) -> None:
    """Choose the rows of POOL that make a model trained on them meet its specifications, or with --keep those worth keeping.

    Before anything is trained it prints the failure rate to expect: how often a probe, refitted with the chosen rows, fails on
    cases like the specifications' examples, beside the same for rows chosen at random. Rows that are chosen by examples are judged by others:
    one half guides, the other measures, and fillings of one template are not parted.

    With --keep, the rows that are kept carry their reason, and so do those that are dropped, in a file beside; with --heldout, the
    probe trained on the rows kept is measured against probes trained on as many at random.

    Example: curate select pool.csv --spec specs.yaml --train train.csv -k 500 -o chosen.csv

    Example: curate select train.csv --keep 0.8 --heldout heldout.csv -o kept.csv
    """
    with session(output, tables=(dropped, random), plot=plot) as run:
        check_mode(keep is not None, curve=bool(curve))
        if keep is not None:
            asked = Pruning(keep, score, within_class, family, heldout, dropped, random)
            prune(run, pool, spec, asked, data_options, encoder_options, seed, output, as_json)
            return
        assert spec is not None and train is not None  # noqa: PT018, as check_mode has seen to
        import numpy as np

        from curatekit.cache import Cache
        from curatekit.embed import embed
        from curatekit.encoders import load_encoder
        from curatekit.select import check_budgets, choose
        from curatekit.select.expected import expected_failures
        from curatekit.select.prepare import (
            NOTHING,
            Heldout,
            feedback,
            not_elsewhere,
            prepare,
            require_single_texts,
            require_unseen,
            say_badly_served,
        )
        from curatekit.select.trust import trusted
        from curatekit.specs import example_cases, read_specifications, specification_files
        from curatekit.writers import write_table

        registry.load("select", method)
        specifications = read_specifications(spec)
        trained = read(run, train, data_options)
        unused = read(run, pool, data_options)
        budgets = sorted({k, *curve})
        check_budgets(budgets, len(unused))
        example_cases(specifications, trained.classes)  # a label that is not there is found before the embedding
        measured = read(run, heldout, data_options) if heldout else None
        require_single_texts(trained, unused, *([measured] if measured else []))
        unused = not_elsewhere(unused, f"in {trained.name}", trained.texts)
        if measured is not None:
            measured = measured.with_classes(trained.classes)
            require_unseen(measured, trained)
            unused = not_elsewhere(unused, f"in {measured.name}", measured.texts)
        check_budgets(budgets, len(unused))
        for path in specification_files(spec):
            run.input(path)
        chosen_by = settings(encoder_options, seed=seed)
        encoder = load_encoder(chosen_by.encoder, chosen_by.precision, chosen_by.backend)
        cache = Cache(chosen_by.cache)
        prepared = prepare(trained, unused, specifications, encoder, cache, seed)
        left = trusted(prepared, unused, trust, seed)
        prepared, unused = left.prepared, left.pool
        check_budgets(budgets, len(unused))
        material = prepared.material
        held_out = None
        if measured is not None:
            layers = embed(measured.inputs, encoder, cache).layers
            held_out = Heldout(prepared.features.transform(layers, measured.texts), measured.labels)

        def with_rows(selections: Sequence[Ints]) -> dict[str, float]:
            signal = feedback(material, selections, prepared.probe, held_out)._asdict()
            return {name: value for name, value in signal.items() if value is not None}

        selection = choose(method, material, k, seed)
        probes = {"none": with_rows([NOTHING]), method: with_rows([selection.rows])}
        for baseline in BASELINES:
            if baseline != method:
                seeds = range(seed, seed + DRAWS)
                probes[baseline] = with_rows([choose(baseline, material, k, one).rows for one in seeds])
        told = expected_failures(material, method, [0, *budgets], seed, prepared.probe, {k: selection.rows})
        expected = {rate.k: rate for rate in told}
        for name, rate in (("none", expected[0]), (method, expected[k])):
            probes[name] |= {"failure_rate": rate.failure_rate.value, "failure_rate_by_label": rate.by_label.value}
        before, after = expected[0].per_specification, expected[k].per_specification
        say_badly_served(
            material.specifications, np.array([rate.value for rate in before]), np.array([rate.value for rate in after])
        )
        write_table(chosen_rows(unused, selection, left.p_wrong), output)
        run.output(output)

        counts = {name: int((selection.specification == name).sum()) for name in material.specifications}
        pool_labels = np.array(unused.label_names, object)[selection.rows]
        labels = {name: int((pool_labels == name).sum()) for name in trained.classes}
        per_specification = [
            {
                "id": one.id,
                "label": one.label,
                "weak": one.weak,
                "rows": counts[one.id],
                "failure_rate_before": None if one.weak else was.value,
                "failure_rate_after": None if one.weak else now._asdict(),
            }
            for one, was, now in zip(specifications, before, after, strict=True)
        ]
        payload: dict[str, Any] = {
            "method": method,
            "k": k,
            "pool": len(unused),
            "trust": trust,
            "left_out": left.left_out,
            "suspected": {"pool": left.suspected(np.arange(len(unused))), "chosen": left.suspected(selection.rows)},
            "C": material.C,
            "expected": probes,
            "expected_by_budget": expected_payload(told, material.specifications, target),
            "specifications": per_specification,
            "labels": labels,
        }
        run.metrics.update(payload)
        figure = expected_figure(payload["expected_by_budget"], method) if plot is not None else None
        if figure is None:
            plot = None
        elif plot is not None:
            figure.save(plot)
            run.output(plot)
        curve_lines = [*expected_lines(payload["expected_by_budget"], method), ""] if curve else []
        result(
            as_json,
            {**payload, "output": output, "plot": plot},
            lines(payload, curve_lines, train, output, plot, data_options),
        )


def check_mode(pruning: bool, curve: bool) -> None:
    """Raise InputError for an option that the other half of the command reads, or only --curve, and for one that is missing."""
    from curatekit.errors import InputError

    context = click.get_current_context()
    default = click.core.ParameterSource.DEFAULT
    given = {name for name in context.params if context.get_parameter_source(name) is not default}
    choosing, keeping = (
        ("train", "k", "method", "trust", "curve", "target", "plot"),
        ("score", "within_class", "family", "dropped", "random"),
    )
    names = {of.name: max(of.opts, key=len) for of in context.command.params}
    if wrong := [names[name] for name in (choosing if pruning else keeping) if name in given]:
        raise InputError(
            f"{', '.join(wrong)} {'does' if len(wrong) == 1 else 'do'} nothing {'with' if pruning else 'without'} --keep. Leave "
            f"{'it' if len(wrong) == 1 else 'them'} out."
        )
    if not curve and (idle := [names[name] for name in ("target", "plot") if name in given]):
        raise InputError(
            f"{' and '.join(idle)} {'does' if len(idle) == 1 else 'do'} nothing without --curve. Give --curve N,N, the numbers of rows "
            "to look at."
        )
    if not pruning and (missing := [names[name] for name in ("spec", "train") if name not in given]):
        raise InputError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing. Give --spec FILE and --train FILE to choose "
            "rows of a pool, or --keep SHARE to prune a training set."
        )


def chosen_rows(pool: Dataset, selection: Selection, p_wrong: Floats) -> pl.DataFrame:
    """Return the chosen rows with all columns of the pool, and specification, reason, value and p_wrong behind them."""
    import polars as pl

    frame = pool.frame[selection.rows]
    columns = [
        pl.Series("specification", selection.specification.tolist(), pl.String),
        pl.Series("reason", selection.reason.tolist(), pl.String),
        pl.Series("value", selection.value, pl.Float64).fill_nan(None),
        pl.Series("p_wrong", p_wrong[selection.rows], pl.Float64).round(4),
    ]
    return frame.with_columns(
        column.alias(f"selection_{column.name}") if column.name in frame.columns else column for column in columns
    )


def lines(
    payload: dict[str, Any], curve: list[str], train: str, output: Path, plot: Path | None, columns: DataOptions
) -> list[str]:
    """Return the result as text, with the lines of the curve where one was asked for."""
    measures = list(payload["expected"]["none"])
    header = ["rows added", *(name.replace("_", " ") for name in measures)]
    probes = [
        (f"{name} (mean of {DRAWS})" if name in BASELINES and name != payload["method"] else name,
         *(None if math.isnan(of[measure]) else of[measure] for measure in measures))
        for name, of in payload["expected"].items()
    ]  # fmt: skip
    specifications = [
        tuple(
            {
                **one,
                "weak": "weak" if one["weak"] else "",
                "failure_rate_after": one["failure_rate_after"] and rate_text(one["failure_rate_after"]),
            }.values()
        )
        for one in payload["specifications"]
    ]
    of_labels = ", ".join(f"{count:,} {name}" for name, count in payload["labels"].items())
    return [
        f"{payload['k']:,} of {payload['pool']:,} rows chosen by {payload['method']}: {of_labels}",
        f"{payload['suspected']['chosen']:,} of these are suspected of a wrong label, {payload['suspected']['pool']:,} of the pool"
        f"{', from which ' + format(payload['left_out'], ',') + ' rows were left out' if payload['left_out'] else ''} (p_wrong)",
        "",
        "Before training: how often a probe is expected to fail on cases like the specifications' examples",
        *table(header, probes),
        "",
        *table(["specification", "label", "", "rows", "fails before", "fails after [95 %]"], specifications),
        "",
        *curve,
        *(f"Written: {path}" for path in (output, plot) if path is not None),
        following("finetune", train, "--add", output, "-o", "model", columns=columns),
    ]
