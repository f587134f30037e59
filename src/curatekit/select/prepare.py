"""From files to the material of a selection, and the feedback signal that a selection earns before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from curatekit.arrays import Floats, Ints, Strings
from curatekit.dataset import Dataset
from curatekit.embed import embed
from curatekit.errors import InputError
from curatekit.evaluate.classification import macro_f1
from curatekit.predict.features import FeatureMap, fit_features
from curatekit.predict.folding import bound_together
from curatekit.predict.probe import Probe, fit_probe
from curatekit.reporting import note
from curatekit.select import Material, label_averaging
from curatekit.specs import Specification, example_cases, stand_among

if TYPE_CHECKING:
    from curatekit.cache import Cache
    from curatekit.encoders import Encoder

_ROWS_TO_FIT = 50_000  # the feature map is a principal component analysis: more rows cost time and change nothing

NOTHING: Ints = np.zeros(0, np.int64)
"""The rows that M0 adds."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Material, the map that made its features, and M0: the probe on the training rows alone, whose C all others share."""

    material: Material
    features: FeatureMap
    probe: Probe


class Heldout(NamedTuple):
    """h labelled rows that nothing is trained on and nothing chosen by."""

    features: Floats  # (h, p)
    labels: Ints  # (h,)


class Feedback(NamedTuple):
    """The feedback signal of a method: how the probe, refitted on training rows and selection, does, as a mean over selections."""

    failure_rate: float
    """On the specifications' examples; NaN where there are none."""
    failure_rate_by_label: float
    """The mean of the failure rates within each label."""
    accuracy: float | None
    """On held-out rows; None where there are none."""
    macro_f1: float | None


def prepare(
    train: Dataset,
    pool: Dataset,
    specifications: Sequence[Specification],
    encoder: Encoder,
    cache: Cache | None = None,
    seed: int = 0,
) -> Prepared:
    """Return what the selection methods work on; the pool's labels are coded into the classes of the training data.

    The feature map is fitted on the texts of the training rows and of the pool, whose labels it does not read; C is chosen by
    cross-validation within the training rows. Raises InputError for texts that are pairs, a class of a single training row, a
    label of the pool or of a specification that the training data lacks, and a pool row without label.
    """
    require_single_texts(train, pool)
    train.require_classes(2).require_rows_per_class(2)
    pool = pool.with_classes(train.classes)
    if (pool.labels < 0).any():
        raise InputError(
            f"{pool.name} has {int((pool.labels < 0).sum())} rows without label. Only labelled rows can be trained on."
        )
    cases = example_cases(specifications, train.classes)
    trained, unused, examples = (
        embed(inputs, encoder, cache) for inputs in (train.inputs, pool.inputs, (cases.texts,))
    )
    layers, texts = np.concatenate([trained.layers, unused.layers]), (*train.texts, *pool.texts)
    if len(texts) > _ROWS_TO_FIT:
        rows = np.sort(np.random.default_rng(seed).permutation(len(texts))[:_ROWS_TO_FIT])
        layers, texts = layers[rows], tuple(texts[row] for row in rows)
    features = fit_features(layers, texts, seed=seed)
    train_features = features.transform(trained.layers, train.texts)
    groups = bound_together(train.texts)  # a text that stands twice must not be on both sides of an inner fold
    probe = fit_probe(train_features, train.labels, len(train.classes), seed=seed, groups=groups)
    material = Material(
        train_features=train_features,
        train_labels=train.labels,
        pool_features=features.transform(unused.layers, pool.texts),
        pool_embeddings=unused.embeddings,
        pool_labels=pool.labels,
        example_features=features.transform(examples.layers, cases.texts),
        example_embeddings=examples.embeddings,
        example_labels=cases.labels,
        example_specifications=cases.specifications,
        specifications=tuple(specification.id for specification in specifications),
        classes=train.classes,
        C=probe.C,
        weak=tuple(number for number, specification in enumerate(specifications) if specification.weak),
        pool_texts=pool.texts,
        example_texts=cases.texts,
    )
    # Refitted at that C like every other, so that M0 differs from them by its rows alone.
    return Prepared(material, features, refit(material, NOTHING, probe))


