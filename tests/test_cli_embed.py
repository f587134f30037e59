"""curate embed: an aligned .npy with its manifest, and only new rows on the second run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit.embed import embed
from curatekit.encoders import load_encoder
from curatekit_cli.embed import command
from tests.tiny import easy_task, tiny_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
    texts = [f"{text} {'story ' * row}" for row, text in enumerate(easy_task(70)[0][0])]
    pl.DataFrame({"id": [f"r{row}" for row in range(70)], "text": texts}).write_csv("data.csv")
    return texts


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_the_rows_are_those_of_the_library_and_the_second_run_computes_none(data: list[str], base: Path) -> None:
    how = ("data.csv", "--text", "text", "--encoder", base, "--precision", "float32", "-o", "e.npy", "--json")
    first = run(*how)
    assert first.exit_code == 0, first.output
    said = json.loads(first.stdout)
    expected = embed((data,), load_encoder(str(base), precision="float32"))
    got = np.load("e.npy", mmap_mode="r")
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected.embeddings, atol=1e-6)
    assert (said["rows"], said["dimensions"], said["computed"]) == (70, 32, 70)
    assert said["truncated_ids"] == [f"r{row}" for row in np.flatnonzero(expected.truncated)] != []
    manifest = json.loads(Path("e.npy.run.json").read_text())
    assert manifest["command"] == "embed"
    assert manifest["metrics"]["precision"] == "float32"
    assert any("longer than the 64 tokens" in text for text in manifest["notes"])

    before = Path("e.npy").read_bytes()
    again = json.loads(run(*how).stdout)
    assert (again["computed"], again["cached_or_repeated"], again["texts_per_second"]) == (0, 70, None)
    assert Path("e.npy").read_bytes() == before


def test_the_text_result_says_what_was_done_and_what_is_next(data: list[str], base: Path) -> None:
    said = run("data.csv", "--text", "text", "--encoder", base, "--precision", "bfloat16", "-o", "e.npy").stdout
    for part in (
        "Embedded 70 rows in 32 dimensions: e.npy",
        "70 texts computed",
        "bfloat16, since it was asked for",
        "Next: ",
    ):
        assert part in said


@pytest.mark.usefixtures("data")
def test_bad_requests_are_one_sentence_and_leave_nothing(base: Path) -> None:
    for arguments, part in (
        (("data.csv", "--text", "text", "-o", "e.csv"), "must end in .npy"),
        (("data.csv", "--text", "text", "-o", "no/e.npy"), "does not exist"),
        (("data.csv", "--text", "text", "--encoder", "./nowhere", "-o", "e.npy"), "no encoder folder"),
        (("data.csv", "--text", "txt", "--encoder", base, "-o", "e.npy"), "Did you mean 'text'?"),
    ):
        ran = run(*arguments)
        assert ran.exit_code == 2
        assert part in ran.stderr
        assert "Traceback" not in ran.stderr
    assert not list(Path().glob("e.*"))
