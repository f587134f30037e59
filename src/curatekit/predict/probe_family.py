"""The family `probe`: logistic regression on the encoder's hidden layers and TF-IDF."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from curatekit.arrays import Floats, Ints
from curatekit.predict.family import Material, without_model
from curatekit.predict.features import fit_features
from curatekit.predict.probe import Probe, fit_probe

if TYPE_CHECKING:
    from curatekit.predict.tuning import Tuning


@dataclass(frozen=True)
class FittedProbe:
    """A probe as a member of its family; it calibrates itself by inner cross-validation."""

    probe: Probe
    dynamics: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def temperature(self) -> float:
        return self.probe.temperature

    @property
    def details(self) -> dict[str, float]:
        return {"C": self.probe.C}

    def logits(self, x: Floats) -> Floats:
        return self.probe.logits(x)


@dataclass(frozen=True)
class ProbeFamily:
    """Probes on features that were fitted without labels, once for all folds."""

    name: ClassVar[str] = "probe"
    key: ClassVar[str] = "probe"
    embeds: ClassVar[bool] = True
    slow: ClassVar[bool] = False

    def reader(self, train: Material) -> Callable[[Material], Floats]:
        """Return what makes of a material its features (n, p) float32; the map to them is fitted on `train` alone."""
        features = fit_features(train.layers, train.texts)
        return lambda material: features.transform(material.layers, material.texts)

    def prepare(self, train: Material, *others: Material) -> tuple[Floats, ...]:
        return tuple(map(self.reader(train), (train, *others)))

    def fit(self, x: Floats, labels: Ints, n_classes: int, *, seed: int, units: Ints) -> FittedProbe:
        """Return the probe whose C and temperature are chosen by cross-validation within the rows x."""
        return FittedProbe(fit_probe(x, labels, n_classes, seed=seed, groups=units))


def probe(model: str | None, tuning: Tuning) -> ProbeFamily:
    """Return the family of probes; raises InputError when a model is named."""
    without_model("probe", model)
    return ProbeFamily()
