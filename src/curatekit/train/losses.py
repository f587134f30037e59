"""Losses of classifiers by name: cross-entropy, and those that a wrong label misleads less.

Each is a function of logits (b, K) and labels (b,) that returns the loss of each row (b,); weights are the caller's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from curatekit.errors import InputError
from curatekit.registry import load

if TYPE_CHECKING:
    from torch import Tensor

Loss = Callable[["Tensor", "Tensor"], "Tensor"]


def loss_function(name: str) -> Loss:
    """Return the loss `name` of the table, such as "gce" or "gce:0.5", as a function of logits (b, K) and labels (b,).

    Raises InputError for a name that is not there, and for a parameter that the loss lacks or that is not in [0, 1].
    """
    kind, colon, given = name.partition(":")
    loss = load("losses", kind)
    if not colon:
        return loss
    if len(inspect.signature(loss).parameters) < 3:
        raise InputError(f"The loss {kind} has no parameter, and {given!r} was given. Write --loss {kind}")
    try:
        parameter = float(given)
    except ValueError:
        parameter = float("nan")
    if not 0 <= parameter <= 1:
        raise InputError(f"--loss {name}: {given!r} is not a number from 0 to 1. Write one, such as {kind}:0.5")
    last = list(inspect.signature(loss).parameters)[-1]
    return partial(loss, **{last: parameter})


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return −log p_y of each row (b,)."""
    from torch.nn import functional

    return functional.cross_entropy(logits, labels, reduction="none")


def label_smoothing(logits: Tensor, labels: Tensor, epsilon: float = 0.1) -> Tensor:
    """Return −(1 − ε) log p_y − ε/K Σ_k log p_k of each row (b,): a share ε of the label is spread over all classes.

    Source: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (2016), Rethinking the Inception Architecture for Computer Vision,
    section 7; against label noise: Lukasik, Bhojanapalli, Menon and Kumar (2020), arXiv:2003.02819.
    """
    from torch.nn import functional

    return functional.cross_entropy(logits, labels, reduction="none", label_smoothing=epsilon)


def bootstrap(logits: Tensor, labels: Tensor, beta: float = 0.95) -> Tensor:
    """Return −Σ_k (β [k = y] + (1 − β) p_k) log p_k of each row (b,): the model's own belief is a share 1 − β of the target.

    Source: Reed, Lee, Anguelov, Szegedy, Erhan and Rabinovich (2015), Training Deep Neural Networks on Noisy Labels with
    Bootstrapping, arXiv:1412.6596, equation 6 (soft; β = 0.95 as there). The gradient goes through the belief, too.
    """
    log_probs = logits.log_softmax(-1)
    entropy = -(log_probs.exp() * log_probs).sum(-1)
    return beta * cross_entropy(logits, labels) + (1 - beta) * entropy


def gce(logits: Tensor, labels: Tensor, q: float = 0.7) -> Tensor:
    """Return (1 − p_y^q) / q of each row (b,): cross-entropy as q → 0, mean absolute error (halved) at q = 1.

    Rows whose label the model does not believe weigh p_y^q times what they weigh in cross-entropy. Source: Zhang and Sabuncu (2018),
    Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels, arXiv:1805.07836, equation 6 (q = 0.7 as there).
    """
    if q == 0:
        return cross_entropy(logits, labels)
    log_p = logits.log_softmax(-1).gather(-1, labels[:, None])[:, 0]
    return -(q * log_p).expm1() / q
