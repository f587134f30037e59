"""Training those rows of an embedding matrix alone that the data reads.

A few thousand texts read a few thousand of a vocabulary's 30,000 to 250,000 tokens. The other rows get no gradient, yet AdamW walks
over them at every step: with MiniLM (half of whose weights are word embeddings) that is a third of a step's time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from curatekit.arrays import Ints


class _Read(torch.nn.Module):
    """The rows `ids` of an embedding matrix, asked for by their old numbers."""

    place: torch.Tensor  # (vocabulary,) of each old number the new one

    def __init__(self, whole: torch.nn.Embedding, ids: torch.Tensor) -> None:
        super().__init__()
        place = torch.full((whole.num_embeddings,), -1, device=ids.device)
        place[ids] = torch.arange(len(ids), device=ids.device)
        self.register_buffer("place", place, persistent=False)
        self.weight = torch.nn.Parameter(whole.weight.detach()[ids])
        self.padding = None if whole.padding_idx is None else int(place[whole.padding_idx])

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.embedding(self.place[ids], self.weight, self.padding)


@contextmanager
def rows_read(model: Any, ids: Ints) -> Iterator[None]:
    """Let `model` have only the rows `ids` of its token embeddings within; afterwards these are put back among the others.

    What is trained within are the same weights as without, but that rows which are never read are not shrunk by the weight
    decay either. Does nothing where the embeddings are frozen or are more than a table.
    """
    whole = model.get_input_embeddings()
    if type(whole) is not torch.nn.Embedding or whole.max_norm is not None or not whole.weight.requires_grad:
        yield
        return
    padding = [] if whole.padding_idx is None else [whole.padding_idx]
    rows = torch.unique(torch.tensor([*ids.tolist(), *padding], device=whole.weight.device))
    read = _Read(whole, rows)
    model.set_input_embeddings(read)
    try:
        yield
    finally:
        model.set_input_embeddings(whole)
        with torch.no_grad():
            whole.weight[rows] = read.weight
