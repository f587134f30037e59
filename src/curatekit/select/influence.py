"""Greedy influence on the specifications' loss, the leader: chosen in rounds, the probe refitted after each.

What was tried stands in benchmarks/results/guided_hate_variants-2026-11-21.md. What matters most: the inverse Hessian (the
plain gradient is half as good), averaging over labels, and the training rows' own loss in the objective.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curatekit.arrays import Floats, Ints, Strings
from curatekit.predict.parallel import each_on_a_core
from curatekit.predict.probe import Probe, fit_probe, log_loss, softmax
from curatekit.reporting import step
from curatekit.select import Selection, label_averaging

_MOST_ITERATIONS = 100
_TOLERANCE = 0.01  # of the conjugate gradients: below it the ranking of the pool no longer changes
_ROUGHLY = 0.1  # where the only question is which specification gains most
_BLOCK = 16_384  # rows of the pool that are looked at together
_ASCENT = 10.0  # a training loss 1 % above M0's raises its weight by a tenth
_LEAST, _MOST = (
    0.3,
    20.0,
)  # of that weight: below, what was known is given up unseen while the loss still falls elsewhere


def influence(
    train_features: Floats,
    train_labels: Ints,
    pool_features: Floats,
    pool_labels: Ints,
    example_features: Floats,
    example_labels: Ints,
    example_specifications: Ints,
    specifications: tuple[str, ...],
    classes: tuple[str, ...],
    C: float,
    k: int,
    *,
    rounds: int = 10,
    keep: float = 1.0,
) -> Selection:
    """Return k rows by their influence ∇J · H⁻¹ ∇ℓ(row): how far each would lower J, in nats, were it trained on.

    J is the loss on the specifications' examples plus λ times that on the training rows, both averaged over labels:
    neither the rarer label nor what the model does well already is given up. ℓ is the log loss of one row, H the Hessian of
    the probe's training objective. Each of the rounds takes the best k / rounds rows, then refits the probe with them, so that later
    rounds mend what is still wrong. λ is the multiplier of the constraint that the training rows' loss L stay at most M0's, L₀: it
    begins at `keep` and is multiplied by e^(10 (L / L₀ − 1)) after each round, within 0.3 … 20. `value` is the influence,
    `specification` the one whose own mean loss the row lowers most.

    The pool is read once a round, in blocks: pool_features may be a memory map, of float16 too. Koh and Liang (2017), "Understanding black-box predictions via influence functions", equation 2.
    """
    example_weights, train_weights = label_averaging(example_labels), label_averaging(train_labels)
    members = [np.flatnonzero(example_specifications == s) for s in range(len(specifications))]
    chosen: Ints = np.zeros(0, np.int64)
    rounds_made: list[Selection] = []
    probe: Probe | None = None
    before = 0.0
    sizes = np.diff(np.linspace(0, k, min(rounds, k) + 1).astype(int))
    with step("choosing rows", k, "rows") as advance:
        for number, size in enumerate(sizes, start=1):
            features = np.vstack([train_features, pool_features[chosen].astype(np.float32)])
            labels = np.concatenate([train_labels, pool_labels[chosen]])
            probe = fit_probe(features, labels, len(classes), C=C, start=probe)
            loss = log_loss(train_labels, probe.logits(train_features), train_weights)
            if number == 1:
                before = loss
            else:
                keep = float(np.clip(keep * np.exp(_ASCENT * (loss / before - 1)), _LEAST, _MOST))
            solve = _solver(probe, features)
            slopes = _slopes(probe, example_features, example_labels)
            gradient = _gradient(example_features, slopes, example_weights)
            gradient += keep * _gradient(train_features, _slopes(probe, train_features, train_labels), train_weights)
            value = _pool_influence(pool_features, pool_labels, probe, solve(gradient[None], _TOLERANCE)[0])
            value[chosen] = -np.inf
            rows = _largest(value, int(size))
            own = np.stack(
                [_gradient(example_features[of], slopes[of], np.full(len(of), 1 / len(of))) for of in members]
            )
            found = pool_features[rows].astype(np.float32)
            lowered = _influences(found, _slopes(probe, found, pool_labels[rows]), solve(own, _ROUGHLY))
            made = _with_reasons(number, rows, value[rows], lowered, np.array(specifications, object))
            rounds_made.append(made)
            chosen = np.concatenate([chosen, rows])
            advance(int(size))
    return Selection(*map(np.concatenate, zip(*rounds_made, strict=True)))


def _with_reasons(number: int, rows: Ints, value: Floats, lowered: Floats, specifications: Strings) -> Selection:
    """Return the rows of one round; lowered (n, S) is how far each row lowers the mean loss of each specification."""
    most = lowered.max(axis=1)
    names = np.where(most > 0, specifications[lowered.argmax(axis=1)], "")
    words = [
        f"round {number}: lowers the loss on {name!r} by {nats:.2g} nats" if name
        else f"round {number}: keeps the loss on the training data low"
        for name, nats in zip(names, most, strict=True)
    ]  # fmt: skip
    return Selection(rows, names, value, np.array(words, object))


def _pool_influence(features: Floats, labels: Ints, probe: Probe, direction: Floats) -> Floats:
    """Return direction · ∇ℓ of each row (N,) in one pass: logits and the features along the direction by one product a block."""
    both = np.hstack([np.vstack([probe.coef.T, probe.intercept]), direction]).astype(np.float32)
    n_classes = len(probe.intercept)

    def of_block(first: int) -> Floats:
        of = slice(first, first + _BLOCK)
        product = np.asarray(features[of], np.float32) @ both[:-1] + both[-1]
        slopes = softmax(product[:, :n_classes].astype(np.float64))
        slopes[np.arange(len(slopes)), labels[of]] -= 1
        along: Floats = np.einsum("nk,nk->n", slopes, product[:, n_classes:])
        return along

    return np.concatenate(list(each_on_a_core(of_block, range(0, len(features), _BLOCK))))


def _largest(value: Floats, size: int) -> Ints:
    """Return the `size` rows of largest value, largest first and ties by row, without sorting all of them."""
    least = np.partition(value, len(value) - size)[len(value) - size]
    rows = np.flatnonzero(value >= least)
    largest: Ints = rows[np.argsort(-value[rows], kind="stable")[:size]]
    return largest


def _influences(features: Floats, slopes: Floats, directions: Floats) -> Floats:
    """Return direction · ∇ℓ of each row, (n, R) for R directions (R, p + 1, K); ∇ℓ = (x, 1) ⊗ slope."""
    along = [np.einsum("nk,nk->n", slopes, features @ one[:-1] + one[-1], dtype=np.float64) for one in directions]
    return np.stack(along, axis=1)


def _slopes(probe: Probe, features: Floats, labels: Ints) -> Floats:
    """Return p(k | x) − [y = k], (n, K): the slope of each row's loss in its logits."""
    slopes = softmax(probe.logits(features))
    slopes[np.arange(len(labels)), labels] -= 1
    return slopes.astype(np.float32)


