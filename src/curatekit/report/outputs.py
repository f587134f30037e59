"""Outputs of earlier commands, recognised by the manifest beside each."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from curatekit.errors import InputError, VerificationFailed
from curatekit.files import sha256_file
from curatekit.run import manifest_path, read_manifest

if TYPE_CHECKING:
    import polars as pl

    from curatekit.dataset import Dataset

KINDS = {
    "check": "problems of the data",
    "pvi": "PVI",
    "find-errors": "label errors",
    "spec check": "specifications checked",
    "select": "rows chosen",
    "evaluate": "a model measured",
    "finetune": "a model trained",
    "finetune classifier": "a model trained",
    "finetune encoder": "an encoder trained",
    "finetune lm": "a language model trained",
    "finetune vlm": "a model of images and text trained",
    "guided": "guided selection measured",
}
"""What the report shows, by the command that made it."""

_OF_THE_DATA = ("check", "pvi", "find-errors")
_COLUMNS = {
    "pvi": ("id", "text", "label", "pvi", "p_given", "predicted_label"),
    "find-errors": ("id", "text", "given_label", "suggested_label", "p_wrong", "is_issue", "reasons"),
}
"""What is shown of a table, by the command that wrote it; it may have written others, such as training dynamics."""

_MOST = 300  # characters of a command line that are shown


@dataclass(frozen=True, eq=False)
class Output:
    """A file or a folder that a command of ours wrote, with its manifest; `beside` is the folder of the report."""

    path: Path
    sha256: str
    manifest: dict[str, Any]
    beside: Path

    @property
    def command(self) -> str:
        return str(self.manifest["command"])

    @property
    def metrics(self) -> dict[str, Any]:
        return dict(self.manifest.get("metrics") or {})

    @property
    def parameters(self) -> dict[str, Any]:
        return dict(self.manifest["parameters"])

    @property
    def said(self) -> str:
        """The command line that made it."""
        line = shlex.join(["curate", *map(str, self.manifest["argv"])])
        return line if len(line) <= _MOST else line[: _MOST - 1] + "…"

    @property
    def manifest_name(self) -> str:
        return manifest_path(self.path).name

    @property
    def href(self) -> str:
        """The address of the manifest, from the report on: a relative path, in which no scheme can hide."""
        return address(manifest_path(self.path), self.beside)

    def of(self, dataset: Dataset) -> bool:
        """Return whether it tells of this dataset's file: not of one that was trained on, or compared with."""
        inputs = self.manifest["inputs"]
        place = 1 if self.parameters.get("eval_file") and len(inputs) > 1 else 0  # in the order in which they were read
        return bool(inputs) and dataset.sha256 == inputs[place]["sha256"]

    def table(self) -> pl.DataFrame:
        """Return the rows of a table as they are in the file; raises InputError when it cannot be read."""
        from curatekit.readers.tables import read_frame

        return read_frame(self.path)


def address(path: Path, beside: Path) -> str:
    """Return the relative address of `path` in a page in the folder `beside`, every special character quoted."""
    return "./" + quote(Path(os.path.relpath(path.absolute(), beside.absolute())).as_posix(), safe="/")


def read_output(path: Path | str, dataset: Dataset, beside: Path) -> Output:
    """Return the output of an earlier command at `path`.

    Raises InputError when no command of ours made it, when the report shows nothing of its kind, when what tells of one dataset
    was made from another, and when it lacks what is shown; VerificationFailed when it is not what its manifest says.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"There is no file {path}.")
    manifest = read_manifest(path)
    if manifest is None:
        raise InputError(
            f"{path} has no manifest ({manifest_path(path).name}), so what it is cannot be told. Give what a curate command wrote."
        )
    found = Output(path, sha256_file(path), manifest, beside)
    if found.command not in KINDS:
        raise InputError(
            f"{path} was made by curate {found.command}, of which a report shows nothing. It shows what these make: {', '.join(KINDS)}."
        )
    if found.sha256 not in {entry["sha256"] for entry in manifest["outputs"]}:
        raise VerificationFailed(
            f"{path} is not what its manifest says: it was changed. Run curate {found.command} again."
        )
    if found.command in _OF_THE_DATA and not found.of(dataset):
        raise InputError(
            f"{path} was made from other data than {dataset.name}. Give the data that it was made from, or leave it out."
        )
    if (kind := found.metrics.get("label_kind", "class")) != "class":
        raise InputError(f"{path} tells of labels of the kind {kind}, and a report of one class a row. Leave it out.")
    if wanted := _COLUMNS.get(found.command):
        columns = found.table().columns
        if missing := [name for name in wanted if name not in columns]:
            raise InputError(
                f"{path} has no column {missing[0]!r}, which a report shows. Give what curate {found.command} -o wrote."
            )
    return found
