"""Rows of images and text as a model reads them: encoded when they are asked for, their images kept while there is room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from curatekit.errors import InputError
from curatekit.readers.vlm_rows import VlmRows
from curatekit.reporting import note, step

_KEPT_BYTES = 1 << 30
_TOLD = 8


class EncodedRows(Sequence[dict[str, Any]]):
    """The rows of `made`, each as `RowEncoder.row` makes it; tokens are held, tensors of images while they fit into a GiB.

    lengths: the tokens of each row.
    """

    def __init__(
        self, made: VlmRows, encoder: Any, lists: Sequence[dict[str, Any]], tensors: dict[str, dict[str, Any]]
    ) -> None:
        self.made, self.encoder, self.lists, self.tensors = made, encoder, lists, tensors
        self.lengths = [len(row["input_ids"]) for row in lists]

    def __len__(self) -> int:
        return len(self.lists)

    def __getitem__(self, row: Any) -> Any:
        from curatekit import hf_vlm

        if row >= len(self):
            raise IndexError(row)
        tensors = self.tensors.get(self.made.keys[row])
        if tensors is None:
            tensors = hf_vlm.pixels_of(self.encoder.row(self.made.images(row), self.made.prompts[row], None))
        return {**self.lists[row], **tensors, "row": row}

    def told(self, rows: Sequence[int]) -> str:
        """Return a sentence that names rows by their ids."""
        more = f" and {len(rows) - _TOLD} more" if len(rows) > _TOLD else ""
        return f"In that batch were the rows {', '.join(self.made.named(row) for row in rows[:_TOLD])}{more}."


def encoded(rows: VlmRows, encoder: Any, limit: int | None, what: str) -> tuple[EncodedRows, tuple[str, ...]]:
    """Return the rows that fit into `limit` tokens, encoded, and the ids of the others, which are counted aloud and never cut.

    Raises InputError when a prompt says of its images what is not so, and when no row fits.
    """
    from curatekit import hf_vlm

    wrong = []
    for row in range(len(rows)):
        try:
            encoder.check_prompt(rows.prompts[row], len(rows.cells[row]))
        except InputError as error:
            wrong.append(f"row {rows.named(row)}: {error}")
    if wrong:
        more = f"; and {len(wrong) - _TOLD} more" if len(wrong) > _TOLD else ""
        raise InputError(
            f"{rows.dataset.name}: {len(wrong)} of {len(rows)} prompts are wrong: {'; '.join(wrong[:_TOLD])}{more}."
        )
    lists, tensors, kept, too_long, room = [], {}, [], [], _KEPT_BYTES
    answers = rows.answers or [None] * len(rows)
    longest = 0
    with step(f"reading {what}", len(rows), "rows") as advance:
        for row, answer in enumerate(answers):
            made = encoder.row(rows.images(row), rows.prompts[row], answer)
            advance(1)
            length = len(made["input_ids"])
            if limit is not None and length > limit:
                too_long.append(row)
                longest = max(longest, length)
                continue
            pixels = hf_vlm.pixels_of(made)
            size = sum(tensor.nbytes for tensor in pixels.values())
            if rows.keys[row] not in tensors and size <= room:
                tensors[rows.keys[row]] = pixels
                room -= size
            lists.append({name: value for name, value in made.items() if name not in pixels})
            kept.append(row)
    if too_long:
        told = f"{len(too_long)} of {len(rows)} {what} rows have more than the {limit} tokens that are read, up to {longest}"
        if not kept:
            raise InputError(f"{told}. Give smaller images, shorter texts, or a base that reads more.")
        note(f"{told}: they are set aside, since a cut would take the answer.")
    return EncodedRows(rows.take(kept), encoder, lists, tensors), tuple(str(rows.dataset.ids[row]) for row in too_long)
