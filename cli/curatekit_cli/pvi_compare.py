"""curate pvi compare"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from curatekit import registry
from curatekit_cli._compare_picture import picture_of_datasets, picture_of_models
from curatekit_cli._compared import (
    Measured,
    datasets_compared,
    furthest_lines,
    lines_of,
    measure,
    models_compared,
    rows_of_datasets,
    rows_of_models,
)
from curatekit_cli._options import (
    DataOptions,
    EncoderOptions,
    PredictOptions,
    data_options,
    json_option,
    output_option,
    seed_option,
    several_models_options,
)
from curatekit_cli._print import following, result
from curatekit_cli._session import read, session, settings

if TYPE_CHECKING:
    from curatekit.arrays import Ints
    from curatekit.artifacts import Settings
    from curatekit.dataset import Dataset
    from curatekit.run import Run


class Model(NamedTuple):
    """What predicts: a family of the settings, or a file of probabilities."""

    name: str
    settings: Settings
    file: Path | None = None


@click.command("compare")
@click.argument("data", nargs=-1, required=True)
@data_options
@click.option("--eval", "eval_file", metavar="FILE", help="Train on all of DATA and measure the rows of this file.")
@click.option(
    "--pred-probs",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Compare the probabilities in this file too (of curate predict, or any with id, fold and a column for "
    "each label), as often as wanted.",
)
@click.option("--in-sample", is_flag=True, help="Accept probabilities without folds, though PVI is then inflated.")
@click.option("--different-labels", is_flag=True, help="Compare several DATA although their labels are not the same.")
@several_models_options
@seed_option
@click.option(
    "--top",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    metavar="N",
    help="Show this many rows on which the models differ most.",
)
@output_option("Write one line for each row here: its PVI by each model, or in each DATA.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw it: .svg, or .html for all of it.")
@json_option
def command(
    data: tuple[str, ...],
    data_options: DataOptions,
    eval_file: str | None,
    pred_probs: tuple[Path, ...],
    in_sample: bool,
    different_labels: bool,
    families: tuple[str, ...],
    encoders: tuple[str, ...],
    predict_options: PredictOptions,
    encoder_options: EncoderOptions,
    seed: int,
    top: int,
    output: Path | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Compare models on the rows of DATA, or several DATA for one model: which has more bits, with paired intervals.

    Models are families, encoders and stored probabilities, on the same folds. Several DATA are measured each by itself, and
    paired where they hold the same rows: equal texts, or with --id equal ids. With --eval they are training files, and
    the models of each are compared on the rows of that file.

    Example: curate pvi compare reviews.csv --text review --label sentiment --family probe --family knn
    """  # fmt: skip
    with session(output, plot=plot) as run:
        from curatekit.writers import write_table

        models = _models(families, encoders, pred_probs, settings(encoder_options, predict_options, seed=seed), data)
        datasets = _read(run, data, data_options, different_labels)
        named = dict(zip(_short(data), datasets, strict=True))
        measured = list(_measure(run, named, models, data_options, eval_file, in_sample))
        same_rows = len(data) == 1 or eval_file is not None
        compared = models_compared(measured) if same_rows else datasets_compared(measured, data_options.id is not None)
        rows = rows_of_models(measured) if same_rows else rows_of_datasets(measured)
        furthest = rows.sort("apart", descending=True, maintain_order=True).head(top) if same_rows else rows.head(0)
        if output is not None:
            write_table(rows, output)
            run.output(output)
        if plot is not None:
            picture = picture_of_models if same_rows else picture_of_datasets
            picture(plot, measured, [pair["verdict"] for pair in compared["pairs"]]).save(plot)
            run.output(plot)
        run.metrics.update(compared)
        best = max(range(len(measured)), key=lambda i: measured[i].found.v_information.value)
        lines = [
            *lines_of(measured, compared, same_rows),
            *(furthest_lines(furthest, measured) if len(furthest) else []),
            "",
            _next(data, data_options, eval_file, models, best),
        ]
        result(as_json, {**compared, "furthest": furthest.to_dicts(), "output": output, "plot": plot}, lines)


