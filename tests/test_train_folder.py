"""The folder of a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from curatekit.errors import InputError
from curatekit.train.folder import begin


def test_several_processes_do_not_write_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="by 2 processes at once"):
        begin(tmp_path / "model", {"kind": "classifier"}, overwrite=False)
    assert not (tmp_path / "model").exists()
    monkeypatch.setenv("WORLD_SIZE", "1")
    begin(tmp_path / "model", {"kind": "classifier"}, overwrite=False)
    assert (tmp_path / "model" / "training.json").is_file()
