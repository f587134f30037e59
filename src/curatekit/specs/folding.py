"""When two texts are the same but for how they are written."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import numpy as np

from curatekit.arrays import Bools


def folded(text: str) -> str:
    """Return the text without case, spaces and punctuation; a text of nothing else is only stripped."""
    return unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS) or text.strip()


def stand_among(texts: Iterable[str], others: Iterable[str]) -> Bools:
    """Return (n,) whether each of the texts is one of the others, but for case, spaces and punctuation."""
    known = set(map(folded, others))
    return np.array([folded(text) in known for text in texts], bool)


class _Letters(dict[int, int | None]):
    """What becomes of a character: letters and digits stay. Asked once for each, which is several times faster than a loop."""

    def __missing__(self, code: int) -> int | None:
        self[code] = code if chr(code).isalnum() else None
        return self[code]


_LETTERS = _Letters()
