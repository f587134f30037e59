"""The folder of a model: whose run it holds, whether it is finished, and what may be written there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.files import write_json

MARK = "curatekit.json"  # written last: a folder that holds it is a finished model
_RUN = "training.json"  # written first, once the base is loaded: what is trained here, on what
_OF_A_RUN = {"kind", "base", "rows", "seed"}  # what every run records, and hardly another's training.json


def finished(folder: Path, run: Mapping[str, Any], *, overwrite: bool) -> bool:
    """Return whether `folder` already holds the model of `run`, finished; nothing is written.

    Raises InputError when it holds another run, unless `overwrite`, when it holds files that are not ours, and when `overwrite`
    would remove the run's base.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, and a model is a folder. Choose another name with -o.")
    earlier, marked = _recorded(folder), _marked(folder)
    if not _ours(folder):
        return False
    if overwrite:
        base = run.get("base")
        name = Path(base["name"]) if isinstance(base, Mapping) and "name" in base else None
        if name is not None and name.is_dir() and folder.resolve() in (name.resolve(), *name.resolve().parents):
            raise InputError(f"{folder} holds the base {name}, which --overwrite would remove. Choose another folder.")
        return False
    if earlier is None:
        raise InputError(f"{folder} holds another model. Choose another folder, or give --overwrite.")
    if differs := [name for name in {**run, **earlier} if run.get(name) != earlier.get(name)]:
        raise InputError(
            f"{folder} holds another run, with other {', '.join(differs)}. Choose another folder, or give --overwrite."
        )
    return marked


def begin(folder: Path, run: Mapping[str, Any], *, overwrite: bool) -> None:
    """Make `folder` ready for `run`, which `finished` has allowed: the same run is left to go on from, another is removed whole.

    Raises InputError under torchrun with several processes, each of which would write it, and when the files in it are not ours.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError(
            f"{folder} would be written by {os.environ['WORLD_SIZE']} processes at once, which is not supported yet. Run the command "
            "without torchrun."
        )
    folder.mkdir(exist_ok=True)
    if not overwrite and _recorded(folder) is not None:
        return
    if _ours(folder):
        (folder / MARK).unlink(missing_ok=True)
        for stale in [
            file for file in folder.iterdir() if file.name != _RUN
        ]:  # it says to the last whose folder this is
            shutil.rmtree(stale) if stale.is_dir() and not stale.is_symlink() else stale.unlink()
    write_json(folder / _RUN, run)


def _ours(folder: Path) -> bool:
    """Return whether `folder` holds a model of ours or one that began; raises InputError when it holds something else."""
    if _recorded(folder) is not None or _marked(folder):
        return True
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty and holds no model of ours. Choose another folder.")
    return False


def _recorded(folder: Path) -> dict[str, Any] | None:
    """Return the run that `begin` recorded in `folder`; a training.json of another's is none."""
    return _record(folder / _RUN, _OF_A_RUN)


def _marked(folder: Path) -> bool:
    """Return whether `folder` holds a finished model of ours."""
    return _record(folder / MARK, {"kind"}) is not None


def _record(file: Path, names: Set[str]) -> dict[str, Any] | None:
    """Return the JSON object in `file`, None when there is none that has `names`."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and names <= found.keys() else None


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


def array_hash(values: Floats) -> str:
    """Return the SHA-256 of numbers in their order."""
    return hashlib.sha256(np.ascontiguousarray(values, np.float64).tobytes()).hexdigest()
