"""Which rows of a pool are suspected of a wrong label, and what becomes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from curatekit.dataset import from_lists
from curatekit.errors import InputError
from curatekit.predict.folding import folds
from curatekit.predict.probe import fit_probe
from curatekit.reporting import reporting
from curatekit.select import Material
from curatekit.select.prepare import Prepared
from curatekit.select.trust import p_wrong, trusted
from tests.notes import Notes
from tests.select_material import material


def pool(n: int = 200, flipped: int = 20) -> Material:
    """Return material whose pool's labels are told by the first feature, the first rows' labels flipped."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    features = rng.normal(size=(n, 8)).astype(np.float32)
    features[:, 0] += 6 * (labels - 0.5)
    labels[:flipped] = 1 - labels[:flipped]
    texts = tuple(f"row {row}" for row in range(n))
    return replace(
        material(0), pool_features=features, pool_embeddings=features, pool_labels=labels, pool_texts=texts,
        classes=("x", "y"),
    )  # fmt: skip


def prepared(given: Material) -> Prepared:
    return Prepared(given, None, fit_probe(given.train_features, given.train_labels % 2, 2, C=1.0))  # type: ignore[arg-type]


def dataset(given: Material):  # type: ignore[no-untyped-def]
    return from_lists(list(given.pool_texts), [given.classes[label] for label in given.pool_labels])


def test_flipped_labels_are_suspected_and_others_are_not() -> None:
    wrong = p_wrong(pool())
    assert (wrong[:20] > 0.5).sum() >= 16
    assert (wrong[20:] > 0.5).sum() <= 3
    assert wrong.sum() == pytest.approx(20, abs=6)


def test_no_row_is_judged_by_a_model_that_saw_it() -> None:
    """The order of doubt is that of sklearn's probabilities, fitted on the other folds and the examples."""
    given = pool()
    fold = folds(given.pool_labels, given.pool_texts, 5, 0)
    own = np.empty(200)
    for number in range(5):
        train, test = fold != number, np.flatnonzero(fold == number)
        x = np.vstack([given.pool_features[train], given.example_features])
        y = np.append(given.pool_labels[train], given.example_labels)
        probs = LogisticRegression(C=1.0, max_iter=1000).fit(x, y).predict_proba(given.pool_features[test])
        own[test] = probs[np.arange(len(test)), given.pool_labels[test]]
    wrong = p_wrong(given)
    ranks = [np.argsort(np.argsort(values)) for values in (1 - own, wrong)]
    assert np.corrcoef(*ranks)[0, 1] > 0.98  # C is chosen there, 1 here


def test_drop_leaves_out_the_suspected_weight_thins_them_out_and_all_keeps_them() -> None:
    given = pool()
    wrong = p_wrong(given)
    notes = Notes()
    with reporting(notes):
        dropped = trusted(prepared(given), dataset(given), "drop")
        thinned = [trusted(prepared(given), dataset(given), "weight", seed) for seed in range(20)]
        everything = trusted(prepared(given), dataset(given), "all")
    stay = np.flatnonzero(wrong <= 0.5)
    assert dropped.left_out == 200 - len(stay)
    np.testing.assert_array_equal(dropped.prepared.material.pool_features, given.pool_features[stay])
    assert dropped.pool.texts == dropped.prepared.material.pool_texts == tuple(given.pool_texts[row] for row in stay)
    assert dropped.suspected(np.arange(len(stay))) == 0
    assert np.mean([one.left_out for one in thinned]) == pytest.approx(wrong.sum(), rel=0.25)
    gone = np.array([[text not in one.pool.texts for text in given.pool_texts] for one in thinned])
    assert gone[:, :20].mean() > 10 * gone[:, 20:].mean()
    assert everything.left_out == 0
    assert everything.suspected(np.arange(200)) == (wrong > 0.5).sum()
    assert everything.prepared.material is not None
    assert (
        f"{(wrong > 0.5).sum()} of 200 rows of The dataset are suspected of a wrong label: they are left out"
        in notes.lines[0]
    )


def test_examples_that_agree_with_a_row_make_it_less_suspect() -> None:
    given = pool()
    alike = given.pool_features[:20] + 0.01
    taught = replace(
        given, example_features=np.vstack([alike] * 5), example_embeddings=np.vstack([alike] * 5),
        example_labels=np.tile(given.pool_labels[:20], 5), example_specifications=np.repeat([0, 1, 2, 0, 1], 20),
    )  # fmt: skip
    assert p_wrong(taught)[:20].mean() < p_wrong(given)[:20].mean() - 0.1


UNJUDGED = "{} of 200 rows of the pool cannot be judged"


@pytest.mark.parametrize("trust", ["all", "weight", "drop"])
def test_a_label_borne_by_one_row_is_not_judged_by_the_others(trust: str) -> None:
    """Two labels, one of them borne by one row and by no example: a fold of one class is left when that row is asked about."""
    lonely = np.zeros(200, np.int64)
    lonely[3] = 1
    given = replace(pool(), pool_labels=lonely, example_labels=np.zeros(9, np.int64))
    notes = Notes()
    with reporting(notes):
        left = trusted(prepared(given), dataset(given), trust)
    assert left.p_wrong[[text == given.pool_texts[3] for text in left.pool.texts]].tolist() == [0.0]
    assert (
        sum(UNJUDGED.format(40) in line for line in notes.lines) == 1
    )  # all of its fold: without it there is one label


def test_a_third_label_borne_by_one_row_is_no_suspect_and_the_others_are_as_without_it() -> None:
    given = pool()
    labels = given.pool_labels.copy()
    labels[150] = 2
    three = replace(given, classes=("x", "y", "z"), pool_labels=labels)
    notes = Notes()
    with reporting(notes):
        wrong = p_wrong(three)
    assert wrong[150] == 0
    assert (wrong[:20] > 0.5).sum() >= 16
    assert UNJUDGED.format(1) in notes.lines[0]
    bears = replace(three, example_labels=np.r_[three.example_labels[:-1] % 2, 2])
    assert p_wrong(bears)[150] > 0  # an example of that label tells of it


def test_a_pool_of_one_label_or_one_text_is_not_suspected_and_unknown_ways_are_refused() -> None:
    notes = Notes()
    with reporting(notes):
        assert not p_wrong(replace(pool(), pool_labels=np.zeros(200, np.int64))).any()
        assert not p_wrong(replace(pool(), pool_texts=("the same",) * 200)).any()
    assert [UNJUDGED.format(200) in line for line in notes.lines] == [True, True]
    with pytest.raises(InputError, match="Choose one of: all, weight, drop"):
        trusted(prepared(pool()), dataset(pool()), "most")
