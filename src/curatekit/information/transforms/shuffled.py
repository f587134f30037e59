"""The transform `shuffled`: the tokens of each text in another order."""

from __future__ import annotations

import random
from collections.abc import Sequence

from curatekit.information.transforms.tokens import tokens


def shuffled(inputs: Sequence[Sequence[str]], seed: int) -> tuple[list[str], ...]:
    """Return the texts with their tokens shuffled, each text by itself; equal texts alike, wherever they stand.

    Ethayarajh et al. (2022), section 4.2: what is lost against the whole input is the information in word order.
    """
    return tuple([_shuffled(text, seed) for text in column] for column in inputs)


def _shuffled(text: str, seed: int) -> str:
    parts = tokens(text)
    random.Random(f"{seed} {text}").shuffle(parts)
    return " ".join(parts)
