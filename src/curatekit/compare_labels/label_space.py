"""One label space for several datasets: labels renamed, and the datasets coded into the same classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from curatekit.dataset import Dataset, encode, quoted
from curatekit.errors import InputError, nearest_name
from curatekit.reporting import note

EVERY_OTHER = "*"
"""In place of a label: each label that no other renaming names."""

Renaming = dict[str, str]
"""From a label to its new name, "" where its rows are left out."""


def renamings(labels: Mapping[str, Collection[str]], specs: Sequence[str]) -> dict[str, Renaming]:
    """Return how the labels of each source are renamed: OLD=NEW in all sources that have OLD, SOURCE:OLD=NEW in one.

    labels: the label names of each source. OLD is `*` for every label that is not named otherwise, and NEW is empty to leave
    rows out. Names may hold "=" and ":": OLD is the shortest that is a label. What is said of one source goes before what is
    said of all; names are those of the file, so that two may change places. Raises InputError for what names no label, and for
    two new names of one.
    """
    given: dict[tuple[bool, str, str], tuple[str, str]] = {}
    for spec in specs:
        source, old, new = _parsed(spec, labels)
        for name in [source] if source is not None else labels:
            if old == EVERY_OTHER or old in labels[name]:
                before, by = given.setdefault((source is not None, name, old), (new, spec))
                if before != new:
                    raise InputError(f"--map {by!r} and --map {spec!r} rename one label twice. Leave one of them.")
    return {name: _renaming(name, own, {key: new for key, (new, _) in given.items()}) for name, own in labels.items()}


def _renaming(name: str, labels: Collection[str], given: Mapping[tuple[bool, str, str], str]) -> Renaming:
    """Return the new names of a source's labels: the label itself before `*`, and the source's own before those of all."""
    found: Renaming = {}
    for label in labels:
        keys = [(own, name, old) for old in (label, EVERY_OTHER) for own in (True, False)]
        new = next((given[key] for key in keys if key in given), label)
        if new != label:
            found[label] = new
    return found


def _parsed(spec: str, labels: Mapping[str, Collection[str]]) -> tuple[str | None, str, str]:
    """Return the source (None for all), the old and the new name of one renaming."""
    sources = [name for name in labels if spec.startswith(f"{name}:")]
    for source in [*sorted(sources, key=len, reverse=True), None]:
        rest = spec if source is None else spec.removeprefix(f"{source}:")
        known = {label for own in labels.values() for label in own} if source is None else set(labels[source])
        for at in (place for place, letter in enumerate(rest) if letter == "="):
            if rest[:at] in known or rest[:at] == EVERY_OTHER:
                return source, rest[:at], rest[at + 1 :]
    if "=" not in spec:
        raise InputError(f"--map {spec!r} is no renaming. Write OLD=NEW, or DATA:OLD=NEW for one of the datasets.")
    where = next(iter(sorted(sources, key=len, reverse=True)), None)
    old = (spec if where is None else spec.removeprefix(f"{where}:")).split("=")[0]
    known_names = sorted({label for own in labels.values() for label in own} if where is None else set(labels[where]))
    raise InputError(
        f"--map {spec!r}: {quoted(old)} is no label of {where or 'any of the datasets'}.{nearest_name(old, known_names)} "
        f"Its labels: {_listed(known_names)}. For one dataset write DATA:OLD=NEW; DATA may be {_listed(list(labels))}."
    )


def renamed(name: str, dataset: Dataset, renaming: Renaming) -> Dataset:
    """Return the dataset with its labels renamed; rows of a label that becomes "" are left out, and counted in a note."""
    if not renaming:
        return dataset
    names = [renaming.get(label, label) if label is not None else None for label in dataset.label_names]
    coded = encode(label or None for label in names)
    dataset = replace(dataset, labels=coded.labels, classes=coded.classes)
    kept = np.flatnonzero(coded.labels >= 0)
    if left := len(dataset) - len(kept):
        dropped = [label for label, new in renaming.items() if not new]
        note(f"{name}: {left:,} of {len(dataset):,} rows are left out, labelled {_listed(dropped)}.")
    if not len(kept):
        raise InputError(f"{name}: --map leaves out every row. Give a label that stays.")
    return dataset.take(kept)


def one_space(datasets: Mapping[str, Dataset], *, different_labels: bool = False) -> dict[str, Dataset]:
    """Return the datasets coded into the classes that any of them has, sorted.

    Raises InputError, with the labels of both, where two have not the same labels (different_labels: where they share none).
    """
    names = list(datasets)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            one, other = set(datasets[first].classes), set(datasets[second].classes)
            if one == other or (different_labels and one & other):
                continue
            lone = next(iter(sorted(one - other)), None)
            into = next(iter(sorted(other - one or other)))
            source, old, new = (first, lone, into) if lone is not None else (second, into, sorted(one)[0])
            way_out = ", or compare them as they are with --different-labels" if one & other else ""
            raise InputError(
                f"{first} and {second} have not the same labels. {first}: {_listed(sorted(one))}. {second}: "
                f"{_listed(sorted(other))}. Rename them with --map, such as --map {f'{source}:{old}={new}'!r}{way_out}."
            )
    classes = sorted({label for dataset in datasets.values() for label in dataset.classes})
    return {name: dataset.with_classes(classes) for name, dataset in datasets.items()}


def _listed(names: Sequence[str], most: int = 10) -> str:
    return ", ".join(quoted(name) for name in names[:most]) + (
        f" and {len(names) - most} more" if len(names) > most else ""
    )
