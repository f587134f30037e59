"""The classifier of a second: multinomial logistic regression on what a frozen encoder says, kept without any pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curatekit import encoders
from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError
from curatekit.files import atomic, write_json
from curatekit.predict.features import FeatureMap, fit_features
from curatekit.predict.folding import bound_together
from curatekit.predict.probe import Probe, fit_probe
from curatekit.train.classifier import Inputs, check_columns, check_rows
from curatekit.train.folder import MARK, begin, content_hash, finished
from curatekit.train.trained_on import write_trained_on

if TYPE_CHECKING:
    from curatekit.cache import Cache

_KIND = "probe"
_ARRAYS = "probe.safetensors"
_WORDS = "words.json"


@dataclass(frozen=True)
class ProbeClassifier:
    """A fitted probe with all that it needs to read new texts."""

    probe: Probe
    features: FeatureMap
    encoder: encoders.Encoder
    classes: tuple[str, ...]
    text_columns: int  # 1, or 2 for pairs
    cache: Cache | None = None  # where embeddings are kept

    def pred_probs(self, inputs: Inputs) -> Floats:
        """Return p(class | input), (n, K) float64, row i for input i."""
        check_columns(inputs, self.text_columns)
        if not len(inputs[0]):
            return np.zeros((0, len(self.classes)))
        return self.probe.pred_probs(_features(self.features, inputs, self.encoder, self.cache))

    def save(self, folder: Path | str) -> None:
        """Write the model to `folder` as safetensors and JSON; the file that marks it finished comes last."""
        from safetensors.numpy import save

        folder = Path(folder)
        folder.mkdir(exist_ok=True)
        (folder / MARK).unlink(missing_ok=True)
        words = self.features.vectorizer
        arrays = {
            "coef": self.probe.coef,
            "intercept": self.probe.intercept,
            "mean": self.features.mean,
            "projection": self.features.projection,
            "word_projection": self.features.word_projection,
        }
        if words is not None:
            arrays["idf"] = words.idf_
            write_json(
                folder / _WORDS, {"settings": _settings(words), "vocabulary": list(words.get_feature_names_out())}
            )
        with atomic(folder / _ARRAYS) as temporary:
            temporary.write_bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
        about = {"name": self.encoder.name, "weights_sha256": self.encoder.weights_sha256}
        about |= {"precision": self.encoder.precision, "backend": self.encoder.backend}
        calibrated = {"temperature": self.probe.temperature, "C": self.probe.C}
        about_model = {"kind": _KIND, "classes": self.classes, "text_columns": self.text_columns, "encoder": about}
        write_json(folder / MARK, {**about_model, **calibrated})


def fit_probe_classifier(
    inputs: Inputs,
    labels: Ints,
    classes: Sequence[str],
    *,
    encoder: encoders.Encoder | None = None,
    seed: int = 0,
    cache: Cache | None = None,
    output_dir: Path | str | None = None,
    overwrite: bool = False,
) -> ProbeClassifier:
    """Return the probe fitted on (inputs, labels), saved to `output_dir` if given; C and temperature by inner cross-validation.

    inputs: one column of n texts, or two for pairs. labels: (n,) codes into `classes`. Raises InputError when fewer than
    two classes have rows, or when `output_dir` holds another run (see `overwrite`).
    """
    check_rows(inputs, labels, classes)
    encoder = encoder or encoders.load_encoder()
    run = {
        "kind": _KIND,
        "base": encoder.key,
        "rows": content_hash(inputs, labels),
        "classes": list(classes),
        "seed": seed,
    }
    if output_dir is not None:
        finished(Path(output_dir), run, overwrite=overwrite)  # refused before the embedding, not after it
    from curatekit.embed import embed

    layers, texts = embed(tuple(map(tuple, inputs)), encoder, cache).layers, _joined(inputs)
    features = fit_features(layers, texts, seed=seed)
    matrix = features.transform(layers, texts)
    # a text that comes twice must not be held out of the half that it trains: the temperature would be too low
    probe = fit_probe(matrix, labels, len(classes), seed=seed, groups=bound_together(texts))
    fitted = ProbeClassifier(probe, features, encoder, tuple(classes), len(inputs), cache)
    if output_dir is not None:
        begin(Path(output_dir), run, overwrite=overwrite)
        write_trained_on(Path(output_dir), inputs)
        fitted.save(output_dir)
    return fitted


def load_probe(folder: Path | str, cache: Cache | None = None) -> ProbeClassifier:
    """Return the probe that `save` wrote to `folder`; raises InputError when its encoder has changed since."""
    from safetensors.numpy import load_file

    folder = Path(folder)
    about = json.loads((folder / MARK).read_text(encoding="utf-8"))
    saved = about["encoder"]
    encoder = encoders.load_encoder(saved["name"], saved["precision"], saved["backend"])
    if encoder.weights_sha256 != saved["weights_sha256"]:
        raise InputError(
            f"The encoder {saved['name']} is not the one that {folder} was fitted on: the SHA-256 of its weights differs. "
            "Put the original there, or fit the probe again."
        )
    arrays = load_file(folder / _ARRAYS)
    words = None
    if "idf" in arrays:
        words = _vectorizer(json.loads((folder / _WORDS).read_text(encoding="utf-8")), arrays["idf"])
    return ProbeClassifier(
        Probe(arrays["coef"], arrays["intercept"], about["temperature"], about["C"]),
        FeatureMap(arrays["mean"], arrays["projection"], words, arrays["word_projection"]),
        encoder,
        tuple(about["classes"]),
        about["text_columns"],
        cache,
    )


def _features(features: FeatureMap, inputs: Inputs, encoder: encoders.Encoder, cache: Cache | None) -> Floats:
    from curatekit.embed import embed

    return features.transform(embed(tuple(map(tuple, inputs)), encoder, cache).layers, _joined(inputs))


def _joined(inputs: Inputs) -> tuple[str, ...]:
    return tuple("\n".join(row) for row in zip(*inputs, strict=True))


def _settings(vectorizer: Any) -> dict[str, Any]:
    """Return the settings of a TfidfVectorizer that are not sklearn's defaults; its dtype is always float32."""
    defaults = signature(type(vectorizer)).parameters
    given = vectorizer.get_params(deep=False).items()
    return {name: value for name, value in given if name != "dtype" and value != defaults[name].default}


def _vectorizer(saved: Mapping[str, Any], idf: Floats) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in saved["settings"].items()}
    vectorizer = TfidfVectorizer(**settings, vocabulary=saved["vocabulary"], dtype=np.float32)
    vectorizer.idf_ = idf
    return vectorizer
