"""What the specifications' examples say of the rows of a dataset: which rows they reach, and which labels these should bear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.index import nearest

FAR = 0.05
"""A row is covered unless it is farther from all examples than all but this share of the examples are from another one."""


@dataclass(frozen=True, eq=False)
class Guidance:
    """m examples with guaranteed labels of S specifications, and what they say of n rows."""

    features: Floats  # (n, p) float32, the probe's
    example_features: Floats  # (m, p) by the same map
    example_labels: Ints  # (m,)
    spec_labels: Ints  # (S,) the label of each specification
    spec_probs: Floats  # (n, S) P(specification | x), from the examples alone
    covered: Bools  # (n,) whether an example is near enough to say anything
    folds: Ints  # (n,) by which no model looks at the label of the row that it is asked about


def covered_rows(embeddings: Floats, example_embeddings: Floats) -> Bools:
    """Return (n,) whether each row is as near to an example as all but the loneliest 5 % of the examples are to another one.

    Near is the cosine similarity of the embeddings (n, d) and (m, d). A single example does not tell what is near: nothing is covered.
    """
    if len(example_embeddings) < 2:
        return np.zeros(len(embeddings), bool)
    own = nearest(example_embeddings, 1).similarity[:, 0]
    return nearest(embeddings, 1, example_embeddings).similarity[:, 0] >= np.quantile(own, FAR)


def specified_probs(pred_probs: Floats, guidance: Guidance) -> Floats:
    """Return P(label | x) with the specifications heard, before the given label is looked at (n, K).

    Where a row is covered, the probability that the family gives to all labels that have a specification is shared out among them
    as the specifications say, p(k) = Σ P(s | x) over the s of label k; elsewhere the family's stands.
    """
    of_label = np.eye(pred_probs.shape[1])[guidance.spec_labels]
    spoken = of_label.any(axis=0)
    mass = pred_probs[:, spoken].sum(axis=1, keepdims=True)
    shared = np.where(spoken, guidance.spec_probs @ of_label * mass, pred_probs)
    return np.where(guidance.covered[:, None], shared, pred_probs)
