"""The rows that the model is least sure of: greatest entropy."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.predict.probe import fit_probe
from curatekit.select import Selection, of_no_specification


def uncertainty(
    train_features: Floats,
    train_labels: Ints,
    pool_features: Floats,
    classes: tuple[str, ...],
    C: float,
    k: int,
) -> Selection:
    """Return the k rows of greatest entropy −Σ_c p(c | x) log2 p(c | x) by the probe of the training rows, in bits.

    Neither their labels nor a specification are looked at. Settles (2009), "Active learning literature survey", section 3.1.
    """
    probs = fit_probe(train_features, train_labels, len(classes), C=C).pred_probs(pool_features)
    entropy = -(probs * np.log2(np.maximum(probs, 1e-12))).sum(axis=1)
    rows = np.argsort(-entropy, kind="stable")[:k]
    reason = [f"the model is unsure: entropy {value:.2f} bits" for value in entropy[rows]]
    return of_no_specification(rows, entropy[rows], reason)
