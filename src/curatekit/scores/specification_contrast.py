"""What the specifications' examples alone say of a label, whatever the labels of the dataset are."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.predict.guidance import Guidance, label_probs
from curatekit.scores.self_confidence import given_probs
from curatekit.scores.systematic import required


def specification_contrast(labels: Ints, n_classes: int, guidance: Guidance | None) -> Floats:
    """Return Σ P(s | x) over the specifications s whose label is the row's own (n,), by a probe of their examples alone.

    labels (n,) are integers below n_classes. The examples of all labels are contrasted: what is near to a specification of another
    label counts against a row, what is near to one of its own for it. Of a label that no specification has, nothing is said: 1.
    Raises InputError without guidance.

    A detector of its own for errors in whole slices, which no statistic of the labels shows; where errors are spread at random,
    self-confidence finds more (benchmarks/systematic_errors.py).
    """
    heard = required(guidance, "specification_contrast")
    said = given_probs(labels, label_probs(heard, n_classes))
    return np.where(np.isin(labels, heard.spec_labels), said, 1.0)