def _gradient(features: Floats, slopes: Floats, weights: Floats) -> Floats:
    """Return the gradient (p + 1, K) of the weighted loss, the intercept's last."""
    weighted = slopes * weights[:, None].astype(np.float32)
    return np.vstack([features.T @ weighted, weighted.sum(axis=0)])


def _solver(probe: Probe, features: Floats) -> Callable[[Floats, float], Floats]:
    """Return a function of gradients (R, p + 1, K) and a tolerance that solves H x = gradient for each of the R.

    H = Σ_i x_i x_iᵀ ⊗ (diag p_i − p_i p_iᵀ) + ridge at the probe is never formed: conjugate gradients need its products alone,
    some ten of them, since the features are decorrelated and its diagonal is a good preconditioner.
    """
    probs = softmax(probe.logits(features)).astype(np.float32)
    n_classes = probs.shape[1]
    ridge = np.full((features.shape[1] + 1, 1), (2 if n_classes == 2 else 1) / probe.C, np.float32)
    ridge[-1] = 1e-4  # the intercept's is not penalised, but all of them may rise together, and no loss would see it
    spread = probs * (1 - probs)
    diagonal = np.vstack([np.square(features).T @ spread, spread.sum(axis=0)]) + ridge

    def product(x: Floats) -> Floats:
        many, width = len(x), features.shape[1]
        side_by_side = x.transpose(1, 0, 2).reshape(width + 1, -1)
        z = (features @ side_by_side[:-1] + side_by_side[-1]).reshape(-1, many, n_classes)
        z *= probs[:, None]
        z -= probs[:, None] * z.sum(axis=2, keepdims=True)
        z = z.reshape(len(features), -1)
        back = np.vstack([features.T @ z, z.sum(axis=0)]).reshape(width + 1, many, n_classes)
        return back.transpose(1, 0, 2) + ridge * x

    def solve(gradients: Floats, tolerance: float) -> Floats:
        x, rest = np.zeros_like(gradients), gradients.copy()
        scaled = rest / diagonal
        towards = scaled.copy()
        size = _inner(rest, scaled)
        enough = tolerance**2 * size
        for _ in range(_MOST_ITERATIONS):
            bent = product(towards)
            length = size / np.maximum(_inner(towards, bent), 1e-30)
            x += length * towards
            rest -= length * bent
            scaled = rest / diagonal
            before, size = size, _inner(rest, scaled)
            if (size <= enough).all():
                break
            towards = scaled + size / np.maximum(before, 1e-30) * towards
        return x

    return solve


def _inner(a: Floats, b: Floats) -> Floats:
    products: Floats = np.einsum("rpk,rpk->r", a, b)
    return products[:, None, None]
