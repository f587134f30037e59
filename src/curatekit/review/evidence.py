"""What the cache holds about the rows: nearest neighbours with their labels, probabilities, PVI. Nothing is computed for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.cache import Arrays, Cache, digest
from curatekit.errors import CurateError, InputError, VerificationFailed
from curatekit.review.queue import Queue

if TYPE_CHECKING:
    from curatekit.artifacts import Artifacts, Settings
    from curatekit.dataset import Dataset

SHOWN = 8
NEARLY_THE_SAME = 0.95
"""Cosine from which rows are of one cluster, as in curate check."""


class Neighbour(NamedTuple):
    """A near row: its label and text, and the cosine."""

    label: str | None
    text: str
    similarity: float


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of the rows of a queue beyond its columns; row_of (n,) is the dataset's row of each, -1 for none."""

    dataset: Dataset
    row_of: Ints
    neighbours: tuple[Ints, Floats] | None
    """Rows of the dataset and their cosine, (N, k) each."""
    pred_probs: Floats | None
    pvi: Floats | None
    missing: str
    """What is not there, and how to make it; empty where all is."""

    def neighbours_of(self, row: int, k: int = SHOWN) -> tuple[Neighbour, ...]:
        """Return the k nearest rows of a row, none where they are not known."""
        own = int(self.row_of[row])
        if self.neighbours is None or own < 0:
            return ()
        rows, similarity = (of[own, :k].tolist() for of in self.neighbours)
        labels, texts = self.dataset.labels, self.dataset.texts
        return tuple(
            Neighbour(self.dataset.classes[labels[other]] if labels[other] >= 0 else None, texts[other], cosine)
            for other, cosine in zip(rows, similarity, strict=True)
        )

    def probabilities_of(self, row: int, k: int = SHOWN) -> tuple[tuple[str, float], ...]:
        """Return the k most probable labels of a row with their probabilities, none where they are not known."""
        own = int(self.row_of[row])
        if self.pred_probs is None or own < 0:
            return ()
        probs = self.pred_probs[own]
        return tuple((self.dataset.classes[c], float(probs[c])) for c in np.argsort(-probs, kind="stable")[:k])

    def pvi_of(self, row: int) -> float | None:
        """Return the row's PVI in bits, None where it is not known."""
        own = int(self.row_of[row])
        return None if self.pvi is None or own < 0 else float(self.pvi[own])

    def clusters(self, alike: Ints) -> Ints:
        """Return (n,) the first row of the queue that a row is linked to: by the same text, or a cosine of 0.95 or more."""
        if self.neighbours is None:
            return alike
        from curatekit.health.duplicates import Pairs, clusters

        n = len(self.row_of)
        place = np.full(len(self.dataset), -1, np.int64)
        known = np.flatnonzero(self.row_of >= 0)
        place[self.row_of[known]] = known
        rows, similarity = self.neighbours
        own, column = np.nonzero(similarity >= NEARLY_THE_SAME)
        first, second = place[own], place[rows[own, column]]
        both = (first >= 0) & (second >= 0)
        ends = np.concatenate([first[both], np.arange(n)]), np.concatenate([second[both], alike])
        return clusters(n, Pairs(*ends, np.ones(len(ends[0]))))


class _Absent(Exception):
    """An artifact is not in the cache; it never leaves this module."""


class _Stored(Cache):
    """A cache that is only read: what is not there is not computed."""

    def arrays(self, kind: str, key: Mapping[str, Any], compute: Callable[[], Arrays]) -> Arrays:
        stored = self.read(self.root / kind / f"{digest(dict(key))}.safetensors")
        if stored is None:
            raise _Absent(kind)
        return stored

    def set_aside(self, path: Path, reason: str) -> None:
        """Leave a damaged file to those who can make it anew."""


