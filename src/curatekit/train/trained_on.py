"""Which texts a model was trained on, kept in its folder as hashes, so that measuring it on them does not go unseen."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from curatekit.files import write_text
from curatekit.specs import folded

if TYPE_CHECKING:
    from curatekit.train.classifier import Inputs

FILE = "trained_on.txt"


def text_hashes(inputs: Inputs) -> tuple[str, ...]:
    """Return 16 hex digits of the SHA-256 of each input, without case, spaces and punctuation; n of them."""
    rows = ("\n".join(map(folded, row)) for row in zip(*inputs, strict=True))
    return tuple(hashlib.sha256(row.encode("utf-8", "surrogatepass")).hexdigest()[:16] for row in rows)


def write_trained_on(folder: Path, inputs: Inputs, base: Path | None = None) -> None:
    """Write to `folder` the hashes of the inputs, and those of the base that the training starts from."""
    hashes = set(text_hashes(inputs)) | (trained_on(base) or set() if base is not None else set())
    write_text(folder / FILE, "".join(f"{one}\n" for one in sorted(hashes)))


def trained_on(folder: Path) -> frozenset[str] | None:
    """Return the hashes of the texts that the model in `folder` was trained on, None where they are not recorded."""
    file = folder / FILE
    return frozenset(file.read_text(encoding="utf-8").split()) if file.is_file() else None
