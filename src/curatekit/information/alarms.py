"""Alarms: what makes a value of V-usable information unfit to be believed. Each was met in published results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.predict.probe import fit_temperature, log_loss
from curatekit.probabilities import FLOOR
from curatekit.scores.self_confidence import given_probs

NOTICEABLE = 0.02
"""Bits: smaller faults go unsaid."""

_FAR_TEMPERATURE = 1.5
_FLAT = 0.1  # bits: the collapsed runs among the published ones stay within 0.09
_ENOUGH_ROWS = 100  # below this, these signs come and go by chance


def alarms(
    labels: Ints, pred_probs: Floats, null_probs: Floats, details: Mapping[str, Any] | None = None
) -> tuple[str, ...]:
    """Return one sentence for each fault that the probabilities show, none when all is well.

    labels (n,), pred_probs and null_probs (n, K); `details` are those of Predictions. Looked for: a null worse than the
    prior (published: GPT-2's fitted null doubles its V on CoLA), negative V, a diverged or collapsed run (four published SNLI runs
    of accuracy 0.34), bad calibration (CoLA at epoch 10: V −0.21 becomes 0.34 by one temperature), a temperature far from 1,
    and predictions too good to be out of sample.
    """
    n, n_classes = pred_probs.shape
    counts = np.bincount(labels, minlength=n_classes)
    prior = counts / n
    null_bits = float(-np.log2(np.maximum(given_probs(labels, null_probs), FLOOR)).mean())
    prior_bits = float(-(prior[prior > 0] * np.log2(prior[prior > 0])).sum())
    logits = np.log(np.maximum(pred_probs, FLOOR)).astype(np.float64)
    v = null_bits - log_loss(labels, logits) / np.log(2)
    accuracy, majority = float((pred_probs.argmax(axis=1) == labels).mean()), float(prior.max())
    temperature = fit_temperature(labels, logits)
    repaired = null_bits - log_loss(labels, logits / temperature) / np.log(2)

    said = []
    # Smoothing and the folds' own priors cost about (K - 1) / n bits, which is no fault.
    if null_bits - prior_bits > NOTICEABLE + n_classes / n:
        said.append(
            f"The null model is worse than the label prior ({null_bits:.3f} against {prior_bits:.3f} bits), which "
            f"raises V by {null_bits - prior_bits:.3f} bits; use the prior as null_probs."
        )
    if v < -NOTICEABLE:
        said.append(
            f"V is negative ({v:.3f} bits): the model predicts worse with the input than without it. "
            "Look for a wrong column, for labels at random, or for rows that should be bound by --group."
        )
    if n >= _ENOUGH_ROWS and accuracy < majority - 1 / np.sqrt(n):
        said.append(
            f"Accuracy {accuracy:.3f} is below the share of the commonest label ({majority:.3f}): the model may have diverged."
        )
    moved = float(np.ptp(np.log2(np.maximum(pred_probs, FLOOR)), axis=0).max())
    if n >= _ENOUGH_ROWS and moved < _FLAT:
        said.append(
            f"The predictions hardly differ from row to row (by {moved:.3f} bits at most): the model learned nothing from the "
            "input, or has collapsed. Train it again with another seed or a lower rate before you believe V."
        )
    if repaired - v > max(NOTICEABLE, 0.02 * null_bits):
        way = "too sure" if temperature > 1 else "not sure enough"
        said.append(
            f"The probabilities are {way}: one temperature of {temperature:.2f} would turn V from {v:.3f} into "
            f"{repaired:.3f} bits; calibrate them on held-out rows."
        )
    if n >= _ENOUGH_ROWS and accuracy > 0.9995 and n_classes > 1:
        said.append(
            "Every row is predicted right: the probabilities may be in-sample, or the label may stand in the text."
        )
    far = [t for t in (details or {}).get("temperature", []) if not 1 / _FAR_TEMPERATURE < t < _FAR_TEMPERATURE]
    if far:
        said.append(
            f"The temperature is far from 1 in {len(far)} folds (up to {max(far, key=lambda t: abs(np.log(t))):.2f}): "
            f"without it V would be {details['v_information_uncalibrated']:.3f} bits."  # type: ignore[index]
        )
    return tuple(said)
