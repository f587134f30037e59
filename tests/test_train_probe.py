"""The probe as a model: it learns in a second, and its folder of safetensors and JSON gives the same probabilities."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from curatekit.embed import embed
from curatekit.encoders import Encoder, load_encoder
from curatekit.errors import InputError
from curatekit.predict.features import fit_features
from curatekit.predict.probe import fit_probe
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


def test_rows_of_one_text_stay_together_when_the_temperature_is_chosen(tiny: Encoder) -> None:
    texts = tuple(f"{text} {row}" for row, text in enumerate(X[0][:60]))
    noise = np.random.default_rng(0).integers(0, 2, 60)
    twice, labels = (texts * 2,), np.tile(noise, 2)
    probe = fit_probe_classifier(twice, labels, CLASSES, encoder=tiny).probe
    layers = embed(twice, tiny).layers
    matrix = fit_features(layers, twice[0]).transform(layers, twice[0])
    held_out = fit_probe(matrix, labels, 2, groups=np.tile(np.arange(60), 2))
    assert (probe.C, probe.temperature) == (held_out.C, held_out.temperature)
    leaking = fit_probe(matrix, labels, 2)
    assert probe.pred_probs(matrix).max(1).mean() < leaking.pred_probs(matrix).max(1).mean() - 0.1


def test_columns_of_text_are_remembered(tiny: Encoder, tmp_path: Path) -> None:
    fit_probe_classifier((X[0], X[0]), Y, CLASSES, encoder=tiny).save(tmp_path)
    with pytest.raises(InputError, match="reads pairs of texts and was given 1 column"):
        load_model(tmp_path).pred_probs(X)


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
