"""Rows whose label the specifications' examples alone would have given."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.predict.probe import fit_probe
from curatekit.reporting import note
from curatekit.select import Selection
from curatekit.select.quota import quota
from curatekit.select.turns import in_turns


def specification_probe(
    pool_features: Floats,
    pool_embeddings: Floats,
    pool_labels: Ints,
    example_features: Floats,
    example_embeddings: Floats,
    example_labels: Ints,
    example_specifications: Ints,
    specifications: tuple[str, ...],
    classes: tuple[str, ...],
    C: float,
    k: int,
) -> Selection:
    """Return k rows: the specifications take turns, each taking the row of its label with the greatest p(label | x) · s.

    p is by a probe fitted on the examples alone, s the cosine similarity to the specification's nearest example; rows whose label is
    not that probe's most probable one are left out, as long as the others are k. So a row is taken where both agree that its
    label means what the specifications mean by it. `value` is p · s. With examples of one label there is no such probe: it is
    `quota` then, and it is said. Raises InputError as `in_turns` does. The filter is that of Blum and Mitchell's (1998)
    co-training, "Combining labeled and unlabeled data".
    """
    given = (example_embeddings, example_labels, example_specifications, specifications, classes, k)
    if len(np.unique(example_labels)) < 2:
        note(
            "All specifications have the same label, so no probe of their examples says anything: rows are chosen by quota."
        )
        return quota(pool_embeddings, pool_labels, *given)
    probs = fit_probe(example_features, example_labels, len(classes), C=C).pred_probs(pool_features)
    confidence = probs[np.arange(len(pool_labels)), pool_labels]
    shared = np.flatnonzero((probs.argmax(axis=1) == pool_labels) & np.isin(pool_labels, example_labels))
    if len(shared) < k:
        note(
            f"The probe of the examples shares the label of {len(shared)} rows of the pool, less than k: others are taken too."
        )
        shared = np.arange(len(pool_labels))
    found = in_turns(pool_embeddings[shared], pool_labels[shared], *given, relevance=1.0, factor=confidence[shared])
    rows = shared[found.rows]
    reason = [
        f"{why}; the examples' own probe gives the label {p:.2f}"
        for why, p in zip(found.reason, confidence[rows], strict=True)
    ]
    return found._replace(rows=rows, reason=np.array(reason, object))
