"""The runner and the tables."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curatekit import registry
from curatekit.artifacts import Artifacts, Settings
from curatekit.dataset import from_lists
from curatekit.errors import InputError, nearest_name

DATASET = from_lists([f"{word} number {i}" for i in range(12) for word in ("good", "bad")], ["good", "bad"] * 12)


def test_a_method_gets_what_its_signature_names(encoder: Any, tmp_path: Path) -> None:
    def method(
        labels: Any, embeddings: Any, neighbours: Any, pred_probs: Any, null_probs: Any, scale: float = 2.0
    ) -> Any:
        assert embeddings.shape == (24, 384)
        assert neighbours.rows.shape == (24, 23)
        assert pred_probs.shape == null_probs.shape == (24, 2)
        return labels * scale

    artifacts = Artifacts(DATASET, Settings(folds=3, cache=tmp_path))
    assert artifacts.call(method).tolist() == (DATASET.labels * 2.0).tolist()
    assert artifacts.call(method, scale=3.0).tolist() == (DATASET.labels * 3.0).tolist()


def test_the_second_run_takes_everything_from_the_cache(
    encoder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(folds=3, cache=tmp_path)
    first = Artifacts(DATASET, settings)
    expected = first.predictions, first.neighbours

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("curatekit.predict.crossfit.cross_fit", never)
    monkeypatch.setattr("curatekit.index.nearest", never)
    second = Artifacts(DATASET, settings)
    np.testing.assert_array_equal(second.pred_probs, expected[0].pred_probs)
    assert second.predictions.details == expected[0].details
    np.testing.assert_array_equal(second.neighbours.rows, expected[1].rows)
    assert second.neighbours.method == "exact"
    with pytest.raises(AssertionError, match="computed again"):
        _ = Artifacts(DATASET, Settings(folds=3, cache=tmp_path, seed=1)).predictions


def test_other_labels_need_other_predictions_but_the_same_neighbours(
    encoder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Artifacts(DATASET, Settings(folds=3, cache=tmp_path))
    expected = first.neighbours, first.predictions
    monkeypatch.setattr("curatekit.index.nearest", None)  # not to be called again
    labels = [name or "" for name in DATASET.label_names]
    labels[0] = "bad"
    second = Artifacts(from_lists(DATASET.texts, labels), Settings(folds=3, cache=tmp_path))
    np.testing.assert_array_equal(second.neighbours.rows, expected[0].rows)
    assert (second.pred_probs != expected[1].pred_probs).any()


def test_a_parameter_that_is_no_artifact_is_named() -> None:
    with pytest.raises(InputError, match=r"'pred_prob', which is no artifact. Did you mean 'pred_probs'"):
        Artifacts(DATASET).call(lambda pred_prob: None)


def test_a_column_to_group_by_must_exist() -> None:
    with pytest.raises(InputError, match="no column 'author'"):
        _ = Artifacts(DATASET, Settings(group="author")).groups


def test_an_unknown_name_lists_the_table() -> None:
    with pytest.raises(InputError, match=r"no 'nearst' in the table 'select'. Did you mean 'nearest'.*random-matched"):
        registry.load("select", "nearst")


def test_a_third_party_adds_a_method_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("mine", "math:hypot", "curatekit.scores")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group, name: [point] if name == "mine" else [])
    assert registry.load("scores", "mine")(3, 4) == 5


def test_nearest_name() -> None:
    assert nearest_name("Lable", ["label", "text"]) == " Did you mean 'label'?"
    assert nearest_name("zzz", ["label", "text"]) == ""
