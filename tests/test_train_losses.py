"""Losses by name: against torch's and scikit-learn's own, values by hand, limits, and gradients that stay finite."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from curatekit import registry
from curatekit.errors import InputError
from curatekit.train.losses import bootstrap, cross_entropy, gce, label_smoothing, loss_function
from curatekit.train.weights import training_weights

LOGITS = torch.randn(40, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
LABELS = torch.randint(0, 5, (40,), generator=torch.Generator().manual_seed(1))


def test_cross_entropy_and_label_smoothing_are_torchs() -> None:
    for epsilon in (0.0, 0.1, 0.3):
        ours = label_smoothing(LOGITS, LABELS, epsilon).mean()
        assert float(ours) == pytest.approx(float(functional.cross_entropy(LOGITS, LABELS, label_smoothing=epsilon)))
    by_hand = -(LOGITS - LOGITS.logsumexp(1, keepdim=True))[torch.arange(40), LABELS]
    torch.testing.assert_close(cross_entropy(LOGITS, LABELS), by_hand)


def test_balanced_class_weights_are_scikit_learns_and_weigh_as_torchs() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    labels = LABELS.numpy()
    of_class = compute_class_weight("balanced", classes=np.arange(5), y=labels)
    ours = training_weights(labels, 5, None, "balanced")
    assert ours is not None
    np.testing.assert_allclose(ours, of_class[labels])  # their mean is 1 by themselves
    torchs = functional.cross_entropy(LOGITS, LABELS, weight=torch.tensor(of_class))
    assert float((torch.tensor(ours) * cross_entropy(LOGITS, LABELS)).mean()) == pytest.approx(float(torchs))


def test_values_by_hand() -> None:
    logits = torch.log(torch.tensor([[0.8, 0.2], [0.5, 0.5]]))
    labels = torch.tensor([1, 0])
    np.testing.assert_allclose(gce(logits, labels, 0.5), [(1 - 0.2**0.5) / 0.5, (1 - 0.5**0.5) / 0.5], rtol=1e-6)
    target = [0.05 * 0.8, 0.95 + 0.05 * 0.2]
    first = -(target[0] * np.log(0.8) + target[1] * np.log(0.2))
    np.testing.assert_allclose(bootstrap(logits, labels), [first, np.log(2)], rtol=1e-6)


def test_limits() -> None:
    exact = cross_entropy(LOGITS, LABELS)
    torch.testing.assert_close(gce(LOGITS, LABELS, 0.0), exact)
    torch.testing.assert_close(gce(LOGITS, LABELS, 1e-9), exact, rtol=1e-6, atol=0)
    p = LOGITS.softmax(1)
    absolute = (p - functional.one_hot(LABELS, 5)).abs().sum(1)
    torch.testing.assert_close(gce(LOGITS, LABELS, 1.0), absolute / 2)
    torch.testing.assert_close(bootstrap(LOGITS, LABELS, 1.0), exact)
    torch.testing.assert_close(bootstrap(LOGITS, LABELS, 0.0), -(p * p.log()).sum(1))


@given(
    st.sampled_from(["cross-entropy", "label-smoothing", "bootstrap", "gce", "gce:1", "gce:0.01", "bootstrap:0"]),
    st.lists(st.lists(st.floats(-500, 500, width=32), min_size=3, max_size=3), min_size=1, max_size=4),
)
def test_losses_and_gradients_are_finite(name: str, values: list[list[float]]) -> None:
    logits = torch.tensor(values, requires_grad=True)
    losses = loss_function(name)(logits, torch.arange(len(values)) % 3)
    assert losses.shape == (len(values),)
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert (losses >= -1e-6).all()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_generalised_cross_entropy_hears_less_of_a_label_that_is_not_believed() -> None:
    logits = torch.tensor([[4.0, 0.0]], requires_grad=True)
    gradients = []
    for loss in (loss_function("gce:0.7"), cross_entropy):
        (gradient,) = torch.autograd.grad(loss(logits, torch.tensor([1])).sum(), logits)
        gradients.append(gradient)
    p_given = float(logits.detach().softmax(1)[0, 1])
    torch.testing.assert_close(gradients[0], gradients[1] * p_given**0.7)


def test_names() -> None:
    for name in registry.names("losses"):
        assert loss_function(name)(LOGITS, LABELS).shape == (40,)
    torch.testing.assert_close(
        loss_function("label-smoothing:0.3")(LOGITS, LABELS), label_smoothing(LOGITS, LABELS, 0.3)
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("focal", "no 'focal' in the table 'losses'"),
        ("gce:2", "'2' is not a number from 0 to 1"),
        ("gce:", "'' is not a number"),
        ("bootstrap:nan", "'nan' is not a number"),
        ("cross-entropy:0.1", "cross-entropy has no parameter"),
    ],
)
def test_names_that_are_none(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        loss_function(name)
