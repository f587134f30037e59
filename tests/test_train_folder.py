"""The folder of a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curatekit.errors import InputError
from curatekit.train.folder import MARK, begin, finished

RUN = {"kind": "classifier", "base": {"name": "b", "sha256": "s"}, "rows": "r", "seed": 0}


def test_several_processes_do_not_write_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="by 2 processes at once"):
        begin(tmp_path / "model", RUN, overwrite=False)
    assert not (tmp_path / "model").exists()
    monkeypatch.setenv("WORLD_SIZE", "1")
    begin(tmp_path / "model", RUN, overwrite=False)
    assert (tmp_path / "model" / "training.json").is_file()


def test_a_model_that_is_overwritten_leaves_nothing(tmp_path: Path) -> None:
    folder, kept = tmp_path / "model", tmp_path / "kept"
    begin(folder, RUN, overwrite=False)
    (folder / "1_Pooling").mkdir()
    kept.mkdir()
    for file in (
        kept / "mine",
        folder / "1_Pooling" / "config.json",
        folder / "chat_template.jinja",
        folder / "modules.json",
    ):
        file.write_text("x")
    (folder / "link").symlink_to(kept)
    (folder / MARK).write_text('{"kind": "encoder"}')
    other = RUN | {"kind": "encoder"}
    assert not finished(folder, other, overwrite=True)
    begin(folder, other, overwrite=True)
    assert [file.name for file in folder.iterdir()] == ["training.json"]
    assert json.loads((folder / "training.json").read_text()) == other
    assert (kept / "mine").exists(), "what a link leads to is not in the folder"


@pytest.mark.parametrize("files", [
    {"thesis.tex": "x"}, {"training.json": '{"kind": "another\'s", "seed": 1}'}, {MARK: "[]"}, {"training.json": "not json"},
], ids=["text", "training.json", MARK, "broken"])  # fmt: skip
def test_a_folder_that_is_not_ours_is_never_emptied(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    for allowed in (finished, begin):
        with pytest.raises(InputError, match="holds no model of ours"):
            allowed(tmp_path, RUN, overwrite=True)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == files


@pytest.mark.parametrize("place", [".", "checkpoint-2"])
def test_overwriting_does_not_remove_the_base(tmp_path: Path, place: str) -> None:
    begin(tmp_path / "model", RUN, overwrite=False)
    base = tmp_path / "model" / place
    base.mkdir(exist_ok=True)
    run: dict[str, Any] = RUN | {"base": {"name": str(base), "sha256": "s"}}
    with pytest.raises(InputError, match=r"holds the base .* which --overwrite would remove"):
        finished(tmp_path / "model", run, overwrite=True)
    assert base.is_dir()
