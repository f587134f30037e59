"""The material of a selection and its feedback signal."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from curatekit.dataset import from_lists
from curatekit.errors import InputError
from curatekit.predict.probe import fit_probe
from curatekit.reporting import reporting
from curatekit.select import prepare as module
from curatekit.select.prepare import (
    NOTHING,
    Heldout,
    feedback,
    not_elsewhere,
    prepare,
    require_unseen,
    say_badly_served,
)
from curatekit.specs import Specification
from tests.fake_encoder import FakeEncoder
from tests.guided_sample import POOL, TRAIN
from tests.notes import Notes

SPECS = (
    Specification("a", "", "good", ("The car slaps.", "The hat slaps.", "The jam slaps.")),
    Specification("b", "", "bad", ("The car reeks.",)),
)
TRAINING, UNUSED = (from_lists([text for text, _ in rows], [label for _, label in rows]) for rows in (TRAIN, POOL))


def test_rows_and_labels_stand_where_they_stood() -> None:
    made = prepare(TRAINING, UNUSED, SPECS, FakeEncoder())  # type: ignore[arg-type]
    material = made.material
    assert material.classes == ("bad", "good")
    assert [material.classes[label] for label in material.pool_labels] == [label for _, label in POOL]
    assert material.example_labels.tolist() == [1, 1, 1, 0]
    assert material.example_specifications.tolist() == [0, 0, 0, 1]
    assert len(material.train_features) == len(TRAIN)
    assert material.C == made.probe.C
    again = prepare(TRAINING, UNUSED, SPECS, FakeEncoder())  # type: ignore[arg-type]
    np.testing.assert_array_equal(again.material.pool_features, material.pool_features)


def test_the_labels_of_the_pool_change_no_feature() -> None:
    flipped = from_lists([text for text, _ in POOL], ["bad" if label == "good" else "good" for _, label in POOL])
    ours, theirs = (prepare(TRAINING, pool, SPECS, FakeEncoder()).material for pool in (UNUSED, flipped))  # type: ignore[arg-type]
    np.testing.assert_array_equal(ours.example_features, theirs.example_features)


def test_features_are_fitted_on_a_sample_of_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    whole = module.fit_features

    def counted(layers: np.ndarray, texts: tuple[str, ...], **how: int) -> object:
        seen.append(len(texts))
        assert len(layers) == len(texts)
        return whole(layers, texts, **how)

    monkeypatch.setattr(module, "fit_features", counted)
    monkeypatch.setattr(module, "_ROWS_TO_FIT", 40)
    made = prepare(TRAINING, UNUSED, SPECS, FakeEncoder())  # type: ignore[arg-type]
    assert seen == [40]
    assert len(made.material.pool_features) == len(POOL)


def test_rows_of_the_same_text_share_an_inner_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray | None] = []
    whole = module.fit_probe

    def watched(*given: object, **how: object) -> object:
        seen.append(how.get("groups"))  # type: ignore[arg-type]
        return whole(*given, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "fit_probe", watched)
    twice = from_lists([text for text, _ in TRAIN] * 2, [label for _, label in TRAIN] * 2)
    prepare(twice, UNUSED, SPECS, FakeEncoder())  # type: ignore[arg-type]
    assert seen[0] is not None  # where C is chosen
    assert seen[0].tolist() == [*range(len(TRAIN))] * 2


def test_rows_that_stand_elsewhere_leave_the_pool_and_are_said() -> None:
    notes = Notes()
    pool = from_lists(["One!", "Two", "Three"], ["x", "x", "y"])
    with reporting(notes):
        left = not_elsewhere(pool, "in train.csv", ("one", "four"))
        assert not_elsewhere(left, "in heldout.csv", ("four",)) is left
    assert left.texts == ("Two", "Three")
    assert notes.lines == ["1 of 3 rows of The dataset stand in train.csv too: no method may choose them."]
    with pytest.raises(InputError, match=r"All rows of The dataset stand in train\.csv too"):
        not_elsewhere(left, "in train.csv", ("two", "three"))


def test_heldout_rows_that_were_trained_on_are_said_or_refused() -> None:
    train = from_lists(["One", "Two"], ["x", "y"])
    notes = Notes()
    with reporting(notes):
        require_unseen(from_lists(["Three", "Four"], ["x", "y"]), train)
        assert notes.lines == []
        require_unseen(from_lists(["one.", "Three"], ["x", "y"]), train)
    assert "1 of 2 rows of The dataset stand in The dataset too" in notes.lines[0]
    with pytest.raises(InputError, match="All 2 rows of The dataset stand in"):
        require_unseen(from_lists(["one.", "TWO"], ["x", "y"]), train)


def test_the_signal_is_the_failure_of_a_probe_trained_on_the_rows_too_as_a_mean_over_selections() -> None:
    material = prepare(TRAINING, UNUSED, SPECS, FakeEncoder()).material  # type: ignore[arg-type]
    heldout = Heldout(material.pool_features[:9], np.arange(9) % 2)
    selections = [np.array([30, 3, 5]), np.array([0, 1, 2]), NOTHING]
    by_hand = []
    for rows in selections:
        probe = fit_probe(
            np.vstack([material.train_features, material.pool_features[rows]]),
            np.append(material.train_labels, material.pool_labels[rows]),
            2,
            C=material.C,
        )
        failed = probe.logits(material.example_features).argmax(axis=1) != material.example_labels
        answers = probe.logits(heldout.features).argmax(axis=1)
        f1 = f1_score(heldout.labels, answers, average="macro")
        by_hand.append([failed.mean(), (failed[:3].mean() + failed[3]) / 2, (answers == heldout.labels).mean(), f1])
    assert feedback(material, selections, heldout=heldout) == pytest.approx(np.mean(by_hand, axis=0))
    assert feedback(material, selections[:1])[:2] == pytest.approx(by_hand[0][:2])
    assert feedback(material, selections[:1])[2:] == (None, None)


def test_specifications_that_the_pool_serves_badly_are_named() -> None:
    notes = Notes()
    with reporting(notes):
        say_badly_served(["fine", "bad", "worse"], np.array([0.9, 0.6, 0.1]), np.array([0.1, 0.6, 0.3]))
        say_badly_served(["fine"], np.array([0.0]), np.array([0.0]))
    assert len(notes.lines) == 2
    assert "1 of 3 specifications badly" in notes.lines[0]
    assert "'bad'" in notes.lines[0]
    assert "makes it worse" in notes.lines[1]
    assert "'worse'" in notes.lines[1]


def test_pairs_and_unlabelled_rows_are_refused() -> None:
    with pytest.raises(InputError, match="is read as pairs"):
        prepare(TRAINING, from_lists([("a", "b")], ["good"]), SPECS, FakeEncoder())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="1 rows without label"):
        prepare(TRAINING, from_lists(["a", "b"], ["good", None]), SPECS, FakeEncoder())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="too few classes"):
        prepare(from_lists(["a", "b"], ["good", "good"]), UNUSED, SPECS[:1], FakeEncoder())  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"classes with fewer than 2 .*'rare' \(1\)"):
        prepare(
            from_lists(["a", "b", "c", "d", "e"], ["good", "good", "bad", "bad", "rare"]), UNUSED, SPECS, FakeEncoder()
        )  # type: ignore[arg-type]
