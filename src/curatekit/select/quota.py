"""The nearest rows of the same label, a quota for each specification, without diversity."""

from __future__ import annotations

from curatekit.arrays import Floats, Ints
from curatekit.select import Selection
from curatekit.select.turns import in_turns


def quota(
    pool_embeddings: Floats,
    pool_labels: Ints,
    example_embeddings: Floats,
    example_labels: Ints,
    example_specifications: Ints,
    specifications: tuple[str, ...],
    classes: tuple[str, ...],
    k: int,
) -> Selection:
    """Return k rows: the specifications take turns, each taking the row of its label that is nearest to one of its examples.

    `value` is the cosine similarity. Raises InputError as `in_turns` does. The round robin is that of Ivison et al. (2025),
    "Large-scale data selection for instruction tuning".
    """
    return in_turns(
        pool_embeddings, pool_labels, example_embeddings, example_labels, example_specifications, specifications, classes,
        k, relevance=1.0,
    )  # fmt: skip
