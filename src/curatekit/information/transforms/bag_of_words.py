"""The transform `bag-of-words`: which words stand in each text, without their order and without an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from curatekit.information.words import count_words


def bag_of_words(inputs: Sequence[Sequence[str]]) -> Any:
    """Return the counts of the words (n, V), sparse; those of the second text of a pair stand for themselves."""
    return count_words(inputs).counts
