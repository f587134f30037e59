"""A trained model that tells classes, as the commands see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from curatekit.arrays import Floats
from curatekit.errors import InputError
from curatekit.train.classifier import Inputs, load_classifier
from curatekit.train.folder import MARK, unfinished

if TYPE_CHECKING:
    from curatekit.cache import Cache


class Model(Protocol):
    """What `load_model` returns: names of classes, columns of text (None: not known), probabilities."""

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def text_columns(self) -> int | None: ...

    def pred_probs(self, inputs: Inputs) -> Floats: ...

    def save(self, folder: Path | str) -> None: ...


def load_model(folder: Path | str, cache: Cache | None = None) -> Model:
    """Return the probe or the classifier in `folder`: one of ours, or a sequence classifier of transformers.

    Raises InputError when there is none, or when it was never finished.
    """
    from curatekit.train.probe import load_probe

    kind = kind_of_model(folder)
    if kind not in ("probe", "classifier"):
        raise InputError(
            f"{folder} holds a model of the kind {kind!r}, which tells no classes. Give a classifier or a probe."
        )
    return load_probe(folder, cache) if kind == "probe" else load_classifier(folder)


def kind_of_model(folder: Path | str) -> str:
    """Return the kind of model that `folder` says it holds, without loading it; one without mark is taken for a "classifier".

    Raises InputError when there is no such folder, when its training was never finished, and for an encoder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"There is no model folder {folder}. Make one with: curate finetune TRAIN -o {folder}")
    if not (folder / MARK).is_file():
        if unfinished(folder):
            raise InputError(
                f"The training of {folder} was not finished. Run the same curate finetune again: it goes on."
            )
        return "classifier"
    kind = str(json.loads((folder / MARK).read_text(encoding="utf-8"))["kind"])
    if kind == "encoder":
        raise InputError(
            f"{folder} holds an encoder, which gives no labels. Give it with --encoder, or as the --base of finetune."
        )
    return kind
