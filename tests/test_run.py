"""Manifests and lineage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from curatekit.errors import InputError, VerificationFailed
from curatekit.files import sha256_file
from curatekit.run import lineage, manifest_path, read_manifest, recorded


def step(command: str, source: Path, target: Path, **metrics: object) -> None:
    with recorded(command, {"seed": 3, "output": target}) as run:
        run.input(source)
        target.write_text(source.read_text() + command)
        run.output(target)
        run.metrics.update(metrics)


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    (tmp_path / "raw.csv").write_text("raw")
    step("find-errors", tmp_path / "raw.csv", tmp_path / "issues.csv", accuracy=np.float32(0.5), undefined=float("nan"))
    step("fix", tmp_path / "issues.csv", tmp_path / "fixed.csv")
    return tmp_path


def test_a_manifest_says_what_made_the_file_from_what(chain: Path) -> None:
    manifest = read_manifest(chain / "issues.csv")
    assert manifest is not None
    assert manifest["command"] == "find-errors"
    assert manifest["seed"] == 3
    assert manifest["inputs"] == [{"path": "raw.csv", "sha256": sha256_file(chain / "raw.csv")}]
    assert manifest["outputs"] == [{"path": "issues.csv", "sha256": sha256_file(chain / "issues.csv")}]
    assert manifest["metrics"] == {"accuracy": 0.5, "undefined": None}
    assert manifest["wall_s"] >= 0
    assert manifest["peak_memory_mb"] > 1
    assert "python" in manifest["versions"]


def test_a_run_that_fails_leaves_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError), recorded("fix", {}) as run:
        (tmp_path / "half.csv").write_text("half")
        run.output(tmp_path / "half.csv")
        raise InputError("bad")
    assert not manifest_path(tmp_path / "half.csv").exists()


def test_lineage_walks_to_the_raw_file(chain: Path) -> None:
    steps = lineage(chain / "fixed.csv")
    assert [(Path(s.source).name, s.depth) for s in steps] == [("fixed.csv", 0), ("issues.csv", 1), ("raw.csv", 2)]
    assert all(s.intact for s in steps)
    assert steps[-1].manifest is None


def test_lineage_survives_moving_the_folder_and_renaming_a_file(chain: Path, tmp_path: Path) -> None:
    moved = chain.rename(tmp_path.parent / (tmp_path.name + "-moved"))
    assert all(s.intact for s in lineage(moved / "fixed.csv"))


def test_lineage_sees_a_file_that_changed_or_is_gone(chain: Path) -> None:
    (chain / "raw.csv").write_text("RAW")
    assert [s.intact for s in lineage(chain / "fixed.csv")] == [True, True, False]
    (chain / "raw.csv").unlink()
    assert [s.intact for s in lineage(chain / "fixed.csv")] == [True, True, False]
    (chain / "fixed.csv").write_text("other")
    assert lineage(chain / "fixed.csv")[0].edited


def test_lineage_tells_an_edited_file_from_what_its_command_wrote(chain: Path) -> None:
    assert not any(s.edited for s in lineage(chain / "fixed.csv"))
    (chain / "issues.csv").write_text("reviewed by hand")
    step("fix", chain / "issues.csv", chain / "fixed.csv")
    steps = lineage(chain / "fixed.csv")
    assert [(s.edited, s.intact) for s in steps] == [(False, True), (True, True), (False, True)]


def test_lineage_of_a_file_without_manifest_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        lineage(tmp_path / "none.csv")
    (tmp_path / "raw.csv").write_text("raw")
    with pytest.raises(InputError, match="no manifest"):
        lineage(tmp_path / "raw.csv")
    manifest_path(tmp_path / "raw.csv").write_text("{")
    with pytest.raises(VerificationFailed, match="not readable JSON"):
        lineage(tmp_path / "raw.csv")


def test_a_folder_is_an_output_too(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with recorded("finetune", {}) as run:
        (tmp_path / "model" / "weights").write_bytes(b"1")
        run.output(tmp_path / "model")
    before = json.loads(manifest_path(tmp_path / "model").read_text())["outputs"][0]["sha256"]
    assert before == sha256_file(tmp_path / "model")
    (tmp_path / "model" / "weights").write_bytes(b"2")
    assert sha256_file(tmp_path / "model") != before


def test_an_output_may_not_replace_an_input(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("raw")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "rows.csv").write_text("rows")
    for planned, source in (("raw.csv", "raw.csv"), ("model", "model/rows.csv"), ("model/../raw.csv", "raw.csv")):
        with (
            recorded("pvi", {}, [tmp_path / planned]) as run,
            pytest.raises(InputError, match="would replace the input"),
        ):
            run.input(tmp_path / source)
    with recorded("pvi", {}, [tmp_path / "out.csv"]) as run:
        run.input(tmp_path / "raw.csv")


@pytest.mark.parametrize("source", ["-", "hf://owner/name:train"])
def test_what_is_no_file_keeps_its_name_and_breaks_no_lineage(source: str, tmp_path: Path) -> None:
    with recorded("pvi", {}) as run:
        run.input(source, "f" * 64)
        (tmp_path / "out.csv").write_text("out")
        run.output(tmp_path / "out.csv")
    steps = lineage(tmp_path / "out.csv")
    assert [s.source for s in steps] == [str(tmp_path / "out.csv"), source]
    assert all(s.intact for s in steps)


def test_a_foreign_manifest_is_named(chain: Path) -> None:
    (chain / "aaa.run.json").write_text("[1]")
    (chain / "issues.csv").unlink()
    with pytest.raises(VerificationFailed, match=r"aaa\.run\.json is no manifest of curate"):
        lineage(chain / "fixed.csv")


def test_lineage_of_the_folder_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no manifest"):
        lineage(".")
