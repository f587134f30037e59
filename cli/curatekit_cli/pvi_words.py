"""curate pvi words"""

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
from curatekit_cli._print import following, result, shown, table
from curatekit_cli._session import read, session

if TYPE_CHECKING:
    import polars as pl

    from curatekit.cache import Cache
    from curatekit.dataset import Dataset
    from curatekit.information.association import Associations
    from curatekit.information.words import WordCounts

FALSE_SHARE = 0.05
MOST_LINES = 60


@click.command("words")
@click.argument("data")
@data_options
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="Show this many pairs of labels, and words of each label.",
)
@click.option("--case-sensitive", is_flag=True, help="Tell words apart that differ by upper and lower case.")
@click.option(
    "--word-list",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Measure the pinned bias of these words or phrases, one a line.",
)
@click.option("--positive", metavar="LABEL", help="The label that the words of --word-list may be tied to.")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="Measure pinned bias of this model too, which is given each word of --word-list alone.",
)
@click.option("--embeddings", is_flag=True, help="Measure how evenly the embeddings fill their space, by layer.")
@encoder_options
@seed_option
@output_option("Write one line for each word and label that occur together here.")
@json_option
def command(
    data: str,
    data_options: DataOptions,
    top: int,
    case_sensitive: bool,
    word_list: Path | None,
    positive: str | None,
    model: Path | None,
    embeddings: bool,
    encoder_options: EncoderOptions,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Measure, without training, what single words of DATA tell of its labels.

    How far the words of every two labels lie apart (Jensen–Shannon divergence beside what shuffled labels give), which words
    tell a label, the pinned bias of a word list, and the anisotropy of the embeddings.

    Example: curate pvi words reviews.csv --text review --label sentiment -o words.csv
    """  # fmt: skip
    with session(output) as run:
        from curatekit.cache import Cache
        from curatekit.errors import InputError
        from curatekit.information.association import associations
        from curatekit.information.pinned_bias import read_word_list
        from curatekit.information.words import count_words
        from curatekit.train.model import kind_of_model
        from curatekit.writers import write_table

        if (word_list is None) != (positive is None):
            raise InputError("Pinned bias needs both --word-list FILE and --positive LABEL. Give the other one too.")
        if model is not None and word_list is None:
            raise InputError("--model is asked about the words of --word-list. Give a list, and --positive.")
        phrases = read_word_list(word_list, fold_case=not case_sensitive) if word_list is not None else ()
        if model is not None:
            kind_of_model(model)  # a wrong folder is told before any data is read
        dataset = read(run, data, data_options).require_classes()
        if positive is not None:
            _code(positive, dataset.classes, dataset.name)
        counted = count_words(dataset.inputs, fold_case=not case_sensitive)
        found = associations(counted.counts, dataset.labels, len(dataset.classes))
        rows = _rows(found, counted, dataset)
        telling = rows.filter(rows["q_value"] <= FALSE_SHARE)
        payload: dict[str, Any] = {
            "rows": len(dataset),
            "labels": len(dataset.classes),
            "words": len(counted.words),
            "rows_without_words": int((counted.counts.sum(axis=1) == 0).sum()),
            "pairs": _pairs(counted, dataset, top, seed),
            "telling": {
                "false_share": FALSE_SHARE,
                "tested_words": len(set(found.word.tolist())),
                "words": telling.select("column", "word").n_unique(),
                "associations": len(telling),
                "per_label": telling.group_by("label", maintain_order=True).head(top).to_dicts(),
            },
            "anisotropy": _anisotropy(dataset, encoder_options) if embeddings else None,
        }
        bias = None
        if word_list is not None and positive is not None:
            run.input(str(word_list))
            if model is not None:
                run.input(model)
            cache = Cache(encoder_options.cache)
            bias = _pinned_bias(phrases, dataset, positive, model, cache, fold_case=not case_sensitive)
        payload["pinned_bias"] = bias
        if output is not None:
            write_table(rows, output)
            run.output(output)
        run.metrics.update(payload)
        lines = [
            f"{len(dataset):,} rows, {len(dataset.classes):,} labels, {len(counted.words):,} different words"
            f" ({counted.counts.sum() / len(dataset):.1f} words a row).",
            "",
            *_pairs_lines(payload["pairs"]),
            "",
            *_telling_lines(telling, payload["telling"], dataset, top),
            *(_anisotropy_lines(payload["anisotropy"]) if embeddings else []),
            *(_bias_lines(bias, top) if bias else []),
            "",
            following("pvi", data, columns=data_options, why="what a model can use of whole texts"),
        ]
        result(as_json, {**payload, "output": output}, lines)


def _code(name: str, classes: tuple[str, ...], where: str) -> int:
    """Return which of the classes `name` is; raises InputError with the nearest one."""
    from curatekit.dataset import quoted
    from curatekit.errors import InputError, nearest_name

    if name not in classes:
        known = ", ".join(quoted(one) for one in classes[:10]) + (" …" if len(classes) > 10 else "")
        raise InputError(
            f"--positive {quoted(name)} is no label of {where}.{nearest_name(name, classes)} Its labels are {known}."
        )
    return classes.index(name)


def _rows(found: Associations, counted: WordCounts, dataset: Dataset) -> pl.DataFrame:
    """Return one line for each word and label that occur together, label by label, the closest tied first."""
    import numpy as np
    import polars as pl

    columns = np.array(dataset.columns.text, object)[counted.columns[found.word]]
    measures = {name: value for name, value in found._asdict().items() if name not in ("word", "label")}
    return pl.DataFrame(
        {
            "label": pl.Series(np.array(dataset.classes, object)[found.label].tolist(), dtype=pl.String),
            "word": pl.Series(np.array(counted.words, object)[found.word].tolist(), dtype=pl.String),
            "column": pl.Series(columns.tolist(), dtype=pl.String),
            **measures,
        }
    ).sort("label", "log_odds_z", "word", descending=[False, True, False], maintain_order=True)


def _pairs(counted: WordCounts, dataset: Dataset, top: int, seed: int) -> dict[str, Any]:
    """Return the pairs of labels whose words lie furthest apart and closest together, and what chance gives them."""
    import numpy as np

    from curatekit.information.unigrams import shuffled_divergence, unigram_divergence

    divergence = unigram_divergence(counted.counts, dataset.labels, len(dataset.classes))
    every = np.transpose(np.triu_indices(len(dataset.classes), 1))
    every = every[np.argsort(-divergence[tuple(every.T)], kind="stable")]
    few = len(every) <= 2 * top
    chosen = every if few else np.concatenate([every[:top], every[-top:]])
    chance = shuffled_divergence(counted.counts, dataset.labels, chosen, seed=seed)
    listed = [
        {
            "first": dataset.classes[a],
            "second": dataset.classes[b],
            "divergence": float(divergence[a, b]),
            "chance": float(mean),
            "p_value": float(p),
        }
        for (a, b), mean, p in zip(chosen.tolist(), *chance, strict=True)
    ]
    return {
        "pairs": len(every),
        "mean": float(divergence[tuple(every.T)].mean()),
        "furthest": listed if few else listed[:top],
        "closest": [] if few else listed[:-top - 1:-1],
    }  # fmt: skip


def _anisotropy(dataset: Dataset, options: EncoderOptions) -> list[dict[str, Any]]:
    """Return, for each column of texts, the anisotropy of its embeddings and of each hidden layer's pooled states."""
    from curatekit.cache import Cache
    from curatekit.embed import embed
    from curatekit.encoders import load_encoder
    from curatekit.information.anisotropy import anisotropy, anisotropy_by_layer

    encoder = load_encoder(options.encoder, options.precision, options.backend)
    measured = []
    for column, texts in zip(dataset.columns.text, dataset.inputs, strict=True):
        features = embed((texts,), encoder, Cache(options.cache))
        layers = anisotropy_by_layer(features.layers, encoder.hidden_size)
        measured += [
            {"column": column, "of": name, **of._asdict()}
            for name, of in [
                ("embedding", anisotropy(features.embeddings)),
                *((f"layer {number}", layer) for number, layer in enumerate(layers)),
            ]
        ]
    return measured


def _pinned_bias(
    phrases: tuple[str, ...], dataset: Dataset, positive: str, model: Path | None, cache: Cache, *, fold_case: bool
) -> dict[str, Any]:
    """Return the pinned bias of the data, that of the model where there is one, and all words, the most biased first."""
    from curatekit.errors import InputError
    from curatekit.information.pinned_bias import pinned_bias, positive_probs, positive_share
    from curatekit.information.words import rows_with
    from curatekit.train.model import load_model

    code = _code(positive, dataset.classes, dataset.name)
    of_data = positive_share(rows_with(phrases, dataset.inputs, fold_case=fold_case), dataset.labels, code)
    data = pinned_bias(of_data.positive)
    words: dict[str, Any] = {
        "word": phrases,
        "rows": of_data.rows,
        "positive_rows": of_data.positive_rows,
        "positive": of_data.positive,
        "deviation": data.deviations,
    }
    found: dict[str, Any] = {
        "label": positive,
        "words": len(phrases),
        "words_in_rows": int((of_data.rows > 0).sum()),
        "prior": float((dataset.labels == code).mean()),
        "data": data.bias,
        "model": None,
    }
    if model is not None:
        trained = load_model(model, cache)
        if trained.text_columns == 2:
            raise InputError(
                f"{model} reads pairs of texts, and a word alone is no pair. Give a model of single texts."
            )
        probs = positive_probs(
            phrases, lambda texts: trained.pred_probs((texts,)), _code(positive, trained.classes, str(model))
        )
        of_model = pinned_bias(probs)
        found["model"] = of_model.bias
        words |= {"model_positive": probs, "model_deviation": of_model.deviations}
    order = (-words.get("model_positive", of_data.positive)).argsort(kind="stable")
    return {**found, "per_word": [{name: values[row] for name, values in words.items()} for row in order]}


def _pairs_lines(pairs: dict[str, Any]) -> list[str]:
    def rows(listed: list[dict[str, Any]]) -> list[str]:
        return table(["label", "label", "divergence", "chance", "p"], [tuple(pair.values()) for pair in listed])

    furthest = (
        "furthest apart first:"
        if not pairs["closest"]
        else f"the {len(pairs['furthest'])} of {pairs['pairs']:,} pairs that lie furthest apart (mean of all: {pairs['mean']:.3f}):"
    )
    return [
        f"Jensen–Shannon divergence of the words of two labels, bits; {furthest}",
        *rows(pairs["furthest"]),
        *(["closest together:", *rows(pairs["closest"])] if pairs["closest"] else []),
        "chance: the mean when these two labels are shuffled, and p how often that gives as much; it depends on the labels' sizes.",
    ]  # fmt: skip


def _telling_lines(telling: pl.DataFrame, found: dict[str, Any], dataset: Dataset, top: int) -> list[str]:
    head = (
        f"{found['words']:,} of the {found['tested_words']:,} words in two rows or more tell a label "
        f"(expected to be false among them: at most {FALSE_SHARE:.0%}, Benjamini–Hochberg)"
    )
    if not len(telling):
        return [f"{head}."]
    labels = telling["label"].n_unique()
    each = max(1, min(top, MOST_LINES // labels))
    first = telling.group_by("label", maintain_order=True).head(each)
    if labels > MOST_LINES:
        first = first.sort("log_odds_z", descending=True, maintain_order=True).head(MOST_LINES)
    header = {"label": "label", "word": "word", "column": "column", "rows": "rows", "label_rows": "with label",
              "share": "share", "low": "low", "high": "high", "prior": "of all", "z": "z", "log_odds_z": "log-odds z"}  # fmt: skip
    if len(dataset.columns.text) == 1:
        del header["column"]
    return [
        f"{head}; the first {each} of each label:" if labels <= MOST_LINES else f"{head}; of the {MOST_LINES} labels most told:",
        *table(list(header.values()), first.select(*header).iter_rows()),
    ]  # fmt: skip


def _anisotropy_lines(measured: list[dict[str, Any]]) -> list[str]:
    columns = len({of["column"] for of in measured})
    rows = [
        (
            *([of["column"]] if columns > 1 else []),
            of["of"],
            of["mean_cosine"],
            of["explained"][0],
            of["explained"][-1],
            of["effective_rank"],
            of["participation_ratio"],
        )
        for of in measured
    ]
    directions = len(measured[0]["explained"])
    return [
        "",
        "Anisotropy of the embeddings, and of the pooled states of each layer:",
        *table(
            [*(["column"] if columns > 1 else []), "of", "mean cosine", "variance in 1", f"in {directions} directions",
             "effective rank", "participation ratio"],
            rows,
        ),
    ]  # fmt: skip


def _bias_lines(bias: dict[str, Any], top: int) -> list[str]:
    by_model = f", {bias['model']:.3f} by the model" if bias["model"] is not None else ""
    header = ["word", "rows", "with label", "p(label | word)", "deviation"]
    if bias["model"] is not None:
        header += ["model's p", "deviation"]
    return [
        "",
        f"Pinned bias of {bias['words']:,} words towards {shown(bias['label'], 40)}: {bias['data']:.3f} by the data{by_model}. "
        f"{bias['words_in_rows']:,} of the words occur; the label's share of all rows is {bias['prior']:.3f}.",
        *table(header, [tuple(word.values()) for word in bias["per_word"][:top]]),
    ]