def read_evidence(path: Path | str, queue: Queue, data: str | None = None, cache: Path | None = None) -> Evidence:
    """Return what is known of the rows of the issues at `path`, by the manifest beside them.

    data   the data, where the manifest does not say or it was moved
    cache  the folder of artifacts; by default the one that find-errors used

    Raises InputError where the data is not known, VerificationFailed where it is not the file that the issues were found in.
    """
    from curatekit.artifacts import Artifacts

    path = Path(path)
    found = _found_by(path)
    parameters: dict[str, Any] = found["parameters"] if found else {}
    dataset = _dataset(path, found, parameters, data)
    number = {id: row for row, id in enumerate(dataset.ids.tolist())}
    row_of = np.array([number.get(id, -1) for id in queue.frame["id"].to_list()], np.int64)
    asked = (found["metrics"].get("neighbours") or {}).get("k") if found else None
    artifacts = Artifacts(dataset, _settings(parameters, asked, cache))
    artifacts.__dict__["cache"] = _Stored(artifacts.settings.cache)
    neighbours, predictions = _asked(lambda: artifacts.neighbours), _asked(lambda: artifacts.predictions)
    known = {"nearest neighbours": neighbours, "probabilities": predictions}
    lacking = [what for what, artifact in known.items() if artifact is None]
    return Evidence(
        dataset,
        row_of,
        None if neighbours is None else (neighbours.rows, neighbours.similarity),
        None if predictions is None else predictions.pred_probs,
        None if predictions is None else _pvi(artifacts),
        f"The {' and '.join(lacking)} are not in the cache: run curate find-errors again with the same options."
        if lacking
        else "",
    )


def _asked(artifact: Callable[[], Any]) -> Any:
    try:
        return artifact()
    except (_Absent, CurateError):  # an encoder that is gone is no reason not to review
        return None


def _pvi(artifacts: Artifacts) -> Floats:
    from curatekit.scores.pvi import pvi

    return pvi(artifacts.labels, artifacts.pred_probs, artifacts.null_probs)


def _found_by(path: Path) -> dict[str, Any] | None:
    """Return the manifest of the find-errors behind a file, with the folder it stands in; a sample's is one step back."""
    from curatekit.run import read_manifest

    manifest = read_manifest(path)
    if manifest and manifest["command"] == "audit-sample":
        path = Path(os.path.normpath(path.parent / manifest["inputs"][0]["path"]))
        manifest = read_manifest(path)
    if manifest is None or manifest["command"] != "find-errors":
        return None
    return {**manifest, "folder": path.parent}


def _dataset(path: Path, found: dict[str, Any] | None, parameters: Mapping[str, Any], data: str | None) -> Dataset:
    from curatekit.readers import read_dataset
    from curatekit.run import is_file

    source = found["inputs"][0] if found and found["inputs"] else None
    if data is None:
        if source is None or found is None or source["path"] == "-":
            raise InputError(f"{path} has no manifest that names its data. Name it with --data.")
        data = source["path"]
        if is_file(data):
            data = os.path.normpath(found["folder"] / data)
    dataset = read_dataset(
        data, parameters.get("text") or (), parameters.get("label"), parameters.get("id"),
        on_bad_row=parameters.get("on_bad_row", "fail"), normalise_labels=bool(parameters.get("normalise_labels")),
        limit=parameters.get("limit"),
    )  # fmt: skip
    if source is not None and dataset.sha256 != source["sha256"]:
        raise VerificationFailed(
            f"{data} is not the file that the issues were found in. Run curate find-errors on it again."
        )
    return dataset


def _settings(parameters: Mapping[str, Any], asked: int | None, cache: Path | None) -> Settings:
    """Return the settings of a find-errors that asked so many neighbours, by the parameters in its manifest."""
    from curatekit.artifacts import Settings
    from curatekit.predict.tuning import Tuning

    known = {field.name for field in fields(Settings)} - {"cache", "tuning", "neighbours"}
    tuning = {field.name: parameters[field.name] for field in fields(Tuning) if parameters.get(field.name) is not None}
    kept = parameters.get("cache")
    return Settings(
        **{name: parameters[name] for name in known if name in parameters},
        cache=cache or (Path(kept) if kept else None),
        tuning=Tuning(**tuning),
        neighbours=asked or Settings.neighbours,
    )
