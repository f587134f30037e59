"""How an answer is generated, in words that need no model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Generation:
    """How an answer is generated: the likeliest token each time, or with a `temperature` one drawn at random.

    max_new_tokens: where an answer is cut. num_beams: search this many in parallel. top_p: draw from the likeliest tokens that have
    this share of probability. repetition_penalty: above 1 makes tokens unlikely that occurred. forbidden: words that must not occur.
    """

    max_new_tokens: int = 64
    num_beams: int = 1
    temperature: float | None = None
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    forbidden: tuple[str, ...] = ()
