"""What is written comes back as it was, and a write that fails leaves nothing."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curatekit.errors import InputError, NoSpace
from curatekit.readers import read_frame
from curatekit.writers import write_table

SUFFIXES = [".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather", ".ipc"]
texts = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".arrow", ".csv.gz", ".jsonl.zst"])
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(texts, texts), min_size=1, max_size=5))
def test_any_strings_come_back(tmp_path: Path, suffix: str, rows: list[tuple[str, str]]) -> None:
    frame = pl.DataFrame(rows, schema={"a": pl.String, "b": pl.String}, orient="row")
    path = tmp_path / f"rows{suffix}"
    write_table(frame, path)
    assert read_frame(path).equals(frame)
    write_table(frame.select("a"), path)
    assert read_frame(path).equals(frame.select("a"))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(texts.filter(lambda name: name.strip() and "\0" not in name), min_size=2, max_size=4, unique=True)
)
def test_any_column_names_come_back(tmp_path: Path, names: list[str]) -> None:
    for suffix in (".csv", ".jsonl", ".parquet"):
        write_table(pl.DataFrame({name: ["x"] for name in names}), tmp_path / f"rows{suffix}")
        assert read_frame(tmp_path / f"rows{suffix}").columns == names


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nul_in_a_column_name(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(InputError, match="holds a NUL byte"):  # polars would panic
        write_table(pl.DataFrame({"a\0": ["x"]}), tmp_path / f"rows{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nulls(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows{suffix}"
    frame = pl.DataFrame({"a": ["x", None, ""]})
    write_table(frame, path)
    # csv has one kind of empty cell; what matters is that no row is lost.
    assert read_frame(path)["a"].to_list() == (["x", "", ""] if suffix in (".csv", ".tsv") else ["x", None, ""])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_types(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows{suffix}"
    frame = pl.DataFrame(
        {"i": [2**62, -1], "f": [0.1, None], "b": [True, False], "l": [["a", "é"], []], "s": [{"k": 1}, {"k": 2}]}
    )
    write_table(frame, path)
    if suffix in (".csv", ".tsv"):
        assert read_frame(path).rows() == [
            (str(2**62), "0.1", "true", '["a", "é"]', '{"k": 1}'),
            ("-1", "", "false", "[]", '{"k": 2}'),
        ]
    else:
        assert read_frame(path).equals(frame)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".arrow"])
def test_no_rows_keep_their_columns(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows{suffix}"
    write_table(pl.DataFrame(schema={"a": pl.String, "b": pl.Int64}), path)
    assert read_frame(path).columns == ["a", "b"]
    assert read_frame(path).height == 0


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".csv.gz", ".csv.zst"])
def test_the_same_frame_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    frame = pl.DataFrame({"a": [str(i) for i in range(1000)]})
    for name in ("one", "two"):
        write_table(frame, tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


def test_parquet_pages_carry_checksums(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_table(pl.DataFrame({"a": [f"value {i}" for i in range(1000)]}), path)
    data = path.read_bytes()
    start = pq.ParquetFile(path).metadata.row_group(0).column(0).dictionary_page_offset
    for position in range(start + 30, start + 60):
        flipped = bytearray(data)
        flipped[position] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(InputError, match="is damaged"):
            read_frame(path)


@pytest.mark.parametrize("name", ["rows.xlsx", "rows", "rows.gz", "rows.csv.bz2"])
def test_unknown_suffix(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"none of \.csv, \.tsv"):
        write_table(pl.DataFrame({"a": ["x"]}), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        write_table(pl.DataFrame({"a": ["x"]}), tmp_path / "no" / "rows.csv")


@pytest.mark.parametrize("values", [[b"\xff"], [[b"\xff"]], [{"x": b"\xff"}]])
def test_bytes_have_no_place_in_text(tmp_path: Path, values: list[Any]) -> None:
    frame = pl.DataFrame({"image": values})
    for suffix in (".csv", ".jsonl"):
        with pytest.raises(InputError, match="column 'image' holds bytes"):
            write_table(frame, tmp_path / f"rows{suffix}")
    write_table(frame, tmp_path / "rows.parquet")
    assert read_frame(tmp_path / "rows.parquet").equals(frame)


def test_a_type_that_csv_does_not_have_is_one_sentence(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1]}).select(pl.duration(seconds=pl.col("a")))
    with pytest.raises(InputError, match=r"rows\.csv cannot hold this table"):
        write_table(frame, tmp_path / "rows.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.csv"
    write_table(pl.DataFrame({"a": ["old"]}), path)

    def full(self: Path, data: bytes) -> int:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(NoSpace):
        write_table(pl.DataFrame({"a": ["new"]}), path)
    assert [file.name for file in tmp_path.iterdir()] == ["rows.csv"]
    assert path.read_text() == "a\nold\n"
