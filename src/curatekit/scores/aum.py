"""The area under the margin, from the training of one model on all rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curatekit.arrays import Floats

if TYPE_CHECKING:
    from curatekit.predict.crossfit import Predictions


def aum(early: Predictions) -> Floats:
    """Return the mean over the epochs of logit_given − max other logit (n,), of one model fine-tuned on all n rows.

    As recorded while training; see `curatekit.predict.dynamics.aum`. Pleiss et al. (2020), Identifying mislabeled data using the
    area under the margin ranking, equation 2.
    """
    return early.dynamics["aum"]
