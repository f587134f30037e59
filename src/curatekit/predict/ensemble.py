"""The family `ensemble`: the mean probability of a probe, a network and the neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.predict.family import Family, Fitted, Material, without_model
from curatekit.predict.knn import KnnFamily
from curatekit.predict.mlp import MlpFamily
from curatekit.predict.probe import softmax
from curatekit.predict.probe_family import ProbeFamily
from curatekit.probabilities import FLOOR

if TYPE_CHECKING:
    from curatekit.predict.tuning import Tuning

MEMBERS: tuple[Family, ...] = (ProbeFamily(), MlpFamily(), KnnFamily())


@dataclass(frozen=True)
class _Prepared:
    """What each member reads of the same rows."""

    parts: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.parts[0])

    def __getitem__(self, rows: Ints) -> _Prepared:
        return _Prepared(tuple(part[rows] for part in self.parts))


@dataclass(frozen=True)
class FittedEnsemble:
    """One fitted model of each member."""

    members: tuple[Fitted, ...]
    temperature: None = None
    dynamics: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def details(self) -> dict[str, float]:
        return {name: value for member in self.members for name, value in member.details.items()}

    def logits(self, x: _Prepared) -> Floats:
        """Return log of the mean over members of softmax(logits / temperature) (m, K)."""
        probs = [
            softmax(member.logits(part) / (member.temperature or 1.0))
            for member, part in zip(self.members, x.parts, strict=True)
        ]
        logs: Floats = np.log(np.maximum(np.mean(probs, axis=0), FLOOR))
        return logs


@dataclass(frozen=True)
class EnsembleFamily:
    """Families that err in different ways, averaged."""

    name: ClassVar[str] = "ensemble"
    key: ClassVar[str] = "ensemble"
    embeds: ClassVar[bool] = True
    slow: ClassVar[bool] = False

    def reader(self, train: Material) -> Callable[[Material], _Prepared]:
        """Return what makes of a material that which each member reads of it, side by side."""
        readers = [member.reader(train) for member in MEMBERS]
        return lambda material: _Prepared(tuple(read(material) for read in readers))

    def prepare(self, train: Material, *others: Material) -> tuple[_Prepared, ...]:
        return tuple(map(self.reader(train), (train, *others)))

    def fit(self, x: _Prepared, labels: Ints, n_classes: int, *, seed: int, units: Ints) -> FittedEnsemble:
        """Return the members fitted on the same rows."""
        return FittedEnsemble(
            tuple(
                member.fit(part, labels, n_classes, seed=seed, units=units)
                for member, part in zip(MEMBERS, x.parts, strict=True)
            )
        )


def ensemble(model: str | None, tuning: Tuning) -> EnsembleFamily:
    """Return the family of ensembles; raises InputError when a model is named."""
    without_model("ensemble", model)
    return EnsembleFamily()
