"""Rows of images, prompt and answer from a file: where images may be, and every row that cannot be used named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytest.importorskip("PIL")

from curatekit.errors import InputError
from curatekit.readers.vlm_rows import read_vlm_rows
from curatekit.reporting import reporting
from tests.notes import Notes
from tests.test_images import Image, bomb, noise, saved

ONE, TWO = saved(Image.fromarray(noise((4, 5, 3)))), saved(Image.new("RGBA", (3, 3), (0, 0, 0, 128)))


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_bytes_in_parquet(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pl.DataFrame(
        {"id": ["a", "b"], "image": [ONE, TWO], "question": ["what?"] * 2, "answer": ["001", "2"]}
    ).write_parquet(file)
    with reporting(notes := Notes()):
        rows = read_vlm_rows(file)
    assert rows.prompts == ("what?", "what?")
    assert rows.answers == ("001", "2")
    assert rows.dataset.ids.tolist() == ["a", "b"]
    assert [image.size for image in rows.images(0) + rows.images(1)] == [(5, 4), (3, 3)]
    assert rows.dataset.frame.columns == ["id", "image", "question", "answer"]
    assert "Images converted: 1 transparency put on white." in notes.lines


def test_paths_beside_the_table_and_under_a_root(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "one.png").write_bytes(ONE)
    beside = jsonl(tmp_path / "a.jsonl", [{"image": "pictures/one.png", "prompt": "x", "answer": "y"}])
    under = jsonl(tmp_path / "b.jsonl", [{"image": "one.png", "prompt": "x", "answer": "y"}])
    first, second = read_vlm_rows(beside), read_vlm_rows(under, image_root=tmp_path / "pictures")
    assert first.keys == second.keys
    with pytest.raises(InputError, match=r"1 of 1 rows have no usable image: line 1: there is no file 'one.png'"):
        read_vlm_rows(under)


def test_several_images_and_one_prompt_for_all(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pl.DataFrame({"image": [[ONE, TWO], [ONE]], "caption": ["two", "one"]}).write_parquet(file)
    rows = read_vlm_rows(file, prompt_text="How many?")
    assert [len(rows.images(row)) for row in range(2)] == [2, 1]
    assert rows.prompts == ("How many?",) * 2
    assert rows.keys[0].split("+")[0] == rows.keys[1]
    assert "caption" in rows.dataset.frame.columns
    assert rows.take([1]).answers == ("one",)
    prompts = read_vlm_rows(file, prompt_text="How many?", answers=False)
    assert prompts.answers is None


BAD: dict[str, tuple[Any, str]] = {
    "missing": (None, "there is no image"),
    "empty": (b"", "0 bytes"),
    "truncated": (ONE[: len(ONE) // 2], "damaged"),
    "text": (b"no image at all", "no image of the formats"),
    "bomb": (bomb(20_000, 20_000), "pixels"),
}


@pytest.mark.parametrize("kind", BAD)
def test_an_image_that_cannot_be_used_is_named_and_set_aside(kind: str, tmp_path: Path) -> None:
    cell, reason = BAD[kind]
    file = tmp_path / "rows.parquet"
    pl.DataFrame(
        {"id": ["a", "b", "c"], "image": [ONE, cell, ONE], "prompt": ["x"] * 3, "answer": ["y"] * 3}
    ).write_parquet(file)
    with pytest.raises(InputError, match=rf"1 of 3 rows have no usable image: row 2: .*{reason}.*--on-bad-row skip"):
        read_vlm_rows(file)
    rows = read_vlm_rows(file, on_bad_row="skip")
    assert rows.dataset.ids.tolist() == ["a", "c"]
    assert len(rows.cells) == len(rows.keys) == 2
    aside = rows.dataset.set_aside.row(0, named=True)
    assert (aside["row"], aside["id"]) == (2, "b")
    assert reason in aside["reason"]


def test_rows_bad_by_their_texts_and_by_their_image_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    frame = {
        "id": ["a", "b", "c", "d"],
        "image": [b"x", ONE, ONE, ONE],
        "prompt": ["x", "x", " ", "x"],
        "answer": ["y", "", "y", "y"],
    }
    pl.DataFrame(frame).write_parquet(file)
    with pytest.raises(InputError, match="column 'answer' is empty"):
        read_vlm_rows(file)
    rows = read_vlm_rows(file, on_bad_row="skip")
    assert rows.dataset.set_aside["id"].to_list() == ["a", "b", "c"]
    assert rows.dataset.ids.tolist() == ["d"]


def test_columns_that_are_not_there_or_not_certain(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "a.jsonl", [{"image": "a.png", "img": "b.png", "prompt": "x", "answer": "y"}])
    with pytest.raises(InputError, match="which column is meant by --image is not certain"):
        read_vlm_rows(file)
    with pytest.raises(InputError, match=r"no column 'imgs' \(--image\). Did you mean 'img'\?"):
        read_vlm_rows(file, image="imgs")
    with pytest.raises(InputError, match="Give one of the two"):
        read_vlm_rows(file, image="img", prompt="prompt", prompt_text="y")
    with pytest.raises(InputError, match="--prompt-text is empty"):
        read_vlm_rows(file, image="img", prompt_text=" ")
