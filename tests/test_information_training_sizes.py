"""What a learning curve is made of: sizes, shares of the training rows, and what of it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curatekit import Artifacts, Settings
from curatekit.dataset import Dataset, from_lists
from curatekit.errors import InputError
from curatekit.information.training_sizes import Run, at_training_sizes, halvings
from curatekit.scores.pvi import pvi


@pytest.mark.parametrize(
    ("n", "n_classes", "most", "shares"),
    [
        (40, 2, 8, (0.25, 0.5, 1)),
        (79, 5, 8, (0.25, 0.5, 1)),
        (80, 5, 8, (0.125, 0.25, 0.5, 1)),
        (10_000, 2, 3, (0.25, 0.5, 1)),
    ],
)
def test_sizes_are_halved_down_to_ten_rows_and_two_of_each_label(
    n: int, n_classes: int, most: int, shares: tuple
) -> None:
    assert halvings(n, n_classes, most) == shares


@pytest.mark.parametrize(("n", "n_classes", "said"), [(39, 2, "40 training rows, and there are 39"), (9, 2, "there are 9"),
                                                      (600, 77, "the smallest of 154 rows for 77 labels: 616")])  # fmt: skip
def test_too_few_rows_are_one_sentence(n: int, n_classes: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        halvings(n, n_classes, 8)


@dataclass
class Means:
    """A family that predicts by the length of the text, and remembers what it was fitted on."""

    name: str = "means"
    key: str = "means"
    embeds: bool = False
    slow: bool = True
    fitted: list[tuple[int, ...]] = field(default_factory=list)

    def prepare(self, train: Any, *others: Any) -> tuple[Any, ...]:
        return tuple(np.array([len(text) for text in m.texts], float) for m in (train, *others))

    def fit(self, x: Any, labels: Any, n_classes: int, *, seed: int, units: Any) -> Any:
        self.fitted.append(tuple(x.astype(int).tolist()))
        return FittedMeans(np.array([x[labels == k].mean() for k in range(n_classes)]))


@dataclass
class FittedMeans:
    means: np.ndarray
    temperature: None = None
    details: dict = field(default_factory=dict)
    dynamics: dict = field(default_factory=dict)

    def logits(self, x: Any) -> Any:
        return -np.square((x[:, None] - self.means) / 8)


def dataset(n: int = 80, name: str = "a") -> Dataset:
    """Every text has a length of its own; long ones are rather "long"."""
    rng = np.random.default_rng(0)
    lengths = rng.permutation(n) + 1
    labels = np.where(lengths + 12 * rng.normal(size=n) > n / 2, "long", "short")
    return from_lists([name * length for length in lengths], labels.tolist())


def artifacts(cache: Path, family: Means, data: Dataset, **settings: Any) -> Artifacts:
    made = Artifacts(data, Settings(cache=cache, family="means", folds=4, **settings))
    vars(made)["family"] = family
    return made


SHARES = (0.25, 0.5, 1.0)


def test_the_whole_is_the_cross_fit_and_parts_are_within_one_another(tmp_path: Path) -> None:
    family = Means()
    one = artifacts(tmp_path, family, dataset())
    found = at_training_sizes([Run(one, one)], SHARES)
    assert found.sizes.tolist() == [15, 30, 60]
    assert found.pvi.shape == (1, 3, 80)
    assert (found.pvi[0, 2] == one.call(pvi)).all()
    assert found.accuracy[0, 2] == (one.pred_probs.argmax(axis=1) == one.labels).mean()
    assert (found.models[0] == one.folds).all()
    assert found.label_entropy == pytest.approx(-np.log2(one.null_probs[np.arange(80), one.labels]).mean())
    whole, small, half = family.fitted[:4], family.fitted[4:8], family.fitted[8:]
    for a, b, c in zip(small, half, whole, strict=True):
        assert (len(a), len(b), len(c)) == (15, 30, 60)
        assert set(a) < set(b) < set(c)


def test_an_interrupted_curve_goes_on_with_the_model_that_was_not_done(tmp_path: Path) -> None:
    class Interrupted(Means):
        def fit(self, *arguments: Any, **named: Any) -> Any:
            if len(self.fitted) == 10:  # four of the whole, four of a quarter, two of the half
                raise KeyboardInterrupt
            return super().fit(*arguments, **named)

    first = Interrupted()
    one = artifacts(tmp_path, first, dataset())
    with pytest.raises(KeyboardInterrupt):
        at_training_sizes([Run(one, one)], SHARES)
    second = Means()
    again = artifacts(tmp_path, second, dataset())
    found = at_training_sizes([Run(again, again)], SHARES)
    assert len(second.fitted) == 2
    fresh = artifacts(tmp_path / "other", Means(), dataset())
    assert (found.pvi == at_training_sizes([Run(fresh, fresh)], SHARES).pvi).all()
    third = Means()
    kept = artifacts(tmp_path, third, dataset())
    assert (at_training_sizes([Run(kept, kept)], SHARES).pvi == found.pvi).all()
    assert not third.fitted


def test_seeds_draw_other_folds_and_other_parts(tmp_path: Path) -> None:
    runs = []
    for seed in (0, 1):
        one = artifacts(tmp_path, Means(), dataset(), seed=seed)
        runs.append(Run(one, one))
    found = at_training_sizes(runs, SHARES)
    assert found.pvi.shape == (2, 3, 80)
    assert (found.models[0] != found.models[1]).any()
    assert (found.pvi[0] != found.pvi[1]).any()


def test_an_evaluation_file_is_measured_by_models_of_parts_of_the_training_file(tmp_path: Path) -> None:
    family = Means()
    train = artifacts(tmp_path, family, dataset())
    test = artifacts(tmp_path, family, dataset(40, "b"))
    measured = test.with_predictions(train.predict(test))
    found = at_training_sizes([Run(train, measured)], SHARES)
    assert found.sizes.tolist() == [20, 40, 80]
    assert found.pvi.shape == (1, 3, 40)
    assert [len(rows) for rows in family.fitted] == [80, 20, 40]
    assert set(family.fitted[1]) < set(family.fitted[2]) < set(family.fitted[0])
    assert (found.pvi[0, 2] == measured.call(pvi)).all()
