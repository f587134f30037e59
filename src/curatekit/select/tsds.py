"""TSDS: optimal transport from the examples to the pool, spread over many rows and little to near-duplicates."""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np

from curatekit import index
from curatekit.arrays import Floats, Ints
from curatekit.select import Selection
from curatekit.select.same_label import nearest_of_label

_ALPHA = 0.5  # between alignment (0) and diversity (1); this and the bandwidth are the authors'
_SCALE = 5.0  # the authors' C
_BANDWIDTH = 0.75  # of the density, a distance
_NEIGHBOURS = 100  # that the density looks at


def tsds(
    pool_embeddings: Floats,
    pool_labels: Ints,
    example_embeddings: Floats,
    example_labels: Ints,
    example_specifications: Ints,
    specifications: tuple[str, ...],
    classes: tuple[str, ...],
    k: int,
    seed: int,
) -> Selection:
    """Return k rows drawn without replacement with the probabilities of the optimal transport plan from the examples.

    The plan minimises the mean distance ‖e − x‖ plus a price for standing out of the uniform distribution, where a row counts
    1 / ρ(x), ρ = Σ max(0, 1 − ‖x − x'‖² / 0.75²) over its neighbours, itself too: near-duplicates share one place (`spread_over`).
    An example sends its mass to rows of its own label alone. (The authors know no labels, and draw with replacement.) Where the
    plan reaches fewer than k rows, the examples spread further. `value` is the row's probability. Raises InputError as
    `nearest_of_label` does, which tells how far an example can spread. Liu, Karbasi and Rekatsinas (2024), "TSDS: Data selection for
    task-specific model finetuning", NeurIPS, algorithm 2 (KNN-KDE).
    """
    found = nearest_of_label(pool_embeddings, pool_labels, example_embeddings, example_labels, classes, k)
    near = [Reach(rows, np.sqrt(np.maximum(2 - 2 * similarity, 0))) for of in found for rows, similarity in zip(of.rows, of.similarity, strict=True) if len(rows)]  # fmt: skip
    examples = np.concatenate([of.examples for of in found if of.rows.shape[1]])
    density = densities(pool_embeddings, np.unique(np.concatenate([one.rows for one in near])))
    price = _SCALE * (1 - _ALPHA) / _ALPHA
    while True:
        plan = spread_over(near, [density[one.rows] for one in near], price)
        mass = np.zeros(len(pool_labels))
        sender, most = np.zeros(len(pool_labels), np.int64), np.zeros(len(pool_labels))
        for example, one, sent in zip(examples, near, plan, strict=True):
            np.add.at(mass, one.rows, sent)
            more = sent > most[one.rows]
            sender[one.rows[more]], most[one.rows[more]] = example, sent[more]
        if np.count_nonzero(mass) >= k:
            break
        price *= 2
    with np.errstate(divide="ignore"):
        noisy = np.log(mass) + np.random.default_rng(seed).gumbel(size=len(mass))
    rows = np.argsort(-noisy, kind="stable")[:k]
    names = np.array(specifications, object)[example_specifications[sender[rows]]]
    reason = [f"same label, drawn by what the transport plan sends to it, most from {name!r}" for name in names]
    return Selection(rows, names, mass[rows], np.array(reason, object))


class Reach(NamedTuple):
    """The rows that one example may send mass to, nearest first."""

    rows: Ints
    distance: Floats


def densities(embeddings: Floats, rows: Ints) -> Floats:
    """Return ρ (N,) of these rows of unit vectors, by their nearest neighbours among them; 1 for the others."""
    found = index.nearest(embeddings[rows], _NEIGHBOURS, embeddings[rows])
    density = np.ones(len(embeddings))
    kernel = np.maximum(0, 1 - (2 - 2 * found.similarity) / _BANDWIDTH**2)
    density[rows] = np.maximum(kernel.sum(axis=1), 1)  # a row is its own neighbour
    return density


def spread_over(near: list[Reach], density: list[Floats], price: float) -> list[Floats]:
    """Return the mass that each of the M examples sends to the rows it reaches, 1/M in all.

    A row takes at most 1 / (M s ρ) of an example, nearest first; s, the number of rows (near-duplicates being one) that an example
    spreads over, is the greatest for which the mean over examples of Σ_j (d_next − d_j) / ρ_j is below the price; where it stays
    below for all rows, every row gets its share.
    """
    count = len(near)
    filled = [0] * count  # rows before this one take all that they can
    weighted = [one.distance[0] / of[0] for one, of in zip(near, density, strict=True)]
    heap = [(1 / of[0], example) for example, of in enumerate(density) if len(of) > 1]
    heapq.heapify(heap)
    costs, total, width = np.zeros(count), 0.0, 1.0
    while heap:
        width, example = heapq.heappop(heap)
        distance, last = near[example].distance, filled[example]
        cost = distance[last + 1] * width - weighted[example]
        total += cost - costs[example]
        costs[example] = cost
        if total >= price * count:
            break
        filled[example] += 1
        if filled[example] < len(distance) - 1:
            own = 1 / density[example][filled[example]]
            weighted[example] += distance[filled[example]] * own
            heapq.heappush(heap, (width + own, example))
    else:  # nothing stands out enough to pay for: each example spreads over all that it reaches, the farthest too
        width = max(float((1 / of).sum()) for of in density)
    plan: list[Floats] = []
    for of in density:
        most = np.minimum(np.cumsum(1 / (width * of)), 1)
        sent = np.diff(most, prepend=0.0)
        sent[-1] += 1 - most[-1]  # what is left where it reaches no further
        plan.append(sent / count)
    return plan
