"""curate compare-labels"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curatekit_cli._labels_compared import accuracy_lines, accuracy_payload, between_lines, between_payload
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
from curatekit_cli._print import following, result
from curatekit_cli._session import read, session, settings

if TYPE_CHECKING:
    from curatekit.arrays import Ints
    from curatekit.artifacts import Artifacts
    from curatekit.dataset import Dataset
    from curatekit.run import Run


@click.command("compare-labels")
@click.argument("data", nargs=-1, required=True)
@data_options
@click.option("--by", metavar="COLUMN", help="Compare the rows of one DATA by the value of this column.")
@click.option(
    "--map",
    "renames",
    multiple=True,
    metavar="OLD=NEW",
    help="Rename a label in all DATA, or in one with DATA:OLD=NEW. OLD may be * for every other label; without NEW its rows "
    "are left out.",
)
@click.option("--different-labels", is_flag=True, help="Compare DATA although some labels are not in all of them.")
@click.option(
    "--similarity",
    type=click.FloatRange(min=-1, max=1),
    default=0.7,
    show_default=True,
    metavar="COSINE",
    help="Count the disagreement of nearest rows that are at least so similar.",
)
@click.option(
    "--min-rows",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="N",
    help="Compare words, and pairs of words, that stand in N rows or more of both DATA.",
)
@click.option(
    "--oracle",
    metavar="NAME",
    help="Measure the labels against this column of DATA, or this file of labels by text or id (FILE or FILE:COLUMN).",
)
@click.option(
    "--oracle-data",
    metavar="FILE",
    help="Measure the labels against a model of --family that is fitted on this file, of rows that it has not seen.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Measure on N rows of each DATA [default: as many as the smallest has].",
)
@predict_options
@encoder_options
@seed_option
@click.option(
    "--top",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    metavar="N",
    help="Show this many pairs, words and classes of each two DATA.",
)
@output_option("Write the pairs with different labels here, those of the same words first, then the most similar.")
@click.option("--words", type=click.Path(path_type=Path), metavar="FILE", help="Write all words compared here.")
@json_option
def command(
    data: tuple[str, ...],
    data_options: DataOptions,
    by: str | None,
    renames: tuple[str, ...],
    different_labels: bool,
    similarity: float,
    min_rows: int,
    oracle: str | None,
    oracle_data: str | None,
    sample: int | None,
    predict_options: PredictOptions,
    encoder_options: EncoderOptions,
    seed: int,
    top: int,
    output: Path | None,
    words: Path | None,
    as_json: bool,
) -> None:
    """Compare how several DATA were labelled: near rows with different labels, and words that mean another label.

    All DATA are labelled in one label space, by different people. Nearest rows across two DATA whose labels differ are counted
    against chance and against near rows within one DATA. Words, and two words together, are ranked by how far
    P(label | word) differs beyond the base rates. With an oracle, the labels of each DATA are measured class by class on
    samples of one size.

    Example: curate compare-labels old.csv new.csv --map old.csv:offensive=not -o pairs.csv --words words.csv
    """
    with session(output, tables=[words]) as run:
        import polars as pl

        from curatekit.artifacts import Artifacts
        from curatekit.compare_labels.between import compare_sets
        from curatekit.errors import InputError
        from curatekit.writers import write_table

        if oracle is not None and oracle_data is not None:
            raise InputError("--oracle and --oracle-data name two oracles. Give one of them.")
        if sample is not None and oracle is None and oracle_data is None:
            raise InputError("--sample is of rows with an oracle's label. Give --oracle or --oracle-data.")
        how = settings(encoder_options, predict_options, seed=seed)
        datasets = _read(run, data, data_options, by)
        told = _Oracle(run, datasets, oracle, oracle_data, data_options)
        datasets = told.renamed(renames, different_labels)
        artifacts = {name: Artifacts(dataset, how) for name, dataset in datasets.items()}
        accuracy = None
        if told.named:
            accuracy = accuracy_payload(datasets, told.labels(artifacts, how), sample, seed)
        found = compare_sets(
            datasets, {name: one.embeddings for name, one in artifacts.items()}, similarity=similarity,
            min_rows=min_rows, seed=seed,
        )  # fmt: skip
        if output is not None:
            every = pl.concat(between.pairs for between in found)
            write_table(every.sort("same_words", "similarity", descending=True, maintain_order=True), output)
            run.output(output)
        if words is not None:
            write_table(pl.concat(between.words for between in found), words)
            run.output(words)
        payload: dict[str, Any] = {
            "labels": next(iter(datasets.values())).classes,
            "similarity": similarity,
            "compared": [_payload(name, dataset) for name, dataset in datasets.items()],
            "between": [between_payload(between, datasets, top) for between in found],
            "oracle": oracle or oracle_data,
            "accuracy": accuracy,
        }
        run.metrics.update(payload)
        lines = [
            *(line for between in found for line in between_lines(between, datasets, similarity, top)),
            *(accuracy_lines(accuracy, oracle or oracle_data or "", top) if accuracy is not None else []),
            _next(data, data_options, output),
        ]
        result(as_json, {**payload, "output": output, "words": words}, lines)


def _read(run: Run, data: tuple[str, ...], options: DataOptions, by: str | None) -> dict[str, Dataset]:
    """Return the datasets by short names; raises InputError for fewer than two, or one that is given twice."""
    from curatekit.compare_labels.sources import split_by
    from curatekit.errors import InputError

    if by is not None:
        if len(data) > 1:
            raise InputError("--by takes one DATA apart, and several are given. Give one, or leave --by out.")
        return split_by(read(run, data[0], options), by)
    if len(data) < 2:
        raise InputError(
            "There is one DATA and nothing to compare it with. Give another, or --by COLUMN to take it apart."
        )
    datasets: dict[str, Dataset] = {}
    for name, one in zip(_short(data), data, strict=True):
        dataset = read(run, one, options)
        same = [other for other, before in datasets.items() if before.sha256 == dataset.sha256]
        if same:
            raise InputError(f"{same[0]} and {name} are the same dataset. Compare it with another one.")
        datasets[name] = dataset
    return datasets


def _short(files: tuple[str, ...]) -> list[str]:
    """Return the files' names without their folders, if that tells them apart."""
    names = [Path(file).name for file in files]
    return names if len(set(names)) == len(files) else list(files)


