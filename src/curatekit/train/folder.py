"""The folder of a model: whose run it holds, whether it is finished, and what may be written there."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from curatekit.arrays import Ints
from curatekit.errors import InputError
from curatekit.files import write_json

MARK = "curatekit.json"  # written last: a folder that holds it is a finished model
_RUN = "training.json"  # written first: what is trained here, on what
_MODEL_FILES = ("*.safetensors", "adapter_config.json", "words.json", "metrics.json", "log.jsonl", "checkpoint-*")


def prepare(folder: Path, run: Mapping[str, Any], *, overwrite: bool) -> bool:
    """Make `folder` ready for `run` and return whether it already holds that very model, finished.

    An unfinished folder of the same run is left as it is, to go on from. Raises InputError when it holds another run or
    another's files, unless `overwrite`, which removes the earlier model.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, and a model is a folder. Choose another name with -o.")
    folder.mkdir(exist_ok=True)
    record = folder / _RUN
    if not overwrite and record.is_file():
        earlier = json.loads(record.read_text(encoding="utf-8"))
        differs = [name for name in {**run, **earlier} if run.get(name) != earlier.get(name)]
        if differs:
            raise InputError(
                f"{folder} holds another run, with other {', '.join(differs)}. Choose another folder, or give --overwrite."
            )
        return (folder / MARK).is_file()
    if not overwrite and any(folder.iterdir()):
        raise InputError(
            f"{folder} is not empty and holds no model of ours. Choose another folder, or give --overwrite."
        )
    (folder / MARK).unlink(missing_ok=True)
    for pattern in _MODEL_FILES:
        for stale in folder.glob(pattern):
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    write_json(record, run)
    return False


def unfinished(folder: Path) -> bool:
    """Return whether a training began in `folder` and has not ended."""
    return (folder / _RUN).is_file() and not (folder / MARK).is_file()


def remove_checkpoints(folder: Path) -> None:
    """Remove Trainer's checkpoints."""
    for checkpoint in folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)


def content_hash(inputs: Any, labels: Ints) -> str:
    """Return the SHA-256 of texts and labels in their order."""
    digest = hashlib.sha256(np.ascontiguousarray(labels, np.int64).tobytes())
    for column in inputs:
        for text in column:
            encoded = text.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.hexdigest()
