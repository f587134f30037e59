"""What curate select --keep does: prune a training set by a score, and show whether that helped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curatekit_cli._options import DataOptions, EncoderOptions
from curatekit_cli._print import following, interval, result, table
from curatekit_cli._session import read, settings

if TYPE_CHECKING:
    import polars as pl

    from curatekit.arrays import Bools
    from curatekit.dataset import Dataset
    from curatekit.run import Run
    from curatekit.select.prune import Effect, Pruned

DRAWS = 5


@dataclass(frozen=True)
class Pruning:
    """The options of curate select --keep."""

    keep: str
    score: str
    within_class: bool
    family: str
    heldout: str | None
    dropped: Path | None
    random: Path | None


def prune(
    run: Run,
    data: str,
    spec: Path | None,
    asked: Pruning,
    data_options: DataOptions,
    encoder_options: EncoderOptions,
    seed: int,
    output: Path,
    as_json: bool,
) -> None:
    """Write the rows of `data` to keep, those to drop beside them, and print what was kept and how the probe does on it."""
    from curatekit import registry
    from curatekit.artifacts import Artifacts
    from curatekit.select.prepare import require_unseen
    from curatekit.select.prune import count_to_keep, effect, pruned, random_like
    from curatekit.specs import read_specifications, specification_files
    from curatekit.writers import write_table

    method = registry.load("scores", asked.score)
    dataset = read(run, data, data_options).require_classes().require_rows_per_class()
    k = count_to_keep(asked.keep, len(dataset))
    specifications = read_specifications(spec) if spec else ()
    for path in specification_files(spec) if spec else ():
        run.input(path)
    heldout = None
    if asked.heldout:
        heldout = read(run, asked.heldout, data_options).with_classes(dataset.classes)
        require_unseen(heldout, dataset)
    how = settings(encoder_options, seed=seed, family=asked.family)
    artifacts = Artifacts(dataset, how, specifications=specifications)
    scores = artifacts.call(method)
    chosen = pruned(scores, dataset.labels, k, score=asked.score, within_class=asked.within_class)
    frame = with_reasons(dataset, chosen, scores)
    dropped = asked.dropped or output.with_name(f"{output.name.removesuffix(output.suffix)}.dropped{output.suffix}")
    written = {output: frame.filter(chosen.kept), dropped: frame.filter(~chosen.kept)}
    if asked.random:
        written[asked.random] = dataset.frame.filter(random_like(chosen.kept, dataset.labels, seed))
    for path, rows in written.items():
        write_table(rows, path)
        run.output(path)
    measured = None
    if heldout is not None:
        others = Artifacts(heldout, how)
        features = _features(artifacts, others)
        measured = effect(
            features[0], dataset.labels, chosen.kept, features[1], heldout.labels, len(dataset.classes), draws=DRAWS, seed=seed,
        )  # fmt: skip
    payload = {
        "score": asked.score,
        "rows": len(dataset),
        "kept": k,
        "within_class": asked.within_class,
        "classes": class_shares(dataset, chosen.kept),
        "heldout": described(measured) if measured else None,
    }
    run.metrics.update(payload)
    result(
        as_json,
        {**payload, "output": output, "dropped": dropped, "random": asked.random},
        lines(payload, measured, list(written), data_options),
    )


def _features(artifacts: Any, heldout: Any) -> tuple[Any, Any]:
    """Return the probe's features of both, the map to them fitted on the training rows alone."""
    from curatekit.predict.probe_family import ProbeFamily

    made: tuple[Any, Any] = ProbeFamily().prepare(artifacts.material, heldout.material)  # type: ignore[assignment]
    return made


def with_reasons(dataset: Dataset, chosen: Pruned, scores: Any) -> pl.DataFrame:
    """Return all rows with all columns, and reason and value behind them."""
    import polars as pl

    columns = [pl.Series("reason", chosen.reason.tolist(), pl.String), pl.Series("value", scores, pl.Float64)]
    frame = dataset.frame
    return frame.with_columns(
        column.alias(f"selection_{column.name}") if column.name in frame.columns else column for column in columns
    )


def class_shares(dataset: Dataset, kept: Bools) -> list[dict[str, Any]]:
    """Return for each class its rows and share before and after."""
    import numpy as np

    before, after = (np.bincount(rows, minlength=len(dataset.classes)) for rows in (dataset.labels, dataset.labels[kept]))  # fmt: skip
    return [
        {"label": name, "rows_before": int(b), "rows_after": int(a), "share_before": float(b / before.sum()), "share_after": float(a / after.sum())}
        for name, b, a in zip(dataset.classes, before, after, strict=True)
    ]  # fmt: skip


def described(measured: Effect) -> dict[str, Any]:
    """Return accuracy and macro-F1 with their intervals, and of the random draws each."""
    return {
        "all rows": {"accuracy": measured.everything.accuracy._asdict(), "macro_f1": measured.everything.macro_f1._asdict()},
        "kept": {"accuracy": measured.kept.accuracy._asdict(), "macro_f1": measured.kept.macro_f1._asdict()},
        "random": [{"accuracy": one.accuracy.value, "macro_f1": one.macro_f1.value} for one in measured.random],
    }  # fmt: skip


def lines(payload: dict[str, Any], measured: Effect | None, written: list[Path], columns: DataOptions) -> list[str]:
    """Return the result as text."""
    how = "within each class" if payload["within_class"] else "over all classes"
    text = [
        f"{payload['kept']:,} of {payload['rows']:,} rows kept by {payload['score']}, {how}; {payload['rows'] - payload['kept']:,} dropped",
        "",
        *table(
            ["class", "rows before", "rows after", "share before", "share after"],
            [tuple(one.values()) for one in payload["classes"]],
        ),
        "",
    ]
    if measured is not None:
        text += [*_effect_lines(measured), ""]
    return [
        *text,
        f"Written: {', '.join(map(str, written))}",
        following("finetune", written[0], "-o", "model", columns=columns),
    ]


def _effect_lines(measured: Effect) -> list[str]:
    rows: list[tuple[str, str, str]] = [
        (name, interval(one.accuracy), interval(one.macro_f1))
        for name, one in (("all rows", measured.everything), ("kept", measured.kept))
    ]
    spread = {}
    for measure in ("accuracy", "macro_f1"):
        values = [getattr(one, measure).value for one in measured.random]
        spread[measure] = f"{sum(values) / len(values):.3f} ({min(values):.3f} to {max(values):.3f})"
    rows.append((f"at random, {len(measured.random)} draws", spread["accuracy"], spread["macro_f1"]))
    best = max(one.macro_f1.value for one in measured.random)
    worst = min(one.macro_f1.value for one in measured.random)
    ours = measured.kept.macro_f1.value
    verdict = (
        "Better than every draw at random." if ours > best else
        "Worse than every draw at random: this score drops rows that the model needs." if ours < worst else
        "No better than rows at random: among its draws."
    )  # fmt: skip
    return [
        "The probe on the held-out rows, trained on (with 95 % intervals; the draws have the class shares of the rows kept)",
        *table(["rows", "accuracy", "macro-F1"], rows),
        f"By macro-F1: {verdict}",
    ]
