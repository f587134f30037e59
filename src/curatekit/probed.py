"""What the probe's features say of other labels than one class a row: computed once, then taken from the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from curatekit.errors import InputError
from curatekit.predict.folding import bound_together

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curatekit.arrays import Floats, Ints
    from curatekit.artifacts import Artifacts
    from curatekit.predict.family import Inputs

Arrays = dict[str, Any]


def probed(
    artifacts: Artifacts,
    kind: str,
    values: NDArray[Any],
    compute: Callable[[Floats, Ints], Arrays],
    inputs: Inputs | None = None,
    bound: Ints | None = None,
) -> Arrays:
    """Return `compute(features, units)` for the dataset's rows, or what it returned before for the same rows and values.

    kind    of label: the cache's folder, and the word for it in messages
    values  (n, …) the labels as an array, part of the key
    inputs  to make the features of, where they are not the dataset's own
    bound   (n,) units of the rows where more than the texts binds them

    features (m, p) are the probe's; units (n,) bind rows of equal text or group. Raises InputError for another family.
    """
    if artifacts.settings.family != "probe":
        raise InputError(
            f"Labels of the kind {kind!r} are judged by the probe alone, not by {artifacts.settings.family!r}. Leave out --family."
        )

    texts: Any = artifacts.texts if bound is None else bound

    def computed() -> Arrays:
        material = artifacts.material if inputs is None else artifacts.material.of(inputs)
        (features,) = artifacts.family.prepare(material)
        return compute(features, bound_together(texts, artifacts.groups))

    key = {
        **artifacts.fit_key,
        "folds": artifacts.settings.folds,
        "values": hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest(),
        "shape": values.shape,
        "bound": None if bound is None else hashlib.sha256(bound.tobytes()).hexdigest(),
    }
    return artifacts.cache.arrays(kind, key, computed)
