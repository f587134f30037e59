"""Two predictions of the same rows, put together: what is known of the label from both."""

from __future__ import annotations

import numpy as np

from curatekit.arrays import Floats, Ints
from curatekit.predict.probe import softmax
from curatekit.probabilities import FLOOR


def pooled(labels: Ints, folds: Ints, pred_probs: Floats, other_probs: Floats, null_probs: Floats) -> Floats:
    """Return p ∝ p(y | x)^a · p(y | t)^b · p(y | ∅)^c (n, K), with the a, b, c of least log loss on the rows of the other folds.

    labels and folds (n,), the probabilities (n, K), each row's by models that have not seen it. Each of the two alone, and
    Bayes' rule for inputs that are independent given the label (1, 1, −1), are among what is chosen from. Where there is one
    fold alone, they are chosen on its own rows. Source: Genest & Zidek (1986), Statistical Science 1:114, logarithmic pooling.
    """
    from scipy.optimize import minimize

    logs = np.stack([np.log(np.maximum(probs, FLOOR)) for probs in (pred_probs, other_probs, null_probs)])
    result = np.empty_like(pred_probs)
    for fold in np.unique(folds).tolist():
        test = folds == fold
        train = np.flatnonzero(~test) if not test.all() else np.arange(len(labels))
        parts, own = logs[:, train], labels[train]
        given = parts[:, np.arange(len(train)), own]

        def loss(weights: Floats, parts: Floats = parts, given: Floats = given) -> tuple[float, Floats]:
            logits = np.tensordot(weights, parts, 1)
            probs = softmax(logits)
            top = logits.max(axis=1)
            log_sums = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
            gradient = (np.einsum("nk,ink->in", probs, parts) - given).mean(axis=1)
            return float((log_sums - weights @ given).mean()), gradient

        found = minimize(loss, np.array([1.0, 0.0, 0.0]), jac=True, method="L-BFGS-B")
        result[test] = softmax(np.tensordot(found.x, logs[:, test], 1))
    result = np.maximum(result, FLOOR)
    probs: Floats = result / result.sum(axis=1, keepdims=True)
    return probs