def _models(
    families: Sequence[str], encoders: Sequence[str], files: Sequence[Path], how: Settings, data: Sequence[str]
) -> list[Model]:
    """Return the models in the order given, files last; raises InputError unless there are as many as can be compared."""
    from curatekit.errors import InputError
    from curatekit.predict.family import load_family

    if not files or len(encoders) > 1:
        families = families or ["probe"]
    models: list[Model] = []
    for name in families:
        family = load_family(name, how.tuning)
        for encoder in encoders or [how.encoder]:
            title = f"{family.name} on {encoder}" if family.embeds and len(encoders) > 1 else family.name
            models.append(Model(title, replace(how, family=name, encoder=encoder)))
            if not family.embeds:
                break
    models += [Model(name, how, file) for name, file in zip(_short(files), files, strict=True)]
    names = [model.name for model in models]
    same = [model.file.resolve() if model.file else model.name for model in models]
    if twice := [name for i, name in enumerate(names) if same[i] in same[:i]]:
        raise InputError(f"The model {twice[0]} is named twice. Compare it with another one.")
    if len(data) == 1 and len(models) < 2:
        raise InputError(
            f"There is one model to compare, {names[0]}. Name another with --family, --encoder or --pred-probs, or give "
            "several DATA."
        )
    if len(data) > 1 and (len(models) > 1 or files):
        raise InputError(
            f"Several DATA are compared for one family, and there are the models {', '.join(names)}. "
            "Give one DATA, or one --family and no --pred-probs."
        )
    return models


def _short(files: Sequence[Path | str]) -> list[str]:
    """Return the files' names without their folders, if that tells them apart."""
    names = [Path(file).name for file in files]
    return names if len(set(names)) == len(files) else [str(file) for file in files]


def _read(run: Run, data: Sequence[str], options: DataOptions, different_labels: bool) -> list[Dataset]:
    """Return the datasets; raises InputError where one is given twice, or their labels are not the same."""
    from curatekit.dataset import quoted
    from curatekit.errors import InputError

    datasets = [read(run, one, options).require_classes() for one in data]
    for i, other in enumerate(datasets):
        for one, first in zip(data, datasets[:i], strict=False):
            if other.sha256 == first.sha256:
                raise InputError(f"{one} and {data[i]} are the same dataset. Compare it with another one.")
    first = datasets[0]
    for name, other in zip(data[1:], datasets[1:], strict=True):
        apart = [
            f"only {where} has {', '.join(quoted(label) for label in only[:10])}{' …' if len(only) > 10 else ''}"
            for where, only in (
                (data[0], [label for label in first.classes if label not in other.classes]),
                (name, [label for label in other.classes if label not in first.classes]),
            )
            if only
        ]
        if apart and not different_labels:
            raise InputError(
                f"{data[0]} and {name} have different labels: {'; '.join(apart)}. "
                "Make them the same, or compare them as they are with --different-labels."
            )
    return datasets


def _measure(
    run: Run,
    datasets: Mapping[str, Dataset],
    models: Sequence[Model],
    options: DataOptions,
    eval_file: str | None,
    in_sample: bool,
) -> Iterator[Measured]:
    """Yield what each model says of each dataset, or of the evaluation file by training on it."""
    from curatekit.artifacts import Artifacts
    from curatekit.predict.external import read_predictions
    from curatekit.reporting import note

    first: Measured | None = None
    for title, dataset in datasets.items():
        evaluated = None if eval_file is None else read(run, eval_file, options, classes=dataset.classes)
        for model in models:
            scored = Artifacts(evaluated or dataset, model.settings)
            if model.file is not None:
                predictions = read_predictions(model.file, scored.dataset, in_sample=in_sample)
                run.input(model.file)
                scored = scored.with_predictions(predictions)
            elif evaluated is not None:
                trained = Artifacts(dataset, model.settings)
                scored = scored.with_predictions(trained.predict(scored, in_sample=in_sample))
            else:
                dataset.require_rows_per_class()
            found = measure(model.name if len(datasets) == 1 else title, scored)
            if model.file is not None and first is not None and not _same_parts(found.folds, first.folds):
                note(f"The folds in {model.file} are not those of {first.name}: other rows trained its models.")
            first = first or found
            yield found


def _same_parts(one: Ints, other: Ints) -> bool:
    import numpy as np

    both = len(np.unique(np.stack([one, other]), axis=1).T)
    return both == len(np.unique(one)) == len(np.unique(other))


def _next(data: Sequence[str], options: DataOptions, eval_file: str | None, models: Sequence[Model], best: int) -> str:
    if len(data) > 1:
        return following("pvi", "curve", data[best], columns=options, why="whether more rows would bring more")
    model = models[best]
    words = ["pvi", data[0]]
    if model.file is not None:
        words = ["pvi", eval_file or data[0], "--pred-probs", str(model.file)]
    else:
        words += ["--eval", eval_file] if eval_file is not None else []
        words += ["--family", model.settings.family]
        words += ["--encoder", model.settings.encoder] if model.settings.encoder != registry.DEFAULT_ENCODER else []
    return following(*words, "-o", "pvi.csv", columns=options, why="the most bits, row by row")
