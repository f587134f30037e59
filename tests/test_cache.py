"""The cache survives what files go through: flipped bytes, kills, two writers, read-only and full disks."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curatekit import cache as module
from curatekit.cache import Cache, Corrupt, default_root, read_arrays, write_arrays
from curatekit.errors import NoSpace
from curatekit.reporting import reporting


class Listener:
    """A reporter that keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    @contextmanager
    def step(self, name: str, total: int, unit: str) -> Any:
        yield lambda done: None

    def note(self, text: str) -> None:
        self.notes.append(text)


def counted(arrays: dict[str, Any]) -> tuple[Callable[[], dict[str, Any]], list[int]]:
    calls: list[int] = []

    def compute() -> dict[str, Any]:
        calls.append(1)
        return arrays

    return compute, calls


ARRAYS = {"a": np.arange(6).reshape(2, 3), "b": np.array([True, False]), "none": np.zeros((0, 4), np.float32)}


def test_the_second_request_is_read_and_equal(tmp_path: Path) -> None:
    compute, calls = counted(ARRAYS)
    first = Cache(tmp_path).arrays("predictions", {"x": 1}, compute)
    second = Cache(tmp_path).arrays("predictions", {"x": 1}, compute)
    assert len(calls) == 1
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(first[name], array)
        np.testing.assert_array_equal(second[name], array)
        assert second[name].dtype == array.dtype


def test_another_key_or_kind_is_computed_and_the_order_of_the_key_does_not_matter(tmp_path: Path) -> None:
    compute, calls = counted(ARRAYS)
    cache = Cache(tmp_path)
    cache.arrays("predictions", {"x": 1, "y": [2, None]}, compute)
    cache.arrays("predictions", {"y": [2, None], "x": 1}, compute)
    assert len(calls) == 1
    cache.arrays("predictions", {"x": 2, "y": [2, None]}, compute)
    cache.arrays("neighbours", {"x": 1, "y": [2, None]}, compute)
    assert len(calls) == 3


def test_strided_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    strided = np.arange(24).reshape(4, 6)[::2, ::3].T
    write_arrays(tmp_path / "x.safetensors", {"s": strided})
    np.testing.assert_array_equal(read_arrays(tmp_path / "x.safetensors")["s"], strided)


def test_any_flipped_byte_and_any_cut_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_arrays(path, {"a": np.arange(40, dtype=np.float32), "b": np.arange(3)})
    good = path.read_bytes()
    for position in range(len(good)):
        damaged = bytearray(good)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        try:
            arrays = read_arrays(path)
        except Corrupt:
            continue
        # the header is JSON, padded with spaces: some of its bytes change nothing
        assert position < len(good) - 40 * 4 - 3 * 8
        np.testing.assert_array_equal(arrays["a"], np.arange(40, dtype=np.float32))
        np.testing.assert_array_equal(arrays["b"], np.arange(3))
    for size in range(0, len(good), 7):
        path.write_bytes(good[:size])
        with pytest.raises(Corrupt):
            read_arrays(path)


def test_a_damaged_file_is_set_aside_and_computed_again(tmp_path: Path) -> None:
    compute, calls = counted(ARRAYS)
    Cache(tmp_path).arrays("predictions", {}, compute)
    (path,) = (tmp_path / "predictions").glob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    listener = Listener()
    with reporting(listener):
        again = Cache(tmp_path).arrays("predictions", {}, compute)
    np.testing.assert_array_equal(again["a"], ARRAYS["a"])
    assert len(calls) == 2
    assert "damaged" in listener.notes[0]
    assert len(list((tmp_path / "corrupt").iterdir())) == 1
    Cache(tmp_path).arrays("predictions", {}, compute)
    assert len(calls) == 2


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_read_only_cache_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    compute, calls = counted(ARRAYS)
    Cache(tmp_path).arrays("predictions", {"known": True}, compute)

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    for name in ("atomic", "write_arrays"):
        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setattr(module.os, "open", refuse)
    cache, listener = Cache(tmp_path), Listener()
    with reporting(listener):
        cache.arrays("predictions", {"known": True}, compute)
        assert len(calls) == 1
        cache.arrays("predictions", {"known": False}, compute)
        cache.arrays("predictions", {"known": False}, compute)
    assert len(calls) == 3
    assert len(listener.notes) == 1
    assert "cannot be written" in listener.notes[0]


def test_a_full_disk_is_one_error_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from curatekit import files

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "_sync", full)
    with pytest.raises(NoSpace, match="No space left"):
        Cache(tmp_path).arrays("predictions", {}, lambda: ARRAYS)
    assert not list((tmp_path / "predictions").glob("*.safetensors"))
    assert not list((tmp_path / "predictions").glob("*.tmp"))
    monkeypatch.undo()
    Cache(tmp_path).arrays("predictions", {}, lambda: ARRAYS)


def test_two_processes_that_ask_for_the_same_compute_it_once(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        import numpy as np
        from curatekit.cache import Cache
        root = Path(sys.argv[1])
        def compute():
            with (root / "calls").open("a") as log:
                log.write("x")
            time.sleep(0.3)
            return {"a": np.arange(5)}
        assert Cache(root).arrays("k", {}, compute)["a"].sum() == 10
        """
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert (tmp_path / "calls").read_text() == "x"


def test_rows_are_found_again_in_any_order_and_over_several_shards(tmp_path: Path) -> None:
    store = Cache(tmp_path).rows("embeddings", "e")
    keys = [bytes([number]) * 16 for number in range(10)]
    store.add(keys[:6], {"v": np.arange(6.0), "w": np.arange(12).reshape(6, 2)})
    store.add(keys[4:8], {"v": np.arange(4.0, 8.0), "w": np.arange(8, 16).reshape(4, 2)})
    into = {"v": np.full(4, -1.0), "w": np.full((4, 2), -1)}
    found = store.fetch({keys[7]: 0, keys[9]: 1, keys[2]: 2, keys[5]: 3}, into)
    assert sorted(found) == [0, 2, 3]
    np.testing.assert_array_equal(into["v"], [7, -1, 2, 5])
    np.testing.assert_array_equal(into["w"], [[14, 15], [-1, -1], [4, 5], [10, 11]])


def test_an_unreadable_shard_is_set_aside(tmp_path: Path) -> None:
    store = Cache(tmp_path).rows("e")
    store.add([b"k" * 16], {"v": np.ones(1)})
    (path,) = (tmp_path / "e").glob("*.safetensors")
    path.write_bytes(b"\xff" * 100)
    assert not len(store.fetch({b"k" * 16: 0}, {"v": np.zeros(1)}))
    assert not list((tmp_path / "e").glob("*.safetensors"))
    assert len(list((tmp_path / "corrupt").iterdir())) == 1


def test_leftovers_of_killed_runs_go_after_a_day(tmp_path: Path) -> None:
    store = Cache(tmp_path).rows("e")
    (tmp_path / "e").mkdir()
    old, new = tmp_path / "e" / ".a.1.tmp", tmp_path / "e" / ".b.2.tmp"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (1, 1))
    store.add([b"k" * 16], {"v": np.ones(1)})
    assert not old.exists()
    assert new.exists()


def test_the_root_is_the_users_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path))
    assert default_root() == tmp_path
    monkeypatch.delenv("CURATE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(module.sys, "platform", "linux")
    assert default_root() == tmp_path / "curatekit"
