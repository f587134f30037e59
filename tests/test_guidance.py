"""What the specifications' examples say of the rows: coverage, the probe of the examples, and how a family's word is shared out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from curatekit.artifacts import Artifacts, Settings
from curatekit.dataset import from_lists
from curatekit.errors import InputError
from curatekit.label_errors import find_label_errors
from curatekit.predict.crossfit import Anchors, cross_fit
from curatekit.predict.guidance import Guidance, covered_rows, kappa, label_probs, specified_probs
from curatekit.specs import Specification


def said(spec_probs: np.ndarray, spec_labels: list[int], covered: list[bool]) -> Guidance:
    n = len(spec_probs)
    nothing = np.zeros((n, 1), np.float32)
    return Guidance(
        nothing, nothing, nothing, np.array(spec_labels), tuple(map(str, spec_labels)), np.array(spec_labels),
        np.array(spec_probs), np.array(covered), True, np.zeros(n, np.int64),
    )  # fmt: skip


def test_a_row_is_covered_when_it_is_as_near_as_the_examples_are_to_each_other() -> None:
    angle = np.deg2rad([0, 10, 20, 30])
    examples = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rows = np.stack([np.cos(np.deg2rad([5, 39, 41, 90])), np.sin(np.deg2rad([5, 39, 41, 90]))], axis=1)
    assert covered_rows(rows, examples).tolist() == [True, True, False, False]
    assert not covered_rows(rows, examples[:1]).any()


def test_examples_that_are_far_from_each_other_make_nothing_near() -> None:
    rng = np.random.default_rng(0)
    rows = np.hstack([np.ones((500, 1)), rng.normal(size=(500, 9)) * 0.4])
    far = np.hstack([np.zeros((4, 6)), np.eye(4)])  # similarity 0 to each other
    assert covered_rows(rows, far).mean() < 0.3
    assert 0.85 < covered_rows(rows[100:], rows[:100]).mean() <= 1


def test_the_family_keeps_what_no_specification_speaks_of() -> None:
    # labels 0 and 1 have specifications, two of 0; label 2 has none
    guidance = said(np.tile([0.5, 0.2, 0.3], (2, 1)), [0, 0, 1], [True, False])
    np.testing.assert_allclose(label_probs(guidance, 3), [[0.7, 0.3, 0]] * 2)
    found = specified_probs(np.tile([0.1, 0.5, 0.4], (2, 1)), guidance)
    np.testing.assert_allclose(found, [[0.42, 0.18, 0.4], [0.1, 0.5, 0.4]])


def test_kappa_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    for n_classes in (2, 5):
        one, other = rng.integers(0, n_classes, (2, 60))
        other = np.where(rng.random(60) < 0.5, one, other)
        assert kappa(one, other) == pytest.approx(cohen_kappa_score(one, other))
    assert kappa(np.zeros(5, int), np.zeros(5, int)) == kappa(np.zeros(0, int), np.zeros(0, int)) == 0


MOODS = ("bad", "good")


def reviews(n: int = 120, seed: int = 0):  # type: ignore[no-untyped-def]
    """Reviews of four things by words of two moods; the label of every review of the fourth thing is wrong."""
    rng = np.random.default_rng(seed)
    things, words = (
        ["kettle", "lamp", "chair", "radio"],
        {0: ["awful", "broken", "poor"], 1: ["lovely", "solid", "great"]},
    )
    thing, mood = rng.integers(0, 4, n), rng.integers(0, 2, n)
    texts = [
        f"{words[m][rng.integers(3)]} {things[t]} item {k}" for k, (t, m) in enumerate(zip(thing, mood, strict=True))
    ]
    return texts, mood, thing == 3, words, things


def specifications() -> tuple[Specification, ...]:
    _, _, _, words, things = reviews()
    return tuple(
        Specification(MOODS[m], "", MOODS[m], tuple(f"{word} {thing}" for thing in things for word in words[m]))
        for m in (0, 1)
    )


@pytest.fixture
def artifacts(encoder):  # type: ignore[no-untyped-def]
    texts, mood, flipped, *_ = reviews()
    labels = np.where(flipped, 1 - mood, mood)
    dataset = from_lists(texts, [MOODS[label] for label in labels])
    return Artifacts(dataset, Settings(), specifications=specifications())


def test_anchors_are_in_every_training_and_in_no_prediction(artifacts) -> None:  # type: ignore[no-untyped-def]
    plain = Artifacts(artifacts.dataset, artifacts.settings)
    family, material, labels = plain.family, plain.material, plain.labels
    examples = artifacts.examples
    anchors = Anchors((examples.texts,), examples.labels)
    found = cross_fit(family, material, labels, 2, anchors=anchors)
    assert found.pred_probs.shape == (len(labels), 2)
    assert (found.folds >= 0).all()
    # by hand: the same family fitted on the other folds and all the examples
    both = material.of(((*material.inputs[0], *examples.texts),))
    (x,) = family.prepare(both)
    k = 0
    train = np.r_[np.flatnonzero(found.folds != k), len(labels) + np.arange(len(examples.texts))]
    everyone = np.r_[labels, examples.labels]
    fitted = family.fit(x[train], everyone[train], 2, seed=0, units=train)
    by_hand = fitted.logits(x[np.flatnonzero(found.folds == k)])
    by_hand = by_hand[:, 1] - by_hand[:, 0]
    probs = found.pred_probs[found.folds == k]
    assert np.corrcoef(by_hand, np.log(probs[:, 1] / probs[:, 0]))[0, 1] > 0.99


def test_specifications_that_are_far_from_the_data_are_done_without(artifacts) -> None:  # type: ignore[no-untyped-def]
    far = (
        Specification("a", "", "good", ("zzz zzz zzz", "zzz zzz zz")),
        Specification("b", "", "bad", ("zz zzz", "zzz zz zzz")),
    )
    other = Artifacts(artifacts.dataset, artifacts.settings, specifications=far)
    assert other.covered is not None
    assert other.covered.mean() < 0.5
    assert other.guidance is None
    assert other.anchors is None
    np.testing.assert_array_equal(other.pred_probs, Artifacts(artifacts.dataset, artifacts.settings).pred_probs)


def test_a_label_of_a_specification_that_the_data_lacks_is_refused(artifacts) -> None:  # type: ignore[no-untyped-def]
    wrong = (replace(specifications()[0], label="goood"),)
    with pytest.raises(InputError, match="good"):
        _ = Artifacts(artifacts.dataset, artifacts.settings, specifications=wrong).guidance


def test_special_cases_are_trained_on_and_no_more(artifacts) -> None:  # type: ignore[no-untyped-def]
    # they predict the other mood for every row: nobody's whole data is wrong
    denied = tuple(
        replace(spec, label=other.label) for spec, other in zip(specifications(), specifications()[::-1], strict=True)
    )
    assert artifacts.guidance.describes
    special = Artifacts(artifacts.dataset, artifacts.settings, specifications=denied)
    assert special.guidance is not None
    assert not special.guidance.describes
    assert special.anchors is not None
    found = special.call(find_label_errors)
    assert found.summary.guided is False
