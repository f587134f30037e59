"""The family `mlp`: a network of one hidden layer on the probe's features."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.predict.family import Material, without_model
from curatekit.predict.probe_family import ProbeFamily
from curatekit.probabilities import FLOOR

if TYPE_CHECKING:
    from curatekit.predict.tuning import Tuning

_HIDDEN = 256
_EPOCHS = 15
_STEPS = 300  # at the least: few rows are passed over more often
_BATCH = 128
_PENALTY = 2.0  # on the squared norm of the weights, over the number of rows


@dataclass(frozen=True)
class FittedMlp:
    """A fitted network."""

    network: Any  # sklearn's MLPClassifier
    temperature: None = None
    details: Mapping[str, float] = field(default_factory=dict)
    dynamics: Mapping[str, Floats] = field(default_factory=dict)

    def logits(self, x: Floats) -> Floats:
        """Return log p(k | x) (m, K)."""
        logs: Floats = np.log(np.maximum(self.network.predict_proba(x).astype(np.float64), FLOOR))
        return logs


@dataclass(frozen=True)
class MlpFamily:
    """Networks on the features that the probe reads too."""

    name: ClassVar[str] = "mlp"
    key: ClassVar[str] = "mlp"
    embeds: ClassVar[bool] = True
    slow: ClassVar[bool] = False

    def reader(self, train: Material) -> Callable[[Material], Floats]:
        """Return what makes of a material the probe's features, scaled so that a column of `train` is about 1 (n, p) float32."""
        read = ProbeFamily().reader(train)
        x = read(train)
        scale = np.float32(np.sqrt(x.shape[1] / max(float(np.square(x).sum(axis=1).mean()), FLOOR)))
        return lambda material: (x if material is train else read(material)) * scale

    def prepare(self, train: Material, *others: Material) -> tuple[Floats, ...]:
        return tuple(map(self.reader(train), (train, *others)))

    def fit(self, x: Floats, labels: Ints, n_classes: int, *, seed: int, units: Ints) -> FittedMlp:
        """Return the network after a fixed number of epochs of Adam; none are held out to stop it, few rows cannot spare any."""
        from sklearn.neural_network import MLPClassifier

        # A generator, not a number: partial_fit would begin each epoch with the same shuffle. It does one epoch a call and,
        # unlike fit, has no warning to silence, which threads cannot do one by one.
        network = MLPClassifier(
            (_HIDDEN,), alpha=_PENALTY, batch_size=min(_BATCH, len(x)), random_state=np.random.RandomState(seed)
        )
        batches = math.ceil(len(x) / _BATCH)
        for _ in range(max(_EPOCHS, math.ceil(_STEPS / batches))):
            network.partial_fit(x, labels, classes=np.arange(n_classes))
        return FittedMlp(network)


def mlp(model: str | None, tuning: Tuning) -> MlpFamily:
    """Return the family of networks; raises InputError when a model is named."""
    without_model("mlp", model)
    return MlpFamily()
