"""A family V: models of one kind, fitted and asked for logits; folds, null, temperature and caching are the cross-fit's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from curatekit import registry
from curatekit.arrays import Floats, Ints
from curatekit.errors import InputError

if TYPE_CHECKING:
    from curatekit.embed import Features
    from curatekit.predict.tuning import Tuning


Inputs = tuple[Sequence[str], ...]


@dataclass(frozen=True, eq=False)
class Material:
    """What a family may look at of n rows; what an encoder says of them is made when first asked for."""

    inputs: Inputs  # one column of n texts, or two for pairs
    encode: Callable[[Inputs], Features]

    def __len__(self) -> int:
        return len(self.inputs[0])

    def of(self, inputs: Inputs) -> Material:
        """Return the material of other texts, for the same encoder."""
        return Material(inputs, self.encode)

    @cached_property
    def features(self) -> Features:
        """What the encoder says of the rows."""
        return self.encode(self.inputs)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The rows' texts, n strings; the two sides of a pair are joined by a newline."""
        return tuple(self.inputs[0]) if len(self.inputs) == 1 else tuple(map("\n".join, zip(*self.inputs, strict=True)))

    @property
    def layers(self) -> Floats:
        return self.features.layers

    @property
    def embeddings(self) -> Floats:
        return self.features.embeddings


class Fitted(Protocol):
    """A model of the classes that its training rows have."""

    @property
    def temperature(self) -> float | None:
        """By which its logits are to be divided; None where the cross-fit is to find it on rows held out."""

    @property
    def details(self) -> Mapping[str, float]:
        """What was chosen while fitting, by name."""

    @property
    def dynamics(self) -> Mapping[str, Floats]:
        """The training dynamics of its training rows by name, empty where none are recorded."""

    def logits(self, x: Any) -> Floats:
        """Return the logits (m, K) float64 of prepared rows, before the temperature."""


class Family(Protocol):
    """How models of one kind are made."""

    @property
    def name(self) -> str:
        """As the user named it; it stands in every output."""

    @property
    def key(self) -> str:
        """The hash of all that its models depend on besides rows, seed and encoder: weights, recipe."""

    @property
    def embeds(self) -> bool:
        """Whether it looks at what the encoder says: the encoder is then part of the cache keys."""

    @property
    def slow(self) -> bool:
        """Whether one fit takes minutes: its folds run one after the other and each is kept as soon as it is done."""

    def reader(self, train: Material) -> Callable[[Material], Any]:
        """Return what makes of a material x, which the models read, such that x[rows] and len(x) work.

        Reads no label; what it must learn, such as the words that occur, it learns from `train` alone.
        """

    def prepare(self, train: Material, *others: Material) -> tuple[Any, ...]:
        """Return what the models read of each material, by the reader of `train`."""

    def fit(self, x: Any, labels: Ints, n_classes: int, *, seed: int, units: Ints) -> Fitted:
        """Return a model of the prepared rows x; each of the n_classes occurs in labels (n,), and there are two or more.

        units (n,): rows of one unit belong together, such as copies of one text, in folds within the fit.
        """


def load_family(name: str, tuning: Tuning | None = None) -> Family:
    """Return the family `name`, such as "probe" or "finetune:MODEL"; raises InputError that lists the families.

    tuning: how the fine-tuned families are trained.
    """
    from curatekit.predict.tuning import Tuning

    kind, _, model = name.partition(":")
    made: Family = registry.load("families", kind)(model or None, tuning or Tuning())
    return made


def without_model(kind: str, model: str | None) -> None:
    """Raise InputError when a family that takes no model was given one."""
    if model is not None:
        raise InputError(f"The family {kind!r} takes no model, but {model!r} was named. Leave it out: --family {kind}")
