"""Training dynamics: what a row's predictions did from epoch to epoch while a model was trained on it."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Bools, Floats


def confidence(probs: Floats) -> Floats:
    """Return the mean over epochs of p(y | x), (n,); probs (n, epochs). Swayamdipta et al. (2020), section 2, μ̂."""
    mean: Floats = probs.mean(axis=1)
    return mean


def variability(probs: Floats) -> Floats:
    """Return the standard deviation over epochs of p(y | x), (n,), divisor E; probs (n, E). The same, σ̂."""
    deviation: Floats = probs.std(axis=1)
    return deviation


def correctness(right: Bools) -> Floats:
    """Return the share of epochs in which the label was predicted, (n,); right (n, epochs). The same, section 2."""
    share: Floats = right.mean(axis=1)
    return share


def forgetting(right: Bools) -> Floats:
    """Return how often a row that was predicted right is wrong in the next epoch, (n,); right (n, epochs).

    A row that was never right is never forgotten: its correctness is 0. Toneva et al. (2019), definition 1.
    """
    times: Floats = (right[:, :-1] & ~right[:, 1:]).sum(axis=1).astype(np.float64)
    return times


def aum(margins: Floats) -> Floats:
    """Return the area under the margin, (n,): the mean over epochs of logit_y − max other logit; margins (n, epochs).

    Low and negative values mean that other rows speak for another label. Pleiss et al. (2020), equation 2.
    """
    mean: Floats = margins.mean(axis=1)
    return mean


def training_dynamics(probs: Floats, right: Bools, margins: Floats) -> dict[str, Floats]:
    """Return the training dynamics (n,) by name, from what was recorded in each epoch (n, epochs)."""
    return {
        "confidence": confidence(probs),
        "variability": variability(probs),
        "correctness": correctness(right),
        "forgetting": forgetting(right),
        "aum": aum(margins),
    }
