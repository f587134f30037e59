"""Manifests: beside every output, what command made it from what, and the chain of commands behind a file."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from curatekit import __version__
from curatekit.errors import InputError, VerificationFailed
from curatekit.files import sha256_file, write_json

SUFFIX = ".run.json"
_KEYS = {"command", "argv", "parameters", "started", "inputs", "outputs"}
_LIBRARIES = (
    "accelerate", "cleanlab", "faiss", "numpy", "peft", "polars", "sentence_transformers", "sklearn", "torch", "transformers",
)  # fmt: skip


@dataclass
class Run:
    """One execution of a command: what it read, what it wrote, what it measured and what it said."""

    command: str
    parameters: dict[str, Any]
    planned: tuple[Path, ...] = ()
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: list[Path] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def input(self, source: Path | str, sha256: str | None = None) -> None:
        """Record what was read: a file, a folder, or a name that is none (hf://…, -), with the hash of its content.

        Raises InputError when the run is to write over it.
        """
        name = str(source)
        if is_file(name):
            for output in self.planned:
                if Path(name).resolve() == output.resolve() or output.resolve() in Path(name).resolve().parents:
                    raise InputError(
                        f"The output {output} would replace the input {name}. Choose another name with -o."
                    )
        self.inputs[name] = sha256 or sha256_file(name)

    def output(self, path: Path | str) -> None:
        """Record a file or folder that was written; its manifest follows when the run ends well."""
        self.outputs.append(Path(path))


@contextmanager
def recorded(command: str, parameters: Mapping[str, Any], planned: Sequence[Path] = ()) -> Iterator[Run]:
    """Yield a Run; when the enclosed code ends well, write `<output>.run.json` beside each output, last of all.

    planned: the files and folders that it is going to write, which must not be among those that it reads.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    run = Run(command, {name: plain(value) for name, value in parameters.items()}, tuple(planned))
    yield run
    if not run.outputs:
        return
    manifest = {
        "command": command,
        "argv": sys.argv[1:],
        "parameters": run.parameters,
        "seed": run.parameters.get("seed"),
        "metrics": plain(run.metrics),
        "notes": run.notes,
        "started": started.isoformat(timespec="seconds"),
        "wall_s": round(time.monotonic() - clock, 3),
        "peak_memory_mb": _peak_memory_mb(),
        "versions": versions(),
        "git_commit": commit_of(Path.cwd()),
    }
    hashes = {path: sha256_file(path) for path in run.outputs}
    for path in run.outputs:
        files = {
            "inputs": [_entry(other, sha, path) for other, sha in run.inputs.items()],
            "outputs": [_entry(str(other), sha, path) for other, sha in hashes.items()],
        }
        write_json(manifest_path(path), manifest | files)


def is_file(source: str) -> bool:
    """Return whether an input is a path, and not a name on the hub or standard input."""
    return source not in ("-", "standard input") and "://" not in source


def manifest_path(path: Path | str) -> Path:
    """Return where the manifest of `path` stands: beside it, its name with `.run.json` behind."""
    path = Path(path)
    path = path if path.name else path.resolve()
    return path.with_name(path.name + SUFFIX)


def read_manifest(path: Path | str) -> dict[str, Any] | None:
    """Return the manifest beside `path`, or None when there is none; raises VerificationFailed when it is broken."""
    return _read(manifest_path(path))


def _read(file: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise VerificationFailed(f"{file} is not readable JSON: {error}. Run the command again.") from error
    if not isinstance(manifest, dict) or not manifest.keys() >= _KEYS:
        raise VerificationFailed(f"{file} is no manifest of curate: it lacks {', '.join(sorted(_KEYS))}.")
    return manifest


@dataclass(frozen=True)
class Step:
    """One file of a lineage: depth 0 is the file asked for; `manifest` is None for a file that no command of ours made."""

    source: str
    depth: int
    sha256: str | None  # of the file as it is now; None when it is gone, or is no file
    expected: str | None  # what the manifest that read it says; None for the file asked for
    manifest: dict[str, Any] | None

    @property
    def intact(self) -> bool:
        """Whether the file is as it was; what is no file (standard input, a name on the hub) cannot be looked at again."""
        if not is_file(self.source):
            return True
        return self.sha256 is not None and self.expected in (None, self.sha256)

    @property
    def edited(self) -> bool:
        """Whether the file is no longer what its own manifest says was written: somebody changed it by hand."""
        if self.manifest is None or self.sha256 is None:
            return False
        name = Path(self.source).name
        return self.sha256 not in {entry["sha256"] for entry in self.manifest["outputs"] if entry["path"] == name}


def lineage(path: Path | str) -> list[Step]:
    """Return the chain behind a file, the file first, then what it was made from, depth first.

    Manifests are followed by content hash: a file that was moved beside its product is still found. Raises
    InputError when there is no such file, or no manifest for it.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"There is no file {path}.")
    manifest = read_manifest(path)
    if manifest is None:
        raise InputError(f"{path} has no manifest ({manifest_path(path).name}), so no curate command wrote it here.")
    return list(_walk(path, None, 0, frozenset()))


def _walk(path: Path, expected: str | None, depth: int, above: frozenset[Path]) -> Iterator[Step]:
    manifest = read_manifest(path)
    yield Step(str(path), depth, sha256_file(path) if path.exists() else None, expected, manifest)
    if manifest is None or path in above:
        return
    for entry in manifest["inputs"]:
        if is_file(entry["path"]):
            yield from _walk(_locate(path.parent, entry), entry["sha256"], depth + 1, above | {path})
        else:
            yield Step(entry["path"], depth + 1, None, entry["sha256"], None)


def _locate(folder: Path, entry: Mapping[str, str]) -> Path:
    """Return the input as recorded, or the file in `folder` whose manifest says that it has the same content."""
    recorded_at = Path(os.path.normpath(folder / entry["path"]))
    if recorded_at.exists():
        return recorded_at
    for file in sorted(folder.glob(f"*{SUFFIX}")):
        manifest = _read(file)
        for output in manifest["outputs"] if manifest else []:
            candidate = folder / str(output["path"])
            if output["sha256"] == entry["sha256"] and candidate.exists():
                return candidate
    return recorded_at


def _entry(source: str, sha256: str, beside: Path) -> dict[str, str]:
    # relative to the manifest's folder, so that a project folder can be moved or shared as a whole
    return {
        "path": Path(os.path.relpath(source, beside.parent)).as_posix() if is_file(source) else source,
        "sha256": sha256,
    }


def plain(value: Any) -> Any:
    """Return `value` as JSON can hold it: paths and arrays as text and lists, NaN and infinity as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy, without importing it
        return plain(value.tolist())
    if isinstance(value, float) and not isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def versions() -> dict[str, str]:
    """Return the versions of curatekit, of Python, and of those libraries of ours that are loaded."""
    loaded = {name: getattr(sys.modules[name], "__version__", "") for name in _LIBRARIES if name in sys.modules}
    return {"curatekit": __version__, "python": platform.python_version(), **{k: str(v) for k, v in loaded.items()}}


def commit_of(folder: Path) -> str | None:
    """Return the git commit of `folder`, with "+" behind when tracked files differ from it; None outside git."""
    if shutil.which("git") is None:
        return None
    git = ["git", "-C", str(folder)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode:
        return None
    dirty = subprocess.run([*git, "diff", "--quiet", "HEAD"], capture_output=True, check=False).returncode
    return head.stdout.strip() + ("+" if dirty else "")


def _peak_memory_mb() -> float:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
