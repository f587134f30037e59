"""How much of the label can be read from attributes of the input, and how much more from the input beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from curatekit.artifacts import Artifacts
from curatekit.information.attribute_families import READS_FEATURES, Beside, OfTexts, alone
from curatekit.information.pooling import pooled
from curatekit.information.transforms import LeftOf, left_of
from curatekit.information.v_information import conditional_v_information, v_information
from curatekit.intervals import Interval
from curatekit.reporting import note, step

SINGLE = ("bag-of-words", "shuffled", "first", "last", "length", "negation")
PAIRS = ("left", "right", "overlap", "bag-of-words", "shuffled", "length", "negation")
"""The attributes that are looked at where none are named."""

LARGE_SHARE = 0.25
"""Of the whole input's information: an attribute that has as much and leaves the meaning out is an artefact."""

_NOTICEABLE = 0.02  # bits; of less than this no share is worth a word
_REPEATED = 0.1  # of the texts of a side


class Attribute(NamedTuple):
    """What of the label can be read from one attribute T of the input X."""

    name: str
    family: str  # that reads it: the input's own, "trees" or "words"
    v_information: Interval  # I_V(T → Y), bits
    share: float | None  # of I_V(X → Y); None where that is not above 0 for certain
    conditional: Interval  # I_V(X → Y | T), bits: what the input tells beyond the attribute
    artefact: bool  # it tells much and leaves out what the label should be about: a side of a pair, or columns


class Attributes(NamedTuple):
    """The whole input, and its attributes, those that tell most first."""

    family: str
    rows: int
    label_entropy: float  # H_V(Y | ∅), bits
    v_information: Interval  # I_V(X → Y), bits
    attributes: tuple[Attribute, ...]


def attributes(artifacts: Artifacts, names: Sequence[str] = (), *, confidence: float = 0.95) -> Attributes:
    """Return V-information of the input X and of attributes T of it, and I_V(X → Y | T) = H_V(Y | T) − H_V(Y | X, T).

    names: transforms such as "length", "first:5", "column:source" or "regex:(?i)not"; without names those that fit the data
    (SINGLE or PAIRS). What a transform leaves as texts is read by the family of the settings, numbers by trees, counts of words by
    logistic regression. H_V(Y | X, T) is that of the family on the features of both, where it reads features (probe, mlp); of other
    families it is that of their predictions from X pooled with those from T. All are cross-fitted in the same folds,
    against the null of the whole, and paired row by row; limits as in `v_information`, with the upper one of what cannot be
    negative at 0 or above.

    A row's text that is left of several rows stays in the folds of the whole rows: bind such rows by the group of the
    settings where the attribute must not be recognised from other rows. Raises InputError for a name that is no transform.

    Sources: Xu et al. (2020), ICLR; Ethayarajh et al. (2022), ICML, section 4.2, for transforms; Hewitt et al. (2021), Conditional
    probing, EMNLP, equation 4, for what is known beside a baseline.
    """
    dataset = artifacts.dataset
    names = tuple(dict.fromkeys(names)) or (SINGLE if len(dataset.inputs) == 1 else PAIRS)
    left = [left_of(dataset, name, seed=artifacts.seed) for name in names]
    labels, units, whole = artifacts.labels, artifacts.units, artifacts.predictions
    found = v_information(labels, whole.pred_probs, whole.null_probs, units, confidence=confidence)
    texts = sum(one.texts is not None for one in left)
    if artifacts.family.slow and texts:
        note(
            f"{texts} of the attributes are texts, on each of which {artifacts.family.name} is trained as on the whole."
        )
    each = []
    with step("attributes", len(left), "attributes") as advance:
        for one in left:
            _say_repeated(one, artifacts)
            each.append(_attribute(artifacts, one, found.v_information, confidence))
            advance(1)
    order = np.argsort([-one.v_information.value for one in each], kind="stable")
    return Attributes(
        artifacts.family.name,
        found.rows,
        found.label_entropy,
        found.v_information,
        tuple(each[k] for k in order),
    )


def artefacts(found: Attributes) -> tuple[str, ...]:
    """Return one sentence for each attribute that tells more of the label than it should, none when all is well."""
    v = found.v_information.value
    return tuple(
        f"{one.name} alone tells {one.v_information.value:.3f} of the {v:.3f} bits of the whole input"
        + (f" ({one.share:.0%})" if one.share is not None else "")
        + ": models may take it for the meaning (an annotation artefact)."
        for one in found.attributes
        if one.artefact
    )


def _attribute(artifacts: Artifacts, left: LeftOf, whole: Interval, confidence: float) -> Attribute:
    labels, units, predictions = artifacts.labels, artifacts.units, artifacts.predictions
    family = alone(artifacts.family, left, artifacts.material)
    from_it = artifacts.with_family(family).predictions
    if isinstance(artifacts.family, READS_FEATURES):
        everything = OfTexts(artifacts.family, LeftOf("input", texts=artifacts.dataset.inputs), artifacts.material)
        from_both = artifacts.with_family(Beside(everything, family)).predictions.pred_probs
    else:
        from_both = pooled(
            labels, predictions.folds, predictions.pred_probs, from_it.pred_probs, predictions.null_probs
        )
    v = v_information(labels, from_it.pred_probs, predictions.null_probs, units, confidence=confidence).v_information
    meaningless = left.columns is not None or _is_side(left, artifacts)
    return Attribute(
        left.name,
        family.name,
        v,
        v.value / whole.value if whole.low > 0 else None,
        conditional_v_information(labels, from_it.pred_probs, from_both, units, confidence=confidence),
        meaningless and v.low > 0 and v.value > max(_NOTICEABLE, LARGE_SHARE * whole.value),
    )


def _is_side(left: LeftOf, artifacts: Artifacts) -> bool:
    return left.texts is not None and len(left.texts) < len(artifacts.dataset.inputs)


def _say_repeated(left: LeftOf, artifacts: Artifacts) -> None:
    """Say where a side of pairs stands in other rows, which need not be in its fold: a model may know it again."""
    if left.texts is None or not _is_side(left, artifacts):
        return
    times = Counter(text for text, _ in set(zip(left.texts[0], artifacts.units.tolist(), strict=True)))
    repeated, n = sum(times[text] > 1 for text in left.texts[0]), len(artifacts.dataset)
    if repeated > _REPEATED * n:
        note(
            f"{repeated:,} of {n:,} texts of {left.name!r} stand in other rows too, and a model may know them again. "
            "To rule that out, bind rows with --group."
        )
