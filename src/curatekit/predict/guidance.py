"""What the specifications' examples say of the rows of a dataset: which rows they reach, and which labels these should bear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curatekit.arrays import Bools, Floats, Ints
from curatekit.index import nearest
from curatekit.predict.family import Material
from curatekit.predict.features import fit_features
from curatekit.predict.folding import bound_together
from curatekit.predict.probe import fit_probe

FAR = 0.05
"""A row is covered unless it is farther from all examples than all but this share of the examples are from another one."""

_DRAWN, _PAIRS = 20, 20_000

LEAST_COVERED = 0.5
"""Specifications that cover a smaller share of the rows are not heard."""

LEAST_KAPPA = 0.3
"""Specifications whose examples alone predict the labels given no better than this are trained on, and no more."""


@dataclass(frozen=True, eq=False)
class Guidance:
    """m examples with guaranteed labels of S specifications, and what they say of n rows."""

    features: Floats  # (n, p) float32, the probe's
    example_features: Floats  # (m, p) by the same map
    example_embeddings: Floats  # (m, d)
    example_labels: Ints  # (m,)
    specifications: tuple[str, ...]  # S names
    spec_labels: Ints  # (S,) the label of each specification
    spec_probs: Floats  # (n, S) P(specification | x), from the examples alone
    covered: Bools  # (n,) whether an example is near enough to say anything
    describes: bool  # whether the specifications describe the data, not special cases that hardly any row is
    folds: Ints  # (n,) by which no model looks at the label of the row that it is asked about


def guidance(
    rows: Material,
    labels: Ints,
    examples: Material,
    example_labels: Ints,
    example_specifications: Ints,
    specifications: tuple[str, ...],
    covered: Bools,
    folds: Ints,
    seed: int = 0,
) -> Guidance:
    """Return what m examples, of given label and specification (m,) each, say of n rows.

    Of the rows' labels (n,) only one number is read: how far the examples alone predict those of the rows covered (Cohen's kappa).
    Below 0.3 the specifications are special cases: a denied fault is praise, but rows that name a fault are mostly not denials.
    """
    features = fit_features(rows.layers, rows.texts, seed=seed)
    own, of_examples = (features.transform(each.layers, each.texts) for each in (rows, examples))
    spec_probs: Floats = np.ones((len(rows), 1))
    if len(specifications) > 1:
        units = bound_together(
            examples.texts
        )  # an example of two specifications must not be on both sides of an inner fold
        probe = fit_probe(of_examples, example_specifications, len(specifications), seed=seed, groups=units)
        spec_probs = probe.pred_probs(own)
    _, first = np.unique(example_specifications, return_index=True)
    spec_labels = example_labels[first]
    said = (spec_probs @ np.eye(int(max(labels.max(), spec_labels.max())) + 1)[spec_labels]).argmax(axis=1)
    describes = bool(kappa(said[covered], labels[covered]) >= LEAST_KAPPA)
    return Guidance(
        own, of_examples, examples.embeddings, example_labels, specifications, spec_labels, spec_probs, covered, describes,
        folds,
    )  # fmt: skip


def kappa(said: Ints, labels: Ints) -> float:
    """Return Cohen's kappa of two labellings (n,): (p_o − p_e) / (1 − p_e), 0 where there is nothing to agree on."""
    if not len(labels):
        return 0.0
    n_classes = int(max(said.max(), labels.max())) + 1
    shares = (np.bincount(each, minlength=n_classes) / len(labels) for each in (said, labels))
    by_chance = float(np.multiply(*shares).sum())
    return (float((said == labels).mean()) - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0


def covered_rows(embeddings: Floats, example_embeddings: Floats, seed: int = 0) -> Bools:
    """Return (n,) whether each row has an example that is near.

    Near is, by the cosine similarity of the embeddings (n, d) and (m, d): as near as all but the loneliest 5 % of the examples are
    to another one; and, since a few examples may be far from each other, as near as the nearest of m rows drawn at random, at most
    20, is to a row 19 times in 20. A single example does not tell what is near: nothing is covered.
    """
    m = len(example_embeddings)
    if m < 2:
        return np.zeros(len(embeddings), bool)
    own = nearest(example_embeddings, 1).similarity[:, 0]
    rng = np.random.default_rng(seed)
    pairs = rng.integers(0, len(embeddings), (2, _PAIRS))
    one, other = (unit(embeddings[rows]) for rows in pairs[:, pairs[0] != pairs[1]])
    at_random = np.quantile(np.einsum("ij,ij->i", one, other), FAR ** (1 / min(m, _DRAWN))) if len(one) else -1.0
    bar = max(float(np.quantile(own, FAR)), float(at_random))
    return nearest(embeddings, 1, example_embeddings).similarity[:, 0] >= bar


def unit(vectors: Floats) -> Floats:
    """Return the vectors (n, d) divided by their lengths, float32; zero stays zero."""
    single = np.asarray(vectors, np.float32)
    length = np.linalg.norm(single, axis=1, keepdims=True)
    found: Floats = np.divide(single, length, out=np.zeros_like(single), where=length > 0)
    return found


def label_probs(guidance: Guidance, n_classes: int) -> Floats:
    """Return p(k | x) = Σ P(s | x) over the specifications s of label k (n, K): what the examples alone say."""
    probs: Floats = guidance.spec_probs @ np.eye(n_classes)[guidance.spec_labels]
    return probs


def specified_probs(pred_probs: Floats, guidance: Guidance) -> Floats:
    """Return P(label | x) with the specifications heard, before the given label is looked at (n, K).

    Where a row is covered, the probability that the family gives to all labels that have a specification is shared out among them
    as the specifications say, in the shares of `label_probs`; elsewhere the family's stands.
    """
    n_classes = pred_probs.shape[1]
    spoken = np.isin(np.arange(n_classes), guidance.spec_labels)
    mass = pred_probs[:, spoken].sum(axis=1, keepdims=True)
    shared = np.where(spoken, label_probs(guidance, n_classes) * mass, pred_probs)
    return np.where(guidance.covered[:, None], shared, pred_probs)
