"""Options that several commands share, each decorator giving the command one named tuple."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import click

from curatekit import registry

Command = Callable[..., Any]
FAMILIES = "; ".join(f"{name}: {entry.summary}" for name, entry in registry.TABLES["families"].items())
_FAMILY_HELP = (
    f"Predict with this family of models V. {FAMILIES}. MODEL is a folder or a hub name; "
    "without it, the default encoder."
)
_ENCODER_HELP = "Embed with this sentence-transformers model: a folder or a hub name."
_TUNING = ("epochs", "learning_rate", "batch_size", "max_length")


class DataOptions(NamedTuple):
    text: tuple[str, ...]
    label: str | None
    id: str | None
    on_bad_row: str
    normalise_labels: bool
    limit: int | None


class EncoderOptions(NamedTuple):
    encoder: str
    precision: str
    backend: str
    cache: Path | None


class PredictOptions(NamedTuple):
    family: str
    null: str
    folds: int
    group: str | None
    epochs: int | None
    learning_rate: float | None
    batch_size: int | None
    max_length: int | None

    def settings(self) -> dict[str, Any]:
        """Return them as the library's settings by name."""
        from curatekit.predict.tuning import Tuning

        given = self._asdict()
        tuning = {name: value for name in _TUNING if (value := given.pop(name)) is not None}
        return {**given, "tuning": Tuning(**tuning)}


def _bundle(
    name: str, kind: type[Any], options: Sequence[Callable[[Command], Command]]
) -> Callable[[Command], Command]:
    """Return a decorator that adds `options` and hands them to the command as one `kind` under `name`."""

    def decorate(command: Command) -> Command:
        @wraps(command)
        def wrapper(**given: Any) -> Any:
            given[name] = kind(**{key: given.pop(key) for key in kind._fields})
            return command(**given)

        return with_options(wrapper, options)

    return decorate


def with_options(command: Command, options: Iterable[Callable[[Command], Command]]) -> Command:
    """Return the command with the options, in their order."""
    for option in reversed([*options]):
        command = option(command)
    return command


def data_options(command: Command) -> Command:
    """Add --text, --label, --id, --on-bad-row, --normalise-labels and --limit, handed over as `data_options`."""
    options = [
        click.option(
            "--text", multiple=True, metavar="COLUMN", help="Read the text from this column; twice for pairs."
        ),
        click.option("--label", metavar="COLUMN", help="Read the label from this column."),
        click.option(
            "--id", metavar="COLUMN", help="Read the row's id from this column; '' makes ids from the content."
        ),
        click.option(
            "--on-bad-row",
            type=click.Choice(["fail", "skip"]),
            default="fail",
            show_default=True,
            help="Refuse a file with unusable rows, or set those rows aside into a file with the reason.",
        ),
        click.option(
            "--normalise-labels", is_flag=True, help="Merge labels that differ only by case or spaces around them."
        ),
        click.option(
            "--limit",
            type=click.IntRange(min=1),
            metavar="N",
            help="Use only the first N rows of each file: a small first run.",
        ),
    ]
    return _bundle("data_options", DataOptions, options)(command)


def encoder_options(command: Command) -> Command:
    """Add --encoder, --precision, --backend and --cache, handed over as `encoder_options`."""
    encoder = click.option(
        "--encoder", default=registry.DEFAULT_ENCODER, show_default=True, envvar="CURATE_ENCODER", show_envvar=True,
        help=_ENCODER_HELP,
    )  # fmt: skip
    return _bundle("encoder_options", EncoderOptions, [encoder, *_embedding()])(command)


def predict_options(command: Command) -> Command:
    """Add --family, --null, --folds, --group and how to fine-tune, handed over as `predict_options`."""
    family = click.option("--family", default="probe", show_default=True, metavar="NAME", help=_FAMILY_HELP)
    return _bundle("predict_options", PredictOptions, [family, *_fitting()])(command)


def several_models_options(command: Command) -> Command:
    """Add what `predict_options` and `encoder_options` add, with --family and --encoder any number of times.

    All that are given are handed over as `families` and `encoders`; the two bundles hold the first of each, or the default.
    """
    inner = _bundle("predict_options", PredictOptions, [])(_bundle("encoder_options", EncoderOptions, [])(command))

    @wraps(command)
    def wrapper(*, family: tuple[str, ...], encoder: tuple[str, ...], **given: Any) -> Any:
        first = {"family": (*family, "probe")[0], "encoder": (*encoder, registry.DEFAULT_ENCODER)[0]}
        return inner(families=family, encoders=encoder, **first, **given)

    options: list[Callable[[Command], Command]] = [
        click.option("--family", multiple=True, metavar="NAME", help=f"{_FAMILY_HELP} Several times to compare them."),
        *_fitting(),
        click.option("--encoder", multiple=True, envvar="CURATE_ENCODER", show_envvar=True,
                     help=f"{_ENCODER_HELP} Several times to compare them. [default: {registry.DEFAULT_ENCODER}]"),
        *_embedding(),
    ]  # fmt: skip
    return with_options(wrapper, options)


def _embedding() -> list[Callable[[Command], Command]]:
    return [
        click.option(
            "--precision",
            type=click.Choice(["auto", "float32", "bfloat16"]),
            default="auto",
            show_default=True,
            help="Compute in this precision; auto takes bfloat16 where the processor has it.",
        ),
        click.option(
            "--backend",
            type=click.Choice(["torch", "openvino"]),
            default="torch",
            show_default=True,
            help="Run the encoder with this engine.",
        ),
        click.option(
            "--cache",
            type=click.Path(path_type=Path, file_okay=False),
            envvar="CURATE_CACHE",
            show_envvar=True,
            help="Keep embeddings and predictions in this folder [default: the user's cache folder].",
        ),
    ]


def _fitting() -> list[Callable[[Command], Command]]:
    return [
        click.option("--null", type=click.Choice(["prior", "fit"]), default="prior", show_default=True,
                     help="Take the label prior as the null model, or fit the family on empty texts, as the paper does."),
        click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True,
                     help="Predict each row with a model trained on the other folds."),
        click.option("--group", metavar="COLUMN", help="Keep rows with the same value of this column in one fold."),
        click.option("--epochs", type=click.IntRange(min=1), metavar="N",
                     help="Fine-tune for this many passes over the rows [default: 3; partial: 1]."),
        click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), metavar="RATE",
                     help="Fine-tune with this peak rate [default: the family's]."),
        click.option("--batch-size", type=click.IntRange(min=1), metavar="N",
                     help="Fine-tune with this many rows a step [default: 16]."),
        click.option("--max-length", type=click.IntRange(min=2), metavar="TOKENS",
                     help="Fine-tune on this many tokens of a text [default: what the model takes, at most 256]."),
    ]  # fmt: skip


def seed_option(command: Command) -> Command:
    """Add --seed."""
    return click.option("--seed", type=int, default=0, show_default=True, help="Seed every random choice.")(command)


def output_option(help: str, *, required: bool = False) -> Callable[[Command], Command]:
    """Add -o/--output, handed over as `output`."""
    return click.option("-o", "--output", type=click.Path(path_type=Path), required=required, help=help)


def json_option(command: Command) -> Command:
    """Add --json, handed over as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")(command)


def whole_numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...]:
    """Return the whole numbers of a list with commas."""
    try:
        return tuple(int(part) for part in value.split(",")) if value else ()
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no list of whole numbers such as 200,500") from error
