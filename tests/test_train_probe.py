"""The probe as a model: it learns in a second, and its folder of safetensors and JSON gives the same probabilities."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from curatekit.encoders import Encoder, load_encoder
from curatekit.errors import InputError
from curatekit.train.model import load_model
from curatekit.train.probe import fit_probe_classifier
from tests.tiny import CLASSES, easy_task, tiny_base

X, Y = easy_task(200)
EVAL_X, EVAL_Y = easy_task(60, seed=1)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return load_encoder(str(tiny_base(tmp_path_factory.mktemp("tiny") / "encoder")), precision="float32")


def test_it_learns_and_is_the_same_after_saving(tiny: Encoder, tmp_path: Path) -> None:
    probe = fit_probe_classifier(X, Y, CLASSES, encoder=tiny)
    probs = probe.pred_probs(EVAL_X)
    assert (probs.argmax(1) == EVAL_Y).mean() > 0.95
    probe.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.classes == CLASSES
    assert np.array_equal(loaded.pred_probs(EVAL_X), probs)
    assert loaded.pred_probs(((),)).shape == (0, 2)
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".json", ".safetensors"}
    assert len({path.stat().st_mode for path in (tmp_path / "model").iterdir()}) == 1
    about = json.loads((tmp_path / "model" / "curatekit.json").read_text())
    assert about["encoder"]["weights_sha256"] == tiny.weights_sha256
    assert about["encoder"]["name"] == tiny.name


def test_pairs_and_texts_without_a_repeated_word(tiny: Encoder, tmp_path: Path) -> None:
    pairs = (("good", "bad", "great"), ("awful", "plot", "scene"))
    probe = fit_probe_classifier(pairs, np.array([0, 1, 0]), CLASSES, encoder=tiny)
    assert probe.features.vectorizer is None
    probe.save(tmp_path)
    assert np.array_equal(load_model(tmp_path).pred_probs(pairs), probe.pred_probs(pairs))


def test_another_encoder_under_the_same_name_is_refused(tiny: Encoder, tmp_path: Path) -> None:
    probe = fit_probe_classifier(X, Y, CLASSES, encoder=tiny)
    copy = shutil.copytree(tiny.folder, tmp_path / "encoder")
    replace(probe, encoder=load_encoder(str(copy), precision="float32")).save(tmp_path / "model")
    other = tiny_base(tmp_path / "other", hidden=16)
    for file in other.iterdir():
        shutil.copy(file, copy / file.name)
    with pytest.raises(InputError, match="SHA-256 of its weights differs"):
        load_model(tmp_path / "model")


def test_folders_without_a_finished_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model folder"):
        load_model(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no config\.json"):
        load_model(tmp_path)
    (tmp_path / "training.json").write_text("{}")
    with pytest.raises(InputError, match="not finished"):
        load_model(tmp_path)


def test_one_class_is_refused(tiny: Encoder) -> None:
    with pytest.raises(InputError, match="All 200 training rows are labelled 'pos'"):
        fit_probe_classifier(X, np.ones(200, int), CLASSES, encoder=tiny)
