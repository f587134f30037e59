"""Content-addressed artifacts on disk: atomic, checksummed, locked, safetensors only.

A file is named by what it was computed from, is written once, and is verified whenever it is read: a file that is not
what was written goes to `corrupt/` and is computed again. A cache that cannot be written is used as it is.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curatekit.files import atomic
from curatekit.reporting import note

Arrays = dict[str, NDArray[Any]]

KEY_BYTES = 16

_FORMAT = "1"
_DAY = 86_400
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


class Corrupt(Exception):
    """A cache file is not what was written. It never leaves this package: the file is set aside and computed again."""


def default_root() -> Path:
    """Return `$CURATE_CACHE`, else the folder `curatekit` in the user's cache folder of this system."""
    if chosen := os.environ.get("CURATE_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "curatekit"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "curatekit"


@functools.cache
def code_of(package: str) -> str:
    """Return the SHA-256, as hex, of the sources of a module or package of curatekit: part of the keys of what it makes."""
    place = Path(__file__).parent / package
    sources = sorted(place.glob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()


def digest(value: Any) -> str:
    """Return the SHA-256, as hex, of a value's canonical JSON (keys sorted, no spaces)."""
    return hashlib.sha256(
        json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    ).hexdigest()


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays to a safetensors file, atomically, with the checksum of their contents in its header."""
    from safetensors.numpy import save_file

    # safetensors writes the buffer of a strided view as it lies in memory, so the arrays are made contiguous.
    solid = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        save_file(solid, temporary, metadata={"format": _FORMAT, "sha256": checksum(solid)})


def read_arrays(path: Path) -> Arrays:
    """Return the arrays that `write_arrays` wrote. Raises Corrupt unless every byte of them is as it was written."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Corrupt(str(error)) from error
    if metadata.get("format") != _FORMAT or metadata.get("sha256") != checksum(arrays):
        raise Corrupt("the checksum does not agree")
    return arrays


def checksum(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256, as hex, of named arrays: their names, types, shapes and bytes, in the order of the names."""
    result = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        result.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        result.update(array.data if array.size else b"")
    return result.hexdigest()


class Cache:
    """A folder of artifacts, shared by all runs of a user; any number of processes may use it at once."""

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = Path(root) if root is not None else default_root()
        self._read_only = False

    def arrays(self, kind: str, key: Mapping[str, Any], compute: Callable[[], Arrays]) -> Arrays:
        """Return the arrays stored under `kind` and `key`, computing and storing them when they are not there.

        `key` is a JSON object of all that the arrays depend on (contents by their hash, parameters, versions); `compute`
        returns the arrays by name. Another process that asks for the same key waits for the first instead of working twice.
        """
        path = self.root / kind / f"{digest(dict(key))}.safetensors"
        if (stored := self.read(path)) is not None:
            return stored
        with self._lock(path):
            if (stored := self.read(path)) is not None:
                return stored
            arrays = compute()
            self.write(path, arrays)
        return arrays

    def read(self, path: Path) -> Arrays | None:
        """Return the arrays in a file of this cache, or None when it is absent or damaged (then it is set aside)."""
        try:
            return read_arrays(path)
        except FileNotFoundError:
            return None
        except Corrupt as reason:
            self.set_aside(path, str(reason))
            return None

    def write(self, path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Store arrays in a file of this cache; on a read-only cache, say so once and store nothing."""
        with self._tolerating_read_only():
            write_arrays(path, arrays)
            _remove_leftovers(path.parent)

    def rows(self, *folders: str) -> RowStore:
        """Return the store of rows in a subfolder of this cache."""
        return RowStore(self, self.root.joinpath(*folders))

    def set_aside(self, path: Path, reason: str) -> None:
        """Move a damaged file to `corrupt/` under the root and say so."""
        note(f"The cache file {path} is damaged ({reason}); it is set aside and computed again.")
        with self._tolerating_read_only(), suppress(FileNotFoundError):
            target = self.root / "corrupt" / f"{path.parent.name}-{path.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)

    @contextmanager
    def _tolerating_read_only(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise
            if not self._read_only:
                note(f"The cache {self.root} cannot be written ({error.strerror}); it is used as it is.")
            self._read_only = True

    @contextmanager
    def _lock(self, path: Path) -> Iterator[None]:
        # The kernel drops the lock when its holder dies, so a killed run leaves nothing to clean up.
        descriptor = None
        with self._tolerating_read_only():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o644)
        try:
            if descriptor is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)


class RowStore:
    """Arrays by row, each row under a key of 16 bytes: append-only files ("shards") that are never changed.

    A shard holds the keys of its rows and, for each array, the rows. It appears under its name at once and whole, so a
    run that is killed loses only the rows since its last `add`, and any number of processes may add at once: the worst
    that can happen is that two of them compute the same rows.
    """

    def __init__(self, cache: Cache, folder: Path) -> None:
        self._cache, self._folder = cache, folder

    def fetch(self, wanted: Mapping[bytes, int], into: Arrays) -> NDArray[np.int64]:
        """Copy the stored rows of the `wanted` keys into their positions of the arrays `into`; return these positions."""
        missing = dict(wanted)
        found: list[int] = []
        for path in sorted(self._folder.glob("*.safetensors")):
            if not missing:
                break
            try:
                hits = [(row, key) for row, key in enumerate(_keys_unverified(path)) if key in missing]
            except FileNotFoundError:  # set aside by another process a moment ago
                continue
            except Corrupt as reason:
                self._cache.set_aside(path, str(reason))
                continue
            stored = self._cache.read(path) if hits else None
            if stored is None:
                continue
            rows = np.array([row for row, _ in hits])
            positions = np.array([missing[key] for _, key in hits])
            for name, array in into.items():
                array[positions] = stored[name][rows]
            found.extend(positions.tolist())
            for _, key in hits:
                missing.pop(key, None)
        return np.array(found, np.int64)

    def add(self, keys: list[bytes], arrays: Arrays) -> None:
        """Store one row of each array under each key."""
        packed = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), KEY_BYTES)
        name = hashlib.sha256(packed.tobytes()).hexdigest()
        self._cache.write(self._folder / f"{name}.safetensors", {"keys": packed, **arrays})


def _keys_unverified(path: Path) -> list[bytes]:
    """Return the keys in a shard; the shard is verified only when it turns out to hold wanted rows."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            packed = file.get_tensor("keys").tobytes()
    except (SafetensorError, ValueError) as error:
        raise Corrupt(str(error)) from error
    return [packed[start : start + KEY_BYTES] for start in range(0, len(packed), KEY_BYTES)]


def _remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of runs that were killed a day ago or earlier."""
    for path in folder.glob(".*.tmp"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _DAY:
                path.unlink()