def refit(material: Material, rows: Ints, start: Probe | None = None) -> Probe:
    """Return the probe on the training rows and these rows of the pool, at the C chosen on the training rows."""
    features = np.concatenate([material.train_features, material.pool_features[rows]])
    labels = np.concatenate([material.train_labels, material.pool_labels[rows]])
    return fit_probe(features, labels, len(material.classes), C=material.C, start=start)


def feedback(
    material: Material, selections: Sequence[Ints], start: Probe | None = None, heldout: Heldout | None = None
) -> Feedback:
    """Return the feedback signal of choosing these rows: known before training, from the examples and never the tests.

    selections: one or more by the same method, such as draws of a baseline.
    """
    real = ~np.isin(material.example_specifications, material.weak)
    features, labels = material.example_features[real], material.example_labels[real]
    weights = label_averaging(labels) if len(labels) else np.zeros(0)
    found = []
    for rows in selections:
        probe = refit(material, rows, start)
        rates = (float("nan"), float("nan"))
        if len(labels):
            failed = probe.logits(features).argmax(axis=1) != labels
            rates = (float(failed.mean()), float(failed @ weights))
        scores = (float("nan"), float("nan"))
        if heldout is not None:
            answers = probe.logits(heldout.features).argmax(axis=1)
            f1 = macro_f1(heldout.labels, answers, len(material.classes))
            scores = (float(np.mean(answers == heldout.labels)), f1)
        found.append((*rates, *scores))
    failure_rate, by_label, accuracy, f1 = np.mean(found, axis=0).tolist()
    return Feedback(failure_rate, by_label, *((accuracy, f1) if heldout is not None else (None, None)))


def say_badly_served(names: Sequence[str] | Strings, before: Floats, after: Floats) -> None:
    """Note the specifications whose own examples the refitted probe fails on more often than not, or more than M0 by 0.1."""
    for served, words in (
        (
            ~(after > 0.5),
            "the probe still fails on more than half of the examples of {}. Look for other data for these.",
        ),
        (~(after > before + 0.1), "the selection makes it worse, by more than 0.1 of the examples, for {}."),
    ):
        bad = [repr(name) for name, well in zip(names, served, strict=True) if not well]
        if bad:
            more = f" and {len(bad) - 10} more" if len(bad) > 10 else ""
            note(
                f"The pool serves {len(bad)} of {len(names)} specifications badly: {words.format(', '.join(bad[:10]) + more)}"
            )


def not_elsewhere(pool: Dataset, where: str, texts: Sequence[str]) -> Dataset:
    """Return the pool without the rows that, once folded, are among `texts`; says how many, and `where` those stand.

    Raises InputError when no row is left.
    """
    kept = np.flatnonzero(~stand_among(pool.texts, texts))
    if not len(kept):
        raise InputError(f"All rows of {pool.name} stand {where} too. Give a pool of other rows to choose from.")
    if len(kept) == len(pool):
        return pool
    note(f"{len(pool) - len(kept)} of {len(pool)} rows of {pool.name} stand {where} too: no method may choose them.")
    return pool.take(kept)


def require_unseen(heldout: Dataset, train: Dataset) -> None:
    """Note how many rows of `heldout` are, once folded, training rows too; raises InputError when all of them are."""
    seen = int(stand_among(heldout.texts, train.texts).sum())
    if seen == len(heldout):
        raise InputError(
            f"All {seen} rows of {heldout.name} stand in {train.name} too, and what was trained on measures nothing. Hold out others."
        )
    if seen:
        note(
            f"{seen} of {len(heldout)} rows of {heldout.name} stand in {train.name} too: on these, every model is measured on "
            "what it was trained on."
        )


def require_single_texts(*datasets: Dataset) -> None:
    """Raise InputError for a dataset of pairs: the cases of a specification are single texts."""
    for dataset in datasets:
        if len(dataset.inputs) != 1:
            raise InputError(
                f"{dataset.name} is read as pairs, and specifications hold single texts. Name one column with --text."
            )
