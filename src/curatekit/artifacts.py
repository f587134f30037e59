"""The runner: named artifacts of one dataset, each made once when first asked for, and methods called by name.

A method's parameter names are the artifact names: `call(knn_agreement)` reads the signature (labels, neighbours),
fetches what is named, from the cache or by computing it, and calls.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curatekit.errors import InputError, nearest_name
from curatekit.predict.tuning import Tuning
from curatekit.registry import DEFAULT_ENCODER

if TYPE_CHECKING:
    from curatekit.arrays import Bools, Floats, Ints, Strings
    from curatekit.cache import Cache
    from curatekit.dataset import Dataset
    from curatekit.embed import Features
    from curatekit.encoders import Encoder
    from curatekit.index import Neighbours
    from curatekit.predict.crossfit import Anchors, FoldModel, Keep, Predictions
    from curatekit.predict.family import Family, Inputs, Material
    from curatekit.predict.guidance import Guidance
    from curatekit.predict.models import Models
    from curatekit.specs import Cases, Specification


@dataclass(frozen=True)
class Settings:
    """How artifacts are made; part of their cache keys."""

    encoder: str = DEFAULT_ENCODER
    precision: str = "auto"
    backend: str = "torch"
    cache: Path | None = None
    family: str = "probe"
    tuning: Tuning = field(default_factory=Tuning)
    null: str = "prior"
    folds: int = 5
    group: str | None = None
    neighbours: int = 50
    seed: int = 0


class Artifacts:
    """The artifacts of one dataset; axis 0 of each array is the dataset's rows."""

    def __init__(
        self,
        dataset: Dataset,
        settings: Settings | None = None,
        predictions: Predictions | None = None,
        specifications: Sequence[Specification] = (),
    ) -> None:
        self.dataset = dataset
        self.settings = settings or Settings()
        # A statement alone is no text of the kind that it is about, and bears no label: nothing is trained on it.
        self.specifications = tuple(specification for specification in specifications if not specification.weak)
        self._fitted: list[FoldModel] = []  # of all rows, by a family that is slow to fit
        if predictions is not None:
            self.predictions = predictions

    def call(self, method: Callable[..., Any], **given: Any) -> Any:
        """Return `method` called with the artifacts that its signature names; `given` overrides or adds some.

        Raises InputError when a parameter without default names no artifact.
        """
        arguments = dict(given)
        for name, parameter in inspect.signature(method).parameters.items():
            if name in arguments or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            if name in ARTIFACTS:
                arguments[name] = getattr(self, name)
            elif parameter.default is inspect.Parameter.empty:
                raise InputError(
                    f"The method {method.__name__!r} asks for {name!r}, which is no artifact."
                    f"{nearest_name(name, ARTIFACTS)} Artifacts: {', '.join(ARTIFACTS)}."
                )
        return method(**arguments)

    @cached_property
    def cache(self) -> Cache:
        from curatekit.cache import Cache

        return Cache(self.settings.cache)

    @cached_property
    def encoder(self) -> Encoder:
        from curatekit.encoders import load_encoder

        return load_encoder(self.settings.encoder, self.settings.precision, self.settings.backend)

    @cached_property
    def inputs_key(self) -> str:
        """The hash of the texts in order."""
        return _key_of(self.dataset.inputs)

    @property
    def embeddings_key(self) -> str:
        """The hash of all that the embeddings depend on: texts in order, encoder."""
        return hashlib.sha256((self.encoder.key + self.inputs_key).encode()).hexdigest()

    @cached_property
    def labels_key(self) -> str:
        """The hash of the labels in order, and of the classes."""
        digest = hashlib.sha256(np.ascontiguousarray(self.dataset.labels, np.int64).tobytes())
        digest.update("\0".join(self.dataset.classes).encode())
        return digest.hexdigest()

    @property
    def labels(self) -> Ints:
        return self.dataset.labels

    @property
    def classes(self) -> tuple[str, ...]:
        return self.dataset.classes

    @property
    def texts(self) -> tuple[str, ...]:
        return self.dataset.texts

    @property
    def ids(self) -> Strings:
        return self.dataset.ids

    @cached_property
    def features(self) -> Features:
        from curatekit.embed import embed

        return embed(self.dataset.inputs, self.encoder, self.cache)

    @property
    def embeddings(self) -> Floats:
        return self.features.embeddings

    @property
    def layers(self) -> Floats:
        return self.features.layers

    @cached_property
    def neighbours(self) -> Neighbours:
        from curatekit.cache import code_of
        from curatekit.index import Neighbours, nearest

        def compute() -> dict[str, Any]:
            found = nearest(self.embeddings, self.settings.neighbours, seed=self.settings.seed)
            how = np.array([found.recall, found.method == "exact"])
            return {"rows": found.rows, "similarity": found.similarity, "how": how}

        key = {
            "embeddings": self.embeddings_key,
            "k": self.settings.neighbours,
            "seed": self.settings.seed,
            "code": code_of("index"),
        }
        arrays = self.cache.arrays("neighbours", key, compute)
        recall, exact = arrays["how"]
        return Neighbours(arrays["rows"], arrays["similarity"], float(recall), "exact" if exact else "approximate")

    @cached_property
    def groups(self) -> Strings | None:
        """The values of the --group column, or None."""
        column = self.settings.group
        if column is None:
            return None
        frame = self.dataset.frame
        if column not in frame.columns:
            raise InputError(
                f"{self.dataset.path} has no column {column!r} to group by.{nearest_name(column, frame.columns)} "
                f"Columns: {', '.join(frame.columns)}."
            )
        return np.asarray(frame[column].cast(str).to_list(), dtype=object)

    @cached_property
    def units(self) -> Ints:
        """(n,): rows of one unit are copies of a text, or of one group: no evidence of their own."""
        from curatekit.predict.folding import bound_together

        # an evaluation file need not have the training file's column of groups
        grouped = self.settings.group in self.dataset.frame.columns
        return bound_together(self.texts, self.groups if grouped else None)

    @cached_property
    def family(self) -> Family:
        """The family V that predicts."""
        from curatekit.predict.family import load_family

        return load_family(self.settings.family, self.settings.tuning)

    @cached_property
    def material(self) -> Material:
        """What a family may look at of the rows."""
        from curatekit.embed import embed
        from curatekit.predict.family import Material

        def encode(inputs: Inputs) -> Features:
            return self.features if inputs is self.dataset.inputs else embed(inputs, self.encoder, self.cache)

        return Material(self.dataset.inputs, encode)

    @cached_property
    def predictions(self) -> Predictions:
        from curatekit.predict.crossfit import cross_fit

        settings = self.settings
        anchors = self.anchors
        key = {**self.fit_key, "folds": settings.folds}
        if anchors is not None:
            key |= {"anchors": _key_of(anchors.inputs), "anchor_labels": anchors.labels.tolist()}

        def compute(keep: Keep) -> Predictions:
            return cross_fit(
                self.family, self.material, self.labels, self.n_classes, n_folds=settings.folds, seed=settings.seed,
                groups=self.groups, null=settings.null, keep=keep, anchors=anchors,
            )  # fmt: skip

        return self._kept(key, compute)

    @cached_property
    def early(self) -> Predictions:
        """In-sample predictions, and the training dynamics, by one model of all rows, stopped before it memorises them.

        Raises InputError for a family that is not fine-tuned.
        """
        from curatekit.predict.family import load_family
        from curatekit.predict.tuning import EARLY_EPOCHS
        from curatekit.reporting import note

        if not self.family.slow:
            raise InputError(
                f"early_loss and aum watch a model while it is fine-tuned, and --family {self.family.name} is not. Give --family finetune."
            )
        tuning = replace(self.settings.tuning, epochs=self.settings.tuning.epochs or EARLY_EPOCHS)
        one = self.with_family(load_family(self.settings.family, tuning))
        note(
            f"One model of all rows is fine-tuned for {tuning.epochs} epochs and asked about these same rows: it is stopped before it "
            "memorises wrong labels. Out-of-sample probabilities: --score self_confidence."
        )
        return replace(one.predict(one, in_sample=True), family=f"{self.family.name}, in-sample, stopped early")

    @cached_property
    def examples(self) -> Cases | None:
        """The specifications' examples, their labels coded; None without specifications."""
        from curatekit.specs import example_cases

        return example_cases(self.specifications, self.classes) if self.specifications else None

    @cached_property
    def guidance(self) -> Guidance | None:
        """What the specifications say of the rows; None without them, and where they are too far from the data to help."""
        from curatekit.predict.folding import folds
        from curatekit.predict.guidance import LEAST_COVERED, guidance
        from curatekit.reporting import note

        if self.examples is None or self.covered is None:
            return None
        share = self.covered.mean()
        if share < LEAST_COVERED:
            note(
                f"Only {share:.1%} of the rows are as near to an example of a specification as the examples are to each other: "
                "the specifications are too far from this data to judge its labels, and it is done without them."
            )
            return None
        fold = folds(self.labels, self.texts, self.settings.folds, self.seed, self.groups)
        names = tuple(specification.id for specification in self.specifications)
        found = guidance(
            self.material, self.labels, self.material.of((self.examples.texts,)), self.examples.labels,
            self.examples.specifications, names, self.covered, fold, self.seed,
        )  # fmt: skip
        heard = (
            "what contradicts them as a whole is found"
            if found.describes
            else "by themselves they do not predict the labels given, so they are of special cases, and say nothing of other rows"
        )
        note(
            f"{share:.0%} of the rows are near to the specifications' examples: {heard}. Models that are cross-fitted are trained on "
            "the examples too."
        )
        return found

    @cached_property
    def covered(self) -> Bools | None:
        """(n,) whether an example of a specification is near enough to say anything of the row; None without specifications."""
        from curatekit.predict.guidance import covered_rows

        if self.examples is None:
            return None
        if len(self.dataset.inputs) != 1:
            raise InputError(
                f"{self.dataset.name} is read as pairs, and specifications hold single texts. Name one column with --text."
            )
        return covered_rows(self.embeddings, self.material.of((self.examples.texts,)).embeddings)

    @property
    def anchors(self) -> Anchors | None:
        """The specifications' examples, to be trained on beside the rows; None where there is no guidance."""
        from curatekit.predict.crossfit import Anchors

        if self.examples is None or self.guidance is None:
            return None
        return Anchors((self.examples.texts,), self.examples.labels)

    def predict(self, evaluated: Artifacts, *, in_sample: bool = False) -> Predictions:
        """Return the predictions of the rows of `evaluated` by one model of all rows of this dataset (Algorithm 1).

        The classes of `evaluated` are this dataset's. Raises InputError where its texts stand here too, unless in_sample.
        """
        from curatekit.predict.crossfit import fit_eval

        key = {**self.fit_key, "eval_inputs": evaluated.inputs_key, "eval_labels": evaluated.labels_key}

        def compute(keep: Keep) -> Predictions:
            return fit_eval(
                self.family, self.material, self.labels, evaluated.material, evaluated.labels, self.n_classes,
                seed=self.settings.seed, groups=self.groups, null=self.settings.null, in_sample=in_sample, keep=keep,
                fitted=self._fitted if self.family.slow else None,
            )  # fmt: skip

        return self._kept({**key, "in_sample": in_sample}, compute)

    def models(self, evaluated: Artifacts | None = None) -> Models:
        """Return the models that predicted these rows, to be asked about other texts.

        With `evaluated`, whose predictions `predict` returned, the model that predicted those.
        """
        from curatekit.embed import embed
        from curatekit.predict.crossfit import IN_NO_FOLD
        from curatekit.predict.models import Models

        asked = evaluated or self
        key = {**self.fit_key, "folds": self.settings.folds}
        if evaluated is not None:
            key |= {"eval_inputs": evaluated.inputs_key, "eval_labels": evaluated.labels_key}
        return Models(
            self.family, self.material, self.labels, self.units,
            self.folds if evaluated is None else np.full(len(self.labels), IN_NO_FOLD),
            asked.predictions, asked.labels, lambda inputs: embed(inputs, self.encoder), self.characters_read,
            self.settings.seed, key,
            {} if evaluated is None else dict(enumerate(self._fitted[-1:])),
        )  # fmt: skip

    def characters_read(self, inputs: Inputs) -> tuple[Ints, ...]:
        """Return how many characters of each text the models read, (n,) for each column of n texts."""
        if self.family.embeds:
            return tuple(self._characters_embedded(column) for column in inputs)
        told: Callable[[Inputs], tuple[Ints, ...]] = getattr(self.family, "characters_read", _all_characters)
        return told(inputs)

    def _characters_embedded(self, texts: Sequence[str]) -> Ints:
        read = np.array([min(len(text), self.encoder.max_characters) for text in texts], np.int64)
        # a token is a byte or more: where all texts are short, the encoder need not be loaded to know
        long = [row for row, text in enumerate(texts) if len(text.encode()) > self.encoder.max_tokens - _AROUND]
        if long:
            read[long] = self.encoder.open().characters_read([texts[row][: read[row]] for row in long])
        return read

    def with_predictions(self, predictions: Predictions) -> Artifacts:
        """Return the artifacts of the same dataset with predictions that were made elsewhere."""
        other = Artifacts(self.dataset, self.settings, predictions, self.specifications)
        # the same rows, settings and specifications: what does not hang on the predictions need not be made again
        vars(other).update({name: vars(self)[name] for name in ("early", "covered", "guidance") if name in vars(self)})
        return self._shared(other)

    def at_seed(self, seed: int) -> Artifacts:
        """Return the artifacts of the same dataset at another seed."""
        other = Artifacts(self.dataset, replace(self.settings, seed=seed), specifications=self.specifications)
        return self if seed == self.seed else self._shared(other)

    def with_family(self, family: Family) -> Artifacts:
        """Return the artifacts of the same rows and folds predicted by another family, with the prior as its null."""
        other = Artifacts(self.dataset, replace(self.settings, null="prior"))
        vars(other).update(family=family, material=self.material)  # made once for all of them
        return self._shared(other)

    def _shared(self, other: Artifacts) -> Artifacts:
        vars(other).update({name: vars(self)[name] for name in ("encoder", "features") if name in vars(self)})
        return other

    @property
    def fit_key(self) -> dict[str, Any]:
        """All that a model of these rows depends on."""
        from curatekit.cache import code_of

        groups = None if self.groups is None else hashlib.sha256("\0".join(map(str, self.groups)).encode()).hexdigest()
        return {
            "inputs": self.inputs_key,
            "labels": self.labels_key,
            "groups": groups,
            "family": self.family.name,
            "recipe": self.family.key,
            "encoder": self.encoder.key if self.family.embeds else None,
            "null": self.settings.null,
            "seed": self.settings.seed,
            "code": code_of("predict"),
        }

    def _kept(self, key: dict[str, Any], compute: Callable[[Keep], Predictions]) -> Predictions:
        """Return the predictions from the cache, or computed; the models of a slow family are kept one by one."""
        from curatekit.predict.crossfit import from_arrays

        def keep(k: int, one: Callable[[], dict[str, Any]]) -> dict[str, Any]:
            return self.cache.arrays("models", {**key, "model": k}, one)

        arrays = self.cache.arrays("predictions", key, lambda: compute(keep).to_arrays())
        return from_arrays(arrays, self.family.name)

    @property
    def pred_probs(self) -> Floats:
        return self.predictions.pred_probs

    @property
    def null_probs(self) -> Floats:
        return self.predictions.null_probs

    @property
    def folds(self) -> Ints:
        return self.predictions.folds

    @property
    def unscorable(self) -> Bools:
        return self.predictions.unscorable

    @property
    def n_folds(self) -> int:
        return self.settings.folds

    @property
    def n_classes(self) -> int:
        return len(self.dataset.classes)

    @property
    def seed(self) -> int:
        return self.settings.seed


_AROUND = 8  # tokens that an encoder may put before and behind a text, at the most


def _key_of(inputs: Inputs) -> str:
    """Return the hash of the texts in order."""
    digest = hashlib.sha256(b"%d" % len(inputs))
    for column in inputs:
        for text in column:
            encoded = text.encode()
            digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.hexdigest()


def _all_characters(inputs: Inputs) -> tuple[Ints, ...]:
    return tuple(np.array([len(text) for text in column], np.int64) for column in inputs)


ARTIFACTS = tuple(
    name
    for name, value in vars(Artifacts).items()
    if isinstance(value, property | cached_property)
    and name not in ("cache", "encoder", "inputs_key", "embeddings_key", "labels_key", "fit_key")
)