class _Oracle:
    """Where the oracle's labels come from, read before labels are renamed, since its own are renamed too."""

    def __init__(
        self, run: Run, datasets: dict[str, Dataset], oracle: str | None, oracle_data: str | None, options: DataOptions
    ) -> None:
        self.named = oracle or oracle_data
        self.datasets = datasets
        self.said: dict[str, list[str | None]] = {}  # by dataset: the oracle's label of each row, by name
        self.source = ""  # the name of the oracle's file
        self.trained: Dataset | None = None
        if oracle is not None:
            self._named_labels(run, oracle)
        if oracle_data is not None:
            self.trained = read(run, oracle_data, options)
            own = [name for name, dataset in datasets.items() if dataset.sha256 == self.trained.sha256]
            self.source = own[0] if len(own) == 1 else Path(oracle_data).name

    def _named_labels(self, run: Run, oracle: str) -> None:
        from curatekit.compare_labels.oracle import names_in_column, names_in_file
        from curatekit.errors import InputError
        from curatekit.readers import read_frame

        lacking = [name for name, dataset in self.datasets.items() if oracle not in dataset.frame.columns]
        if not lacking:
            for name, dataset in self.datasets.items():
                if oracle == dataset.columns.label:
                    raise InputError(f"--oracle {oracle!r} is the column of the given labels. Name another column.")
                self.said[name] = names_in_column(name, dataset, oracle)
            return
        file, label = (oracle, None) if Path(oracle).exists() else oracle.rpartition(":")[::2]
        if not Path(file or "?").exists():
            columns = ", ".join(self.datasets[lacking[0]].frame.columns)
            raise InputError(
                f"--oracle {oracle!r} is no file, and no column of {lacking[0]}. Name a column that all DATA have, or a file of "
                f"labels, FILE or FILE:COLUMN. Columns: {columns}."
            )
        self.source = Path(file).name
        run.input(file)
        said = names_in_file(file, read_frame(file), list(self.datasets.values()), label)
        self.said = dict(zip(self.datasets, said, strict=True))

    def renamed(self, renames: tuple[str, ...], different_labels: bool) -> dict[str, Dataset]:
        """Return the datasets in one label space, the oracle's labels being renamed with them."""
        from curatekit.compare_labels.label_space import one_space, renamed, renamings

        known = {name: set(dataset.classes) for name, dataset in self.datasets.items()}
        for name, said in self.said.items():
            known.setdefault(self.source or name, set()).update(label for label in said if label is not None)
        if self.trained is not None:
            known.setdefault(self.source, set()).update(self.trained.classes)
        renaming = renamings(known, renames)
        found: dict[str, Dataset] = {}
        for name, dataset in self.datasets.items():
            found[name] = renamed(name, dataset, renaming[name]).require_classes()
            if name in self.said:
                of_oracle = renaming[self.source or name]
                by_id = dict(zip(dataset.ids.tolist(), self.said[name], strict=True))
                names = [by_id[id] for id in found[name].ids.tolist()]
                self.said[name] = [(of_oracle.get(one, one) or None) if one is not None else None for one in names]
        found = one_space(found, different_labels=different_labels)
        if self.trained is not None:
            classes = next(iter(found.values())).classes
            trained = renamed(self.source, self.trained, renaming[self.source]).require_classes()
            self.trained = trained.with_classes(classes)
        return found

    def labels(self, artifacts: dict[str, Artifacts], how: Any) -> dict[str, Ints]:
        """Return the oracle's label of each row of each dataset, as codes."""
        from curatekit.artifacts import Artifacts
        from curatekit.compare_labels.oracle import codes, predicted

        if self.trained is None:
            return {
                name: codes(self.said[name], one.classes, self.source or f"{name}, column {self.named}")
                for name, one in artifacts.items()
            }
        trained = Artifacts(self.trained.require_rows_per_class(), how)
        return {name: predicted(name, one, trained) for name, one in artifacts.items()}


def _payload(name: str, dataset: Dataset) -> dict[str, Any]:
    import numpy as np

    counts = np.bincount(dataset.labels, minlength=len(dataset.classes)).tolist()
    return {"name": name, "rows": len(dataset), "labels": dict(zip(dataset.classes, counts, strict=True))}


def _next(data: tuple[str, ...], options: DataOptions, output: Path | None) -> str:
    if output is None:
        return "Next: the same with -o pairs.csv, to review the pairs"
    why = f"after a look at {output.name}: which labels are errors by their own set's criteria"
    return following("find-errors", data[0], "-o", "issues.csv", columns=options, why=why)
