"""The frame of every command: exit codes, what goes where, Ctrl-C, and the shared options."""

from __future__ import annotations

import errno
import json
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from curatekit.errors import InputError, NoSpace
from curatekit.reporting import note, step
from curatekit.run import read_manifest
from curatekit_cli._options import DataOptions, data_options, seed_option
from curatekit_cli._print import following, shown, table
from curatekit_cli._session import fails, read, session


def command(error: BaseException | None) -> click.Command:
    @click.command("try")
    @click.option("-o", "output", type=click.Path(path_type=Path), default="out.csv")
    def body(output: Path) -> None:
        with session(output) as run:
            note("a decision")
            with step("working", 3) as advance:
                advance(3)
            if error:
                raise error
            output.write_text("done")
            run.output(output)

    return body


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (None, 0, ""),
        (InputError("What, where. What to do."), 2, "curate try: What, where. What to do."),
        (NoSpace("Full."), 12, "curate try: Full."),
        (OSError(errno.ENOSPC, "no"), 12, "no space left"),
        (MemoryError(), 12, "out of memory"),
        (KeyboardInterrupt(), 130, "To go on: curate"),
    ],
)
def test_faults_that_we_foresaw(
    error: BaseException | None, code: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command(error))
    assert result.exit_code == code
    assert says in result.stderr
    assert "note: a decision" in result.stderr
    assert result.stdout == ""
    manifest = read_manifest(tmp_path / "out.csv")
    if error:
        assert list(tmp_path.iterdir()) == []
    else:
        assert manifest is not None
        assert manifest["notes"] == ["a decision"]


def test_a_fault_of_ours_keeps_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(CliRunner().invoke(command(ZeroDivisionError())).exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("output", "says"), [("out.exe", "none of .csv"), ("folder", "is a folder"), ("none/out.csv", "does not exist")]
)
def test_an_output_that_will_not_do_is_refused_before_any_work(
    output: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    result = CliRunner().invoke(command(ZeroDivisionError("work was done")), ["-o", output])
    assert result.exit_code == 2
    assert says in result.stderr


def test_rows_of_all_sources_are_set_aside_in_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.csv"):
        Path(name).write_text("text,label\nx,1\n,2\n")

    @click.command("try")
    @data_options
    def body(data_options: DataOptions) -> None:
        with session(Path("out.csv")) as run:
            assert len(read(run, "a.csv", data_options)) == len(read(run, "b.csv", data_options)) == 1

    assert CliRunner().invoke(body, ["--on-bad-row", "skip"]).exit_code == 3
    lines = [json.loads(line) for line in Path("out.csv.skipped.jsonl").read_text().splitlines()]
    assert [(line["source"], line["row"]) for line in lines] == [("a.csv", 3), ("b.csv", 3)]
    assert read_manifest("out.csv.skipped.jsonl") is not None


@pytest.mark.parametrize(("failing", "code"), [(True, 6), (False, 3)])
def test_a_failure_is_told_before_rows_set_aside_and_a_trial_keeps_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: bool, code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("text,label\nx,1\n,2\n")

    @click.command("try")
    @data_options
    def body(data_options: DataOptions) -> None:
        with session(Path("out.csv"), keeps=False) as run:
            read(run, "a.csv", data_options)
            if failing:
                fails()

    ran = CliRunner().invoke(body, ["--on-bad-row", "skip"])
    assert ran.exit_code == code
    assert "1 of 2 rows of a.csv are set aside, and written nowhere." in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_reader_that_has_gone_is_no_fault() -> None:
    code = "from curatekit_cli._print import result; result(False, {}, ['line'] * 100_000); import sys; sys.exit(7)"
    ran = subprocess.run(f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} | head -1; echo ${{PIPESTATUS[0]}}",
                         shell=True, executable="/bin/bash", capture_output=True, text=True, check=False)  # fmt: skip
    assert ran.stdout == "line\n7\n"
    assert ran.stderr == ""


def test_shared_options_arrive_as_one_value() -> None:
    seen: list[object] = []

    @click.command()
    @data_options
    @seed_option
    def body(data_options: DataOptions, seed: int) -> None:
        seen.extend([data_options, seed])

    CliRunner().invoke(body, ["--text", "a", "--text", "b", "--label", "y", "--limit", "5", "--seed", "3"])
    assert seen == [DataOptions(("a", "b"), "y", None, "fail", False, 5), 3]


def test_text_from_data_cannot_drive_the_terminal() -> None:
    assert shown("a\x1b[31mred\nb\u202ec\0") == "a\\u001b[31mred b\\u202ec\\u0000"
    assert shown("x" * 100, 10) == "x" * 9 + "…"


def test_a_table_is_aligned() -> None:
    assert table(["name", "n", "rate"], [["a", 1000, 0.5], ["bb", 2, None]]) == [
        "name      n   rate",
        "a     1,000  0.500",
        "bb        2",
    ]
    assert table(["name"], []) == ["name"]


def test_the_next_command_can_be_pasted() -> None:
    given = DataOptions(("a b", "c"), "y", "", "fail", False, None)
    assert following("pvi", Path("my file.csv"), columns=given) == (
        "Next: curate pvi 'my file.csv' --text 'a b' --text c --label y --id ''"
    )
    given = DataOptions((), None, None, "skip", True, None)
    assert following("pvi", "-", columns=given, why="to see") == (
        "Next: curate pvi FILE --on-bad-row skip --normalise-labels  # to see"
    )
